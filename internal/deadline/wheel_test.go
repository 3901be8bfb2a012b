package deadline

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const ms = int64(time.Millisecond)

// rig is a wheel with one timer and a count of its fires, driven by hand.
func rig() (*Wheel, *Timer, *int) {
	w, t, n := New(), new(Timer), new(int)
	w.Bind(t, func() { *n++ })
	return w, t, n
}

func TestADeadlinePassesOnceAndNeverEarly(t *testing.T) {
	for _, after := range []int64{1, 19, 20, 21, 500, 20_000, 20_480, 75_000, 3_600_000} {
		w, timer, n := rig()
		start := Now()
		due := start + after*ms
		timer.Set(due)
		for now := start; now < due; now += 10 * ms {
			w.Advance(now)
			if *n != 0 {
				t.Fatalf("%d ms: fired %d ms early", after, (due-now)/ms)
			}
		}
		w.Advance(due + 2*int64(Tick))
		w.Advance(due + 60_000*ms)
		if *n != 1 {
			t.Errorf("%d ms: fired %d times, want once", after, *n)
		}
	}
}

func TestALaterDeadlineReplacesAnEarlierOne(t *testing.T) {
	w, timer, n := rig()
	start := Now()
	timer.Set(start + 100*ms)
	timer.Set(start + 900*ms)
	w.Advance(start + 500*ms)
	if *n != 0 {
		t.Fatal("fired for the deadline that was replaced")
	}
	w.Advance(start + 1000*ms)
	if *n != 1 {
		t.Fatalf("fired %d times, want once", *n)
	}
}

func TestAnEarlierDeadlineReplacesALaterOne(t *testing.T) {
	w, timer, n := rig()
	start := Now()
	timer.Set(start + 70_000*ms)
	timer.Set(start + 100*ms)
	w.Advance(start + 200*ms)
	if *n != 1 {
		t.Fatalf("fired %d times, want once", *n)
	}
}

func TestNoDeadlineAndRemovalFireNothing(t *testing.T) {
	w, timer, n := rig()
	start := Now()
	timer.Set(start + 100*ms)
	timer.Set(0)
	w.Advance(start + 200*ms)
	timer.Set(start + 300*ms)
	timer.Remove()
	w.Advance(start + 400*ms)
	if *n != 0 {
		t.Fatalf("fired %d times, want never", *n)
	}
}

func TestRearmFromFireFiresAgain(t *testing.T) {
	w, timer, n := New(), new(Timer), 0
	start := Now()
	w.Bind(timer, func() {
		if n++; n < 3 {
			timer.Rearm(start + int64(n+1)*100*ms)
		}
	})
	timer.Set(start + 100*ms)
	for now := start; now < start+1000*ms; now += 10 * ms {
		w.Advance(now)
	}
	if n != 3 {
		t.Fatalf("fired %d times, want 3", n)
	}
}

// An owner that moves its deadline from phase to phase must never be woken for a phase that Set has ended.
func TestAfterSetReturnsNoEarlierDeadlineFires(t *testing.T) {
	w := New()
	ctx, stop := context.WithCancel(t.Context())
	var wheel sync.WaitGroup
	wheel.Go(func() {
		for ctx.Err() == nil {
			w.Advance(Now())
		}
	})
	var owners sync.WaitGroup
	for range 4 {
		owners.Go(func() {
			var phase, late atomic.Int64
			timer := new(Timer)
			w.Bind(timer, func() {
				if phase.Load() == 1 {
					late.Add(1)
				}
			})
			for i := range 3000 {
				phase.Store(0)
				timer.Set(Now() + int64(i%50)*1000)
				timer.Set(Now() + 1_000_000*ms)
				phase.Store(1)
			}
			timer.Remove()
			if late.Load() != 0 {
				t.Errorf("%d fires for a phase that was over", late.Load())
			}
		})
	}
	owners.Wait()
	stop()
	wheel.Wait()
}

func TestMovingADeadlineAllocatesNothing(t *testing.T) {
	_, timer, _ := rig()
	at := Now() + 1000*ms
	if n := testing.AllocsPerRun(1000, func() { at++; timer.Set(at) }); n != 0 {
		t.Fatalf("Set allocates %v times", n)
	}
}

func BenchmarkSetLater(b *testing.B) {
	_, timer, _ := rig()
	at := Now() + 1000*ms
	for b.Loop() {
		at++
		timer.Set(at)
	}
}
