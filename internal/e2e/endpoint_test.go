//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// problem is the body of an answer that Weir gives in place of an endpoint.
type problem struct {
	Title, Detail string
	Status        int
}

// refused makes one GET and demands a problem with the status and that cause in Proxy-Status.
func refused(t *testing.T, w *wire, path string, status int, cause string) {
	t.Helper()
	w.send("GET " + path + " HTTP/1.1\r\nHost: weir.test\r\n\r\n")
	resp, body := w.answer()
	if resp.StatusCode != status || !strings.Contains(resp.Header.Get("Proxy-Status"), cause) {
		t.Errorf("%s: %s, Proxy-Status %q, want %d and %s", path, resp.Status, resp.Header.Get("Proxy-Status"), status, cause)
	}
	var p problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != status || p.Detail == "" {
		t.Errorf("%s: the body is %q: %v", path, body, err)
	}
	if kind := resp.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("%s: Content-Type %q", path, kind)
	}
}

func TestEndpointThatRefuses(t *testing.T) {
	t.Parallel()
	c := start(t, strings.ReplaceAll(web, "{origin}", "{ip}:7001"))
	w := dial(t, c.at(8080))
	for range 20 {
		refused(t, w, "/", 502, "connection_refused")
	}
	c.logged(1, `"level":"WARN"`, c.at(7001), "refused")

	o := newOrigin(t, "back", c.at(7001))
	for range 20 {
		if status, body := w.get("/"); status != 200 || body != "back" {
			t.Fatalf("after it came: %d %q", status, body)
		}
	}
	c.logged(1, `"level":"INFO"`, c.at(7001))

	o.stop()
	for range 20 {
		refused(t, w, "/", 502, "connection_refused")
	}
	c.logged(2, `"level":"WARN"`, c.at(7001), "refused")
	if n := len(c.stderr.lines(c.at(7001))); n != 3 {
		t.Errorf("%d lines about the endpoint for 3 changes:\n%s", n, c.stderr)
	}
}

func TestTCPEndpointThatRefuses(t *testing.T) {
	t.Parallel()
	c := start(t, `
[listeners.relay]
address = "{ip}:7000"
kind = "tcp"
upstream = "echo"
[upstreams.echo]
endpoints = "{ip}:7001"
`)
	for range 10 {
		turnedAway(t, c.at(7000))
	}
	c.logged(1, `"level":"WARN"`, c.at(7001), "refused")
	newEcho(t, c.at(7001))
	w := dial(t, c.at(7000))
	w.echo("hello")
	w.Close()
	c.logged(2, `"endpoint":"`+c.at(7001))
}

// A request whose endpoint refuses goes to another one, whatever the method.
func TestDeadEndpointCostsNoRequest(t *testing.T) {
	t.Parallel()
	alive := newOrigin(t, "alive")
	c := start(t, strings.ReplaceAll(web, `"{origin}"`, `["{ip}:7001", "{origin}"]`), "origin", alive.addr)
	w := dial(t, c.at(8080))
	for i := range 50 {
		method := []string{"GET", "POST"}[i%2]
		w.send(method + " /sink HTTP/1.1\r\nHost: weir.test\r\nContent-Length: 5\r\n\r\nhello")
		if resp, body := w.answer(); resp.StatusCode != 200 || body != "5" {
			t.Fatalf("request %d: %s %q", i, resp.Status, body)
		}
	}
}

func TestProbesTakeAnEndpointOutAndIn(t *testing.T) {
	t.Parallel()
	one, two := newOrigin(t, "one"), newOrigin(t, "two")
	c := start(t, `
[listeners.web]
address = "{ip}:8080"
[[routes]]
upstream = "api"
[upstreams.api]
endpoints = ["{one}", "{two}"]
balance = "round_robin"
health = { http = { path = "/healthz" }, interval = "20ms", timeout = "1s", rise = 2, fall = 2 }
`, "one", one.addr, "two", two.addr)
	w := dial(t, c.at(8080))
	serving := func(when string, want ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("%s, answers come from %q", when, want), func() bool { return slices.Equal(answering(w, 10), want) })
	}
	serving("while both are fit", "one", "two")
	two.fit.Store(false)
	serving("while two is not", "one")
	c.counts(1, "weir_endpoint_state", `endpoint="`+two.addr+`"`, `state="down"`)
	if state := c.endpointStates("api")[two.addr]; state != "down" {
		t.Errorf("two is %s", state)
	}
	two.fit.Store(true)
	serving("when two is back", "one", "two")
	one.fit.Store(false)
	two.fit.Store(false)
	serving("while neither is", "status 503")
	refused(t, w, "/", 503, "destination_unavailable")
}

// answering makes n requests and returns who answered, in order of name and each once.
func answering(w *wire, n int) []string {
	w.t.Helper()
	by := map[string]bool{}
	for range n {
		status, body := w.get("/")
		if status != 200 {
			body = fmt.Sprint("status ", status)
		}
		by[body] = true
	}
	return slices.Sorted(maps.Keys(by))
}
