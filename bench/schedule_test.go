package bench

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// scheduled returns the times of all slots of cfg.
func scheduled(t *testing.T, cfg Config) []time.Duration {
	t.Helper()
	cfg.Target = "http://a"
	if _, err := cfg.compile(); err != nil {
		t.Fatal(err)
	}
	var at []time.Duration
	for s := newSchedule(&cfg, func() time.Duration { return 0 }); ; {
		slot, ok := s.claim()
		if !ok {
			return at
		}
		if slot.n != int64(len(at)) {
			t.Fatalf("slot %d comes after %d others", slot.n, len(at))
		}
		at = append(at, slot.at)
	}
}

func TestTheNumberOfSlotsInATime(t *testing.T) {
	// Truncating the product lost the last slot where it was a hair short (100/s × 290 ms = 28.999…) and all of them
	// in a run shorter than one gap.
	for _, c := range []struct {
		rate float64
		t    time.Duration
		want int
	}{
		{100, 290 * time.Millisecond, 29},
		{100, 300 * time.Millisecond, 30},
		{100, 301 * time.Millisecond, 31}, // slot 30 is at 300 ms
		{0.1, 30 * time.Second, 3},
		{3, 500 * time.Millisecond, 2}, // at 0 and 333 ms
		{1, 500 * time.Millisecond, 1},
		{1, 2 * time.Microsecond, 1},
		{1e6, time.Second, 1e6},
		{0.5, time.Hour, 1800},
	} {
		got := scheduled(t, Config{Rate: c.rate, Duration: c.t})
		if len(got) != c.want {
			t.Errorf("%v/s for %v: %d slots, want %d", c.rate, c.t, len(got), c.want)
		}
		for n, at := range got {
			if want := time.Duration(float64(n) / c.rate * 1e9); (at - want).Abs() > 1 {
				t.Fatalf("%v/s: slot %d is at %v, want %v", c.rate, n, at, want)
			}
		}
	}
}

func TestTheScheduleDoesNotDrift(t *testing.T) {
	table := newTimetable(Constant(30_000), 0, forever, 0)
	table.n, table.x = 108_000_000, 108_000_000
	if at, ok := table.next(); !ok || at != time.Hour {
		t.Errorf("the slot of an hour is at %v", at)
	}
}

func TestEverySlotGoesToOneClaimer(t *testing.T) {
	var c clockwork
	const slots, takers = 5000, 8
	s := newSchedule(&Config{Arrivals: Constant(1e6), Requests: slots}, c.now)
	c.set(time.Second) // all are due
	var mu sync.Mutex
	var got []int64
	var claimers sync.WaitGroup
	for range takers {
		claimers.Go(func() {
			for {
				slot, ok := s.claim()
				if !ok {
					return
				}
				mu.Lock()
				got = append(got, slot.n)
				mu.Unlock()
			}
		})
	}
	claimers.Wait()
	slices.Sort(got)
	for i, n := range got {
		if n != int64(i) {
			t.Fatalf("slot %d is %d: one is lost or given twice", i, n)
		}
	}
	if len(got) != slots || s.left() != 0 {
		t.Errorf("%d of %d slots, %d left", len(got), slots, s.left())
	}
}

func TestOverdueSlotsAreGivenUpAtTheEnd(t *testing.T) {
	var c clockwork
	s := newSchedule(&Config{Arrivals: Constant(1000), Duration: 10 * time.Millisecond, Timeout: 5 * time.Millisecond}, c.now)
	c.set(14 * time.Millisecond)
	if slot, ok := s.claim(); !ok || slot.at != 0 {
		t.Errorf("within the patience: %+v, %v", slot, ok)
	}
	c.set(15 * time.Millisecond)
	if _, ok := s.claim(); ok {
		t.Error("a slot behind the end")
	}
	if n := s.left(); n != 9 {
		t.Errorf("%d slots left of 10, want 9", n)
	}
}

func TestManySlotsThatAreLeftAreComputed(t *testing.T) {
	var c clockwork
	for _, cfg := range []*Config{
		{Arrivals: Constant(5e6), Duration: 10 * time.Second},
		{Arrivals: &Arrivals{Steps: []Step{{0, 1e7, 10 * time.Second}}}, Duration: 10 * time.Second},
	} {
		if n := newSchedule(cfg, c.now).left(); n != 50_000_000 {
			t.Errorf("%v: %d slots left, want 50,000,000", cfg.Arrivals, n)
		}
	}
	limited := newSchedule(&Config{Arrivals: Constant(5e6), Duration: 10 * time.Second, Requests: 7_000_000}, c.now)
	if n := limited.left(); n != 7_000_000 {
		t.Errorf("%d slots left of a limit of 7,000,000", n)
	}
}

func TestWarmupSlotsAreNeitherCountedNorOwed(t *testing.T) {
	var c clockwork
	s := newSchedule(&Config{Arrivals: Constant(1000), Warmup: 5 * time.Millisecond, Duration: 10 * time.Millisecond, Requests: 7}, c.now)
	n := 0
	for {
		slot, ok := s.claim()
		if !ok {
			break
		}
		if n++; slot.at != time.Duration(n-1)*time.Millisecond {
			t.Errorf("slot %d is at %v", n-1, slot.at)
		}
	}
	if n != 12 {
		t.Errorf("%d slots, want 5 to warm up and 7", n)
	}
	if unclaimed := newSchedule(&Config{Arrivals: Constant(1000), Warmup: 5 * time.Millisecond, Duration: 10 * time.Millisecond}, c.now).left(); unclaimed != 10 {
		t.Errorf("%d slots are owed, want the 10 measured ones", unclaimed)
	}
}

func TestAClosedLoopCountsOnlyMeasuredRequests(t *testing.T) {
	var c clockwork
	s := newSchedule(&Config{Warmup: time.Second, Requests: 3}, c.now)
	for range 50 {
		if slot, ok := s.claim(); !ok || slot.at != 0 {
			t.Fatalf("warming up: %+v, %v", slot, ok)
		}
	}
	c.set(time.Second)
	for n := range 5 {
		if _, ok := s.claim(); ok != (n < 3) {
			t.Errorf("measured request %d: %v", n+1, ok)
		}
	}
	if s.left() != 0 {
		t.Error("a closed loop owes nothing")
	}
}

func TestAClosedLoopEndsByTimeOrByClosing(t *testing.T) {
	var c clockwork
	s := newSchedule(&Config{Duration: time.Second}, c.now)
	c.set(time.Second - 1)
	if _, ok := s.claim(); !ok {
		t.Error("ended before its time")
	}
	c.set(time.Second)
	if _, ok := s.claim(); ok {
		t.Error("goes on after its time")
	}
	c.set(0)
	s.close()
	if _, ok := s.claim(); ok {
		t.Error("goes on after close")
	}
}

func TestTheLimitsOfAClosedLoopHoldUnderConcurrency(t *testing.T) {
	var c clockwork
	s := newSchedule(&Config{Requests: 1000}, c.now)
	var sum atomic.Int64
	var claimers sync.WaitGroup
	for range 8 {
		claimers.Go(func() {
			for {
				if _, ok := s.claim(); !ok {
					return
				}
				sum.Add(1)
			}
		})
	}
	claimers.Wait()
	if sum.Load() != 1000 {
		t.Errorf("%d requests, want 1000", sum.Load())
	}
}

func TestClaimingASlotAllocatesNothing(t *testing.T) {
	var c clockwork
	ramp, err := ParseRamp("1000:5000/60s")
	if err != nil {
		t.Fatal(err)
	}
	ramp.Poisson = true
	for name, cfg := range map[string]*Config{"closed": {Requests: 1e9}, "even": {Arrivals: Constant(1e6)}, "Poisson ramp": {Arrivals: ramp}} {
		s := newSchedule(cfg, c.now)
		if n := testing.AllocsPerRun(1000, func() { s.claim() }); n != 0 {
			t.Errorf("%s: a slot costs %v allocations", name, n)
		}
	}
}

// lazy is an engine that does nothing.
type lazy struct{}

func (lazy) run(context.Context) {}
func (lazy) halt()               {}
func (lazy) busy() float64       { return 0 }

func TestProgressTellsWholeSecondsOfTheMeasuredPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Second
		r := &run{
			cfg:    Config{Warmup: 700 * time.Millisecond, Progress: func(s Second) { told = append(told, s) }},
			ledger: newLedger([]string{"all"}, 1, time.Second), start: time.Now(), engine: lazy{},
		}
		over := make(chan struct{})
		ended := make(chan struct{})
		go func() { // the clock under test; it ends with over
			r.seconds(over)
			close(ended)
		}()
		for range 34 { // 3.4 s, a request every 100 ms
			time.Sleep(100 * time.Millisecond)
			if now := r.now(); now >= r.cfg.Warmup {
				r.ledger.tallies[0].note(&done{took: time.Millisecond, in: 1})
			}
		}
		close(over)
		<-ended
		if len(told) != 2 || told[0].At != time.Second || told[1].At != 2*time.Second {
			t.Fatalf("told %+v, want the ends of two seconds after the warm-up", told)
		}
		if n := told[0].Requests + told[1].Requests; n < 20 || n > 21 {
			t.Errorf("%d requests in two seconds, want those of 2 s", n)
		}
	})
}

func TestARunOfOneRequestWithinLessThanAGap(t *testing.T) {
	at := listen(t, answering(fine))
	r := mustRun(t, Config{Target: "http://" + at, Rate: 1, Duration: 50 * time.Millisecond})
	if r.OK != 1 || r.Unsent != 0 {
		t.Errorf("ok %d, unsent %d; want the one request of slot 0", r.OK, r.Unsent)
	}
}

func TestTheWarmupOfAnOpenLoopIsLeftOutToTheSlot(t *testing.T) {
	at := listen(t, answering(fine))
	r := mustRun(t, Config{Target: "http://" + at, Rate: 150, Warmup: 50 * time.Millisecond, Requests: 10})
	if r.Requests != 10 || r.OK != 10 { // 7.5 slots lie in the warm-up: 8, at 0 to 46 ms
		t.Errorf("%d requests, %d ok; want 10", r.Requests, r.OK)
	}
}

func TestSlotsThatNoConnectionCouldSendAreFailures(t *testing.T) {
	// One line, an endpoint that never answers, a timeout longer than the run: what the schedule wanted after the
	// first request was never sent, and must not vanish.
	t.Parallel()
	at := listen(t, func(c *net.TCPConn) { waitClosed(c) })
	r := mustRun(t, Config{Target: "http://" + at, Rate: 100, Duration: 200 * time.Millisecond, Timeout: time.Second})
	if r.Failures[Timeout] == 0 || r.OK != 0 || r.Requests+r.Unsent != 20 || r.Unsent < 17 {
		t.Errorf("%d requests, %v, %d unsent; want 20 in all, nearly all unsent", r.Requests, r.Failures, r.Unsent)
	}
	if r.Failed() != 20 {
		t.Errorf("%d failed, want 20", r.Failed())
	}
}

func TestACancelledClosedLoopEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan struct{}, 1)
	at := listen(t, func(c *net.TCPConn) {
		select {
		case first <- struct{}{}:
		default:
		}
		answering(fine)(c)
	})
	go func() { // the impatient user; ends after the first request
		<-first
		cancel()
	}()
	r, err := Run(ctx, Config{Target: "http://" + at, Connections: 3, Duration: time.Hour})
	if err != nil || r.Failed() != 0 || r.Unsent != 0 {
		t.Errorf("%v, failed %d, unsent %d", err, r.Failed(), r.Unsent)
	}
}

func TestAShortTimetableLeavesTimeToSendIt(t *testing.T) {
	// What could not be sent in time still was for as long as the run had lasted: a log of equal times, or of one
	// line, lasts a nanosecond, so that nothing of it went out.
	for _, times := range [][]time.Duration{
		{0},
		{0, 0, 0, 0, 0, 0, 0, 0},
		{0, time.Microsecond, time.Microsecond, 2 * time.Microsecond},
	} {
		at := listen(t, after(5*time.Millisecond))
		r := mustRun(t, Config{Target: "http://" + at, Arrivals: &Arrivals{Times: times}})
		if r.OK != int64(len(times)) || r.Unsent != 0 {
			t.Errorf("%v: %d sent, %d unsent", times, r.OK, r.Unsent)
		}
	}
}

func TestADurationCutsGivenTimes(t *testing.T) {
	// Times went on behind the end of the run, for as long again, and what then was left counted as unsent.
	var c clockwork
	cfg := Config{Target: "http://a", Duration: 20 * time.Millisecond, Arrivals: &Arrivals{Times: []time.Duration{
		0, 10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond, time.Hour,
	}}}
	if _, err := cfg.compile(); err != nil {
		t.Fatal(err)
	}
	s := newSchedule(&cfg, c.now)
	if slot, ok := s.claim(); !ok || slot.n != 0 || slot.at != 0 {
		t.Errorf("first: %+v, %v", slot, ok)
	}
	if n := s.table.expected(); n != 1 {
		t.Errorf("%d expected behind the first, want the one at 10 ms", n)
	}
	if slot, ok := s.claim(); !ok || slot.at != 10*time.Millisecond {
		t.Errorf("second: %+v, %v", slot, ok)
	}
	if slot, ok := s.claim(); ok {
		t.Errorf("a slot at the end: %+v", slot)
	}
	if n := s.left(); n != 0 {
		t.Errorf("%d left, want none: the others lie behind the end", n)
	}
}
