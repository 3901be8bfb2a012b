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

// A deadline could be due before Set had queued it. Set then put the timer into the ring while the wheel held it among
// those to fire: from there the wheel went on into the ring, and fired what was not due.
func TestADeadlineThatIsDueBeforeItIsQueuedFiresAlone(t *testing.T) {
	w := New()
	var one, other, later Timer
	fired := map[*Timer]int{}
	fires := func(t, then *Timer) func() {
		return func() {
			fired[t]++
			then.shard.requeue(then) // the end of a Set that was held up
		}
	}
	w.Bind(&one, fires(&one, &other))
	w.Bind(&other, fires(&other, &one))
	w.Bind(&later, fires(&later, &later))
	one.shard, later.shard = other.shard, other.shard
	now := (Now()/int64(Tick) + 2) * int64(Tick)
	one.Set(now - ms)
	other.Set(now - ms)
	later.Set(now + ms)
	w.Advance(now)
	if fired[&one] != 1 || fired[&other] != 1 || fired[&later] != 0 {
		t.Errorf("fired %d, %d, and %d times what is not due", fired[&one], fired[&other], fired[&later])
	}
	w.Advance(now + 2*int64(Tick))
	if fired[&one] != 1 || fired[&other] != 1 || fired[&later] != 1 {
		t.Errorf("behind it %d, %d and %d times", fired[&one], fired[&other], fired[&later])
	}
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
