//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/internal/testkit"
)

// asked is what an endpoint was asked with.
type asked struct{ method, path, cookie string }

// shared is an API that scripts of one site may use.
const shared = `
[access_log]
path = "{dir}/access.log"
[listeners.web]
address = "{ip}:8080"
[[routes]]
name = "api"
match = { path = "/api/*", methods = ["GET", "PUT", "POST"] }
policies = "site"
upstream = "api"
[[routes]]
name = "closed"
match = { path = "/closed/*" }
upstream = "api"
[policies.site.cors]
origins = ["{origin}"]
methods = ["GET", "PUT"]
headers = ["Content-Type", "X-Custom"]
expose = ["X-Total"]
credentials = true
[upstreams.api]
endpoints = "{api}"
`

// script makes the calls of a page and reports what each came to.
const script = `<!doctype html><script>
const api = "http://api.weir.test:8080";
const calls = [
  ["simple", "/api/simple", {credentials: "include"}],
  ["put", "/api/put", {method: "PUT", credentials: "include", body: "{}", headers: {"Content-Type": "application/json", "X-Custom": "1"}}],
  ["delete", "/api/delete", {method: "DELETE"}],
  ["field", "/api/field", {headers: {"X-Else": "1"}}],
  ["closed", "/closed/get", {}],
  ["missing", "/api/missing", {}],
  ["cookie", "/api/cookie", {credentials: "include"}],
  ["bare", "/api/bare", {credentials: "omit"}],
];
(async () => {
  const found = {};
  for (const [name, path, init] of calls) {
    try {
      const r = await fetch(api + path, init);
      found[name] = [r.status, await r.text(), r.headers.get("X-Total"), r.headers.get("X-Hidden")].join(" ");
    } catch (e) { found[name] = String(e).split(":")[0]; }
  }
  await fetch("/report", {method: "POST", body: JSON.stringify(found)});
})();
</script>`

// newSharedAPI starts an endpoint that knows nothing of CORS, and returns what it was asked.
func newSharedAPI(t *testing.T) (address string, seen func() []asked) {
	t.Helper()
	var mu sync.Mutex
	var all []asked
	address = serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		all = append(all, asked{r.Method, r.URL.Path, r.Header.Get("Cookie")})
		mu.Unlock()
		w.Header().Set("X-Total", "7")
		w.Header().Set("X-Hidden", "8")
		w.Header().Set("Access-Control-Allow-Origin", "*") // Weir's word counts
		w.Header().Set("Set-Cookie", "who=me; Path=/")
		if r.URL.Path == "/api/missing" {
			w.WriteHeader(404)
		}
		_, _ = io.WriteString(w, "ok") // a client that left shows elsewhere
	})
	return address, func() []asked {
		mu.Lock()
		defer mu.Unlock()
		return append([]asked(nil), all...)
	}
}

// serveHTTP starts a server; it ends with the test.
func serveHTTP(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	ln := listen(t)
	s := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() { // the server; ends with the test
		defer close(done)
		_ = s.Serve(ln)
	}()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return endpointOf(ln)
}

// site is a page of its own origin, and what its script reports.
type site struct {
	origin, port string
	reports      chan map[string]string
}

func newSite(t *testing.T, host string) *site {
	t.Helper()
	s := &site{reports: make(chan map[string]string, 1)}
	address := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, script) // a browser that left shows elsewhere
		case "/report":
			found := map[string]string{}
			_ = json.NewDecoder(r.Body).Decode(&found) // the test misses what is not there
			s.reports <- found
		}
	})
	_, s.port, _ = net.SplitHostPort(address)
	s.origin = "http://" + host + ":" + s.port
	return s
}

// visit shows the page in a browser for which every name of weir.test but api is this machine, and returns the report.
func (s *site) visit(t *testing.T, api string) map[string]string {
	t.Helper()
	program := testkit.Require(t, "chromium")
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--disable-extensions", "--user-data-dir="+t.TempDir(), "--host-resolver-rules=MAP api.weir.test "+api+", MAP *.weir.test 127.0.0.1",
		"--remote-debugging-port=0", s.origin+"/")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // it has children of its own
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // it was killed
	}()
	select {
	case found := <-s.reports:
		return found
	case <-time.After(time.Minute):
		t.Fatal("the browser reports nothing")
		return nil
	}
}

// What a browser lets scripts of another site do is what the config says.
func TestABrowserHeedsCORS(t *testing.T) {
	t.Parallel()
	friend, stranger := newSite(t, "app.weir.test"), newSite(t, "evil.weir.test")
	api, seen := newSharedAPI(t)
	c := start(t, shared, "api", api, "origin", friend.origin)
	const refused = "TypeError"
	compare := func(who string, found, want map[string]string) {
		t.Helper()
		for name := range want {
			if found[name] != want[name] {
				t.Errorf("%s: %s came to %q, want %q", who, name, found[name], want[name])
			}
		}
	}
	compare("a friend", friend.visit(t, c.ip), map[string]string{"simple": "200 ok 7 ", "put": "200 ok 7 ", "delete": refused, "field": refused, "closed": "200 ok  ",
		"missing": "404 ok 7 ", "cookie": "200 ok 7 ", "bare": "200 ok 7 "})
	reached := fmt.Sprint(seen())
	for _, want := range []string{"{GET /api/simple }", "{PUT /api/put who=me}", "{GET /api/cookie who=me}", "{GET /api/bare }"} {
		if !strings.Contains(reached, want) {
			t.Errorf("the endpoint was not asked %s: %s", want, reached)
		}
	}
	for _, never := range []string{"OPTIONS", "/api/delete", "/api/field"} {
		if strings.Contains(reached, never) {
			t.Errorf("the endpoint was asked %s: %s", never, reached)
		}
	}
	before := len(seen())
	compare("a stranger", stranger.visit(t, c.ip), map[string]string{"simple": refused, "put": refused, "delete": refused, "field": refused, "closed": "200 ok  ",
		"missing": refused, "cookie": refused, "bare": refused})
	if asked := fmt.Sprint(seen()[before:]); has(asked, "PUT") || !has(asked, "/api/simple") {
		t.Errorf("for a stranger the endpoint was asked %s", asked)
	}
}
