package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// asked is what a request to a rig looks like and what is expected of its answer.
type asked struct {
	method, path string
	header       map[string]string
	body         string
	status       int
	says         string            // the whole body; "" is not looked at
	has          map[string]string // fields of the answer
}

// tell sends a request without following redirects and compares the answer.
func (r *rig) tell(a asked) {
	r.t.Helper()
	if a.method == "" {
		a.method = "GET"
	}
	req, err := http.NewRequest(a.method, r.url("web", ""), strings.NewReader(a.body))
	if err != nil {
		r.t.Fatal(err)
	}
	path, query, _ := strings.Cut(a.path, "?")
	req.URL.Opaque, req.URL.RawQuery = path, query
	for k, v := range a.header {
		if k == "Host" {
			req.Host = v
		}
		req.Header.Set(k, v)
	}
	res, err := r.client.Transport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	what := a.method + " " + a.path
	if res.StatusCode != a.status {
		r.t.Errorf("%s %v answered %d %q, want %d", what, a.header, res.StatusCode, body, a.status)
	}
	if a.says != "" && string(body) != a.says {
		r.t.Errorf("%s %v says %q, want %q", what, a.header, body, a.says)
	}
	for k, v := range a.has {
		if got := res.Header.Get(k); got != v {
			r.t.Errorf("%s %v has %s: %q, want %q", what, a.header, k, got, v)
		}
	}
}

// teller is an endpoint that says its name, what it is asked for, and the fields that begin with X-Tell.
func teller(t testing.TB, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/broken" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, name+" "+q.Method+" "+q.RequestURI+q.Header.Get("X-Tell"))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestRoutesMatchByWhatRequestsHold(t *testing.T) {
	r := start(t, `
[listeners.web]
address = "127.0.0.1:0"
[[routes]]
match = { path = "/a", headers = { X-Tenant = "acme" } }
respond.body = "acme"
[[routes]]
match = { path = "/a", headers = { X-Tenant = "~^b" } }
respond.body = "b…"
[[routes]]
match = { path = "/a", query = { version = "2" } }
priority = 1
respond.body = "2"
[[routes]]
match = { path = "/a" }
respond.body = "plain"
[[routes]]
match = { path = "/c", cookies = { cohort = "*" } }
respond.body = "cohort"
[[routes]]
match = { path = "/c", clients = "127.0.0.0/8" }
priority = -1
respond.body = "here"
[[routes]]
match = { path = "/d", methods = "POST", body = { "order.type" = "refund" } }
respond.body = "refund"
[[routes]]
match = { path = "/d" }
respond.body = "order"
[[routes]]
match = { path = "/users/{id}" }
respond.body = "user"
[[routes]]
match = { path = "~^/files/\\d+$" }
respond.body = "file"
[[routes]]
match = { hosts = "münchen.example", path = "/a" }
respond.body = "münchen"
`)
	jsonType := map[string]string{"Content-Type": "application/json"}
	for _, a := range []asked{
		{path: "/a", status: 200, says: "plain"},
		{path: "/a", header: map[string]string{"X-Tenant": "acme"}, status: 200, says: "acme"},
		{path: "/a", header: map[string]string{"X-Tenant": "bolt"}, status: 200, says: "b…"},
		{path: "/a", header: map[string]string{"X-Tenant": "zeta"}, status: 200, says: "plain"},
		{path: "/a?version=2", status: 200, says: "2"},
		{path: "/%61", status: 200, says: "plain"},
		{path: "/a%2Fb", status: 400},
		{path: "/x/../a", status: 400},
		{path: "/c", header: map[string]string{"Cookie": "cohort=b"}, status: 200, says: "cohort"},
		{path: "/c", status: 200, says: "here"},
		{method: "POST", path: "/d", header: jsonType, body: `{"order":{"type":"refund"}}`, status: 200, says: "refund"},
		{method: "POST", path: "/d", header: jsonType, body: `{"order":{"type":"sale"}}`, status: 200, says: "order"},
		{method: "POST", path: "/d", header: jsonType, body: `{"order":`, status: 400},
		{path: "/users/7", status: 200, says: "user"},
		{path: "/users/7/x", status: 404},
		{path: "/files/12", status: 200, says: "file"},
		{path: "/files/x", status: 404},
		{path: "/a", header: map[string]string{"Host": "XN--mnchen-3ya.example:80"}, status: 200, says: "münchen"},
	} {
		r.tell(a)
	}
}

func TestRoutesRewriteRedirectAndSplit(t *testing.T) {
	one, two := teller(t, "one"), teller(t, "two")
	r := start(t, `
[listeners.web]
address = "127.0.0.1:0"
paths.empty_segments = "merge"
[[routes]]
match.path = "/site/*"
upstream = "one"
rewrite = { strip_prefix = "/site", prefix = "/v2" }
[[routes]]
match.path = "/old/*"
redirect = { to = "https://www.example.com/new/{rest}" }
[[routes]]
match.path = "/user/{id}"
redirect = { to = "/u/{path.id}?tab=1", status = 302 }
[[routes]]
name = "ab"
match.path = "/ab"
split = [{ upstream = "one", weight = 0 }, { upstream = "two", weight = 3 }]
split_by = "cookie:uid"
[upstreams.one]
endpoints = "`+one+`"
[upstreams.two]
endpoints = "`+two+`"
`)
	for _, a := range []asked{
		{path: "/site/a?x=1", status: 200, says: "one GET /v2/a?x=1"},
		{path: "/site//a", status: 200, says: "one GET /v2/a"},
		{path: "/old/x/y?q=1", status: 308, has: map[string]string{"Location": "https://www.example.com/new/x/y?q=1"}},
		{path: "/user/7?q=1", status: 302, has: map[string]string{"Location": "/u/7?tab=1"}},
		{path: "/ab", status: 200, says: "two GET /ab"},
		{path: "/ab", header: map[string]string{"Cookie": "uid=7"}, status: 200, says: "two GET /ab"},
	} {
		r.tell(a)
	}
}

func TestPoliciesOfAListenerSeeAnswersWithoutARoute(t *testing.T) {
	r := start(t, `
[listeners.web]
address = "127.0.0.1:0"
policies = "edge"
[[routes]]
match.path = "/a"
respond.body = "a"
[policies.edge]
request_id = {}
cors = { origins = ["https://app.example"] }
headers.response = { set = { X-Edge = "weir", X-Was = "{method} {path}" } }
`)
	origin := map[string]string{"Origin": "https://app.example"}
	seen := map[string]string{"X-Edge": "weir", "Access-Control-Allow-Origin": "https://app.example", "X-Was": "GET /nowhere"}
	r.tell(asked{path: "/nowhere", header: origin, status: 404, has: seen})
	seen["X-Was"] = "GET /a"
	r.tell(asked{path: "/a", header: origin, status: 200, says: "a", has: seen})
	preflight := map[string]string{"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
	r.tell(asked{method: "OPTIONS", path: "/a", header: preflight, status: 204, has: map[string]string{"Access-Control-Allow-Origin": "https://app.example"}})
}

func TestErrorPagesStandInForErrors(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"sorry.html": "<p>sorry, {status}", "gone.html": "<p>gone", "gone.json": `{"gone":true}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := start(t, `
[listeners.web]
address = "127.0.0.1:0"
[defaults.routes]
error_pages = { "5xx" = "`+dir+`/sorry.html" }
[[routes]]
match.path = "/broken"
upstream = "u"
error_pages = { "404" = ["`+dir+`/gone.html", "`+dir+`/gone.json"] }
[[routes]]
match.path = "/gone"
respond = { status = 404, body = "nothing", type = "text/plain" }
error_pages = { "404" = ["`+dir+`/gone.html", "`+dir+`/gone.json"] }
[upstreams.u]
endpoints = "`+teller(t, "u")+`"
`)
	html, json := map[string]string{"Accept": "text/html"}, map[string]string{"Accept": "application/json"}
	r.tell(asked{path: "/broken", header: html, status: 503, says: "<p>sorry, 503"})
	r.tell(asked{path: "/gone", header: html, status: 404, says: "<p>gone"})
	r.tell(asked{path: "/gone", header: json, status: 404, says: `{"gone":true}`})
}

func TestAMirrorGetsCopiesAndItsFiguresAreScraped(t *testing.T) {
	copies := make(chan string, 16)
	shadow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		copies <- q.Method + " " + q.RequestURI + " " + string(body)
		_, _ = io.WriteString(w, "other")
	}))
	t.Cleanup(shadow.Close)
	r := start(t, `
[listeners.web]
address = "127.0.0.1:0"
[[routes]]
name = "site"
match.path = "/site/*"
upstream = "live"
rewrite = { strip_prefix = "/site" }
mirror = { upstream = "next", compare = true }
[upstreams.live]
endpoints = "`+teller(t, "live")+`"
[upstreams.next]
endpoints = "`+shadow.Listener.Addr().String()+`"
`)
	r.tell(asked{method: "POST", path: "/site/a?b=1", body: "hello", status: 200, says: "live POST /a?b=1"})
	if got := <-copies; got != "POST /a?b=1 hello" {
		t.Errorf("the mirror got %q", got)
	}
	until(t, "a comparison is counted", func() bool {
		return strings.Contains(r.metrics(), `weir_mirror_compared_total{route="site",upstream="next",result="different"} 1`)
	})
	if told := r.g.Mirrors(); len(told) != 1 || told[0].Compared["different"] != 1 || len(told[0].Differences) != 1 || told[0].Differences[0].Where == "" || told[0].Differences[0].Live == nil {
		t.Errorf("the mirrors are told as %+v", told)
	}
	if !strings.Contains(r.metrics(), `weir_mirror_sent_total{route="site",upstream="next"} 1`) {
		t.Error("the copy is not counted")
	}
	r.reload(web0 + "[[routes]]\nrespond.body = \"x\"\n")
	if told := r.g.Mirrors(); len(told) != 0 {
		t.Errorf("a mirror that is gone is told: %+v", told)
	}
	if strings.Contains(r.metrics(), "weir_mirror_") {
		t.Error("the figures of a mirror that is gone are still scraped")
	}
}

const web0 = "[listeners.web]\naddress = \"127.0.0.1:0\"\n"

func TestTheAccessLogWritesWhatConditionsRead(t *testing.T) {
	state := t.TempDir()
	r := start(t, `
state_dir = "`+state+`"
access_log.path = "-"
[listeners.web]
address = "127.0.0.1:0"
[[routes]]
match = { path = "/a", headers = { X-Tenant = "acme" }, cookies = { uid = "*" } }
respond.body = "acme"
[[routes]]
match.path = "/a"
respond.body = "plain"
`)
	r.tell(asked{path: "/a", header: map[string]string{"X-Tenant": "acme", "Cookie": "uid=7"}, status: 200, says: "acme"})
	until(t, "a line is written", func() bool { return strings.Contains(r.access.String(), "\n") })
	line := r.access.String()
	if !strings.Contains(line, `["header:x-tenant","acme"]`) || !strings.Contains(line, `["cookie:uid","hmac:`) || strings.Contains(line, "uid=7") {
		t.Errorf("the line is %s", line)
	}
	if info, err := os.Stat(filepath.Join(state, logKeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
}
