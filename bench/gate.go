package bench

import (
	"sync"
	"time"
)

// gate lets workers wait for slots that lie ahead: a worker sleeps, and a single goroutine (run) wakes every one whose
// slot is due each time that its alarm rings. Timers of the runtime are too coarse below a millisecond.
type gate struct {
	schedule *schedule
	alarm    *alarm

	mu     sync.Mutex
	asleep []sleeper // in the order of their slots
	shut   bool
}

// sleeper is a worker that waits for its slot.
type sleeper struct {
	at   time.Duration
	wake chan<- struct{}
}

// turn is a slot whose time has come.
type turn struct {
	slot
	// lag is how late the generator itself was; late turns, which found every worker busy, have none: -1.
	lag  time.Duration
	late bool
}

// take blocks until the caller may send, or returns false when the schedule is over.
// wake is the caller's own, with room for one.
func (g *gate) take(wake chan struct{}) (turn, bool) {
	g.mu.Lock()
	if g.shut {
		g.mu.Unlock()
		return turn{}, false
	}
	s, ok := g.schedule.claim()
	if !ok {
		g.mu.Unlock()
		return turn{}, false
	}
	now := g.schedule.now()
	if s.at <= now {
		g.mu.Unlock()
		return turn{slot: s, lag: -1, late: g.schedule.open()}, true
	}
	g.asleep = append(g.asleep, sleeper{s.at, wake})
	if len(g.asleep) == 1 {
		g.alarm.set(s.at - now)
	}
	g.mu.Unlock()
	<-wake
	if g.closed() {
		return turn{}, false
	}
	return turn{slot: s, lag: max(0, g.schedule.now()-s.at)}, true
}

func (g *gate) closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

// run wakes the sleepers on time. It ends after close.
func (g *gate) run() {
	for g.alarm.wait() {
		g.ring()
	}
}

// ring wakes every worker whose slot is due and sets the alarm for the next.
func (g *gate) ring() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.schedule.now()
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

// close wakes all sleepers, who get no slot, and ends run.
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
	g.asleep = nil
	g.alarm.close()
}
