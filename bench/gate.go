package bench

import (
	"math"
	"sync"
	"time"
)

// gate hands out the slots of the schedule in order, each exactly once, to whichever line asks next.
//
// A slot whose time has come is handed out at once. For one that still lies ahead the line sleeps, and a single
// goroutine (run) wakes every line whose slot is due each time that its alarm rings: timers of the runtime are too
// coarse below a millisecond. Times are since the start of the run.
type gate struct {
	now   func() time.Duration
	rate  float64
	last  int64         // slots in all
	until time.Duration // overdue slots are given up from here on
	alarm *alarm

	mu     sync.Mutex
	next   int64
	asleep []sleeper // in the order of their slots
	shut   bool
}

// sleeper is a line that waits for its slot.
type sleeper struct {
	at   time.Duration
	wake chan<- struct{}
}

// slot is one turn to send.
type slot struct {
	at time.Duration // when the schedule wanted it
	// lag is how late the generator itself was; late slots, which found every line busy, have none.
	lag  time.Duration
	late bool
}

// at returns the time of slot n: constant arrivals, computed from the start so that no error adds up.
func (g *gate) at(n int64) time.Duration {
	return time.Duration(float64(n) / g.rate * float64(time.Second))
}

// before returns how many slots lie before t. Slot 0 is at 0, so any time has one; the millionth of a slot that is
// taken off keeps a product such as 0.1 × 30 = 3.0000000000000004 from making a slot of its own.
func (g *gate) before(t time.Duration) int64 {
	return int64(math.Ceil(g.rate*t.Seconds() - 1e-6))
}

// take blocks until the caller may send, or returns false when the schedule is over.
// wake is the caller's own, with room for one.
func (g *gate) take(wake chan struct{}) (slot, bool) {
	g.mu.Lock()
	if g.shut || g.next >= g.last {
		g.mu.Unlock()
		return slot{}, false
	}
	now := g.now()
	if now >= g.until {
		g.mu.Unlock()
		return slot{}, false
	}
	at := g.at(g.next)
	g.next++
	if at <= now {
		g.mu.Unlock()
		return slot{at: at, late: true}, true
	}
	g.asleep = append(g.asleep, sleeper{at, wake})
	if len(g.asleep) == 1 {
		g.alarm.set(at - now)
	}
	g.mu.Unlock()
	<-wake
	if g.closed() {
		return slot{}, false
	}
	return slot{at: at, lag: max(0, g.now()-at)}, true
}

func (g *gate) closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

// left returns how many slots were never taken.
func (g *gate) left() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last - g.next
}

// run wakes the sleepers on time. It ends after close.
func (g *gate) run() {
	for g.alarm.wait() {
		g.ring()
	}
}

// ring wakes every line whose slot is due and sets the alarm for the next.
func (g *gate) ring() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	due := 0
	for due < len(g.asleep) && g.asleep[due].at <= now {
		g.asleep[due].wake <- struct{}{}
		due++
	}
	g.asleep = append(g.asleep[:0], g.asleep[due:]...)
	if len(g.asleep) > 0 {
		g.alarm.set(g.asleep[0].at - now)
	}
}

// close ends the schedule: sleepers wake and get no slot.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return
	}
	g.shut = true
	for _, s := range g.asleep {
		s.wake <- struct{}{}
	}
	// Slots held by sleepers were never sent, so they count as left.
	g.next -= int64(len(g.asleep))
	g.asleep = nil
	g.alarm.close()
}
