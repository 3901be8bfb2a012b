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

func newGate(t *testing.T, c *clockwork, rate float64, last int64) *gate {
	t.Helper()
	a, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{now: c.now, rate: rate, last: last, until: time.Hour, alarm: a}
	t.Cleanup(g.close)
	return g
}

func TestOverdueSlotsGoOutAtOnceWithTheirOwnTimes(t *testing.T) {
	var c clockwork
	g := newGate(t, &c, 1000, 3)
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

func TestTheScheduleDoesNotDrift(t *testing.T) {
	g := &gate{rate: 30_000}
	for n, want := range map[int64]time.Duration{3: 100 * time.Microsecond, 30_000: time.Second, 108_000_000: time.Hour} {
		if got := g.at(n); got != want {
			t.Errorf("slot %d is at %v, want %v", n, got, want)
		}
	}
}

func TestAllDueSleepersWakeAtOneRing(t *testing.T) {
	var c clockwork
	g := newGate(t, &c, 1000, 5)
	g.next = 1 // slot 0 is due at once
	var awake sync.WaitGroup
	var lag atomic.Int64
	for range 3 {
		awake.Go(func() {
			s, _ := g.take(make(chan struct{}, 1))
			lag.Add(int64(s.lag))
		})
	}
	for g.left() != 1 { // all three sleep
		runtime.Gosched()
	}
	c.set(3 * time.Millisecond)
	g.ring()
	awake.Wait()
	if got := time.Duration(lag.Load()); got != 3*time.Millisecond {
		t.Errorf("slots 1, 2 and 3 ms woken at 3 ms lag %v together, want 3ms", got)
	}
}

func TestClosingWakesSleepersWithoutASlot(t *testing.T) {
	var c clockwork
	g := newGate(t, &c, 1, 5)
	g.next = 1
	got := make(chan bool)
	go func() {
		_, ok := g.take(make(chan struct{}, 1))
		got <- ok
	}()
	for g.left() != 3 {
		runtime.Gosched()
	}
	g.close()
	if <-got {
		t.Error("a slot after close")
	}
	if g.left() != 4 {
		t.Errorf("%d slots left, want 4: the sleeper's was never sent", g.left())
	}
}

func TestOverdueSlotsAreGivenUpAtTheEnd(t *testing.T) {
	var c clockwork
	g := newGate(t, &c, 1000, 10)
	c.set(2 * time.Hour)
	if _, ok := g.take(nil); ok || g.left() != 10 {
		t.Errorf("ok %v, left %d; want false and 10", ok, g.left())
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
	g := newGate(t, &c, 1e6, 1e9)
	c.set(time.Minute)
	if n := testing.AllocsPerRun(1000, func() { g.take(nil) }); n != 0 {
		t.Fatalf("a slot costs %v allocations", n)
	}
}
