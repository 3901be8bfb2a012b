package gateway

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"weir/health"
	"weir/internal/admin"
	"weir/internal/conf"
	"weir/lb"
)

// one returns an endpoint of an upstream of its own.
func one(t testing.TB) *lb.Endpoint {
	t.Helper()
	return oneOf(t, lb.NewRegistry(nil))
}

func oneOf(t testing.TB, r *lb.Registry) *lb.Endpoint {
	t.Helper()
	a, err := conf.ParseAddress("127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	u, err := r.Adopt("u", lb.Config{Balance: lb.RoundRobin, Endpoints: []lb.EndpointConfig{{Address: a, Weight: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	return u.View().Members()[0].Endpoint
}

func TestReachSpeaksOncePerChange(t *testing.T) {
	out := &buffer{}
	r := &reach{log: slog.New(slog.NewTextHandler(out, nil))}
	e := one(t)
	for _, step := range []struct {
		what  string
		do    func()
		lines int // in all
		why   string
	}{
		{"fine from the start", func() { r.found(e) }, 0, ""},
		{"lost", func() { r.lost(e, errors.New("refused")) }, 1, "refused"},
		{"lost for another reason", func() { r.lost(e, errors.New("timeout")) }, 1, "timeout"},
		{"a cut for no reason of its own", func() { r.lost(e, nil) }, 1, "timeout"},
		{"found", func() { r.found(e) }, 2, ""},
		{"found again", func() { r.found(e) }, 2, ""},
		{"lost again", func() { r.lost(e, errors.New("refused")) }, 3, "refused"},
		{"lost as a dial says it", func() { r.lost(e, refusedDial()) }, 3, "connect: connection refused"},
		{"gone from the config", func() { r.forget(e) }, 3, ""},
	} {
		step.do()
		if n := strings.Count(out.String(), "\n"); n != step.lines || r.why(e) != step.why {
			t.Errorf("%s: %d lines and %q, want %d and %q", step.what, n, r.why(e), step.lines, step.why)
		}
	}
}

// A request's failed dial was shown under an endpoint that probes had found ready since, for as long
// as no request went there.
func TestAProbeThatMakesAnEndpointReadyEndsItsLoss(t *testing.T) {
	out := &buffer{}
	r, e := &reach{log: slog.New(slog.NewTextHandler(out, nil))}, one(t)
	for _, step := range []struct {
		what   string
		change health.Change
		why    string
	}{
		{"down", health.Change{Endpoint: e, By: lb.ByProbe, State: lb.Down}, "refused"},
		{"pardoned, but nobody has connected", health.Change{Endpoint: e, By: lb.ByTraffic, State: lb.Ready}, "refused"},
		{"another is ready", health.Change{Endpoint: one(t), By: lb.ByProbe, State: lb.Ready}, "refused"},
		{"ready", health.Change{Endpoint: e, By: lb.ByProbe, State: lb.Ready}, ""},
	} {
		if r.why(e) == "" {
			r.lost(e, errors.New("refused"))
		}
		r.judged(step.change)
		if got := r.why(e); got != step.why {
			t.Errorf("%s: %q, want %q", step.what, got, step.why)
		}
	}
	if !strings.Contains(out.String(), "endpoint reachable again") {
		t.Errorf("the log does not say so: %s", out)
	}
}

func TestALossOlderThanTheStateIsNotShown(t *testing.T) {
	registry := lb.NewRegistry(nil)
	r, e := &reach{log: slog.New(slog.DiscardHandler)}, oneOf(t, registry)
	r.lost(e, errors.New("refused"))
	if got := r.why(e); got != "refused" {
		t.Fatalf("a new loss is shown as %q", got)
	}
	registry.Judge(lb.ByOperator, lb.Draining, "release", e)
	if got := r.why(e); got != "" {
		t.Errorf("one from before the state is shown as %q", got)
	}
	r.lost(e, errors.New("timeout"))
	if got := r.why(e); got != "timeout" {
		t.Errorf("one since then is shown as %q", got)
	}
}

func TestStatusForgetsARefusalOnceProbesSucceed(t *testing.T) {
	a := free(t)
	r := start(t, `
listeners.main = { address = "127.0.0.1:0" }
upstreams.orders = { endpoints = ["`+a+`"], health = { tcp = {}, interval = "20ms" } }
[[routes]]
match = { path = "/*" }
upstream = "orders"
`)
	of := func() admin.EndpointStatus { return r.g.Status().Upstreams[0].Endpoints[0] }
	r.get("main", "/")
	until(t, "down", func() bool { return of().State == "down" })
	l, err := net.Listen("tcp", a)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	until(t, "ready", func() bool { return of().State == "ready" })
	until(t, "no cause", func() bool { return of().Why == "" })
	until(t, "a word on it in the log", func() bool {
		log := r.log.String()
		return strings.Contains(log, "endpoint unreachable") == strings.Contains(log, "endpoint reachable again")
	})
}

// refusedDial is what net.Dial returns where nobody listens.
func refusedDial() error {
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}
	return &net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

func TestReachCostsNothingWhileAllIsWell(t *testing.T) {
	r, e := &reach{}, one(t)
	if n := testing.AllocsPerRun(1000, func() { r.found(e) }); n != 0 {
		t.Errorf("found allocates %v times", n)
	}
}

func BenchmarkReachFound(b *testing.B) {
	r, e := &reach{}, one(b)
	for b.Loop() {
		r.found(e)
	}
}

func TestCarryCountsWhatCameSinceTheLastTime(t *testing.T) {
	var told int64
	n := 0
	for _, c := range []struct {
		now  int64
		want int
	}{{0, 0}, {3, 3}, {3, 3}, {5, 5}} {
		carry(&told, c.now, func() { n++ })
		if n != c.want {
			t.Errorf("at %d: counted %d, want %d", c.now, n, c.want)
		}
	}
}
