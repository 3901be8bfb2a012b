package lb

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestAReloadKeepsWhatIsKnownOfAnEndpoint(t *testing.T) {
	r := NewRegistry(nil)
	old := adopt(t, r, config(EWMA, 1, 1))
	r.SetState(Down, endpoints(old)[1])
	held := pick(old, Key{}, Tried{})
	used := leaseOn(endpoints(old)[0])
	used.Done(Outcome{Result: Timeout, FirstByte: 3 * time.Second})
	pool := new(int)
	held.Endpoint().Attach(SlotHTTP, pool)

	next := adopt(t, r, config(RoundRobin, 7, 1, 1))
	r.Retire(old)

	a, b, c := endpoints(next)[0], endpoints(next)[1], endpoints(next)[2]
	if a != held.Endpoint() || a.InFlight() != 1 || a.Ended(Timeout) != 1 || a.Picked() != 2 {
		t.Errorf("in flight %d, timeouts %d, picked %d; want 1, 1, 2", a.InFlight(), a.Ended(Timeout), a.Picked())
	}
	if a.Latency().Round(time.Millisecond) != 3*time.Second || a.Attachment(SlotHTTP) != any(pool) {
		t.Errorf("latency %v, attachment %v; want 3s and the pool", a.Latency(), a.Attachment(SlotHTTP))
	}
	if b.State() != Down || c.State() != Unknown {
		t.Errorf("states %v and %v, want down (kept) and unknown (new)", b.State(), c.State())
	}
	if w := next.View().Members()[0].Weight; w != 7 {
		t.Errorf("weight %d, want the new config's 7", w)
	}
	held.Done(took(time.Millisecond))
	if a.InFlight() != 0 || a.Ended(OK) != 1 {
		t.Errorf("a lease of the old snapshot ended: in flight %d, ok %d; want 0, 1", a.InFlight(), a.Ended(OK))
	}
}

func TestAnEndpointGoesWithItsLastUpstream(t *testing.T) {
	var gone []string
	r := NewRegistry(func(e *Endpoint) { gone = append(gone, e.String()) })
	first := adopt(t, r, config(EWMA, 1, 1))
	second := adopt(t, r, config(EWMA, 1))
	undone := adopt(t, r, config(EWMA, 1, 1, 1)) // a reload that failed later
	steps := []struct {
		what   string
		retire *Upstream
		gone   []string
		left   int
	}{
		{"a snapshot that was never published", undone, []string{"orders/10.0.0.3:80"}, 2},
		{"the old snapshot", first, []string{"orders/10.0.0.3:80", "orders/10.0.0.2:80"}, 1},
		{"the old snapshot again", first, []string{"orders/10.0.0.3:80", "orders/10.0.0.2:80"}, 1},
		{"the last one", second, []string{"orders/10.0.0.3:80", "orders/10.0.0.2:80", "orders/10.0.0.1:80"}, 0},
	}
	for _, s := range steps {
		r.Retire(s.retire)
		if !slices.Equal(gone, s.gone) || len(r.Endpoints()) != s.left {
			t.Errorf("retiring %s: gone %v, %d left; want %v, %d", s.what, gone, len(r.Endpoints()), s.gone, s.left)
		}
	}
}

func TestEqualAddressesOfTwoUpstreamsAreTwoEndpoints(t *testing.T) {
	r := NewRegistry(nil)
	a, errA := r.Adopt("a", config(EWMA, 1))
	b, errB := r.Adopt("b", config(EWMA, 1))
	if errA != nil || errB != nil || endpoints(a)[0] == endpoints(b)[0] {
		t.Fatalf("%v, %v; shared: %v", errA, errB, endpoints(a)[0] == endpoints(b)[0])
	}
	var names []string
	for _, e := range r.Endpoints() {
		names = append(names, e.String())
	}
	if want := []string{"a/10.0.0.1:80", "b/10.0.0.1:80"}; !slices.Equal(names, want) {
		t.Errorf("endpoints %v, want %v", names, want)
	}
}

func TestAnAddressTwiceOrEmptyIsRefused(t *testing.T) {
	twice := config(EWMA, 1, 1)
	twice.Endpoints[1] = twice.Endpoints[0]
	empty := Config{Balance: EWMA, Endpoints: []EndpointConfig{{Weight: 1}}}
	for _, c := range []Config{twice, empty} {
		r := NewRegistry(nil)
		if _, err := r.Adopt("orders", c); err == nil || len(r.Endpoints()) != 0 {
			t.Errorf("%v: error %v, %d endpoints left behind", c.Endpoints, err, len(r.Endpoints()))
		}
	}
}

func TestASlotKeepsWhatWasAttachedFirst(t *testing.T) {
	_, u := upstream(t, EWMA, 1)
	e := endpoints(u)[0]
	if e.Attachment(SlotTCP) != nil {
		t.Fatal("a new endpoint has an attachment")
	}
	if got := e.Attach(SlotTCP, "first"); got != "first" {
		t.Errorf("attached to an empty slot, got %v", got)
	}
	if got := e.Attach(SlotTCP, "second"); got != "first" || e.Attachment(SlotTCP) != "first" {
		t.Errorf("attached to a full slot, got %v", got)
	}
	if e.Attachment(SlotHTTP) != nil {
		t.Error("the slots are not apart")
	}
}

func TestUnprovenEndpointsServeOnlyWhileNoneIsReady(t *testing.T) {
	cases := []struct {
		states     []State
		candidates []int
	}{
		{[]State{Unknown, Unknown}, []int{0, 1}},
		{[]State{Unknown, Ready, Down}, []int{1}},
		{[]State{Unknown, Down, Unknown}, []int{0, 2}},
		{[]State{Draining, Unknown, Down}, []int{1}},
		{[]State{Draining, Ejected, Maintenance}, []int{0}},
		{[]State{Ejected, Maintenance, Down}, nil},
	}
	for _, c := range cases {
		r := NewRegistry(nil)
		u := adopt(t, r, config(EWMA, equal(len(c.states))...))
		for i, e := range endpoints(u) {
			r.SetState(c.states[i], e)
		}
		rebuild(u)
		var got []int
		for _, m := range u.View().Candidates() {
			got = append(got, slices.Index(endpoints(u), m.Endpoint))
		}
		if !slices.Equal(got, c.candidates) {
			t.Errorf("%v: candidates %v, want %v", c.states, got, c.candidates)
		}
	}
}

func TestTheFirstChangeIsSeenAtOnceAndMoreWithinATenthOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(nil)
		u := adopt(t, r, config(EWMA, equal(5)...))
		e := endpoints(u)
		ready := func(want int) {
			t.Helper()
			synctest.Wait()
			if got := u.View().Ready(); got != want {
				t.Errorf("%d ready, want %d", got, want)
			}
		}
		r.SetState(Ready, e[0], e[1])
		ready(2)
		r.SetState(Ready, e[2])
		r.SetState(Ready, e[3])
		ready(2)
		time.Sleep(rebuildEvery - time.Millisecond)
		ready(2)
		time.Sleep(time.Millisecond)
		ready(4)
		time.Sleep(rebuildEvery)
		r.SetState(Down, e[0])
		ready(3)
	})
}

func TestViewsAreRebuiltAtMostTenTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(nil)
		u := adopt(t, r, config(EWMA, equal(64)...))
		e := endpoints(u)
		views, last := 0, u.View()
		for i := range 2000 { // two seconds, a change every millisecond
			r.SetState([]State{Ready, Down}[i/64%2], e[i%64])
			if v := u.View(); v != last {
				views, last = views+1, v
			}
			time.Sleep(time.Millisecond)
		}
		if views < 18 || views > 21 {
			t.Errorf("%d views in two seconds of changes, want about 20", views)
		}
	})
}

func TestAChangeReachesEverySnapshotThatLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(nil)
		old := adopt(t, r, config(EWMA, 1, 1))
		next := adopt(t, r, config(EWMA, 1, 1, 1))
		r.SetState(Ready, endpoints(old)[0])
		if old.View().Ready() != 1 || next.View().Ready() != 1 {
			t.Errorf("ready: old %d, next %d; want 1 and 1", old.View().Ready(), next.View().Ready())
		}
		r.SetState(Ready, endpoints(old)[1]) // arms both timers
		r.Retire(old)
		time.Sleep(time.Second)
		synctest.Wait()
		if old.View().Ready() != 1 || next.View().Ready() != 2 {
			t.Errorf("after retiring: old %d, next %d; want 1 and 2", old.View().Ready(), next.View().Ready())
		}
	})
}

func TestSetStateCountsChangesAndDatesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(nil)
		u := adopt(t, r, config(EWMA, 1, 1))
		e := endpoints(u)
		begin := time.Now()
		time.Sleep(time.Minute)
		if n := r.SetState(Ready, e...); n != 2 || !e[0].StateSince().Equal(begin.Add(time.Minute)) {
			t.Errorf("%d changes since %v", n, e[0].StateSince())
		}
		time.Sleep(time.Minute)
		before := u.View()
		if n := r.SetState(Ready, e...); n != 0 || !e[0].StateSince().Equal(begin.Add(time.Minute)) || u.View() != before {
			t.Errorf("the same state again: %d changes since %v", n, e[0].StateSince())
		}
	})
}
