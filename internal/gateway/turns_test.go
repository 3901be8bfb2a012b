package gateway

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"weir/lb"
)

func TestTheLogSaysOnceThatABreakerOpensAndThatItCloses(t *testing.T) {
	var fine atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !fine.Load() {
			w.WriteHeader(500)
		}
		_, _ = io.WriteString(w, "answer")
	}))
	t.Cleanup(s.Close)
	r := start(t, "[listeners.web]\n"+any0+"[[routes]]\nupstream = \"u\"\n[upstreams.u]\nendpoints = \""+s.Listener.Addr().String()+
		"\"\nbreaker = { failure_rate = \"50%\", min_requests = 6, open = \"1100ms\" }\n")
	for range 6 {
		r.get("web", "/")
	}
	until(t, "the breaker is open", func() bool { return r.upstream("u").Breaker == "open" })
	res, err := r.client.Get(r.url("web", "/"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if after, err := strconv.Atoi(res.Header.Get("Retry-After")); res.StatusCode != 503 || err != nil || after < 1 || after > 2 {
		t.Errorf("%d with Retry-After %q; want 503, and what is left of 1.1s in whole seconds", res.StatusCode, res.Header.Get("Retry-After"))
	}
	opened := "upstream u: breaker open for 1.1s: 6 of 6 uses of the last 10s failed"
	until(t, "the log says that it is open", func() bool { return strings.Contains(r.log.String(), opened) })
	until(t, "a trial has failed", func() bool {
		r.get("web", "/")
		return strings.Contains(r.metrics(), `weir_upstream_breaker_opened_total{upstream="u"} 2`)
	})
	fine.Store(true)
	until(t, "it is closed", func() bool {
		r.get("web", "/")
		return strings.Contains(r.log.String(), "upstream u: breaker closed")
	})
	for _, text := range []string{"breaker open", "breaker closed"} {
		if n := strings.Count(r.log.String(), text); n != 1 {
			t.Errorf("the log says %d times %q:\n%s", n, text, r.log)
		}
	}
}

func TestTheLogSaysOnceThatThereIsPanicAndThatItIsOver(t *testing.T) {
	r := start(t, turns("127.0.0.1:1", "127.0.0.1:2"))
	all := r.g.registry.Endpoints()
	count := func(text string) int { return strings.Count(r.log.String(), text) }
	for n := 1; n <= 2; n++ {
		r.g.registry.Judge(lb.ByTraffic, lb.Ejected, "a test", all...)
		until(t, "the log says that there is panic", func() bool { return count("upstream u: panic: so few") == n })
		r.reload(turns("127.0.0.1:1", "127.0.0.1:2"))
		r.g.registry.Judge(lb.ByTraffic, lb.Ready, "", all...)
		until(t, "the log says that it is over", func() bool { return count("upstream u: panic is over") == n })
	}
}

func TestWhatTheLogSaysOfABreaker(t *testing.T) {
	g := New(Options{})
	defer g.end()
	v := upstreamOf(t, g, "n:1", "a").View()
	type seen struct {
		state  string
		opened uint64
	}
	for _, c := range []struct {
		what string
		seen []seen
		want string // O for opened, C for closed
	}{
		{"nothing", []seen{{"closed", 0}, {"closed", 0}}, ""},
		{"an opening and a closing", []seen{{"open", 1}, {"half_open", 1}, {"closed", 1}}, "OC"},
		{"a trial that fails", []seen{{"open", 1}, {"half_open", 1}, {"open", 2}, {"closed", 2}}, "OC"},
		{"open and closed unseen", []seen{{"closed", 1}, {"closed", 1}}, "OC"},
		{"two openings", []seen{{"open", 1}, {"closed", 1}, {"open", 2}}, "OCO"},
		{"switched off while open", []seen{{"open", 1}, {"off", 0}, {"closed", 1}, {"open", 2}}, "OCO"},
		{"never on", []seen{{"off", 0}}, ""},
	} {
		var log buffer
		var known turned
		for _, s := range c.seen {
			known = known.next(slog.New(slog.NewTextHandler(&log, nil)), "u", &lb.GateStats{Breaker: s.state, BreakerOpened: s.opened}, v)
		}
		got := ""
		for line := range strings.Lines(log.String()) {
			switch {
			case strings.Contains(line, "WARN") && strings.Contains(line, "breaker open for"):
				got += "O"
			case strings.Contains(line, "INFO") && strings.Contains(line, "breaker closed"):
				got += "C"
			}
		}
		if got != c.want {
			t.Errorf("%s: the log says %q, want %q", c.what, got, c.want)
		}
	}
}

func TestWhoTurnsNeverWaits(t *testing.T) {
	g := New(Options{})
	defer g.end()
	if n := testing.AllocsPerRun(100, g.turns.turn); n != 0 { // nobody listens
		t.Errorf("a turn allocates %v times", n)
	}
}
