package concurrency

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/limit"
	"weir/internal/testkit"
)

func key(texts ...string) conf.Selectors { return policytest.Values[conf.Selector](texts...) }

// of returns the default but for what change changes: three at once.
func of(change func(*Config)) *Config {
	c := Default()
	c.Limit = AtMost(3)
	if change != nil {
		change(&c)
	}
	return &c
}

func compiled(t testing.TB, c *Config) http7.Step {
	t.Helper()
	steps, err := Compile(c, "edge", policytest.NewProcess().Needs())
	if err != nil || len(steps) != 1 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	return steps[0]
}

func from(client string) *http7.Exchange {
	x := &http7.Exchange{Method: []byte("GET"), Path: []byte("/"), Client: netip.MustParseAddr(client)}
	x.Route = &http7.Route{Name: "orders"}
	return x
}

// enter begins n requests of a client and returns those that were let in.
func enter(s http7.Step, client string, n int) (in []*http7.Exchange) {
	for range n {
		x := from(client)
		if s.Request.Request(x).Act == http7.Go {
			in = append(in, x)
		} else {
			s.End.End(x, x.Word)
		}
	}
	return in
}

func leave(s http7.Step, in []*http7.Exchange) {
	for _, x := range in {
		s.End.End(x, x.Word)
	}
}

func TestAsManyAsTheLimitAreUnderWayAtOnce(t *testing.T) {
	s := compiled(t, of(nil))
	in := enter(s, "192.0.2.1", 10)
	if len(in) != 3 {
		t.Fatalf("%d are under way, want 3", len(in))
	}
	leave(s, in[:2])
	more := enter(s, "192.0.2.2", 10)
	if len(more) != 2 {
		t.Errorf("%d entered when two had left", len(more))
	}
	leave(s, in[2:])
	leave(s, more)
	for range 5 {
		again := enter(s, "192.0.2.1", 10)
		if len(again) != 3 {
			t.Errorf("%d entered when all had left", len(again))
		}
		leave(s, again)
	}
}

func TestKeysAreCountedApart(t *testing.T) {
	s := compiled(t, of(func(c *Config) { c.Key = key("client") }))
	a, b := enter(s, "192.0.2.1", 5), enter(s, "192.0.2.2", 5)
	if block := enter(s, "2001:db8::1", 2); len(a) != 3 || len(b) != 3 || len(enter(s, "2001:db8::2", 5)) != 1 {
		t.Errorf("%d, %d and %d are under way", len(a), len(b), len(block))
	}
}

func TestARefusalSaysWhoseFaultItIs(t *testing.T) {
	for _, c := range []struct {
		key    []string
		status int
	}{
		{[]string{"route"}, 503},
		{[]string{"host", "path", "method"}, 503},
		{[]string{"client"}, 429},
		{[]string{"route", "consumer"}, 429},
		{[]string{"header:X-A"}, 429},
		{nil, 429},
	} {
		s := compiled(t, of(func(l *Config) { l.Key, l.Limit = key(c.key...), AtMost(1) }))
		x := from("192.0.2.7")
		x.Authority, x.Consumer, x.Route = []byte("h"), "", nil
		s.Request.Request(x)
		r := testkit.Policy(t, []http7.Step{s}, "GET / HTTP/1.1\nHost: h\n\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n")
		if r.Status != c.status || !strings.Contains(r.Body, `"fault":"concurrency_exceeded"`) || !strings.Contains(r.Answer, "Retry-After: 1\n") {
			t.Errorf("%q: got %d %s\n%s", c.key, r.Status, r.Body, r.Answer)
		}
		s.End.End(x, x.Word)
		r = testkit.Policy(t, []http7.Step{s}, "POST /a.B/C HTTP/1.1\nHost: h\nContent-Type: application/grpc\nContent-Length: 0\n\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n")
		if r.Status != 200 || r.Body != "" {
			t.Errorf("%q: after it had left: %d %s", c.key, r.Status, r.Body)
		}
	}
}

func TestManyAtOnceAreNeverMoreThanTheLimit(t *testing.T) {
	s := compiled(t, of(func(c *Config) { c.Limit = AtMost(50) }))
	var under, most, let atomic.Int64
	var all sync.WaitGroup
	for range 10_000 {
		all.Go(func() {
			for range 10 {
				x := from("192.0.2.1")
				if s.Request.Request(x).Act == http7.Go {
					let.Add(1)
					n := under.Add(1)
					for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
					}
					under.Add(-1)
				}
				s.End.End(x, x.Word)
			}
		})
	}
	all.Wait()
	if most.Load() > 50 || let.Load() == 0 {
		t.Errorf("%d were under way at once, %d let in", most.Load(), let.Load())
	}
	if in := enter(s, "192.0.2.1", 100); len(in) != 50 {
		t.Errorf("%d enter afterwards, want 50: some were not given back", len(in))
	}
}

func TestPlacesChangeHandsWhileKeysComeAndGo(t *testing.T) {
	s := compiled(t, of(func(c *Config) { c.Key, c.Keys, c.Limit = key("client"), 1, AtMost(2) }))
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 5000 {
				x := from("10.0." + strconv.Itoa(w) + "." + strconv.Itoa(i%200))
				s.Request.Request(x)
				s.End.End(x, x.Word)
			}
		})
	}
	all.Wait()
	for i := range 60 {
		client := "10.1.0." + strconv.Itoa(i)
		in := enter(s, client, 5)
		if len(in) != 2 {
			t.Fatalf("%s has %d under way, want 2", client, len(in))
		}
		leave(s, in)
	}
}

func TestKeysWithoutAPlaceShareOneLimit(t *testing.T) {
	p := policytest.NewProcess()
	n := p.Needs()
	steps, err := Compile(of(func(c *Config) { c.Key, c.Keys, c.Limit = key("client"), 1, AtMost(2) }), "edge", n)
	if err != nil {
		t.Fatal(err)
	}
	s := steps[0]
	var in []*http7.Exchange
	for i := range 500 {
		in = append(in, enter(s, "10.0."+strconv.Itoa(i/250)+"."+strconv.Itoa(i%250), 1)...)
	}
	if len(in) != 64+2 || p.Level("edge.concurrency overflowed") <= 0 || p.Level("edge.concurrency keys") != 64 {
		t.Errorf("%d are under way, want a place each and two more", len(in))
	}
	leave(s, in)
	if again := enter(s, "10.9.9.9", 5); len(again) != 2 {
		t.Errorf("%d enter when all have left", len(again))
	}
	n.Turn.End()
	if p.Levels() != 0 {
		t.Errorf("%d levels are left", p.Levels())
	}
}

func TestWhatIsUnderWayOutlastsAReload(t *testing.T) {
	p := policytest.NewProcess()
	compile := func(limit int) (http7.Step, *policy.Needs) {
		n := p.Needs()
		steps, err := Compile(of(func(c *Config) { c.Limit = AtMost(limit) }), "edge", n)
		if err != nil {
			t.Fatal(err)
		}
		return steps[0], n
	}
	before, n := compile(3)
	in := enter(before, "192.0.2.1", 2)
	after, _ := compile(3)
	n.Turn.End()
	if len(enter(after, "192.0.2.1", 5)) != 1 {
		t.Error("a reload forgot what is under way")
	}
	leave(before, in)
	if len(enter(after, "192.0.2.1", 5)) != 2 {
		t.Error("what the old config let in was not given back")
	}
}

func TestADryRunTakesNothing(t *testing.T) {
	for _, c := range []*Config{of(nil), of(func(c *Config) { c.Limit = Adaptive })} {
		s := compiled(t, c)
		dry := func() http7.Verdict {
			x := from("192.0.2.1")
			x.Dry = true
			v := s.Request.Request(x)
			s.End.End(x, x.Word)
			return v
		}
		for range 50 {
			if dry().Act != http7.Go {
				t.Fatal("a dry run was refused")
			}
		}
		if in := enter(s, "192.0.2.1", 50); len(in) == 50 || dry().Act != http7.Reply {
			t.Errorf("%d are under way", len(in))
		}
	}
	s := compiled(t, of(func(c *Config) { c.Key = key("header:X-A") }))
	x := from("192.0.2.1")
	x.Dry, x.Recorded = true, &http7.Recorded{}
	if v := s.Request.Request(x); v.Act != http7.Go || !slices.Equal(x.Recorded.Missed, []string{"header:x-a"}) || !slices.Equal(s.Reads, x.Recorded.Missed) {
		t.Errorf("of a log: %+v, missed %q", v, x.Recorded.Missed)
	}
}

func TestObserveCountsLikeEnforce(t *testing.T) {
	let := map[conf.Mode]int{}
	for _, mode := range []conf.Mode{conf.Enforce, conf.Observe} {
		s := compiled(t, of(func(c *Config) { c.Mode = mode }))
		var in []*http7.Exchange
		for i := range 200 {
			in = append(in, enter(s, "192.0.2.1", 2)...)
			if i%3 == 0 && len(in) > 0 {
				leave(s, in[:1])
				in = in[1:]
				let[mode]++
			}
		}
		if (s.Mode == http7.Observe) != (mode == conf.Observe) {
			t.Errorf("%v: the step's mode is %v", mode, s.Mode)
		}
	}
	if let[conf.Enforce] != let[conf.Observe] || let[conf.Enforce] == 0 {
		t.Errorf("let in %v", let)
	}
	if steps, err := Compile(of(func(c *Config) { c.Mode = conf.ModeOff }), "edge", nil); steps != nil || err != nil {
		t.Errorf("off: %v, %v", steps, err)
	}
}

// endpoint serves as many at once as it has workers, in 10 ms each; the others queue up.
type endpoint struct {
	now     time.Duration
	workers []time.Duration // when each is free
}

func (e *endpoint) serve() (done time.Duration) {
	i := slices.Index(e.workers, slices.Min(e.workers))
	e.workers[i] = max(e.workers[i], e.now) + 10*time.Millisecond
	return e.workers[i]
}

func TestAnAdaptiveLimitStaysNearWhatAnEndpointServes(t *testing.T) {
	s := compiled(t, of(func(c *Config) { c.Limit = Adaptive }))
	e := &endpoint{now: time.Second, workers: make([]time.Duration, 16)}
	a := s.Request.(*gate).held.counter.(*adaptive)
	a.now = func() time.Duration { return e.now }
	type running struct {
		x    *http7.Exchange
		done time.Duration
	}
	var under []running
	most, refused, served := 0, 0, 0
	for e.now < 31*time.Second { // twice as much as it serves: one every 312 µs
		e.now += 312 * time.Microsecond
		under = slices.DeleteFunc(under, func(r running) bool {
			if r.done > e.now {
				return false
			}
			r.x.Answer = &http7.Answer{Status: 200}
			s.Response.Response(r.x)
			s.End.End(r.x, r.x.Word)
			served++
			return true
		})
		x := from("192.0.2.1")
		if s.Request.Request(x).Act != http7.Go {
			refused++
			continue
		}
		under = append(under, running{x, e.serve()})
		if e.now > 11*time.Second { // it has settled
			most = max(most, len(under))
		}
	}
	if most < 16 || most > 64 || refused == 0 || served < 40_000 {
		t.Errorf("at most %d under way, %d refused, %d of 48000 served; want 16 to 64, and nearly all that can be", most, refused, served)
	}
}

func TestOnlyAnswersOfEndpointsTeachAnAdaptiveLimit(t *testing.T) {
	s := compiled(t, of(func(c *Config) { c.Limit = Adaptive }))
	a := s.Request.(*gate).held.counter.(*adaptive)
	now := time.Second
	a.now = func() time.Duration { return now }
	pass := func(change func(*http7.Exchange)) {
		x := from("192.0.2.1")
		s.Request.Request(x)
		now += 10 * time.Millisecond
		change(x)
		s.Response.Response(x)
		s.End.End(x, x.Word)
	}
	for range 2000 {
		pass(func(x *http7.Exchange) { x.LocalAnswer(500) })
		pass(func(x *http7.Exchange) { x.Answer, x.Cached = &http7.Answer{Status: 200}, "hit" })
		pass(func(*http7.Exchange) {})
	}
	w := a.way(a.keyOf(from("192.0.2.1"), s))
	if got := w.limit.Limit(); got != limit.FirstLimit {
		t.Errorf("the limit became %d", got)
	}
	for range 2000 {
		pass(func(x *http7.Exchange) { x.Fault = http7.UpstreamTimeout })
	}
	if got := w.limit.Limit(); got >= limit.FirstLimit {
		t.Errorf("after nothing but timeouts the limit is %d", got)
	}
	if w.underWay.Load() != 0 {
		t.Errorf("%d are under way", w.underWay.Load())
	}
}

func (a *adaptive) keyOf(x *http7.Exchange, s http7.Step) []byte {
	return s.Request.(*gate).key.Of(x)
}

func TestAdaptiveKeysWithoutAWayShareOne(t *testing.T) {
	s := compiled(t, of(func(c *Config) { c.Limit, c.Key, c.Keys = Adaptive, key("client"), 4 }))
	a := s.Request.(*gate).held.counter.(*adaptive)
	var under [][]*http7.Exchange
	for i := range 10 {
		under = append(under, enter(s, "192.0.2."+strconv.Itoa(i+1), 1))
	}
	if a.known() != 4 || a.overflow() != 6 {
		t.Errorf("%d keys have a way, %d times there was none", a.known(), a.overflow())
	}
	for _, in := range under[4:] {
		leave(s, in)
	}
	one, two := enter(s, "192.0.2.8", 100), enter(s, "192.0.2.9", 100)
	if len(one) != limit.FirstLimit || len(two) != 0 {
		t.Errorf("%d and %d are under way", len(one), len(two))
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for i := range 100 {
				leave(s, enter(s, "198.51.100."+strconv.Itoa(i+1), 1))
			}
		})
	}
	all.Wait()
}

// A flood of keys must not take the limits from those who come behind it.
func TestAdaptiveKeysThatHaveNothingUnderWayGiveUpTheirWays(t *testing.T) {
	s := compiled(t, of(func(c *Config) { c.Limit, c.Key, c.Keys = Adaptive, key("client"), 8 }))
	a := s.Request.(*gate).held.counter.(*adaptive)
	busy := enter(s, "192.0.2.1", 5)
	for i := range 200 {
		leave(s, enter(s, "198.51.100."+strconv.Itoa(i+1), 3))
	}
	if a.overflow() != 0 || a.known() != 8 {
		t.Errorf("%d times there was no way, and %d keys have one; want 0 and 8", a.overflow(), a.known())
	}
	if w := a.way(a.keyOf(from("192.0.2.1"), s)); w.underWay.Load() != 5 {
		t.Errorf("who has 5 under way has a way with %d", w.underWay.Load())
	}
	for i := range 7 {
		if in := enter(s, "203.0.113."+strconv.Itoa(i+1), limit.FirstLimit+1); len(in) != limit.FirstLimit {
			t.Errorf("new key %d has %d under way, want %d", i, len(in), limit.FirstLimit)
		}
	}
	leave(s, busy)
}

// Ways that change hands while requests of all keys come and go lose none and count none twice.
func TestAdaptiveWaysChangeHandsUnderLoad(t *testing.T) {
	s := compiled(t, of(func(c *Config) { c.Limit, c.Key, c.Keys = Adaptive, key("client"), 4 }))
	a := s.Request.(*gate).held.counter.(*adaptive)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 2000 {
				in := enter(s, "198.51.100."+strconv.Itoa((g*7+i)%12+1), 2)
				if len(in) > limit.FirstLimit {
					t.Errorf("%d are under way", len(in))
				}
				leave(s, in)
			}
		})
	}
	all.Wait()
	for i := range a.ways {
		if n := a.ways[i].Load().underWay.Load(); n != 0 {
			t.Errorf("way %d has %d under way at the end", i, n)
		}
	}
	if n := a.rest.underWay.Load(); n != 0 {
		t.Errorf("%d of keys without a way are under way", n)
	}
}

func TestRequestsAllocateNothing(t *testing.T) {
	for what, s := range map[string]http7.Step{
		"fixed": compiled(t, of(nil)), "adaptive": compiled(t, of(func(c *Config) { c.Limit = Adaptive })),
	} {
		x, route, end := new(http7.Exchange), &http7.Route{Name: "orders"}, &http7.Answer{Status: 200}
		pass := func() {
			x.Route = route
			s.Request.Request(x)
			x.Answer = end
			if s.Response != nil {
				s.Response.Response(x)
			}
			s.End.End(x, x.Word)
			x.Release()
		}
		pass()
		if n := testing.AllocsPerRun(1000, pass); n != 0 {
			t.Errorf("%s: allocates %v times", what, n)
		}
	}
}

func BenchmarkAdmitted(b *testing.B) {
	for what, s := range map[string]http7.Step{
		"fixed": compiled(b, of(nil)), "adaptive": compiled(b, of(func(c *Config) { c.Limit = Adaptive })),
	} {
		b.Run(what, func(b *testing.B) {
			x, route := new(http7.Exchange), &http7.Route{Name: "orders"}
			b.ReportAllocs()
			for b.Loop() {
				x.Route = route
				if s.Request.Request(x).Act != http7.Go {
					b.Fatal("refused")
				}
				s.End.End(x, x.Word)
				x.Release()
			}
		})
	}
}
