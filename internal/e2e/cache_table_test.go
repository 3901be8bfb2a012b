//go:build linux

package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// tale is what a standard says of caches, and the requests that show whether it holds. Time is told by Age, Date
// and Expires: what an endpoint says is 2000 s old is that old.
type tale struct {
	section string // of the standard: "9111 §4.2.1"
	name    string
	on      string // the route, by the first segment of its URLs; "" is "c", a cache of which nothing is configured
	steps   []step
}

// step is a request, what the origin makes of it, and what must come of it.
//
// All texts are a word and fields, with " | " between them. In them {url} is the path of the tale's own URL, {-100} and {+100}
// the time so many seconds from the tale's begin, as a date of HTTP, {850-100} and {asc-100} the same in
// the obsolete forms.
type step struct {
	// ask is a method, what follows {url}, and fields of the request: `GET /b?q=1 | Range: bytes=0-1`. "" is GET.
	// ":scheme: http" goes to the listener without TLS, ":client: other" there from another address.
	ask  string
	body string // the request's
	// origin is what it answers, being asked once: `200 | Cache-Control: max-age=60`, with " || " and a content behind it if it
	// matters, and interim answers with " >> " before it. "": it must not be asked. "?200": it may be. "die": it
	// hangs up. "!Date", "!Length" and "!End" leave these out; "+Name: value" is a trailer.
	origin string
	then   string // as origin, to a second request of the same step
	amid   string // as ask: another client's request, which is answered before the origin answers the step's first
	sees   string // fields of the request that the origin sees: `If-None-Match: "a" | !Range`
	// got is the client's: statuses, and fields as judge has them: `200,206 | Age: 10..20 | !ETag`. "" is the status of
	// what the origin answered in this step, or else of what it answered last; "cut" an answer that ends early.
	got string
	// text is the content: "" that of the same answer, "2" that of the origin's second, "*" any, or the content itself.
	text   string
	behind bool // the origin is asked while or after the client is answered, and the answer does not wait for it
	until  bool // the client asks until it gets that
	crowd  int  // so many ask at once
}

// reused is a tale of an answer with the given fields by which the next request is answered.
func reused(section, name, fields string) tale {
	return tale{section, name, "", []step{{origin: "200 | " + fields}, {}}}
}

// renewed is a tale of an answer with the given fields that is not used again without asking.
func renewed(section, name, fields string) tale {
	return tale{section, name, "", []step{{origin: "200 | " + fields}, {origin: "200 | " + fields}}}
}

// had is a tale of a stored answer, and what a request gets from it without the origin.
func had(section, name, answer, ask, got string) tale {
	return tale{section, name, "", []step{{origin: answer}, {ask: ask, got: got}}}
}

// by puts a tale on another route.
func (t tale) by(route string) tale {
	t.on = route
	return t
}

func tales() []tale {
	return slices.Concat(freshTales, ageTales, storeTales, statusTales, keyTales, varyTales, validationTales, updateTales,
		conditionTales, rangeTales, invalidationTales, staleTales, requestTales, reportTales, targetedTales, houseTales)
}

const tableConfig = `
[listeners.web]
address = "{ip}:8443"
protocols = ["h1", "h2", "h3"]
limits.header_bytes = "64KiB"
[listeners.web.tls]
certificates = [{ cert = "{dir}/cert.pem", key = "{dir}/key.pem" }]
[listeners.plain]
address = "{ip}:8080"
[cache]
size = "64MiB"
[defaults.routes]
upstream = "origin"
[upstreams.origin]
{upstream}
retry.attempts = 0
outliers.max_ejected = "off"
`

// tableRoutes are the routes and what their caches are told.
var tableRoutes = map[string]string{
	"c":        `mode = "enforce"`,
	"ttl":      `ttl = "1000s"`,
	"negative": `negative_ttl = "1000s"`,
	"key":      `key = ["host", "path", "query:page", "header:X-Lang", "cookie:plan"]`,
	"hostless": `key = ["path"]`,
	"small":    `max_object = "1KiB"`,
	"stale":    "stale_while_revalidate = \"off\"\nstale_if_error = \"5000s\"",
	"swr":      `stale_while_revalidate = "5000s"`,
	"hasty":    `wait = "50ms"`,
	"patient":  `wait = "5m"`,
	"observe":  `mode = "observe"`,
	"off":      `mode = "off"`,
}

// relayConfig is a Weir between the cache and the origin, which is spoken to in HTTP/2.
const relayConfig = `
[listeners.inner]
address = "{ip}:8081"
protocols = ["h1", "h2"]
trusted_proxies = ["127.0.0.0/8"]
[[routes]]
upstream = "origin"
[upstreams.origin]
endpoints = "{origin}"
retry.attempts = 0
outliers.max_ejected = "off"
`

// startTable starts a Weir and an origin for tales.
func startTable(t *testing.T) (*child, *scripted, *messenger) {
	t.Helper()
	o := newScripted(t)
	c, calls := startCache(t, `endpoints = "`+o.addr+`"`)
	return c, o, calls
}

// startCache starts a Weir whose caches have an upstream of which the lines are given.
func startCache(t *testing.T, upstream string) (*child, *messenger) {
	t.Helper()
	dir := t.TempDir()
	cfg := certificate(t, dir, "weir.test")
	text := strings.ReplaceAll(tableConfig, "{dir}", dir)
	for route, lines := range tableRoutes {
		text += fmt.Sprintf("[[routes]]\nname = %q\nmatch.path = \"/%s/*\"\npolicies = %q\n[policies.%s.cache]\n%s\n", route, route, route, route, lines)
	}
	c := start(t, text+tableHouse, "upstream", upstream)
	other := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(loopback())}}
	m := &messenger{ways: carriers(t, c, cfg), plain: &http.Transport{DisableCompression: true}, other: &http.Transport{DisableCompression: true, DialContext: other.DialContext}, secure: c.at(8443), open: c.at(8080)}
	t.Cleanup(func() { m.plain.CloseIdleConnections(); m.other.CloseIdleConnections() })
	return c, m
}

// Every tale holds over HTTP/1.1 and HTTP/2, and every third over HTTP/3.
func TestCacheTable(t *testing.T) {
	t.Parallel()
	_, o, calls := startTable(t)
	for short, proto := range map[string]string{"h1": "HTTP/1.1", "h2": "HTTP/2.0", "h3": "HTTP/3.0"} {
		t.Run(short, func(t *testing.T) {
			for i, tale := range tales() {
				if short == "h3" && i%3 != 0 {
					continue
				}
				t.Run(strings.ReplaceAll(tale.section+" "+tale.name, "/", "-"), func(t *testing.T) {
					t.Parallel()
					newRecital(t, &tale, i, proto, o, calls).tell()
				})
			}
		})
	}
}

// An endpoint that speaks HTTP/2 makes no difference.
func TestCacheTableThroughHTTP2(t *testing.T) {
	t.Parallel()
	o := newScripted(t)
	relay := start(t, relayConfig, "origin", o.addr)
	_, calls := startCache(t, "protocol = \"h2c\"\nendpoints = \""+relay.at(8081)+"\"")
	for i, tale := range tales() {
		if i%4 != 1 {
			continue
		}
		t.Run(strings.ReplaceAll(tale.section+" "+tale.name, "/", "-"), func(t *testing.T) {
			t.Parallel()
			newRecital(t, &tale, i, "HTTP/1.1", o, calls).tell()
		})
	}
}

func TestCacheTableIsLargeAndNamesItsSections(t *testing.T) {
	all := tales()
	if len(all) < 250 {
		t.Errorf("%d tales, want 250", len(all))
	}
	names, section := map[string]bool{}, regexp.MustCompile(`^(9111|9110|5861|9211|9213|9112) §[\d.]+$|^contract$`)
	for _, tale := range all {
		if name := tale.section + " " + tale.name; names[name] {
			t.Errorf("two tales are %q", name)
		} else if names[name] = true; !section.MatchString(tale.section) {
			t.Errorf("%q names no section", name)
		}
	}
	for prefix, least := range map[string]int{"9111 §3": 30, "9111 §4.1": 15, "9111 §4.2": 30, "9111 §4.3": 30, "9111 §4.4": 10, "9111 §5": 40, "9110 §13": 20, "9110 §14": 25, "5861": 10, "9211": 10, "9213": 15} {
		if n := len(slices.DeleteFunc(slices.Clone(all), func(t tale) bool { return !strings.HasPrefix(t.section, prefix) })); n < least {
			t.Errorf("%d tales of %s, want %d", n, prefix, least)
		}
	}
}

// messenger makes requests over the carriers.
type messenger struct {
	ways         map[string]http.RoundTripper
	plain, other *http.Transport // without TLS
	secure, open string          // addresses
}

// gotten is what a client got.
type gotten struct {
	status int
	header http.Header
	length int64
	body   string
	err    error // it ended early
}

// call makes the request of an ask.
func (c *messenger) call(t *testing.T, proto, base, ask, body string) (g gotten, method string) {
	return c.callIn(t, t.Context(), proto, base, ask, body)
}

func (c *messenger) callIn(t *testing.T, ctx context.Context, proto, base, ask, body string) (g gotten, method string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	head, fields := worded(ask)
	method, sub, _ := strings.Cut(head, " ")
	if method == "" {
		method = "GET"
	}
	url, way := "https://"+c.secure+base+sub, c.ways[proto]
	if slices.Contains(fields, ":scheme: http") {
		url, way = "http://"+c.open+base+sub, c.plain
	}
	if slices.Contains(fields, ":client: other") {
		url, way = "http://"+c.open+base+sub, c.other
	}
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "weir.test:8443"
	for _, f := range fields {
		switch name, value, _ := strings.Cut(f, ":"); {
		case name == "":
		case name == "Host":
			r.Host = strings.TrimSpace(value)
		default:
			r.Header.Add(name, strings.TrimSpace(value))
		}
	}
	res, err := way.RoundTrip(r)
	if err != nil {
		return gotten{err: err}, method
	}
	defer res.Body.Close()
	g = gotten{status: res.StatusCode, header: res.Header, length: res.ContentLength}
	all, err := io.ReadAll(res.Body)
	g.body, g.err = string(all), err
	for name, values := range res.Trailer {
		g.header["+"+name] = values
	}
	return g, method
}

// worded is the word of a text, and its fields.
func worded(text string) (word string, fields []string) {
	parts := strings.Split(text, " | ")
	return parts[0], parts[1:]
}

var dates = regexp.MustCompile(`\{(850|asc|)([+-]\d+)\}`)

// told is text with its dates and its URL filled in.
func told(text, url string, begun time.Time) string {
	text = dates.ReplaceAllStringFunc(text, func(s string) string {
		m := dates.FindStringSubmatch(s)
		d, _ := time.ParseDuration(m[2] + "s") // the pattern says so
		form := map[string]string{"": http.TimeFormat, "850": "Monday, 02-Jan-06 15:04:05 GMT", "asc": time.ANSIC}[m[1]]
		return begun.Add(d).UTC().Format(form)
	})
	return strings.ReplaceAll(text, "{url}", url)
}
