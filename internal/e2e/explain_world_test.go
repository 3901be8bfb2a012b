//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// landscape draws configs in which much happens, and requests that meet it.
type landscape struct {
	*rand.Rand
	routes int
}

func oneOf[T any](l *landscape, list ...T) T { return list[l.IntN(len(list))] }

// several returns up to n of the list, each once.
func several(l *landscape, n int, list ...string) (out []string) {
	for _, i := range l.Perm(len(list))[:l.IntN(n+1)] {
		out = append(out, list[i])
	}
	return out
}

// chance reports true once in n.
func (l *landscape) chance(n int) bool { return l.IntN(n) == 0 }

// landHead is what every config of a landscape begins with. Every upstream has recorders as its endpoints.
const landHead = `
state_dir = "{dir}/state"
[access_log]
path = "{dir}/access.log"
[listeners.web]
address = "{ip}:8080"
policies = ["edge", "watch"]
trusted_proxies = ["127.9.0.0/16"]
paths = { empty_segments = "merge", dot_segments = "resolve", encoded_slash = "keep" }
[listeners.strict]
address = "{ip}:8081"
policies = ["ids", "open"]
forwarded = "both"
limits.body_bytes = "16KiB"
[policies.edge]
request_id = { trust = true }
headers.request = { set = { X-Edge = "{listener}", X-Who = "{client}" }, remove = ["X-Internal"] }
[policies.ids.request_id]
[policies.open]
cors = { origins = ["https://app.example.com", "https://*.b.example"], methods = ["GET", "PUT"], credentials = true }
[policies.watch]
cors = { origins = ["https://app.example.com"], mode = "observe" }
headers.request = { mode = "observe", set = { X-Watch = "{client}" }, remove = ["X-Tenant"] }
[policies.stamp]
headers.request = { set = { X-Route = "{route}", X-Captured = "{path.p0}-{path.p1}", X-Req = "{request_id}" }, add = { X-More = ["{method} {path}", "{header.X-Tenant}{cookie.uid}", "{query.version}"] } }
headers.response = { set = { X-Served = "{route} to {header.X-Tenant}" } }
[policies.small]
compress = {}
[upstreams.one]
endpoints = "{one}"
host = "endpoint"
[upstreams.two]
endpoints = ["{two}", "{three}"]
balance = "round_robin"
[upstreams.three]
endpoints = ["{one}", "{two}", "{three}"]
balance = "maglev"
hash_on = "header:X-Tenant"
host = "inside.example"
[upstreams.shadow]
endpoints = "{shadow}"
`

// config draws a whole config.
func (l *landscape) config(routes int) string {
	var b strings.Builder
	b.WriteString(landHead)
	for range routes {
		l.route(&b)
	}
	return b.String()
}

func (l *landscape) route(b *strings.Builder) {
	l.routes++
	fmt.Fprintf(b, "[[routes]]\nname = \"r%d\"\npriority = %d\n", l.routes, l.routes)
	if l.chance(4) {
		fmt.Fprintf(b, "listeners = %q\n", oneOf(l, "web", "strict"))
	}
	l.action(b, l.match(b))
	if p := several(l, 2, "stamp", "small", "open"); len(p) > 0 {
		fmt.Fprintf(b, "policies = %s\n", listed(p))
	}
	if l.chance(5) {
		fmt.Fprintf(b, "without = %s\n", listed(several(l, 2, "edge", "watch")))
	}
	if l.chance(4) {
		b.WriteString("timeout = \"30s\"\n")
	}
	if l.chance(5) {
		b.WriteString("limits.body_bytes = \"1KiB\"\n")
	}
}

func listed(list []string) string { return "[" + strings.Join(quoteAll(list), ", ") + "]" }

func quoteAll(list []string) (out []string) {
	for _, s := range list {
		out = append(out, "'"+s+"'")
	}
	return out
}

func (l *landscape) pattern() string {
	if l.chance(8) {
		return oneOf(l, `~^/a/[0-9]+$`, `~^/b/(?P<p0>a|c)/`, `~^/[a-c]/7`, `~^/c/.*`)
	}
	text := ""
	for i := range 1 + l.IntN(3) {
		if l.chance(4) {
			text += fmt.Sprintf("/{p%d}", i)
		} else {
			text += "/" + l.segment()
		}
	}
	if l.chance(2) {
		text += "/*"
	}
	return text
}

func (l *landscape) segment() string { return oneOf(l, "a", "b", "c", "7", "42", "x%20y") }

// match draws the conditions of a route, and reports whether each of its paths leaves a rest.
func (l *landscape) match(b *strings.Builder) (rest bool) {
	var m []string
	if h := several(l, 2, "a.example", "b.example", "*.example", "*.b.example"); len(h) > 0 {
		m = append(m, "hosts = "+listed(h))
	}
	paths := []string{"/*"}
	if !l.chance(5) {
		paths = slices.Compact(slices.Sorted(slices.Values([]string{l.pattern(), l.pattern()})))
	}
	m = append(m, "path = "+listed(paths))
	if h := several(l, 2, "GET", "POST", "PUT"); l.chance(2) && len(h) > 0 {
		m = append(m, "methods = "+listed(h))
	}
	if l.chance(2) {
		m = append(m, l.term())
	}
	if l.chance(6) {
		m = append(m, oneOf(l, `clients = ["127.9.0.0/16"]`, `clients = ["192.0.2.0/24"]`))
	}
	fmt.Fprintf(b, "match = { %s }\n", strings.Join(m, ", "))
	return !slices.ContainsFunc(paths, func(p string) bool { return !strings.HasSuffix(p, "/*") || strings.HasPrefix(p, "~") })
}

func (l *landscape) term() string {
	return oneOf(l,
		`headers = { X-Tenant = "acme" }`, `headers = { X-Tenant = "!" }`, `headers = { X-Tenant = "~^a", Authorization = "*" }`, `headers = { X-Beta = "*" }`,
		`query = { version = "2" }`, `query = { version = "*", q = "!" }`, `cookies = { cohort = "b" }`, `cookies = { uid = "~[0-9]" }`,
		`body = { "order.type" = "refund" }`, `body = { "/order/@type" = "refund" }`, `body = { "items.*.sku" = "~^s" }`,
	)
}

// action draws what becomes of the requests of a route.
func (l *landscape) action(b *strings.Builder, rest bool) {
	switch l.IntN(8) {
	case 0:
		fmt.Fprintf(b, "respond = { status = %d, body = \"said\" }\n", oneOf(l, 200, 403, 410))
		return
	case 1:
		to := oneOf(l, "/new{path}", "https://www.example.com/{path}?from={host}&{query}")
		if rest {
			to = "https://www.example.com/{rest}"
		}
		fmt.Fprintf(b, "redirect = { to = %q, status = %d }\n", to, oneOf(l, 301, 308))
		return
	case 2, 3:
		fmt.Fprintf(b, "split = [{ upstream = \"one\", weight = %d }, { upstream = \"two\", weight = 5 }, { upstream = \"three\", weight = 1 }]\n", oneOf(l, 0, 5, 95))
		if !l.chance(3) {
			fmt.Fprintf(b, "split_by = %s\n", oneOf(l, `"cookie:uid"`, `"header:X-Tenant"`, `["client", "query:version"]`))
		}
	default:
		fmt.Fprintf(b, "upstream = %q\n", oneOf(l, "one", "two", "three"))
	}
	if l.chance(3) {
		b.WriteString("rewrite = " + oneOf(l, `{ strip_prefix = "/a", prefix = "/v2" }`, `{ regex = '^/([a-c])/(.*)$', to = '/$2/$1' }`,
			`{ regex = '^/b/', to = '/{header.X-Tenant}/?of={path}&{query}' }`) + "\n")
	}
	if l.chance(6) {
		b.WriteString("mirror = { upstream = \"shadow\", sample = \"10%\" }\n")
	}
}

// inquiry is one request of a landscape.
type inquiry struct {
	from, listener       string // an address of 127/8, and the port's listener
	method, host, target string
	fields               [][2]string
	body                 string
}

// inquiry draws a request. Each has a number, which stands in a field of it and in the query.
func (l *landscape) inquiry(seq int) *inquiry {
	a := &inquiry{
		from: oneOf(l, "127.0.0.1", "127.0.0.1", "127.9.0.7"), listener: oneOf(l, "web", "web", "strict"),
		method: oneOf(l, "GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS"),
		host:   oneOf(l, "a.example", "b.example", "x.b.example", "A.Example:8080", "c.test", "a.example."),
		fields: [][2]string{{"X-Seq", fmt.Sprint(seq)}},
	}
	for range 1 + l.IntN(3) {
		a.target += "/" + l.segment()
	}
	if l.chance(8) {
		a.target = oneOf(l, "/a//b", "/a/../b/7", "/%61/7", "/a%2Fb", "/a/%00", "/b/;x/7", "/b/a/", "/%c3%a4", "/a|b", "/b/%ff", "/c/%2e%2E/a")
	}
	a.target += "?" + oneOf(l, "", "version=1&", "version=2&", "version=2&q=a%20b&", "version=1&version=2&") + fmt.Sprintf("seq=%d", seq)
	l.fields(a)
	l.content(a)
	return a
}

func (l *landscape) fields(a *inquiry) {
	maybe := func(name string, values ...string) {
		if l.chance(3) {
			a.fields = append(a.fields, [2]string{name, oneOf(l, values...)})
		}
	}
	maybe("X-Tenant", "acme", "other", "apex", "a/b ä")
	maybe("x-tenant", "acme", "other")
	maybe("X-Beta", "", "acme")
	maybe("Cookie", "cohort=a; uid=17", "cohort=b", "uid=ab; uid=8", "uid=x; cohort=b; uid=x")
	maybe("Origin", "https://app.example.com", "https://evil.example", "https://x.b.example")
	maybe("Authorization", "Bearer abc")
	maybe("X-Internal", "1")
	maybe("X-Request-Id", "of-the-client", "not an id")
	maybe("X-Forwarded-For", "192.0.2.7", "198.51.100.1, 192.0.2.9", "nonsense")
	maybe("Accept-Encoding", "gzip, br", "zstd")
	maybe("Accept", "text/html", "application/json")
	if a.method == "OPTIONS" && l.chance(2) {
		a.fields = append(a.fields, [2]string{"Access-Control-Request-Method", oneOf(l, "PUT", "GET", "PATCH")})
	}
}

func (l *landscape) content(a *inquiry) {
	if a.method != "POST" && a.method != "PUT" {
		return
	}
	kind := oneOf(l, "application/json", "application/json", "text/xml", "text/plain")
	a.body = oneOf(l, "", `{"order":{"type":"refund"},"items":[{"sku":"s1"},{"sku":"s2"}]}`, `{"order":{"type":"sale"}}`, `{"order":`, `<order type="refund"/>`, `<order`,
		strings.Repeat(" ", 1500)+"{}", strings.Repeat("x", 20<<10))
	a.fields = append(a.fields, [2]string{"Content-Type", kind})
}

// raw is the request as it is sent.
func (a *inquiry) raw() string {
	text := a.method + " " + a.target + " HTTP/1.1\r\nHost: " + a.host + "\r\n"
	for _, f := range a.fields {
		text += f[0] + ": " + f[1] + "\r\n"
	}
	if a.body != "" {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(a.body))
	}
	return text + "\r\n" + a.body
}
