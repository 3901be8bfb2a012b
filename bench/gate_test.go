package bench

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clockwork is a clock that a test moves by hand.
type clockwork struct{ at atomic.Int64 }

func (c *clockwork) now() time.Duration   { return time.Duration(c.at.Load()) }
func (c *clockwork) set(at time.Duration) { c.at.Store(int64(at)) }

// newGate returns a gate of evenly spread slots, the first few of which are gone.
func newGate(t *testing.T, c *clockwork, rate float64, last, gone int64) *gate {
	t.Helper()
	a, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{schedule: newSchedule(&Config{Arrivals: Constant(rate), Requests: last}, c.now), alarm: a}
	t.Cleanup(g.close)
	for range gone {
		if _, ok := g.schedule.claim(); !ok {
			t.Fatal("too few slots")
		}
	}
	return g
}

// sleepers returns how many workers wait for their slots.
func (g *gate) sleepers() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.asleep)
}

// awaitSleepers returns when n workers wait.
func awaitSleepers(g *gate, n int) {
	for g.sleepers() != n {
		runtime.Gosched()
	}
}

func TestOverdueSlotsGoOutAtOnceWithTheirOwnTimes(t *testing.T) {
	var c clockwork
	g := newGate(t, &c, 1000, 3, 0)
	c.set(10 * time.Millisecond)
	for n, want := range []time.Duration{0, time.Millisecond, 2 * time.Millisecond} {
		s, ok := g.take(nil)
		if !ok || !s.late || s.at != want {
			t.Errorf("slot %d: got %+v, %v; want late, at %v", n, s, ok, want)
		}
	}
	if _, ok := g.take(nil); ok {
		t.Error("a fourth slot of three")
	}
}

func TestAllDueSleepersWakeAtOneRing(t *testing.T) {
	var c clockwork
	g := newGate(t, &c, 1000, 5, 1) // slot 0 is due at once
	var awake sync.WaitGroup
	var lag atomic.Int64
	for range 3 {
		awake.Go(func() {
			s, _ := g.take(make(chan struct{}, 1))
			lag.Add(int64(s.lag))
		})
	}
	awaitSleepers(g, 3)
	c.set(3 * time.Millisecond)
	g.ring()
	awake.Wait()
	if got := time.Duration(lag.Load()); got != 3*time.Millisecond {
		t.Errorf("slots 1, 2 and 3 ms woken at 3 ms lag %v together, want 3ms", got)
	}
}

func TestClosingWakesSleepersWithoutASlot(t *testing.T) {
	var c clockwork
	g := newGate(t, &c, 1, 5, 1)
	got := make(chan bool)
	go func() {
		_, ok := g.take(make(chan struct{}, 1))
		got <- ok
	}()
	awaitSleepers(g, 1)
	g.close()
	if <-got {
		t.Error("a slot after close")
	}
	if _, ok := g.take(nil); ok {
		t.Error("a slot of a closed gate")
	}
}

func TestSleepersWakeInTheOrderOfTheSlots(t *testing.T) {
	var c clockwork
	g := newGate(t, &c, 1000, 6, 1)
	woken := make(chan time.Duration, 5)
	for n := range 5 {
		go func() {
			s, _ := g.take(make(chan struct{}, 1))
			woken <- s.at
		}()
		awaitSleepers(g, n+1)
	}
	for n := 1; n <= 5; n++ {
		at := time.Duration(n) * time.Millisecond
		c.set(at - 1)
		g.ring() // early: nobody's time has come
		select {
		case early := <-woken:
			t.Fatalf("the slot of %v went out at %v", early, at-1)
		default:
		}
		c.set(at)
		g.ring()
		if got := <-woken; got != at {
			t.Errorf("at %v the slot of %v went out", at, got)
		}
	}
}

func TestLagIsTheGeneratorsAndLatenessTheTargets(t *testing.T) {
	var c clockwork
	g := newGate(t, &c, 1000, 4, 1)
	turns := make(chan turn, 1)
	go func() {
		s, _ := g.take(make(chan struct{}, 1))
		turns <- s
	}()
	awaitSleepers(g, 1)
	c.set(5 * time.Millisecond) // the alarm rings 4 ms late: the generator's own doing
	g.ring()
	if s := <-turns; s.late || s.lag != 4*time.Millisecond {
		t.Errorf("a sleeper that was woken late: %+v, want a lag of 4ms", s)
	}
	// The next slot's worker came only now: whoever held it up, no worker was free.
	if s, ok := g.take(nil); !ok || !s.late || s.lag >= 0 || s.at != 2*time.Millisecond {
		t.Errorf("a slot that found every worker busy: %+v", s)
	}
}

func TestTheAlarmRingsSoonAndOnlyWhenSet(t *testing.T) {
	a, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	a.set(2 * time.Millisecond)
	if !a.wait() || time.Since(start) < 2*time.Millisecond {
		t.Errorf("rang after %v", time.Since(start))
	}
	a.close()
	if a.wait() {
		t.Error("rings after close")
	}
}

func TestTakingAnOverdueSlotAllocatesNothing(t *testing.T) {
	var c clockwork
	g := newGate(t, &c, 1e6, 1e9, 0)
	c.set(time.Minute)
	if n := testing.AllocsPerRun(1000, func() { g.take(nil) }); n != 0 {
		t.Fatalf("a slot costs %v allocations", n)
	}
}
