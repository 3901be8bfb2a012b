package template

import (
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/http7"
)

// values are what the variables of [asked] are, as they are.
var values = map[string]string{
	"client": "192.0.2.7", "host": "api.example.com", "method": "GET", "path": "/v1/users/7/a/b", "query": "q=a+b%26c&q=2&e=", "rest": "a/b",
	"scheme": "https", "listener": "web", "route": "users", "request_id": "r-1", "consumer": "shop", "path.id": "7", "header.X-Tenant": "acme",
	"cookie.lang": "en", "query.q": "a b&c", "query.none": "", "jwt.sub": "alice", "tls.sni": "tls.example.com", "tls.version": "1.3",
	"tls.client.subject": `CN=app,O=Example\, Inc.`, "tls.client.san": "DNS:app.example.com,URI:spiffe://example.com/app", "header.X-Odd": `a/b?c#d%e\ f;é`,
}

var variableNames = func() (names []string) {
	for n := range values {
		names = append(names, n)
	}
	return names
}()

// odd is asked with a value that fits nowhere.
func odd() *http7.Exchange {
	x := asked()
	x.Request.AddRaw([]byte("X-Odd"), []byte(values["header.X-Odd"]))
	return x
}

func oneOf(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

var written = regexp.MustCompile(`\{\{|\{[a-zA-Z][^}]*\}`)

// TestTextsAreWhatReplacingMakesOfThem compares random texts with the plain way to read one.
func TestTextsAreWhatReplacingMakesOfThem(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 5_000 {
		text := ""
		for range r.IntN(8) {
			text += oneOf(r, "a", " ", "{{", "}", "{ ", "{1}", "é", "$1", "%", "{"+oneOf(r, variableNames...)+"}", "{"+oneOf(r, variableNames...)+"}")
		}
		tmpl, err := Compile(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		want := written.ReplaceAllStringFunc(text, func(s string) string {
			if s == "{{" {
				return "{"
			}
			return values[strings.Trim(s, "{}")]
		})
		if got := string(tmpl.Append([]byte("kept"), odd())); got != "kept"+strings.Trim(want, " ") {
			t.Fatalf("%q: got %q, want %q", text, got, want)
		}
		variable := func(s string) bool { return s != "{{" }
		if any := slices.ContainsFunc(written.FindAllString(text, -1), variable); tmpl.Constant() == any {
			t.Fatalf("%q: constant is %v", text, !any)
		}
	}
}

// escapedFor writes a value as the standard library escapes it for its place.
func escapedFor(name, value, where string) string {
	inPath := name == "path" || name == "rest" || strings.HasPrefix(name, "path.")
	switch {
	case where == "path" && inPath:
		return value
	case where == "path":
		// PathEscape keeps what separates nothing to it, and escapes what a segment may hold.
		s := url.PathEscape(value)
		for _, c := range "!'()*," {
			s = strings.ReplaceAll(s, strings.ToUpper(url.QueryEscape(string(c))), string(c))
		}
		return strings.ReplaceAll(s, ";", "%3B")
	case name == "query":
		return value
	}
	s := strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
	if inPath { // of these, the test's values hold slashes alone
		s = strings.ReplaceAll(s, "%2F", "/")
	}
	return s
}

// TestURLsAreMadeOfTheirPartsEachEscapedForItsPlace compares random URLs with the standard library.
func TestURLsAreMadeOfTheirPartsEachEscapedForItsPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 5_000 {
		hosts := [][2]string{
			{"", ""}, {"https://www.example.com", "https://www.example.com"}, {"{scheme}://{host}:8443", "https://api.example.com:8443"},
			{"http://{path.id}.{cookie.lang}.example.com", "http://7.en.example.com"},
		}
		host := hosts[r.IntN(len(hosts))]
		text, want := host[0]+"/", host[1]+"/"
		for _, where := range []string{"path", "query", "fragment"} {
			mark := map[string]string{"path": "x", "query": "?", "fragment": "#"}[where]
			if r.IntN(2) == 0 {
				if where == "query" {
					want += "?" + values["query"]
				}
				continue
			}
			text, want = text+mark, want+mark
			for n := r.IntN(5); n >= 0; n-- {
				fixed, name := oneOf(r, "a", "/", "-", "=1&", "."), oneOf(r, variableNames...)
				text, want = text+fixed+"{"+name+"}", want+fixed+escapedFor(name, values[name], where)
			}
		}
		u, err := CompileURL(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got := located(t, u, odd()); got != want {
			t.Fatalf("%q: got %q, want %q", text, got, want)
		}
	}
}
