package bench

import (
	"context"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheNumberOfSlotsBeforeATime(t *testing.T) {
	// Truncating the product lost the last slot where it was a hair short (100/s × 290 ms = 28.999…) and all of them
	// in a run shorter than one gap.
	for _, c := range []struct {
		rate float64
		t    time.Duration
		want int64
	}{
		{100, 290 * time.Millisecond, 29},
		{100, 300 * time.Millisecond, 30},
		{100, 301 * time.Millisecond, 31}, // slot 30 is at 300 ms
		{0.1, 30 * time.Second, 3},
		{3, 500 * time.Millisecond, 2}, // at 0 and 333 ms
		{1, 500 * time.Millisecond, 1},
		{1, time.Nanosecond * 2000, 1},
		{1e6, time.Second, 1e6},
		{7, 0, 0},
		{0.5, time.Hour, 1800},
	} {
		g := &gate{rate: c.rate}
		got := g.before(c.t)
		if got != c.want {
			t.Errorf("%v/s for %v: %d slots, want %d", c.rate, c.t, got, c.want)
		}
		if got > 0 && (g.at(got-1) >= c.t || g.at(got) < c.t-time.Microsecond) {
			t.Errorf("%v/s for %v: the last slot is at %v, the next at %v", c.rate, c.t, g.at(got-1), g.at(got))
		}
	}
}

func TestEverySlotGoesToOneLine(t *testing.T) {
	var c clockwork
	const slots, takers = 5000, 8
	g := newGate(t, &c, 1e6, slots)
	c.set(time.Second) // all are due
	var mu sync.Mutex
	var got []time.Duration
	var lines sync.WaitGroup
	for range takers {
		lines.Go(func() {
			for {
				s, ok := g.take(nil)
				if !ok {
					return
				}
				mu.Lock()
				got = append(got, s.at)
				mu.Unlock()
			}
		})
	}
	lines.Wait()
	slices.Sort(got)
	for i, at := range got {
		if at != g.at(int64(i)) {
			t.Fatalf("slot %d is at %v: one is lost or given twice", i, at)
		}
	}
	if len(got) != slots || g.left() != 0 {
		t.Errorf("%d of %d slots, %d left", len(got), slots, g.left())
	}
}

func TestSleepersWakeInTheOrderOfTheSlots(t *testing.T) {
	var c clockwork
	g := newGate(t, &c, 1000, 6)
	g.next = 1
	woken := make(chan time.Duration, 5)
	for range 5 {
		before := g.left()
		go func() {
			s, _ := g.take(make(chan struct{}, 1))
			woken <- s.at
		}()
		for g.left() == before {
			runtime.Gosched()
		}
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
	g := newGate(t, &c, 1000, 4)
	g.next = 1
	slots := make(chan slot, 1)
	go func() {
		s, _ := g.take(make(chan struct{}, 1))
		slots <- s
	}()
	for g.left() != 2 {
		runtime.Gosched()
	}
	c.set(5 * time.Millisecond) // the alarm rings 4 ms late: the generator's own doing
	g.ring()
	if s := <-slots; s.late || s.lag != 4*time.Millisecond {
		t.Errorf("a sleeper that was woken late: %+v, want a lag of 4ms", s)
	}
	// The next slot's line came only now: whoever held it up, no line was free.
	if s, ok := g.take(nil); !ok || !s.late || s.lag != 0 || s.at != 2*time.Millisecond {
		t.Errorf("a slot that found every line busy: %+v", s)
	}
}

func TestTheGateAfterItsEnd(t *testing.T) {
	var c clockwork
	g := newGate(t, &c, 1000, 2)
	c.set(time.Second)
	for range 2 {
		if _, ok := g.take(nil); !ok {
			t.Fatal("no slot")
		}
	}
	for range 3 {
		if s, ok := g.take(nil); ok || g.left() != 0 {
			t.Errorf("%+v behind the last, %d left", s, g.left())
		}
	}
	g.close()
	g.close() // a cancelled run closes it again
	if _, ok := g.take(nil); ok {
		t.Error("a slot of a closed gate")
	}
}

func TestAClosedLoopCountsOnlyMeasuredRequests(t *testing.T) {
	var c clockwork
	l := &turns{now: c.now, warm: time.Second, until: time.Hour, last: 3}
	for range 50 {
		if s, ok := l.take(nil); !ok || s.at != 0 || s.late {
			t.Fatalf("warming up: %+v, %v", s, ok)
		}
	}
	c.set(time.Second)
	for n := range 5 {
		if _, ok := l.take(nil); ok != (n < 3) {
			t.Errorf("measured request %d: %v", n+1, ok)
		}
	}
	if l.left() != 0 {
		t.Error("a closed loop owes nothing")
	}
}

func TestAClosedLoopEndsByTimeOrByClosing(t *testing.T) {
	var c clockwork
	l := &turns{now: c.now, until: time.Second}
	c.set(time.Second - 1)
	if _, ok := l.take(nil); !ok {
		t.Error("ended before its time")
	}
	c.set(time.Second)
	if _, ok := l.take(nil); ok {
		t.Error("goes on after its time")
	}
	c.set(0)
	l.close()
	if _, ok := l.take(nil); ok {
		t.Error("goes on after close")
	}
}

func TestTheLimitsOfAClosedLoopHoldUnderConcurrency(t *testing.T) {
	var c clockwork
	l := &turns{now: c.now, until: time.Hour, last: 1000}
	var taken sync.Map
	var lines sync.WaitGroup
	for n := range 8 {
		lines.Go(func() {
			mine := 0
			for {
				if _, ok := l.take(nil); !ok {
					break
				}
				mine++
			}
			taken.Store(n, mine)
		})
	}
	lines.Wait()
	sum := 0
	taken.Range(func(_, n any) bool { sum += n.(int); return true })
	if sum != 1000 {
		t.Errorf("%d requests, want 1000", sum)
	}
}

func TestProgressTellsWholeSecondsOfTheMeasuredPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Second
		r := &run{
			cfg:    Config{Warmup: 700 * time.Millisecond, Progress: func(s Second) { told = append(told, s) }},
			ledger: newLedger("x"), start: time.Now(),
		}
		over := make(chan struct{})
		done := make(chan struct{})
		go func() { // the clock under test; it ends with over
			r.seconds(over)
			close(done)
		}()
		for range 34 { // 3.4 s, a request every 100 ms
			time.Sleep(100 * time.Millisecond)
			if now := r.now(); now >= r.cfg.Warmup {
				r.ledger.note(slot{at: now}, time.Millisecond, answer{bytes: 1}, nil)
			}
		}
		close(over)
		<-done
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

func TestSlotsThatNoLineCouldSendAreFailures(t *testing.T) {
	// One line, an endpoint that never answers, a timeout longer than the run: what the schedule wanted after the
	// first request was never sent, and must not vanish.
	at := listen(t, func(c *net.TCPConn) { waitClosed(c) })
	r := mustRun(t, Config{Target: "http://" + at, Rate: 100, Duration: 200 * time.Millisecond, Timeout: 400 * time.Millisecond})
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
