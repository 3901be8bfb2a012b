package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// slow is a source whose maker takes its time: a generator that can't keep up, on any machine.
type slow struct {
	Source
	takes time.Duration
}

type slowMaker struct {
	Maker
	takes time.Duration
}

func newSlow(t *testing.T, takes time.Duration) slow {
	t.Helper()
	s, err := Fixed("GET", "/", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return slow{s, takes}
}

func (s slow) Maker(form Form, authority string, seed uint64) Maker {
	return &slowMaker{s.Source.Maker(form, authority, seed), s.takes}
}

func (m *slowMaker) Fill(n int64, r *Request) {
	for from := time.Now(); time.Since(from) < m.takes; {
	}
	m.Maker.Fill(n, r)
}

func TestAGeneratorThatCannotHoldTheRateSaysSo(t *testing.T) {
	at := startEndpoint(t, fine)
	for what, cfg := range map[string]Config{
		"many idle connections": {Connections: 2000},
		"always some busy":      {Connections: 16},
	} {
		cfg.Target, cfg.Source, cfg.Threads = "http://"+at, newSlow(t, 100*time.Microsecond), 1
		cfg.Rate, cfg.Duration, cfg.Timeout = 10e6, time.Second, 500*time.Millisecond
		best(t, func() string {
			r := mustRun(t, cfg)
			if r.Valid() || r.Unsent == 0 || r.Series[0].Busy < 0.8 {
				return fmt.Sprintf("%s: %v, %d unsent, lag %v, busy %v; want an invalid run", what, r.Invalid, r.Unsent, r.Lag.P99, r.Series[0].Busy)
			}
			return ""
		})
	}
}

// best judges what a busy machine can only make worse: the first of ten tries without a complaint will do.
func best(t *testing.T, try func() (complaint string)) {
	t.Helper()
	var complaints []string
	for range 10 {
		complaint := try()
		if complaint == "" {
			return
		}
		complaints = append(complaints, complaint)
	}
	t.Errorf("ten tries:\n%s", strings.Join(complaints, "\n"))
}

func TestATargetThatCannotHoldTheRateIsNoFaultOfTheGenerators(t *testing.T) {
	at := listen(t, func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		for {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			<-time.After(5 * time.Millisecond) // the endpoint's capacity: 2 × 200/s
			io.WriteString(c, fine)
		}
	})
	best(t, func() string {
		// The bound for the lag is a busy machine's.
		r := mustRun(t, Config{Target: "http://" + at, Connections: 2, Rate: 2000, Duration: time.Second, Timeout: time.Second, MaxLag: 20 * time.Millisecond})
		if !r.Valid() || r.Late < r.Requests/2 || r.Unsent == 0 || r.Latency.P50 < 100*time.Millisecond {
			return fmt.Sprintf("%v, %d of %d late, %d unsent, p50 %v; want a valid run with a queue", r.Invalid, r.Late, r.Requests, r.Unsent, r.Latency.P50)
		}
		if r.LagHistogram.Count() != r.Requests || r.Series[0].Busy > 0.8 {
			return fmt.Sprintf("%d lags of %d requests, busy %v; want all known, and rest", r.LagHistogram.Count(), r.Requests, r.Series[0].Busy)
		}
		return ""
	})
}

func TestAnIdleLoopIsAtRest(t *testing.T) {
	at := startEndpoint(t, fine)
	best(t, func() string {
		r := mustRun(t, Config{Target: "http://" + at, Rate: 100, Duration: time.Second, Threads: 1})
		if busy := r.Series[0].Busy; busy <= 0 || busy > 0.5 {
			return fmt.Sprintf("busy %v; want a little", busy)
		}
		return ""
	})
}

// freezer is an endpoint that answers at once but for one pause, in which it answers nobody.
type freezer struct {
	begin, length time.Duration
	once          sync.Once
	from          time.Time // of the first request
}

func (f *freezer) serve(c *net.TCPConn) {
	in := bufio.NewReader(c)
	for {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		f.once.Do(func() { f.from = time.Now() })
		if since := time.Since(f.from); since > f.begin && since < f.begin+f.length {
			<-time.After(f.begin + f.length - since) // the freeze under test
		}
		if _, err := io.WriteString(c, fine); err != nil {
			return
		}
	}
}

// checkFreeze runs a fixed rate for six times the freeze. A sixth of all requests waits, for times spread evenly up
// to the whole freeze, so the slowest tenth for more than 0.4 of it, the slowest hundredth for more than 0.94.
// It says what is wrong.
func checkFreeze(t *testing.T, freeze time.Duration, rate float64, share float64, floor, maxLag time.Duration) string {
	t.Helper()
	f := &freezer{begin: freeze, length: freeze}
	r := mustRun(t, Config{
		Target: "http://" + listen(t, f.serve), Connections: 64, Rate: rate, Duration: 6 * freeze, MaxLag: maxLag,
	})
	if r.Failed() != 0 || !r.Valid() || r.OK != int64(rate*6*freeze.Seconds()) {
		return fmt.Sprintf("ok %d, %v, %d unsent, %v; want a valid run without failures", r.OK, r.Failures, r.Unsent, r.Invalid)
	}
	var wrong strings.Builder
	for _, c := range []struct{ quantile, want float64 }{{0.9, 0.4}, {0.99, 0.94}} {
		got, want := r.Histogram.Quantile(c.quantile), time.Duration(c.want*float64(freeze))
		if allowed := max(floor, time.Duration(share*float64(want))); (got - want).Abs() > allowed {
			fmt.Fprintf(&wrong, "p%v is %v, want %v ± %v; ", 100*c.quantile, got, want, allowed)
		}
	}
	t.Logf("p90 %v, p99 %v, lag p99 %v, late %d", r.Latency.P90, r.Latency.P99, r.Lag.P99, r.Late)
	return wrong.String()
}

func TestAFreezeIsChargedToEveryRequestThatItDelays(t *testing.T) {
	// The bounds are a busy machine's; the soak test has those that count.
	best(t, func() string { return checkFreeze(t, 300*time.Millisecond, 500, 0.05, 90*time.Millisecond, time.Hour) })
}

func TestARequestAllocatesNothing(t *testing.T) {
	at := startEndpoint(t, fine)
	closed := int64(100_000)
	if testing.Short() {
		closed = 30_000 // the race detector's run
	}
	for what, cfg := range map[string]Config{
		"closed loop":     {Connections: 16, Requests: closed},
		"open loop":       {Connections: 16, Requests: 30_000, Rate: 30_000},
		"a new text each": {Connections: 16, Requests: 30_000, Source: numberedSource{}},
	} {
		cfg.Target, cfg.Threads = "http://"+at, 1
		before := mallocs()
		r := mustRun(t, cfg)
		// What remains is the run's own: connections, histograms, a Second each second.
		if n := mallocs() - before; r.OK != cfg.Requests || n > uint64(cfg.Requests)/50 {
			t.Errorf("%s: %d allocations for %d requests", what, n, r.OK)
		}
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// numberedSource gives parts, which the loop writes itself.
type numberedSource struct{}

func (numberedSource) Classes() []string { return []string{"all"} }
func (numberedSource) Maker(Form, string, uint64) Maker {
	return &partsMaker{path: []byte("/0"), header: []Field{{"Accept", "*/*"}}}
}

type partsMaker struct {
	path   []byte
	header []Field
}

func (m *partsMaker) Fill(n int64, r *Request) {
	m.path[1] = '0' + byte(n%10)
	*r = Request{Method: "GET", Path: m.path, Header: m.header}
}

func TestSlotsAreMetToAFractionOfAMillisecond(t *testing.T) {
	at := startEndpoint(t, fine)
	best(t, func() string {
		r := mustRun(t, Config{Target: "http://" + at, Connections: 16, Rate: 2000, Duration: time.Second, Threads: 1})
		// The median, because a busy machine takes the thread its core away now and then.
		if r.Lag.P50 > 500*time.Microsecond || r.LagHistogram.Count() != r.Requests {
			return fmt.Sprintf("lag %v of %d requests, %d late", r.Lag, r.Requests, r.Late)
		}
		return ""
	})
}
