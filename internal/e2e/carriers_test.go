//go:build linux

package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// carried has every policy on a route of its own, behind one listener that speaks every protocol.
const carried = `
state_dir = "{dir}/state"
[access_log]
path = "{dir}/access.log"
[listeners.web]
address = "{ip}:8443"
protocols = ["h1", "h2", "h3"]
policies = "edge"
limits.body_bytes = "1MiB"
limits.header_count = 50
[listeners.web.tls]
certificates = [{ cert = "{dir}/cert.pem", key = "{dir}/key.pem" }]

[policies.edge]
request_id = { trust = true }
headers.response = { set = { X-Served-By = "{listener} {route}" } }

[[routes]]
name = "plain"
match.path = "/plain/*"
upstream = "shower"
[[routes]]
name = "headers"
match.path = "/headers/{id}"
upstream = "shower"
policies = "shape"
[policies.shape]
headers.request = { set = { X-Id = "{path.id}", X-Scheme = "{scheme}", X-SNI = "{tls.sni}" }, add = { X-Two = ["a", "b"] }, remove = ["X-Internal"] }
headers.response = { add = { X-Answer = "{path.id} {header.X-In}" }, remove = ["Content-Type"] }
[[routes]]
name = "cors"
match = { path = "/cors", methods = ["GET", "PUT"] }
upstream = "shower"
policies = "site"
[policies.site.cors]
origins = ["https://app.example.com"]
methods = ["GET", "PUT"]
headers = ["X-Custom"]
credentials = true
[[routes]]
name = "compress"
match.path = "/compress"
policies = "small"
respond = { status = 200, body = "{text}", type = "text/plain" }
[policies.small.compress]
algorithms = ["gzip"]
[[routes]]
name = "rewrite"
match.path = "/api/*"
upstream = "shower"
rewrite = { strip_prefix = "/api", prefix = "/v2" }
[[routes]]
name = "redirect"
match.path = "/old/*"
redirect = { to = "https://weir.test/new/{rest}", status = 308 }
[[routes]]
name = "respond"
match.path = "/pong"
respond = { status = 200, body = "pong\n", type = "text/plain" }
[[routes]]
name = "sorry"
match.path = "/sorry/*"
upstream = "dead"
error_pages = { "5xx" = "{dir}/sorry.html" }
retry = { attempts = 0 }
[[routes]]
name = "dead"
match.path = "/dead"
upstream = "dead"
[[routes]]
name = "tight"
match.path = "/tight"
upstream = "shower"
limits.body_bytes = "10B"
[[routes]]
name = "late"
match.path = "/slow"
upstream = "origin"
timeout = "100ms"
[[routes]]
name = "split"
match.path = "/split"
split = [{ upstream = "shower", weight = 1 }, { upstream = "origin", weight = 1 }]
split_by = "header:X-User"
[[routes]]
name = "mirror"
match.path = "/mirror"
upstream = "shower"
mirror = { upstream = "origin", sample = "100%" }
[[routes]]
name = "sticky"
match.path = "/sticky"
upstream = "stuck"
[[routes]]
name = "conditions"
match = { path = "/conditions", methods = ["POST"], headers = { X-Tenant = "acme" }, query = { v = "2" }, cookies = { cohort = "b" } }
upstream = "shower"
[[routes]]
name = "content"
match = { path = "/content", body = { "order.type" = "refund" } }
upstream = "shower"
[[routes]]
name = "sni"
match = { path = "/sni", sni = "weir.test" }
upstream = "shower"
[upstreams.shower]
endpoints = "{shower}"
[upstreams.origin]
endpoints = "{origin}"
[upstreams.dead]
endpoints = "{ip}:7001"
outliers.panic_below = "0%"
[upstreams.stuck]
endpoints = "{shower}"
sticky = { cookie = "weir", ttl = "1h" }
`

// carriers are the ways in which the same request arrives.
func carriers(t *testing.T, c *child, cfg *tls.Config) map[string]http.RoundTripper {
	t.Helper()
	with := func(protocol string) *tls.Config {
		own := cfg.Clone()
		own.NextProtos = []string{protocol}
		return own
	}
	h1 := &http.Transport{TLSClientConfig: with("http/1.1"), DisableCompression: true}
	h2 := &http.Transport{TLSClientConfig: with("h2"), DisableCompression: true, Protocols: new(http.Protocols)}
	h2.Protocols.SetHTTP2(true)
	h3 := &http3.Transport{TLSClientConfig: with("h3"), DisableCompression: true}
	t.Cleanup(func() { h1.CloseIdleConnections(); h2.CloseIdleConnections(); h3.Close() })
	return map[string]http.RoundTripper{"HTTP/1.1": h1, "HTTP/2.0": h2, "HTTP/3.0": h3}
}

// errand is a request, and what is to come of it whatever carries it.
type errand struct {
	name, method, target string
	fields               []string // "Name: value"
	body                 string
	status               int
	has                  []string // "Name: value" of the answer's head
	lacks                []string // names
	says, never          []string // in the body, which is mostly the request as the endpoint got it
	seen                 func(t *testing.T, res *http.Response, body string)
}

var errands = []errand{
	{name: "forwarding", target: "/plain/a?q=1", status: 200,
		has: []string{"X-Served-By: web plain", "Content-Type: text/plain"},
		says: []string{"GET /plain/a?q=1 HTTP/1.1\r\n", "Host: weir.test:8443\r\n", "X-Forwarded-Proto: https\r\n", "X-Forwarded-Host: weir.test:8443\r\n",
			"X-Forwarded-For: 127."}, never: []string{"Connection:", "Transfer-Encoding:", "Alt-Svc"}},
	{name: "fields repeat in their order", target: "/plain/a", fields: []string{"X-List: b", "X-List: a", "X-List: c"}, status: 200,
		says: []string{"X-List: b\r\nX-List: a\r\nX-List: c\r\n"}},
	{name: "cookies are one field", target: "/plain/a", fields: []string{"Cookie: a=1; b=2; c=3"}, status: 200, says: []string{"Cookie: a=1; b=2; c=3\r\n"}},
	{name: "a body", method: "POST", target: "/plain/a", fields: []string{"Content-Type: text/x"}, body: strings.Repeat("0123456789", 5000), status: 200,
		says: []string{"Content-Length: 50000\r\n", strings.Repeat("0123456789", 5000)}},
	{name: "HEAD", method: "HEAD", target: "/plain/a", status: 200, has: []string{"Content-Type: text/plain"}},
	{name: "OPTIONS", method: "OPTIONS", target: "/plain/a", status: 200, says: []string{"OPTIONS /plain/a HTTP/1.1\r\n"}},
	{name: "identity from outside", target: "/plain/a", fields: []string{"X-Forwarded-For: 1.2.3.4", "X_Evil: 1", "Forwarded: for=1.2.3.4"}, status: 200, never: []string{"1.2.3.4", "X_Evil"}},
	{name: "request id", target: "/plain/a", fields: []string{"X-Request-Id: of-mine"}, status: 200, has: []string{"X-Request-Id: of-mine"}, says: []string{"X-Request-Id: of-mine\r\n"}},
	{name: "header edits", target: "/headers/7", fields: []string{"X-Internal: 1", "X-In: in"}, status: 200, has: []string{"X-Answer: 7 in"}, lacks: []string{"Content-Type"},
		says: []string{"X-Id: 7\r\n", "X-Scheme: https\r\n", "X-SNI: weir.test\r\n", "X-Two: a\r\nX-Two: b\r\n"}, never: []string{"X-Internal"}},
	{name: "a preflight", method: "OPTIONS", target: "/cors", fields: []string{"Origin: https://app.example.com", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-custom"}, status: 204,
		has: []string{"Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true"}},
	{name: "a preflight from elsewhere", method: "OPTIONS", target: "/cors", fields: []string{"Origin: https://evil.example.com", "Access-Control-Request-Method: PUT"}, status: 403, lacks: []string{"Access-Control-Allow-Origin"},
		says: []string{`"fault":"cors_refused"`}},
	{name: "a script's request", target: "/cors", fields: []string{"Origin: https://app.example.com"}, status: 200, has: []string{"Access-Control-Allow-Origin: https://app.example.com"}},
	{name: "compression", target: "/compress", fields: []string{"Accept-Encoding: gzip"}, status: 200, has: []string{"Content-Encoding: gzip", "Vary: Accept-Encoding"},
		seen: func(t *testing.T, _ *http.Response, body string) {
			z, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(z); err != nil || string(text) != strings.Repeat("weir ", 1000) {
				t.Errorf("%d bytes, %v", len(text), err)
			}
		}},
	{name: "no compression", target: "/compress", status: 200, lacks: []string{"Content-Encoding"}, has: []string{"Vary: Accept-Encoding"}},
	{name: "rewrite", target: "/api/a/b?c=d", status: 200, says: []string{"GET /v2/a/b?c=d HTTP/1.1\r\n"}},
	{name: "redirect", target: "/old/a/b?c=d", status: 308, has: []string{"Location: https://weir.test/new/a/b?c=d"}},
	{name: "respond", target: "/pong", status: 200, says: []string{"pong\n"}, has: []string{"Content-Length: 5"}},
	{name: "error page", target: "/sorry/a", fields: []string{"Accept: text/html"}, status: 502, says: []string{"<h1>sorry</h1>"}, has: []string{"Content-Type: text/html; charset=utf-8"}},
	{name: "no endpoint", target: "/dead", status: 502, says: []string{`"fault":"connect_refused"`}, has: []string{"Proxy-Status: weir; error=connection_refused", "Content-Type: application/problem+json"}},
	{name: "no route", target: "/nowhere", status: 404, says: []string{`"fault":"no_route"`}, has: []string{"X-Served-By: web"}},
	{name: "a body over the route's limit", method: "POST", target: "/tight", body: strings.Repeat("x", 11), status: 413, says: []string{`"fault":"body_too_large"`}},
	{name: "a body over the listener's limit", method: "POST", target: "/plain/a", body: strings.Repeat("x", 1<<20+1), status: 413, says: []string{`"fault":"body_too_large"`}},
	{name: "too many fields", target: "/plain/a", fields: slices.Repeat([]string{"X-Many: 1"}, 60), status: 431, says: []string{`"fault":"head_too_large"`}},
	{name: "a path with two readings", target: "/plain/%2e%2e/pong", status: 400, says: []string{`"fault":"ambiguous_path"`}},
	{name: "a slow endpoint", target: "/slow?ms=5000", status: 504, says: []string{`"fault":"route_timeout"`}},
	{name: "the same side", target: "/split", fields: []string{"X-User: one"}, status: 200},
	{name: "a mirror", target: "/mirror", status: 200, says: []string{"GET /mirror HTTP/1.1\r\n"}},
	{name: "conditions that hold", method: "POST", target: "/conditions?v=2", fields: []string{"X-Tenant: acme", "Cookie: cohort=b"}, status: 200, has: []string{"X-Served-By: web conditions"}},
	{name: "a condition that fails", method: "POST", target: "/conditions?v=2", fields: []string{"X-Tenant: other", "Cookie: cohort=b"}, status: 404},
	{name: "content that holds", method: "POST", target: "/content", fields: []string{"Content-Type: application/json"}, body: `{"order":{"type":"refund"}}`, status: 200, says: []string{"refund"}},
	{name: "content that fails", method: "POST", target: "/content", fields: []string{"Content-Type: application/json"}, body: `{"order":{"type":"sale"}}`, status: 404},
	{name: "the name of the handshake", target: "/sni", status: 200, has: []string{"X-Served-By: web sni"}},
	{name: "TRACE", method: "TRACE", target: "/plain/a", status: 405, says: []string{`"fault":"method_refused"`}},
	{name: "a gRPC call to nobody", method: "POST", target: "/dead", fields: []string{"Content-Type: application/grpc", "Te: trailers"}, status: 200, has: []string{"Grpc-Status: 14", "Content-Type: application/grpc"}},
	{name: "stickiness", target: "/sticky", status: 200, seen: func(t *testing.T, res *http.Response, _ string) {
		if cookies := res.Cookies(); len(cookies) != 1 || cookies[0].Name != "weir" || !cookies[0].HttpOnly {
			t.Errorf("cookies %v", cookies)
		}
	}},
}

func (e *errand) request(t *testing.T, address string) *http.Request {
	t.Helper()
	method := e.method
	if method == "" {
		method = "GET"
	}
	var body io.Reader
	if e.body != "" {
		body = strings.NewReader(e.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "https://"+address+e.target, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "weir.test:8443"
	r.Header.Set("User-Agent", "errand")
	for _, f := range e.fields {
		name, value, _ := strings.Cut(f, ": ")
		if strings.Contains(name, "_") {
			r.Header[name] = append(r.Header[name], value)
		} else {
			r.Header.Add(name, value)
		}
	}
	return r
}

// judge compares what came with what is to come.
func (e *errand) judge(t *testing.T, proto string, res *http.Response, body string) {
	t.Helper()
	if res.Proto != proto || res.StatusCode != e.status {
		t.Fatalf("%s %d, want %s %d: %.300s", res.Proto, res.StatusCode, proto, e.status, body)
	}
	for _, h := range e.has {
		name, value, _ := strings.Cut(h, ": ")
		if !slices.Contains(res.Header.Values(name), value) {
			t.Errorf("%s is %q, want %q", name, res.Header.Values(name), value)
		}
	}
	for _, name := range append(e.lacks, "Connection", "Keep-Alive") {
		if v := res.Header.Values(name); len(v) > 0 {
			t.Errorf("%s: %q", name, v)
		}
	}
	for _, s := range e.says {
		if !strings.Contains(body, s) {
			t.Errorf("no %.60q in %.600q", s, body)
		}
	}
	for _, s := range e.never {
		if strings.Contains(body, s) {
			t.Errorf("%q is in %.600q", s, body)
		}
	}
	if e.seen != nil {
		e.seen(t, res, body)
	}
}

// alike is what must be the same whatever carries a request: the answer and, where it shows, the request that left.
func alike(res *http.Response, body string) string {
	var lines []string
	for name, values := range res.Header {
		switch name {
		case "Date", "Alt-Svc", "X-Request-Id", "Set-Cookie", "Content-Length":
		default:
			lines = append(lines, fmt.Sprintf("%s: %q", name, values))
		}
	}
	for line := range strings.Lines(body) {
		switch name, _, _ := strings.Cut(strings.ToLower(line), ":"); name {
		case "via", "x-request-id", "x-forwarded-for", "x-timeout-ms":
		default:
			if !strings.Contains(line, `"request_id"`) {
				lines = append(lines, strings.ToLower(line[:min(len(line), 200)]))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Every policy does the same on every carrier.
func TestEveryPolicyOnEveryCarrier(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := certificate(t, dir, "weir.test")
	if err := os.WriteFile(filepath.Join(dir, "sorry.html"), []byte("<h1>sorry</h1>"), 0o600); err != nil {
		t.Fatal(err)
	}
	mirrored := newOrigin(t, "other")
	c := start(t, strings.ReplaceAll(carried, "{dir}", dir), "shower", newShower(t), "origin", mirrored.addr, "text", strings.Repeat("weir ", 1000))
	ways := carriers(t, c, cfg)
	for i := range errands {
		e := &errands[i]
		t.Run(strings.ReplaceAll(e.name, " ", "-"), func(t *testing.T) {
			var first string
			for _, proto := range []string{"HTTP/1.1", "HTTP/2.0", "HTTP/3.0"} {
				t.Run(strings.ReplaceAll(proto, "/", "-"), func(t *testing.T) {
					res, body := e.by(t, ways[proto], c.at(8443))
					e.judge(t, proto, res, body)
					switch got := alike(res, body); {
					case first == "":
						first = got
					case got != first:
						t.Errorf("on %s\n%s\nbut on HTTP/1.1\n%s", proto, got, first)
					}
				})
			}
		})
	}
	eventually(t, "three copies", func() bool { return mirrored.requests.Load() >= 3 })
}

func (e *errand) by(t *testing.T, way http.RoundTripper, address string) (*http.Response, string) {
	t.Helper()
	r := e.request(t, address)
	ended := time.AfterFunc(patience, func() { t.Errorf("no end of %s", e.name) })
	defer ended.Stop()
	res, err := way.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return res, body.String()
}
