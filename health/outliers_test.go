package health

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

// court is an upstream under traffic whose outliers are judged, for use inside a synctest bubble.
type court struct {
	t        *testing.T
	registry *lb.Registry
	upstream *lb.Upstream
	outliers *Outliers
	config   OutliersConfig
	log      bytes.Buffer
	random   *rand.Rand // the same in each run

	mu      sync.Mutex
	changes []string
}

func newCourt(t *testing.T, n int, change func(*lb.Config, *OutliersConfig)) *court {
	t.Helper()
	c := &court{t: t, registry: lb.NewRegistry(nil), config: DefaultOutliers(), random: rand.New(rand.NewPCG(1, 2))}
	text := slog.NewTextHandler(&c.log, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})
	o, err := NewOutliers(c.registry, slog.New(text), c.note)
	if err != nil {
		t.Fatal(err)
	}
	c.outliers = o
	c.upstream = c.adopt(n, change)
	c.outliers.Adopt([]Target{{Upstream: c.upstream, Outliers: &c.config}})
	return c
}

func (c *court) note(one Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes = append(c.changes, fmt.Sprint(one.Endpoint.Address(), " ", one.State))
}

// adopt makes the upstream of a new snapshot with n endpoints that are ready.
func (c *court) adopt(n int, change func(*lb.Config, *OutliersConfig)) *lb.Upstream {
	c.t.Helper()
	cfg := lb.Default()
	for i := range n {
		cfg.Endpoints = append(cfg.Endpoints, lb.EndpointConfig{Address: address(c.t, i), Weight: 1})
	}
	if change != nil {
		change(&cfg, &c.config)
	}
	cfg.Streak, cfg.Panic = c.config.Streak(), c.config.PanicBelow
	u, err := c.registry.Adopt("orders", cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.registry.Judge(lb.ByProbe, lb.Ready, "", endpointsOf(u.View().Members())...)
	return u
}

func address(t testing.TB, i int) conf.Address {
	a, err := conf.ParseAddress(fmt.Sprintf("10.0.%d.%d:80", i/250, i%250+1))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (c *court) endpoint(i int) *lb.Endpoint { return c.upstream.View().Members()[i].Endpoint }

// in runs the judging while f does, and waits for its end.
func (c *court) in(f func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.outliers.Run(ctx) })
	synctest.Wait()
	f()
	cancel()
	running.Wait()
}

// use lets endpoint i have n uses by a route that come to result.
func (c *court) use(i, n int, route uint32, result lb.Result) {
	for range n {
		only := c.upstream
		l := c.lease(only, i)
		l.Done(lb.Outcome{Result: result, FirstByte: time.Millisecond, Route: route})
	}
	synctest.Wait()
}

// useOthers lets each endpoint but the first have n uses that go well.
func (c *court) useOthers(n int) {
	for i := 1; i < len(c.upstream.View().Members()); i++ {
		c.use(i, n, 0, lb.OK)
	}
}

// strike lets endpoint i have n errors in a row by a route that each of the others then serves once
// more, and the judge time to see it.
func (c *court) strike(i, n int, route uint32, result lb.Result) {
	c.use(i, n, route, result)
	for j, m := range c.upstream.View().Members() {
		if m.Endpoint.State() == lb.Ready && j != i {
			c.use(j, 1, route, lb.OK)
		}
	}
	<-time.After(2 * lookAgain)
	synctest.Wait()
}

// lease gets a lease on endpoint i, whatever the balancer would choose.
func (c *court) lease(u *lb.Upstream, i int) lb.Lease {
	c.t.Helper()
	want := u.View().Members()[i].Endpoint
	for range 10000 {
		l, _ := u.Pick(lb.Key{Stick: want, Hash: c.random.Uint64()}, lb.Tried{})
		if l.Endpoint() == want {
			return l
		}
		l.Done(lb.Outcome{Result: lb.Cancelled})
	}
	c.t.Fatalf("endpoint %d can't be had", i)
	return lb.Lease{}
}

// traffic sends uses at a rate for a time and counts those of each endpoint. verdict says what one
// comes to. A use without an endpoint is counted as -1.
func (c *court) traffic(rate int, d time.Duration, verdict func(e *lb.Endpoint, route uint32) lb.Result) map[string]int {
	got := make(map[string]int)
	for range int(int64(rate) * int64(d) / int64(time.Second)) {
		route := uint32(c.random.IntN(3))
		l, _ := c.upstream.Pick(lb.Key{Route: route, Hash: c.random.Uint64()}, lb.Tried{})
		if !l.Ok() {
			got["none"]++
		} else {
			e := l.Endpoint()
			got[e.Address()]++
			l.Done(lb.Outcome{Result: verdict(e, route), FirstByte: time.Millisecond, Route: route})
		}
		<-time.After(time.Second / time.Duration(rate))
	}
	return got
}

func (c *court) expect(what string, states ...lb.State) {
	c.t.Helper()
	synctest.Wait()
	for i, want := range states {
		if got := c.endpoint(i).Says(lb.ByTraffic); got != want {
			c.t.Errorf("%s: traffic says that endpoint %d is %v, want %v (%s)", what, i, got, want, c.endpoint(i).Why())
		}
	}
}

// failing returns a verdict: an endpoint fails the share of its uses that is given for its number,
// counted from 0; the others fail none.
func (c *court) failing(shares map[int]float64) func(*lb.Endpoint, uint32) lb.Result {
	by := make(map[*lb.Endpoint]float64)
	for i, share := range shares {
		by[c.endpoint(i)] = share
	}
	return func(e *lb.Endpoint, _ uint32) lb.Result {
		if c.random.Float64() < by[e] {
			return lb.Status5xx
		}
		return lb.OK
	}
}

func TestARowOfErrorsEjectsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 4, nil)
		c.in(func() {
			for i := range 4 {
				c.use(i, 10, 0, lb.OK)
			}
			c.use(0, 4, 0, lb.Status5xx)
			c.expect("four errors are not enough", lb.Ready, lb.Ready, lb.Ready)
			c.use(0, 1, 0, lb.OK)
			c.use(0, 4, 0, lb.Reset)
			c.expect("a success begins the count anew", lb.Ready, lb.Ready, lb.Ready)
			c.strike(0, 1, 0, lb.Timeout)
			c.expect("five in a row are", lb.Ejected, lb.Ready, lb.Ready)
			time.Sleep(time.Until(c.outliers.Ejections()[0].Since.Add(10*time.Second - 1)))
			c.expect("for 10 s", lb.Ejected, lb.Ready, lb.Ready)
			time.Sleep(time.Nanosecond)
			c.expect("and no longer", lb.Ready, lb.Ready, lb.Ready)
		})
		want := `level=WARN msg="endpoint orders/10.0.0.1:80 ejected for 10s: 5 errors in a row on a route that the others serve" upstream=orders endpoint=10.0.0.1:80 state=ejected
level=INFO msg="endpoint orders/10.0.0.1:80 no longer ejected: its time is over" upstream=orders endpoint=10.0.0.1:80 state=ready
`
		if c.log.String() != want {
			t.Errorf("log:\n%s\nwant:\n%s", c.log.String(), want)
		}
		if got := strings.Join(c.changes, ", "); got != "10.0.0.1:80 ejected, 10.0.0.1:80 ready" {
			t.Errorf("changes told: %s", got)
		}
		s := c.outliers.Stats()
		if len(s) != 1 || s[0].Upstream != "orders" || s[0].Ejections != [Reasons]uint64{1, 0} || s[0].Returned != 1 || s[0].Pardoned != 0 || s[0].Ejected != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestCancelledUsesSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 4, nil)
		c.in(func() {
			c.useOthers(10)
			c.use(0, 50, 0, lb.Cancelled)
			c.expect("fifty clients left", lb.Ready, lb.Ready)
			c.use(0, 3, 0, lb.Status5xx)
			c.use(0, 5, 0, lb.Cancelled)
			c.strike(0, 2, 0, lb.Status5xx)
			c.expect("five errors with cancelled uses between", lb.Ejected, lb.Ready)
		})
	})
}

func TestEachEjectionIsLongerAndTimeForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 4, func(_ *lb.Config, o *OutliersConfig) { o.MaxEjection = conf.Dur(45 * time.Second) })
		c.in(func() {
			c.useOthers(1000)
			lasts := func() time.Duration {
				c.strike(0, 5, 0, lb.Status5xx)
				list := c.outliers.Ejections()
				if len(list) != 1 || list[0].Endpoint != c.endpoint(0) || time.Since(list[0].Since) > 2*lookAgain {
					t.Fatalf("ejections %+v", list)
				}
				time.Sleep(time.Until(list[0].Until))
				c.expect("after its time", lb.Ready)
				return list[0].Until.Sub(list[0].Since)
			}
			for i, step := range []struct {
				good time.Duration // since the last return
				want time.Duration
			}{
				{0, 10 * time.Second},
				{0, 20 * time.Second},
				{9 * time.Second, 30 * time.Second},
				{0, 40 * time.Second},
				{0, 45 * time.Second},
				{0, 45 * time.Second},
				{11 * time.Second, 45 * time.Second},
				{31 * time.Second, 30 * time.Second},
				{time.Hour, 10 * time.Second},
			} {
				time.Sleep(step.good)
				if got := lasts(); got != step.want {
					t.Errorf("ejection %d, %v after the return from the last one, lasts %v, want %v", i+1, step.good, got, step.want)
				}
			}
		})
	})
}

func TestWhoMayBeEjected(t *testing.T) {
	const r, e = lb.Ready, lb.Ejected
	for _, c := range []struct {
		what   string
		n      int
		share  float64 // max_ejected in percent
		unfit  map[int]lb.State
		errors []int // endpoints that have five errors in a row, in this order
		want   []lb.State
	}{
		{"the only endpoint never is", 1, 100, nil, []int{0}, []lb.State{r}},
		{"one of two is", 2, 50, nil, []int{0}, []lb.State{e, r}},
		{"not both", 2, 100, nil, []int{0, 1}, []lb.State{e, r}},
		{"one of three at 50%", 3, 50, nil, []int{0, 1}, []lb.State{e, r, r}},
		{"one of three at 10%: one always may", 3, 10, nil, []int{2, 1}, []lb.State{r, r, e}},
		{"two of four at 50%", 4, 50, nil, []int{3, 2, 1}, []lb.State{r, r, e, e}},
		{"all but one at 100%", 4, 100, nil, []int{0, 1, 2, 3}, []lb.State{e, e, e, r}},
		{"three of ten at 30%", 10, 30, nil, []int{0, 1, 2, 3}, []lb.State{e, e, e, r, r}},
		{"the last one that is not down stays", 3, 100, map[int]lb.State{1: lb.Down, 2: lb.Down}, []int{0}, []lb.State{r}},
		{"nor in maintenance", 2, 100, map[int]lb.State{1: lb.Maintenance}, []int{0}, []lb.State{r}},
		{"a draining one is one", 2, 100, map[int]lb.State{1: lb.Draining}, []int{0}, []lb.State{e}},
		{"nobody at 0%", 4, 0, nil, []int{0}, []lb.State{r}},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := newCourt(t, c.n, func(_ *lb.Config, o *OutliersConfig) {
				o.MaxEjected, o.PanicBelow = conf.Percent(c.share), conf.Percent(100)
			})
			for i, s := range c.unfit {
				by := lb.ByOperator
				if s == lb.Down {
					by = lb.ByProbe
				}
				k.registry.Judge(by, s, "a test", k.endpoint(i))
			}
			k.in(func() {
				for _, i := range c.errors {
					k.strike(i, 5, 0, lb.Status5xx)
					time.Sleep(time.Second)
					for range 3 { // what has not been ejected goes on well
						if k.endpoint(i).Says(lb.ByTraffic) == r {
							k.use(i, 1, 0, lb.OK)
						}
					}
				}
				k.expect(c.what, c.want...)
			})
		})
	}
}

func TestStatsCountWhatWasSpared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t, 4, func(_ *lb.Config, o *OutliersConfig) { o.MaxEjected = conf.Percent(25) })
		c.in(func() {
			c.useOthers(100)
			c.strike(0, 5, 0, lb.Status5xx)
			c.strike(1, 5, 0, lb.Status5xx)
			if s := c.outliers.Stats()[0]; s.Ejected != 1 || s.Spared != 1 {
				t.Errorf("stats %+v, want one ejected and one spared", s)
			}
		})
	})
}

func TestOutliersNeedARegistryAndALog(t *testing.T) {
	if _, err := NewOutliers(nil, slog.Default(), nil); err == nil {
		t.Error("no registry: no error")
	}
	if _, err := NewOutliers(lb.NewRegistry(nil), nil, nil); err == nil {
		t.Error("no log: no error")
	}
}

func TestNotingAStreakAllocatesNothingAndNeverBlocks(t *testing.T) {
	c := newCourt(t, 3, nil)
	e := c.endpoint(0)
	if n := testing.AllocsPerRun(2*maxStreaks, func() { c.outliers.note(e, 3) }); n != 0 {
		t.Errorf("noting allocates %v times", n)
	}
	if c.outliers.Dropped() == 0 {
		t.Error("nothing was dropped from a full queue")
	}
}
