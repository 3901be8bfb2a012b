package lb

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
)

// woken reports whether w has a verdict, and takes it.
func woken(w *Waiter) bool {
	select {
	case <-w.Wake:
		return true
	default:
		return false
	}
}

func TestTheFirstInTheLineGetsTheRoomOfAUseThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := gated(t, 2, 1, nil)
		g := u.Gate()
		held := []Lease{pick(u, Key{}, Tried{}), pick(u, Key{}, Tried{})}
		if _, reason := u.Pick(Key{}, Tried{}); reason != AllFull || g.Queued() {
			t.Fatalf("a third use of two places: %v, want all_full", reason)
		}
		var first, second Waiter
		if !g.Enter(&first) || !g.Enter(&second) || !g.Queued() {
			t.Fatal("nobody can wait")
		}
		synctest.Wait()
		if woken(&first) || woken(&second) {
			t.Fatal("somebody is woken although all is full")
		}
		held[1].Done(Outcome{})
		if !woken(&first) || first.Verdict() != Granted || woken(&second) {
			t.Fatalf("the room of one use wakes the first with %v", first.Verdict())
		}
		l, reason := u.Pick(Key{}, Tried{})
		if reason != Picked {
			t.Errorf("with a grant: %v", reason)
		}
		held[0].Done(Outcome{})
		l.Done(Outcome{})
		if !woken(&second) || g.Queued() {
			t.Error("the second is not woken")
		}
		if s := g.Stats(); s.Queued != 2 || s.Waiting != 0 {
			t.Errorf("stats are %+v", s)
		}
	})
}

// The use ends after Pick has found everything full and before Enter: nothing else would wake w.
func TestRoomThatAppearsBeforeEnterIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := gated(t, 1, 1, nil)
		held := pick(u, Key{}, Tried{})
		if _, reason := u.Pick(Key{}, Tried{}); reason != AllFull {
			t.Fatal(reason)
		}
		held.Done(Outcome{})
		var w Waiter
		if !u.Gate().Enter(&w) || !woken(&w) || w.Verdict() != Granted {
			t.Errorf("who enters while there is room is not let in")
		}
	})
}

// Others wait, and there is room that nobody has been told of: a newcomer wakes the first in the line.
func TestANewcomerThatFindsRoomWakesTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, u := gated(t, 1, 1, nil)
		e := u.View().Members()[0].Endpoint
		held := pick(u, Key{}, Tried{})
		var first, newcomer Waiter
		u.Gate().Enter(&first)
		e.limiter.configure(AtMost(2)) // behind the gate's back
		u.Gate().Enter(&newcomer)
		if !woken(&first) || woken(&newcomer) {
			t.Error("the newcomer goes first")
		}
		held.Done(Outcome{})
		r.Retire(u)
	})
}

func TestWhatElseMakesRoom(t *testing.T) {
	reload := func(limit MaxInFlight) func(*testing.T, *Registry, *Upstream) {
		return func(t *testing.T, r *Registry, _ *Upstream) {
			c := config(LeastRequests, 1, 1)
			c.MaxInFlight = limit
			adopt(t, r, c)
		}
	}
	for what, happens := range map[string]func(t *testing.T, r *Registry, u *Upstream){
		"an endpoint becomes ready": func(_ *testing.T, r *Registry, u *Upstream) {
			r.Judge(ByProbe, Ready, "", u.View().Members()[1].Endpoint)
		},
		"a reload with a higher limit": reload(AtMost(2)),
		"a reload without a limit":     reload(MaxInFlight{}),
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := NewRegistry(nil)
				c := config(LeastRequests, 1, 1)
				c.MaxInFlight = AtMost(1)
				u := adopt(t, r, c)
				r.Judge(ByProbe, Ready, "", u.View().Members()[0].Endpoint)
				r.Judge(ByProbe, Down, "", u.View().Members()[1].Endpoint)
				pass(time.Second)
				pick(u, Key{}, Tried{})
				var w Waiter
				u.Gate().Enter(&w)
				pass(time.Second)
				if woken(&w) {
					t.Fatal("it is woken although all is full")
				}
				happens(t, r, u)
				pass(time.Second)
				if !woken(&w) || w.Verdict() != Granted {
					t.Error("nobody is let in")
				}
			})
		})
	}
}

func TestLeavingTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := gated(t, 1, 1, func(c *Config) { c.Queue = &QueueConfig{Size: 3, Timeout: conf.Dur(100 * time.Millisecond)} })
		g := u.Gate()
		held := pick(u, Key{}, Tried{})
		var waiters [4]Waiter
		for i := range waiters {
			if got := g.Enter(&waiters[i]); got != (i < 3) {
				t.Fatalf("Enter %d of 3 is %v", i+1, got)
			}
		}
		if !g.Leave(&waiters[0]) {
			t.Error("a client that has gone can't leave")
		}
		pass(g.Patience())
		if !g.Leave(&waiters[1]) {
			t.Error("who has waited for long enough can't leave")
		}
		held.Done(Outcome{})
		if g.Leave(&waiters[2]) {
			t.Error("who was let in leaves as if it had waited")
		}
		pick(u, Key{}, Tried{}) // so that nobody else is let in
		g.Enter(&waiters[3])
		g.Enter(&waiters[0])
		if woken(&waiters[3]) || woken(&waiters[0]) {
			t.Fatal("somebody is let in although all is full")
		}
		g.Decline(&waiters[2])
		if !woken(&waiters[3]) || woken(&waiters[0]) {
			t.Error("the grant that was declined does not go to the first in the line")
		}
		if s := g.Stats(); s.Gone != 1 || s.ShedTimeout != 1 || s.ShedFull != 1 || s.Queued != 5 || s.Waiting != 1 {
			t.Errorf("stats are %+v", s)
		}
	})
}

// What w may not use looks like room to the gate: it must not be woken without end.
func TestWhoCanNotUseTheRoomIsNotWokenForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, u := gated(t, 2, 1, nil)
		all := endpoints(u)
		var tried Tried
		tried.Add(all[0])
		held := leaseOn(all[1])
		var w Waiter
		loops := 0
		for u.Gate().Enter(&w) && woken(&w) {
			if _, reason := u.Pick(Key{}, tried); reason != AllFull {
				t.Fatal(reason)
			}
			if loops++; loops > 100 {
				t.Fatal("a hundred grants that lead to nothing")
			}
		}
		held.Done(Outcome{})
		if l, reason := u.Pick(Key{}, tried); !woken(&w) || reason != Picked || l.Endpoint() != all[1] {
			t.Errorf("when its endpoint has room: %v", reason)
		}
	})
}

// Goroutines share three places, in real time and without a timeout: one lost wake-up hangs the test.
func TestNoWakeUpOfTheGateIsLost(t *testing.T) {
	r, u := upstream(t, LeastRequests, 1, 1, 1)
	c := config(LeastRequests, 1, 1, 1)
	c.MaxInFlight = AtMost(1)
	c.Queue = &QueueConfig{Size: 1000, Timeout: conf.Dur(time.Hour)}
	next := adopt(t, r, c)
	r.Retire(u)
	for range 100 { // so that no wait is called standing on a machine that is slow
		next.Gate().latencies.Observe(time.Hour, next.Gate().now())
	}
	var users sync.WaitGroup
	for range 12 {
		users.Go(func() {
			var w Waiter
			for range 1000 {
				l := await(t, next, &w)
				l.Done(Outcome{})
			}
		})
	}
	users.Wait()
	if s := next.Gate().Stats(); s.Waiting != 0 {
		t.Errorf("%d wait in the end", s.Waiting)
	}
	for _, e := range endpoints(next) {
		if e.InFlight() != 0 {
			t.Errorf("%v has %d in flight in the end", e, e.InFlight())
		}
	}
}

// await picks, and waits in the queue for as long as everything is full.
func await(t *testing.T, u *Upstream, w *Waiter) Lease {
	if !u.Gate().Queued() {
		if l, _ := u.Pick(Key{}, Tried{}); l.Ok() {
			return l
		}
	}
	for u.Gate().Enter(w) {
		if <-w.Wake; w.Verdict() != Granted {
			t.Error("shed")
			return Lease{}
		}
		if l, _ := u.Pick(Key{}, Tried{}); l.Ok() {
			return l
		}
	}
	t.Error("the queue is full")
	return Lease{}
}

func TestTheGateAllocatesNothing(t *testing.T) {
	for what, limit := range map[string]MaxInFlight{"a number": AtMost(1), "adaptive": Adaptive(), "off": {}} {
		breaker := DefaultBreaker()
		c := config(LeastRequests, 1)
		c.MaxInFlight, c.Breaker = limit, &breaker
		r := NewRegistry(nil)
		u := adopt(t, r, c)
		g := u.Gate()
		w := Waiter{Wake: make(chan struct{}, 1)}
		if n := testing.AllocsPerRun(1000, func() {
			g.Begin()
			l, _ := u.Pick(Key{}, Tried{})
			if g.Enter(&w) && !g.Leave(&w) {
				g.Decline(&w)
			}
			g.Enter(&w)
			g.TakeRetry()
			g.TakeHedge(0.05)
			g.Quantile(0.95)
			l.Done(took(time.Millisecond))
			g.Leave(&w)
			g.Decline(&w)
			g.Stats()
		}); n != 0 {
			t.Errorf("with max_in_flight %s a use allocates %v times", what, n)
		}
	}
}
