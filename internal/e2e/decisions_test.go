//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// failing starts an endpoint that answers every request with the status.
func failing(t *testing.T, status int) string {
	t.Helper()
	ln := listen(t)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })}
	done := make(chan struct{})
	go func() { // the endpoint; ends with the test
		defer close(done)
		_ = s.Serve(ln)
	}()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return endpointOf(ln)
}

// upstreamOnly is a config of one listener and one upstream, whose keys follow.
const upstreamOnly = `
[listeners.web]
address = "{ip}:8080"
[[routes]]
upstream = "api"
[upstreams.api]
`

// decided waits until a series is at least want.
func (c *child) decided(want float64, series string) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%s is at least %v", series, want), func() bool { return c.metrics().value(series) >= want })
}

func TestPicksAndRetriesAreCounted(t *testing.T) {
	t.Parallel()
	alive := newOrigin(t, "alive")
	c := start(t, upstreamOnly+"endpoints = [\"{ip}:7001\", \"{alive}\"]\nbalance = \"round_robin\"\noutliers.max_ejected = \"off\"\n", "alive", alive.addr)
	w := dial(t, c.at(8080))
	for range 10 {
		if status, _ := w.get("/"); status != 200 {
			t.Fatalf("status %d", status)
		}
	}
	c.decided(1, `weir_upstream_retries_total{upstream="api",reason="connect"}`)
	m := c.metrics()
	picks, retries := m.value(`weir_upstream_picks_total{upstream="api",reason="picked"}`), m.value(`weir_upstream_retries_total{upstream="api",reason="connect"}`)
	if picks != 10+retries {
		t.Errorf("%v picks and %v retries for 10 requests", picks, retries)
	}
	c.order("drain", "api", alive.addr, "--maintenance")
	c.order("drain", "api", c.at(7001), "--maintenance")
	eventually(t, "nobody is picked", func() bool { status, _ := w.get("/"); return status == 503 })
	c.decided(1, `weir_upstream_picks_total{upstream="api",reason="no_endpoint"}`)
	before := c.metrics()
	c.mustReload()
	for _, series := range []string{`weir_upstream_picks_total{upstream="api",reason="picked"}`, `weir_upstream_retries_total{upstream="api",reason="connect"}`} {
		if now := c.metrics().value(series); now != before.value(series) {
			t.Errorf("%s is %v after a reload, was %v", series, now, before.value(series))
		}
	}
}

func TestAnEjectionIsCountedAndShown(t *testing.T) {
	t.Parallel()
	bad := failing(t, 500)
	c := start(t, upstreamOnly+"endpoints = [\"{bad}\", \"{one}\", \"{two}\"]\nbalance = \"round_robin\"\noutliers.base_ejection = \"1m\"\n",
		"bad", bad, "one", newOrigin(t, "one").addr, "two", newOrigin(t, "two").addr)
	w := dial(t, c.at(8080))
	ejected := `weir_endpoint_state{upstream="api",endpoint="` + bad + `",state="ejected"}`
	eventually(t, "the endpoint that fails is ejected", func() bool {
		w.get("/")
		return c.metrics().value(ejected) == 1
	})
	if n := c.metrics().sum("weir_upstream_ejections_total", `upstream="api"`, `reason="consecutive_errors"`); n != 1 {
		t.Errorf("%v ejections", n)
	}
	_, out, _ := command(t, "status", "-c", c.file)
	if !has(out, "UPSTREAM api: round_robin, 2 of 3 ready", bad+"  ejected", "back in ") {
		t.Errorf("the status is\n%s", out)
	}
}

func TestTheQueueIsCountedAndShown(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, "one")
	c := start(t, upstreamOnly+"endpoints = \"{one}\"\nmax_in_flight = 1\nqueue = { size = 1, timeout = \"5m\" }\n", "one", o.addr)
	first, second := dial(t, c.at(8080)), dial(t, c.at(8080))
	const slow = "GET /held HTTP/1.1\r\nHost: weir.test\r\n\r\n"
	first.send(slow)
	eventually(t, "the first is with the endpoint", func() bool { return o.requests.Load() == 1 })
	second.send(slow)
	c.decided(1, `weir_upstream_queue_depth{upstream="api"}`)
	if status, _ := get(t, c.at(8080), "/"); status != 503 {
		t.Errorf("the third is answered %d", status)
	}
	_, out, _ := command(t, "status", "-c", c.file)
	if !has(out, "1 queued", "1/1") {
		t.Errorf("the status is\n%s", out)
	}
	o.letGo()
	for _, w := range []*wire{first, second} {
		if resp, body := w.answer(); resp.StatusCode != 200 || body != "one" {
			t.Errorf("one that waited got %d %s", resp.StatusCode, body)
		}
	}
	m := c.metrics()
	for series, want := range map[string]float64{
		`weir_upstream_queued_total{upstream="api"}`:                        1,
		`weir_upstream_shed_total{upstream="api",reason="full"}`:            1,
		`weir_upstream_shed_total{upstream="api",reason="timeout"}`:         0,
		`weir_upstream_queue_depth{upstream="api"}`:                         0,
		`weir_endpoint_limit{upstream="api",endpoint="` + o.addr + `"}`:     1,
		`weir_endpoint_in_flight{upstream="api",endpoint="` + o.addr + `"}`: 0,
	} {
		if got := m.value(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}

// Without a queue who finds the endpoint full is refused at once, with queue.timeout after that.
func TestAQueueThatIsNotThereAndOneThatTakesTooLong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ keys, reason string }{
		"no queue": {"max_in_flight = 1\nqueue.size = 0\n", "full"},
		"a queue":  {"max_in_flight = 1\nqueue.timeout = \"50ms\"\n", "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, "one")
			c := start(t, upstreamOnly+"endpoints = \"{one}\"\n"+test.keys, "one", o.addr)
			first := dial(t, c.at(8080))
			first.send("GET /held HTTP/1.1\r\nHost: weir.test\r\n\r\n")
			eventually(t, "the first is with the endpoint", func() bool { return o.requests.Load() == 1 })
			if status, _ := get(t, c.at(8080), "/"); status != 503 {
				t.Errorf("the second is answered %d", status)
			}
			c.decided(1, `weir_upstream_shed_total{upstream="api",reason="`+test.reason+`"}`)
			o.letGo()
			first.answer()
		})
	}
}

func TestABreakerIsCountedAndShown(t *testing.T) {
	t.Parallel()
	c := start(t, upstreamOnly+"endpoints = \"{bad}\"\nretry.attempts = 0\nbreaker = { min_requests = 5, open = \"1m\" }\n", "bad", failing(t, 500))
	state := func(s string) string { return `weir_upstream_breaker_state{upstream="api",state="` + s + `"}` }
	if m := c.metrics(); m.value(state("closed")) != 1 || m.value(state("open")) != 0 || len(m.series("weir_upstream_breaker_state")) != 3 {
		t.Errorf("at first: %v", m.series("weir_upstream_breaker_state"))
	}
	w := dial(t, c.at(8080))
	eventually(t, "the breaker opens", func() bool { status, _ := w.get("/"); return status == 503 })
	c.decided(1, `weir_upstream_picks_total{upstream="api",reason="breaker_open"}`)
	if m := c.metrics(); m.value(state("open")) != 1 || m.value(state("closed")) != 0 {
		t.Error("the breaker is not shown as open")
	}
	if _, out, _ := command(t, "status", "-c", c.file); !has(out, "breaker open") {
		t.Errorf("the status is\n%s", out)
	}
	c.mustReload()
	if status, _ := w.get("/"); status != 503 {
		t.Errorf("after a reload the breaker lets through: %d", status)
	}
}

func TestAHedgeIsCounted(t *testing.T) {
	t.Parallel()
	quick := newOrigin(t, "quick")
	stall := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // it never answers
	})}
	ln := listen(t)
	served := make(chan struct{})
	go func() { defer close(served); _ = stall.Serve(ln) }() // ends with the test
	t.Cleanup(func() { _ = stall.Close(); <-served })
	c := start(t, upstreamOnly+"endpoints = [\"{stall}\", \"{quick}\"]\nbalance = \"round_robin\"\nhedge = { after = \"50ms\", budget = \"100%\" }\nretry.budget = \"100%\"\n",
		"stall", endpointOf(ln), "quick", quick.addr)
	w := dial(t, c.at(8080))
	for range 4 { // of which two have no answer but a hedge's
		if status, body := w.get("/"); status != 200 || body != "quick" {
			t.Errorf("answered %d %q", status, body)
		}
	}
	c.decided(1, `weir_upstream_hedges_total{upstream="api",result="won"}`)
}

// The status of a normal setup fits a terminal.
func TestTheStatusFitsATerminal(t *testing.T) {
	t.Parallel()
	c, one, _, _ := startTrio(t)
	dial(t, c.at(8080)).get("/")
	c.order("drain", "api", one.addr)
	code, out, errs := command(t, "status", "-c", c.file)
	if code != 0 || !has(out, "UPSTREAM api: round_robin, 2 of 3 ready", one.addr+"  draining") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	for line := range strings.Lines(out) {
		if n := utf8.RuneCountInString(line); n > 81 && !strings.HasPrefix(line, "weir ") { // the first has a path
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
