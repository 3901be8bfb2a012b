package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

// scene is a monitor whose probes are answered by the test, for use inside a synctest bubble.
type scene struct {
	t        *testing.T
	registry *lb.Registry
	upstream *lb.Upstream
	monitor  *Monitor
	log      bytes.Buffer
	changes  []string

	mu      sync.Mutex
	failing map[string]error // by address
	asked   map[string][]time.Time
	hold    time.Duration            // how long each probe takes
	frozen  map[string]time.Duration // how long, by address, where it differs
	busy    int
	busiest int
}

var errRefused = errors.New("connect: connection refused")

func newScene(t *testing.T, n int) *scene {
	t.Helper()
	s := &scene{t: t, failing: make(map[string]error), asked: make(map[string][]time.Time), frozen: make(map[string]time.Duration)}
	s.registry = lb.NewRegistry(nil)
	s.upstream = s.adopt(n)
	text := slog.NewTextHandler(&s.log, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})
	m, err := New(s.registry, slog.New(text), func(c Change) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changes = append(s.changes, fmt.Sprint(c.Endpoint.Address(), " ", c.State))
	})
	if err != nil {
		t.Fatal(err)
	}
	s.monitor, m.ask = m, s.ask
	return s
}

func (s *scene) adopt(n int) *lb.Upstream { return s.adoptAs("orders", 0, n) }

// adoptAs makes an upstream of n endpoints, the first of which has the address from.
func (s *scene) adoptAs(name string, from, n int) *lb.Upstream {
	s.t.Helper()
	c := lb.Default()
	for i := from; i < from+n; i++ {
		a, err := conf.ParseAddress(fmt.Sprintf("10.0.%d.%d:80", i/250, i%250+1))
		if err != nil {
			s.t.Fatal(err)
		}
		c.Endpoints = append(c.Endpoints, lb.EndpointConfig{Address: a, Weight: 1})
	}
	u, err := s.registry.Adopt(name, c)
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

func (s *scene) ask(p *probe, ctx context.Context) error {
	s.mu.Lock()
	s.asked[p.address] = append(s.asked[p.address], time.Now())
	s.busy++
	s.busiest = max(s.busiest, s.busy)
	err, hold := s.failing[p.address], max(s.hold, s.frozen[p.address])
	s.mu.Unlock()
	select {
	case <-time.After(hold):
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.busy--
	s.mu.Unlock()
	return err
}

func (s *scene) fail(i int, err error) {
	s.mu.Lock()
	s.failing[s.endpoint(i).Address()] = err
	s.mu.Unlock()
}

// freeze lets the probes of endpoint i take d and fail.
func (s *scene) freeze(i int, d time.Duration) {
	s.fail(i, errors.New("not done within 1s"))
	s.mu.Lock()
	s.frozen[s.endpoint(i).Address()] = d
	s.mu.Unlock()
}

func parsed(t *testing.T, address string) conf.Address {
	t.Helper()
	a, err := conf.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (s *scene) endpoint(i int) *lb.Endpoint { return s.upstream.View().Members()[i].Endpoint }

// nextProbe sleeps until endpoint i is probed again and returns when that was.
func (s *scene) nextProbe(i int) time.Time {
	count := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.asked[s.endpoint(i).Address()])
	}
	for n := count(); count() == n; {
		<-time.After(time.Millisecond)
		synctest.Wait()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	times := s.asked[s.endpoint(i).Address()]
	return times[len(times)-1]
}

func (s *scene) expect(what string, states ...lb.State) {
	s.t.Helper()
	synctest.Wait()
	for i, want := range states {
		if got := s.endpoint(i).State(); got != want {
			s.t.Errorf("%s: endpoint %d is %v, want %v", what, i, got, want)
		}
	}
}

// run runs the monitor while f does, and waits for its end.
func (s *scene) run(f func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.monitor.Run(ctx) })
	f()
	cancel()
	running.Wait()
}

// jittered is steady with a jitter in percent.
func jittered(percent float64) *Config {
	c := steady()
	c.Jitter = conf.Percent(percent)
	return c
}

// steady is a config without jitter: after its second probe an endpoint is probed every 2 s.
func steady() *Config {
	c := Default()
	c.TCP, c.Jitter = &TCPConfig{}, conf.Percent(0)
	return &c
}

func TestAnEndpointFallsAndRisesByItsCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, 2)
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: steady()}})
		s.expect("before a probe", lb.Unknown, lb.Unknown)
		s.run(func() {
			time.Sleep(10 * time.Millisecond)
			s.expect("one success is enough for a new endpoint", lb.Ready, lb.Ready)
			time.Sleep(2 * time.Second)
			s.fail(0, errRefused)
			failed := s.nextProbe(0)
			time.Sleep(time.Second - time.Millisecond)
			s.expect("two failures are not enough to fall", lb.Ready, lb.Ready)
			time.Sleep(2 * time.Millisecond)
			s.expect("three are, a quarter of the interval apart", lb.Down, lb.Ready)
			if got := s.nextProbe(0).Sub(failed); got != 3*time.Second {
				t.Errorf("a probe %v after the first failure; want 0.5 s, 0.5 s, and then the whole interval", got)
			}
			time.Sleep(20 * time.Second)
			s.fail(0, nil)
			s.nextProbe(0)
			s.expect("one success is not enough to rise", lb.Down, lb.Ready)
			time.Sleep(500*time.Millisecond + time.Millisecond)
			s.expect("two are", lb.Ready, lb.Ready)
		})
		want := `level=INFO msg="endpoint orders/10.0.0.1:80 ready (1 of 1 probes succeeded)" upstream=orders endpoint=10.0.0.1:80 state=ready
level=INFO msg="endpoint orders/10.0.0.2:80 ready (1 of 1 probes succeeded)" upstream=orders endpoint=10.0.0.2:80 state=ready
level=WARN msg="endpoint orders/10.0.0.1:80 down: connect: connection refused (3 of 3 probes failed)" upstream=orders endpoint=10.0.0.1:80 state=down
level=INFO msg="endpoint orders/10.0.0.1:80 ready (2 of 2 probes succeeded)" upstream=orders endpoint=10.0.0.1:80 state=ready
`
		if s.log.String() != want {
			t.Errorf("log:\n%s\nwant each change once:\n%s", s.log.String(), want)
		}
		if got := strings.Join(s.changes, ", "); got != "10.0.0.1:80 ready, 10.0.0.2:80 ready, 10.0.0.1:80 down, 10.0.0.1:80 ready" {
			t.Errorf("changes told: %s", got)
		}
		r := s.monitor.Report()
		if len(r) != 2 || r[0].Changes != 3 || r[0].Failed < 3 || r[0].Err != nil || r[1].Failed != 0 || r[1].Ended.IsZero() {
			t.Errorf("report %+v", r)
		}
	})
}

func TestVerdicts(t *testing.T) {
	cases := []struct {
		what    string
		state   lb.State
		results string // + success, - failure
		want    lb.State
	}{
		{"a new endpoint that fails stays new until fall", lb.Unknown, "--", lb.Unknown},
		{"and is down then", lb.Unknown, "---", lb.Down},
		{"a success in between starts the count again", lb.Ready, "--+--", lb.Ready},
		{"a failure in between does too", lb.Down, "+-+", lb.Down},
		{"rise is enough", lb.Down, "-++", lb.Ready},
	}
	for _, c := range cases {
		s := newScene(t, 1)
		s.registry.Judge(lb.ByProbe, c.state, "", s.endpoint(0))
		k := newCheck(s.endpoint(0), newMethod(steady(), Way{}, nil))
		for _, r := range c.results {
			var err error
			if r == '-' {
				err = errRefused
			}
			next, change := k.verdict(err, time.Now())
			if change == (next == s.endpoint(0).State()) {
				t.Errorf("%s: change is %v from %v to %v", c.what, change, s.endpoint(0).State(), next)
			}
			s.registry.Judge(lb.ByProbe, next, "", s.endpoint(0))
		}
		if got := s.endpoint(0).State(); got != c.want {
			t.Errorf("%s: %v after %s is %v, want %v", c.what, c.state, c.results, got, c.want)
		}
	}
}

// Other judges' words are not the probe's to change, nor do they stop it from giving its own.
func TestTheProbeSpeaksForItselfAlone(t *testing.T) {
	for _, other := range []struct {
		by    lb.Judge
		state lb.State
	}{{lb.ByOperator, lb.Maintenance}, {lb.ByOperator, lb.Draining}, {lb.ByTraffic, lb.Ejected}} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, 1)
			s.registry.Judge(other.by, other.state, "a test", s.endpoint(0))
			s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: steady()}})
			s.run(func() {
				time.Sleep(5 * time.Second)
				if got := s.endpoint(0).Says(lb.ByProbe); got != lb.Ready {
					t.Errorf("%v: the probe says %v of an endpoint that answers", other.state, got)
				}
				s.expect("it answers", other.state)
				s.fail(0, errRefused)
				time.Sleep(20 * time.Second)
				if got := s.endpoint(0).Says(lb.ByProbe); got != lb.Down {
					t.Errorf("%v: the probe says %v of an endpoint that does not answer", other.state, got)
				}
				s.expect("it does not answer", max(lb.Down, other.state))
			})
		})
	}
}

func TestInitialAndUnprobedEndpointsAreReadyAtOnce(t *testing.T) {
	ready := steady()
	ready.Initial = Ready
	cases := []struct {
		what   string
		config *Config
		want   lb.State
	}{
		{"initial = unknown", steady(), lb.Unknown},
		{"initial = ready", ready, lb.Ready},
		{"no health table", nil, lb.Ready},
	}
	for _, c := range cases {
		s := newScene(t, 3)
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: c.config}})
		for i := range 3 {
			if got := s.endpoint(i).State(); got != c.want {
				t.Errorf("%s: endpoint %d is %v", c.what, i, got)
			}
		}
		if n := len(s.upstream.View().Candidates()); n != 3 || s.upstream.View().Ready() != 3 && c.want == lb.Ready {
			t.Errorf("%s: %d candidates, %d ready in the first view", c.what, n, s.upstream.View().Ready())
		}
	}
}

func TestAReloadKeepsCountsAndTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, 2)
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: steady()}})
		s.run(func() {
			time.Sleep(3 * time.Second)
			s.fail(0, errRefused)
			s.nextProbe(0) // the first failure
			for range 20 { // more reloads than probes
				old := s.upstream
				s.upstream = s.adopt(3)
				s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: steady()}})
				s.registry.Retire(old)
				time.Sleep(60 * time.Millisecond)
			}
			s.expect("the third failure comes on time", lb.Down, lb.Ready, lb.Ready)
		})
		if r := s.monitor.Report(); len(r) != 3 || r[0].Failed != 3 {
			t.Errorf("report %+v", r)
		}
	})
}

func TestAShorterIntervalCountsFromTheReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, 1)
		slow, quick := steady(), steady()
		slow.Interval, quick.Interval = conf.Dur(time.Hour), conf.Dur(time.Second)
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: slow}})
		s.run(func() {
			time.Sleep(time.Millisecond)
			s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: quick}})
			time.Sleep(10 * time.Second)
		})
		if n := len(s.asked[s.endpoint(0).Address()]); n < 9 || n > 12 {
			t.Errorf("%d probes in 10 s at an interval of 1 s, after one of 1 h", n)
		}
	})
}

func TestWhatIsNoLongerProbedIsReadyAndStaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, 2)
		s.fail(0, errRefused)
		s.fail(1, errRefused)
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: steady()}})
		s.run(func() {
			time.Sleep(10 * time.Second)
			s.expect("all fail", lb.Down, lb.Down)
			s.mu.Lock()
			s.hold = 900 * time.Millisecond
			s.mu.Unlock()
			time.Sleep(3 * time.Second) // at least one probe is likely under way at the reload
			s.monitor.Adopt([]Target{{Upstream: s.upstream}})
			s.expect("the table is gone", lb.Ready, lb.Ready)
			asked := len(s.asked[s.endpoint(0).Address()])
			time.Sleep(time.Minute)
			s.expect("a minute later", lb.Ready, lb.Ready)
			if n := len(s.asked[s.endpoint(0).Address()]); n != asked {
				t.Errorf("%d more probes", n-asked)
			}
			s.monitor.Adopt(nil)
		})
		if r := s.monitor.Report(); len(r) != 0 {
			t.Errorf("report %+v", r)
		}
	})
}

func TestProbesUnderWayAreBoundedAndLateOnesCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, 3*maxProbes)
		s.hold = 10 * time.Second
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: steady()}})
		s.run(func() { time.Sleep(time.Minute) })
		if s.busiest != maxProbes {
			t.Errorf("%d probes at once, want %d", s.busiest, maxProbes)
		}
		late := 0
		for _, r := range s.monitor.Report() {
			late += int(min(r.Late, 1))
		}
		if late < maxProbes {
			t.Errorf("%d endpoints were probed late", late)
		}
	})
}

// A stop cuts probes; that they failed then says nothing about the endpoints.
func TestStoppingSaysNothingAboutEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, 1)
		once := steady()
		once.Fall = 1
		s.hold = time.Second
		s.fail(0, context.Canceled)
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: once}})
		s.run(func() { time.Sleep(500 * time.Millisecond) })
		s.expect("stopped within a probe", lb.Unknown)
		s.fail(0, nil)
		s.run(func() { time.Sleep(10 * time.Second) })
		s.expect("run again", lb.Ready)
	})
}

func TestAMonitorNeedsARegistryAndALog(t *testing.T) {
	if _, err := New(nil, slog.Default(), nil); err == nil {
		t.Error("no registry: no error")
	}
	if _, err := New(lb.NewRegistry(nil), nil, nil); err == nil {
		t.Error("no log: no error")
	}
}
