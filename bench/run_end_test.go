package bench

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// engineOf is an engine that does what a test says.
type engineOf func(context.Context)

func (f engineOf) run(ctx context.Context) { f(ctx) }
func (engineOf) halt()                     {}
func (engineOf) busy() float64             { return 0 }

// driven is the report of a run on an engine.
func driven(ctx context.Context, cfg Config, e engineOf) *Report {
	r := &run{cfg: cfg, ledger: newLedger([]string{"all"}, 1, time.Second), start: time.Now(), engine: e}
	r.schedule = newSchedule(&r.cfg, r.now)
	return r.drive(ctx)
}

func TestTheProcessorTimeIsThatOfTheRun(t *testing.T) {
	// A run so short that its clock had not begun was charged with all that the process had used since it started.
	for range 200 {
		before := processTime()
		r := driven(t.Context(), Config{Requests: 1}, func(context.Context) {})
		if most := processTime() - before; r.CPU > most {
			t.Fatalf("%v of the processor's time for a run within %v of it", r.CPU, most)
		}
	}
}

func TestARunThatEndsInItsWarmupMeasuresNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := driven(ctx, Config{Warmup: time.Minute, Requests: 1}, func(context.Context) {
			time.Sleep(2 * time.Second)
			cancel()
		})
		if !r.CutShort || r.Elapsed != 0 || r.CPU != 0 || r.Requests != 0 || !r.Valid() {
			t.Errorf("cut short %v, %v measured, %v of the processor, %d requests", r.CutShort, r.Elapsed, r.CPU, r.Requests)
		}
	})
}

func TestNoSecondIsToldBehindTheEnd(t *testing.T) {
	// While Progress held the clock up, the run ended; the seconds that had passed since were then told and kept, in
	// front of the last one, which had ended before.
	for range 20 { // it was a matter of chance
		synctest.Test(t, func(t *testing.T) {
			var told []time.Duration
			cfg := Config{Requests: 1, Progress: func(s Second) {
				told = append(told, s.At)
				time.Sleep(2500 * time.Millisecond)
			}}
			r := driven(t.Context(), cfg, func(context.Context) { time.Sleep(1200 * time.Millisecond) })
			if !slices.Equal(told, []time.Duration{time.Second}) || r.Elapsed != 1200*time.Millisecond {
				t.Errorf("told of %v in %v", told, r.Elapsed)
			}
			if len(r.Series) != 2 || r.Series[0].At != time.Second || r.Series[1].At != r.Elapsed {
				t.Errorf("seconds %+v", r.Series)
			}
		})
	}
}

func TestARunIsCutShortOnlyBeforeItsEnd(t *testing.T) {
	for _, c := range []struct {
		cancelAt time.Duration
		want     bool
	}{
		{0, true},
		{1400 * time.Millisecond, true},
		{1800 * time.Millisecond, false}, // all is done, and Progress still holds up the report
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.cancelAt)
			defer cancel()
			cfg := Config{Requests: 1, Progress: func(Second) { time.Sleep(time.Second) }}
			r := driven(ctx, cfg, func(context.Context) { time.Sleep(1500 * time.Millisecond) })
			if r.CutShort != c.want {
				t.Errorf("ended at %v of 1.5 s: cut short %v, want %v", c.cancelAt, r.CutShort, c.want)
			}
		})
	}
}

func TestAnEngineIsGivenASecondToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		from := time.Now()
		r := driven(ctx, Config{Duration: time.Hour}, func(work context.Context) { <-work.Done() })
		if took := time.Since(from); took != 300*time.Millisecond+abortGrace || !r.CutShort || r.Unsent != 0 {
			t.Errorf("it took %v, cut short %v, %d unsent", took, r.CutShort, r.Unsent)
		}
	})
}
