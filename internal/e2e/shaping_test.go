//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestHeaderTemplatesAsBothSidesSeeThem(t *testing.T) {
	t.Parallel()
	c := start(t, behind(`policies = "edge"`, `match = { path = "/orders/{id}/*" }`)+`
[policies.edge]
headers.request = { set = { X-Edge = "{listener} {route} {{x}}", X-Who = "{client} {scheme}", X-Order = "{path.id}", X-Rest = "{rest}", X-Asked = "{method} {host}{path}?{query}", X-Of = "{header.X-In}|{cookie.uid}|{query.q}", X-None = "{header.X-Absent}" }, add = { X-Two = ["{path.id}", "b"] }, remove = ["X-Internal"] }
headers.response = { set = { X-Served = "{route} {path.id} {header.X-In}" }, remove = ["Content-Type"] }
`, "shower", newShower(t))
	w := dial(t, c.at(8080))
	w.send(req("A.test:8080", "/orders/a%20b/c/d?q=1%0d%0aX-Evil:%201&r", "X-In: in", "X-None: claimed", "X-INTERNAL: 1", "X_Internal: 2", "Cookie: a=b; uid=17"))
	res, got := w.answer()
	for _, want := range []string{"X-Edge: web all {x}}", "X-Who: 127.0.0.1 http", "X-Order: a%20b", "X-Rest: c/d", "X-Asked: GET a.test/orders/a%20b/c/d?q=1%0d%0aX-Evil:%201&r",
		"X-Of: in|17|1  X-Evil: 1", "X-Two: a%20b\r\nX-Two: b", "X-In: in"} {
		if !strings.Contains(got, "\r\n"+want+"\r\n") {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, never := range []string{"X-None", "X-INTERNAL", "X_Internal", "\r\nX-Evil"} {
		if strings.Contains(got, never) {
			t.Errorf("%q is in\n%s", never, got)
		}
	}
	if res.Header.Get("X-Served") != "all a%20b in" || res.Header.Get("Content-Type") != "" {
		t.Errorf("the answer has %v", res.Header)
	}
}

func TestARequestHasOneIDEverywhere(t *testing.T) {
	t.Parallel()
	made := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for name, test := range map[string]struct {
		policy, sent string
		kept         bool
	}{
		"made":              {`request_id = {}`, "", false},
		"replaced":          {`request_id = {}`, "X-Request-Id: of-the-client", false},
		"trusted":           {`request_id = { trust = true }`, "X-Request-Id: of-the-client", true},
		"not fit for trust": {`request_id = { trust = true }`, "X-Request-Id: of the client", false},
		"two to trust":      {`request_id = { trust = true }`, "X-Request-Id: of-the-client\r\nX-Request-Id: of-another", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, behind(`policies = "edge"`, `match = { path = "/a" }`)+"[policies.edge]\n"+test.policy+"\n", "shower", newShower(t))
			var lines []string
			if test.sent != "" {
				lines = append(lines, test.sent)
			}
			w := dial(t, c.at(8080))
			w.send(req("a", "/a", lines...))
			res, body := w.answer()
			id := res.Header.Get("X-Request-Id")
			if made.MatchString(id) == test.kept || test.kept && id != "of-the-client" {
				t.Errorf("the id is %q", id)
			}
			if strings.Count(strings.ToLower(body), "x-request-id: ") != 1 || !strings.Contains(body, "\r\nX-Request-Id: "+id+"\r\n") {
				t.Errorf("the endpoint was sent\n%s", body)
			}
			w.send(req("a", "/nowhere", lines...)) // Weir's own answers say it, too
			none, problem := w.answer()
			other := none.Header.Get("X-Request-Id")
			if none.StatusCode != 404 || other == "" || !strings.Contains(problem, other) || (other == id) != test.kept {
				t.Errorf("a problem says %v %s", none.Header, problem)
			}
			if all := c.inOrder(t, 2); all[0].RequestID != id || all[1].RequestID != other {
				t.Errorf("the log has %q and %q, want %q and %q", all[0].RequestID, all[1].RequestID, id, other)
			}
		})
	}
}

// pages is a config of routes with pages for their errors.
const pages = `
[listeners.web]
address = "{ip}:8080"
policies = "edge"
[policies.edge]
request_id = { trust = true }
headers.response = { set = { X-Served = "weir" } }
[[routes]]
name = "dead"
match = { path = "/dead" }
upstream = "dead"
retry.attempts = 0
error_pages = { "5xx" = ["{dir}/sorry.html", "{dir}/sorry.json"], "502" = "{dir}/dead.html" }
[[routes]]
name = "failing"
match = { path = "/failing/*" }
upstream = "failing"
error_pages = { "4xx" = "{dir}/sorry.html", "503" = ["{dir}/sorry.html", "{dir}/sorry.json"] }
[[routes]]
name = "gone"
match = { path = "/gone" }
respond = { status = 410, body = "plain", type = "text/plain" }
error_pages = { "410" = "{dir}/sorry.html" }
[upstreams.dead]
endpoints = "{ip}:7001"
[upstreams.failing]
endpoints = "{failing}"
outliers.consecutive_errors = 1000
`

func TestErrorPagesByWhatTheClientAccepts(t *testing.T) {
	t.Parallel()
	failing := newReplier(t, func(n int) reply {
		return reply{n, map[string]string{"Content-Type": "application/json", "Retry-After": "7", "ETag": `"x"`}, `{"own":true}`}
	})
	c := prepare(t, pages, "failing", failing)
	for name, text := range map[string]string{"sorry.html": "<p>{status} {title} {request_id} {other}", "sorry.json": `{"page":{status}}`, "dead.html": "<p>dead"} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()
	const html, json, any = "text/html,application/xhtml+xml,*/*;q=0.8", "application/json", "*/*"
	for _, k := range []struct {
		path, accept string
		want         string // status, type and content
	}{
		{"/dead", html, "502 text/html; charset=utf-8 <p>dead"}, {"/dead", any, "502 text/html; charset=utf-8 <p>dead"},
		{"/dead", "application/problem+json", `502 application/problem+json {"title"`}, {"/dead", "image/png", `502 application/problem+json {"title"`},
		{"/failing/503", html, "503 text/html; charset=utf-8 <p>503 Service Unavailable a&lt;b {other}"}, {"/failing/503", json, `503 application/json {"own":true}`},
		{"/failing/503", any, `503 application/json {"own":true}`}, {"/failing/404", html, "404 text/html; charset=utf-8 <p>404 Not Found a&lt;b {other}"},
		{"/failing/500", html, `500 application/json {"own":true}`}, {"/failing/200", html, `200 application/json {"own":true}`},
		{"/gone", html, "410 text/html; charset=utf-8 <p>410 Gone a&lt;b {other}"}, {"/gone", "text/plain", "410 text/plain plain"}, {"/gone", "text/*", "410 text/plain plain"},
	} {
		w := dial(t, c.at(8080))
		w.send(req("a", k.path, "Accept: "+k.accept, "X-Request-Id: a<b"))
		res, body := w.answer()
		if got := fmt.Sprintf("%d %s %s", res.StatusCode, res.Header.Get("Content-Type"), body); !strings.HasPrefix(got, k.want) {
			t.Errorf("%s for %s: %q, want %q", k.path, k.accept, got, k.want)
		}
		replaced := strings.HasPrefix(body, "<p>")
		if res.Header.Get("X-Served") != "weir" || strings.HasPrefix(k.path, "/failing/") && (res.Header.Get("Retry-After") != "7" || (res.Header.Get("ETag") == "") != replaced) {
			t.Errorf("%s for %s has %v", k.path, k.accept, res.Header)
		}
		if res.StatusCode != 200 && res.StatusCode != 500 && !slices.Contains(res.Header.Values("Vary"), "Accept") {
			t.Errorf("%s for %s says Vary: %q", k.path, k.accept, res.Header.Values("Vary"))
		}
	}
}

// What no route takes passes the listener's own policies all the same.
func TestPoliciesOfAListenerOnAnswersThatNoRouteTook(t *testing.T) {
	t.Parallel()
	c := start(t, `
[listeners.web]
address = "{ip}:8080"
policies = "edge"
[policies.edge]
request_id = {}
headers.response = { set = { X-Served = "{listener}{route}" } }
cors = { origins = ["https://app.example.com"], credentials = true }
compress = { min_bytes = "0B", types = ["*"] }
[[routes]]
match = { path = "/here" }
respond = { body = "here" }
without = "edge"
`)
	w := dial(t, c.at(8080))
	w.send(req("a", "/nowhere", "Origin: https://app.example.com", "Accept-Encoding: gzip"))
	res, _ := w.answer()
	for name, want := range map[string]string{"X-Served": "web", "Access-Control-Allow-Origin": "https://app.example.com", "Access-Control-Allow-Credentials": "true"} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if vary := strings.Join(res.Header.Values("Vary"), ", "); res.StatusCode != 404 || res.Header.Get("X-Request-Id") == "" || !has(vary, "Origin", "Accept-Encoding") {
		t.Errorf("got %d %v", res.StatusCode, res.Header)
	}
	w.send(req("a", "/here", "Origin: https://app.example.com", "Accept-Encoding: gzip"))
	res, body := w.answer()
	if body != "here" || res.Header.Get("X-Served")+res.Header.Get("X-Request-Id")+res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without them: %v %s", res.Header, body)
	}
}
