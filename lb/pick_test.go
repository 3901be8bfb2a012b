package lb

import (
	"sync"
	"testing"
)

func TestAStickySessionStaysWhereItCan(t *testing.T) {
	for _, c := range []struct {
		cast  string // it wants the first
		tried bool
		full  bool
		stays bool
	}{
		{"r r", false, false, true},
		{"u r", false, false, true},
		{"d r", false, false, true}, // a draining endpoint keeps its sessions
		{"e r", false, false, false},
		{"x r", false, false, false},
		{"m r", false, false, false},
		{"D r", false, false, false},
		{"r+1 r", false, false, true}, // even where the balancer would not look
		{"r r", true, false, false},
		{"r r", false, true, false},
	} {
		for _, balance := range everyBalancer {
			_, u := stage(t, Config{Balance: balance, MaxInFlight: AtMost(1)}, c.cast)
			e := endpoints(u)[0]
			var tried Tried
			if c.tried {
				tried.Add(e)
			}
			if c.full {
				leaseOn(e)
			}
			l := pick(u, Key{Hash: 5, Stick: e}, tried)
			if stays := l.Endpoint() == e; !l.Ok() || stays != c.stays {
				t.Errorf("%q by %s, tried %v, full %v: stays %v, want %v (%v)", c.cast, balance, c.tried, c.full, stays, c.stays, l.Endpoint())
			}
		}
	}
}

func TestASessionCannotStickToAnotherUpstreamsEndpoint(t *testing.T) {
	_, u := upstream(t, EWMA, 1)
	_, other := upstream(t, EWMA, 1)
	if l := pick(u, Key{Stick: endpoints(other)[0]}, Tried{}); l.Endpoint() != endpoints(u)[0] {
		t.Errorf("picked %v of another upstream", l.Endpoint())
	}
}

func TestWhyThereIsNoLease(t *testing.T) {
	for _, c := range []struct {
		cast  string
		tried []int
		full  []int
		want  Reason
	}{
		{"r r", nil, nil, Picked},
		{"", nil, nil, NoEndpoint},
		{"x m", nil, nil, NoEndpoint},
		{"e", nil, nil, NoEndpoint},
		{"r r", []int{0, 1}, nil, AllTried},
		{"r r x", []int{0, 1}, nil, AllTried},
		{"r r", nil, []int{0, 1}, AllFull},
		{"r r", []int{0}, []int{1}, AllFull},
		{"r r", []int{0, 1}, []int{0, 1}, AllTried},
		{"r x", []int{1}, []int{0}, AllFull},
		{"r r", []int{0}, []int{0}, Picked},
		{"r r r r r r r r r", []int{0, 1, 2, 3, 4, 5, 6, 7}, []int{8}, AllFull},
	} {
		for _, balance := range everyBalancer {
			_, u := stage(t, Config{Balance: balance, MaxInFlight: AtMost(1)}, c.cast)
			e := endpoints(u)
			var tried Tried
			for _, i := range c.tried {
				tried.Add(e[i])
			}
			for _, i := range c.full {
				leaseOn(e[i])
			}
			l, got := u.Pick(Key{Hash: 5}, tried)
			if got != c.want || l.Ok() != (got == Picked) {
				t.Errorf("%q by %s, tried %v, full %v: %v, want %v", c.cast, balance, c.tried, c.full, got, c.want)
			}
			for r := Picked; int(r) < reasons; r++ {
				if counted := u.Refused(r); (counted == 1) != (r == got && r != Picked) {
					t.Errorf("%q by %s: %d refusals for %v, want them counted as %v", c.cast, balance, counted, r, got)
				}
			}
		}
	}
}

func TestReasonsHaveNames(t *testing.T) {
	for i, want := range []string{"picked", "no_endpoint", "all_tried", "all_full", "breaker_open", "reason(5)"} {
		if got := Reason(i).String(); got != want {
			t.Errorf("reason %d is %q, want %q", i, got, want)
		}
	}
}

// However many pick at once, no endpoint ever has more in flight than it may.
func TestMaxInFlightIsNeverExceeded(t *testing.T) {
	for _, balance := range everyBalancer {
		t.Run(balance, func(t *testing.T) {
			const limit = 2
			r := NewRegistry(nil)
			cfg := config(balance, equal(3)...)
			cfg.MaxInFlight = AtMost(limit)
			u := adopt(t, r, cfg)
			var users sync.WaitGroup
			for range 4 {
				users.Go(func() {
					for i := range 2000 {
						l := pick(u, Key{Hash: uint64(i)}, Tried{})
						if l.Ok() && l.Endpoint().InFlight() > limit {
							t.Errorf("%d in flight, want at most %d", l.Endpoint().InFlight(), limit)
						}
						pick(u, Key{Hash: uint64(i)}, Tried{}).Done(Outcome{})
						l.Done(Outcome{})
					}
				})
			}
			users.Wait()
			for _, e := range endpoints(u) {
				if e.InFlight() != 0 {
					t.Errorf("%s has %d in flight after the last use", e, e.InFlight())
				}
			}
		})
	}
}

func TestTheNewestSnapshotLimitsWhatIsInFlight(t *testing.T) {
	r := NewRegistry(nil)
	snapshot := func(m MaxInFlight, n int) *Upstream {
		cfg := config(EWMA, equal(n)...)
		cfg.MaxInFlight = m
		return adopt(t, r, cfg)
	}
	first := snapshot(AtMost(2), 2)
	expect := func(what string, want int64) {
		t.Helper()
		for _, e := range r.Endpoints() {
			if e.Limit() != want {
				t.Errorf("%s: the limit of %s is %d, want %d", what, e, e.Limit(), want)
			}
		}
	}
	expect("the first snapshot", 2)
	second := snapshot(AtMost(5), 3)
	expect("a new one", 5)
	third := snapshot(AtMost(7), 1)
	expect("one that has fewer endpoints", 7)
	r.Retire(third)
	expect("that one withdrawn", 5)
	r.Retire(first)
	fourth := snapshot(MaxInFlight{}, 3)
	r.Retire(second)
	expect("no limit", 0)
	fourth.Update(placesAt(0, 1, 2, 3))
	expect("with a place more", 0)
	r.Retire(fourth)
}

// A limit that a reload lowers below what is in flight lets nobody in until enough has ended.
func TestALoweredLimitIsReachedFromAbove(t *testing.T) {
	r := NewRegistry(nil)
	u := adopt(t, r, config(EWMA, 1))
	var held []Lease
	for range 5 {
		held = append(held, pick(u, Key{}, Tried{}))
	}
	cfg := config(EWMA, 1)
	cfg.MaxInFlight = AtMost(3)
	next := adopt(t, r, cfg)
	r.Retire(u)
	for i, want := range []bool{false, false, false, true} {
		l := pick(next, Key{}, Tried{})
		if l.Ok() != want {
			t.Errorf("after %d of 5 uses have ended: a lease %v, want %v", i, l.Ok(), want)
		}
		l.Done(Outcome{})
		held[i].Done(Outcome{})
	}
}

// setups are configurations of every kind that Pick treats differently.
func setups(balance string) map[string]Config {
	return map[string]Config{
		"plain":   {Balance: balance},
		"limited": {Balance: balance, MaxInFlight: AtMost(1000)},
		"zoned":   {Balance: balance, Zone: "a"},
		"queued":  {Balance: balance, MaxInFlight: AtMost(1000), Queue: new(DefaultQueue()), Breaker: new(DefaultBreaker()), Streak: 5},
		"learned": {Balance: balance, MaxInFlight: Adaptive()},
	}
}

func TestPickAndDoneAllocateNothingHoweverConfigured(t *testing.T) {
	for _, balance := range everyBalancer {
		for what, cfg := range setups(balance) {
			for _, cast := range []string{"r", "r@a r@b r@a x@a", "r@a r r r r r r r r r r r r r r r r r r r+1", "x r+1", "x"} {
				_, u := stage(t, cfg, cast)
				all := endpoints(u)
				var tried, every Tried
				tried.Add(all[0])
				for _, e := range all {
					every.Add(e)
				}
				use := func(k Key, tried Tried, o Outcome) {
					if n := testing.AllocsPerRun(50, func() { pick(u, k, tried).Done(o) }); n != 0 {
						t.Errorf("%s, %s, %q: %v allocations", balance, what, cast, n)
					}
				}
				use(Key{Hash: 7, Route: 9}, Tried{}, Outcome{FirstByte: 1000, Route: 9})
				use(Key{Hash: 7, Stick: all[0]}, Tried{}, Outcome{})
				use(Key{Hash: 7, Stick: all[0]}, tried, Outcome{Result: Reset})
				use(Key{}, every, Outcome{Result: Cancelled})
			}
		}
	}
}

func TestAFullUpstreamRefusesWithoutAllocating(t *testing.T) {
	for _, balance := range everyBalancer {
		_, u := stage(t, Config{Balance: balance, MaxInFlight: AtMost(1)}, "r r r")
		for _, e := range endpoints(u) {
			leaseOn(e)
		}
		if n := testing.AllocsPerRun(100, func() { u.Pick(Key{Hash: 3}, Tried{}) }); n != 0 {
			t.Errorf("%s: a refusal allocates %v times", balance, n)
		}
	}
}
