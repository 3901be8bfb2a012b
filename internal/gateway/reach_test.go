package gateway

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"weir/internal/conf"
	"weir/lb"
)

// one returns an endpoint of an upstream of its own.
func one(t testing.TB) *lb.Endpoint {
	t.Helper()
	a, err := conf.ParseAddress("127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	u, err := lb.NewRegistry(nil).Adopt("u", lb.Config{Balance: lb.RoundRobin, Endpoints: []lb.EndpointConfig{{Address: a, Weight: 1}}})
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
