package deadline

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"
)

// modelled is a timer beside what a naive model knows of it.
type modelled struct {
	timer Timer
	due   int64 // 0: none
	fires int
	early bool
}

// Many timers that are set, moved, taken back and removed at random fire exactly when the model
// says: never before their time, at most two ticks after it, once a deadline.
func TestManyTimersAgreeWithANaiveModel(t *testing.T) {
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		w, now := New(), Now()
		all := make([]*modelled, 200)
		for i := range all {
			m := new(modelled)
			w.Bind(&m.timer, func() {
				m.fires++
				m.early = m.early || m.due == 0 || m.due > now
				m.due = 0
			})
			all[i] = m
		}
		for range 4000 {
			m := all[rnd.IntN(len(all))]
			switch rnd.IntN(10) {
			case 0:
				m.due = 0
				m.timer.Set(0)
			case 1:
				m.due = 0
				m.timer.Remove()
			default:
				m.due = now + 1 + rnd.Int64N(reach(rnd))
				m.timer.Set(m.due)
			}
			now += rnd.Int64N(30 * ms)
			w.Advance(now)
			for i, m := range all {
				if m.early {
					t.Fatalf("seed %d: timer %d fired early, or for nothing", seed, i)
				}
				if m.due != 0 && now-m.due > 2*int64(Tick) {
					t.Fatalf("seed %d: timer %d is %d ms late", seed, i, (now-m.due)/ms)
				}
			}
		}
	}
}

// reach is how far ahead a deadline lies: near ones, ones within a turn of the wheel, ones beyond.
func reach(rnd *rand.Rand) int64 {
	return []int64{50 * ms, 5_000 * ms, 30_000 * ms, 100_000 * ms}[rnd.IntN(4)]
}

func TestAWheelThatStoodStillFiresAllThatIsDue(t *testing.T) {
	w, now := New(), Now()
	fired := 0
	timers := make([]Timer, 100)
	for i := range timers {
		w.Bind(&timers[i], func() { fired++ })
		timers[i].Set(now + int64(i+1)*700*ms)
	}
	w.Advance(now + 3_600_000*ms) // the machine slept for an hour
	if fired != len(timers) {
		t.Fatalf("%d of %d fired", fired, len(timers))
	}
}

func TestAWheelRunsUntilItsContextEnds(t *testing.T) {
	w := New()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // the wheel
		defer close(ended)
		w.Run(ctx)
	}()
	var fires atomic.Int64
	fired := make(chan struct{}, 10)
	timer := new(Timer)
	w.Bind(timer, func() { fires.Add(1); fired <- struct{}{} })
	for range 3 {
		begin := time.Now()
		timer.Set(Now() + 30*ms)
		<-fired
		if took := time.Since(begin); took < 30*time.Millisecond {
			t.Fatalf("fired after %v", took)
		}
	}
	stop()
	<-ended
	timer.Set(Now() + 1)
	if n := fires.Load(); n != 3 {
		t.Fatalf("fired %d times", n)
	}
}

func TestAWallClockTimeIsTheSameMomentOnTheWheel(t *testing.T) {
	before := Now()
	at := At(time.Now())
	if after := Now(); at < before || at > after {
		t.Fatalf("%d is not within %d and %d", at, before, after)
	}
	if d := Since(before, before+5); d != 5 {
		t.Fatalf("Since is %v", d)
	}
}
