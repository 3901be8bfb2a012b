package health

import (
	"log/slog"
	"strconv"
	"testing"
	"time"

	"weir/lb"
)

// crowd is an upstream of n endpoints that have been used so many times each, and its peers.
func crowd(tb testing.TB, n, uses int) (*Outliers, *peers) {
	tb.Helper()
	r := lb.NewRegistry(nil)
	o, err := NewOutliers(r, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		tb.Fatal(err)
	}
	c := lb.Default()
	c.Balance, c.Streak = lb.RoundRobin, 5
	for i := range n {
		c.Endpoints = append(c.Endpoints, lb.EndpointConfig{Address: address(tb, i), Weight: 1})
	}
	u, err := r.Adopt("orders", c)
	if err != nil {
		tb.Fatal(err)
	}
	r.Judge(lb.ByProbe, lb.Ready, "", endpointsOf(u.View().Members())...)
	config := DefaultOutliers()
	o.Adopt([]Target{{Upstream: u, Outliers: &config}})
	for i := range uses * n {
		l, _ := u.Pick(lb.Key{}, lb.Tried{})
		l.Done(lb.Outcome{Route: uint32(i/n) % 4})
	}
	return o, o.peers["orders"]
}

// What a row of errors costs to judge, among n endpoints.
func BenchmarkJudgingARow(b *testing.B) {
	for _, n := range []int{10, 10000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			_, p := crowd(b, n, 120)
			suspects := p.list[:1]
			for b.Loop() {
				p.failing(3, suspects, time.Time{})
			}
		})
	}
}

// What a comparison of rates costs, which is made every 10 s.
func BenchmarkComparingRates(b *testing.B) {
	for _, n := range []int{10, 10000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			_, p := crowd(b, n, 120)
			for b.Loop() {
				p.lagging()
			}
		})
	}
}

// What Adopt costs where nothing has changed, as after each answer of a discovery.
func BenchmarkAdopting(b *testing.B) {
	o, p := crowd(b, 10000, 4)
	m, err := New(o.registry, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		b.Fatal(err)
	}
	targets := []Target{{Upstream: p.upstream, Config: steady(), Outliers: &p.config}}
	m.Adopt(targets)
	b.Run("probes", func(b *testing.B) {
		for b.Loop() {
			m.Adopt(targets)
		}
	})
	b.Run("outliers", func(b *testing.B) {
		for b.Loop() {
			o.Adopt(targets)
		}
	})
}

// Judging costs a few loads per endpoint. The bounds are far above what it takes on a machine at rest,
// 0.2 ms and 7 ms, and below what anything quadratic would take.
func TestJudgingTenThousandIsCheap(t *testing.T) {
	_, p := crowd(t, 10000, 4)
	for _, c := range []struct {
		what  string
		do    func()
		bound time.Duration
	}{
		{"a row", func() { p.failing(3, p.list[:1], time.Time{}) }, 500 * time.Millisecond},
		{"rates", func() { p.lagging() }, time.Second},
	} {
		best := time.Hour
		for tries := 0; tries < 10 && best > c.bound; tries++ {
			begin := time.Now()
			c.do()
			best = min(best, time.Since(begin))
		}
		t.Logf("%s: %v", c.what, best)
		if best > c.bound {
			t.Errorf("%s: %v, want at most %v", c.what, best, c.bound)
		}
	}
}

func TestJudgingAllocatesNothingWhereNobodyIsAnOutlier(t *testing.T) {
	_, p := crowd(t, 50, 120)
	suspects := p.list[:5]
	if n := testing.AllocsPerRun(100, func() { p.failing(3, suspects, time.Time{}) }); n != 0 {
		t.Errorf("judging rows allocates %v times", n)
	}
}

// One goroutine looks after all endpoints; a probe has one more while it runs.
func BenchmarkAnHTTPProbe(b *testing.B) {
	l := serve(b, "tcp", "127.0.0.1:0", answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	benchmarkProbe(b, l.Addr().String(), httpConfig(nil))
}

func BenchmarkATCPProbe(b *testing.B) {
	l := serve(b, "tcp", "127.0.0.1:0", answer(""))
	benchmarkProbe(b, l.Addr().String(), tcpConfig("", ""))
}

func BenchmarkAGRPCProbe(b *testing.B) {
	l, _, _ := serveGRPC(b, "127.0.0.1:0")
	benchmarkProbe(b, l.Addr().String(), grpcConfig(""))
}

func benchmarkProbe(b *testing.B, at string, c *Config) {
	p := newProbe(endpointAt(b, at), newMethod(c, Way{}, nil))
	defer p.close()
	b.ReportAllocs()
	for b.Loop() {
		if err := p.run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
