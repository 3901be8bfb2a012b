package shared

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// entry is what a node knows of one key of a limit.
type entry struct {
	key string

	left atomic.Int64 // tokens that the node was given and has not spent
	low  atomic.Int64 // with so few left it asks for more
	rest atomic.Int64 // what the server had left when it answered last
	ends atomic.Int64 // when the period of a quota is over, in Unix seconds
	dry  moment       // until when it is no use to ask: there is nothing
	seen atomic.Bool  // used since the last look of the sweeper
	busy atomic.Bool  // in line to be asked for, or being asked for

	mu      sync.Mutex
	limit   *Limit // of the config that used it last
	waiters []*Waiter
	gone    bool          // swept away: look again
	size    int64         // of the next grant, at most limit.grant
	given   time.Duration // when the last grant came
	begins  int64         // when the period of a quota began, in Unix seconds
	used    int64         // what the server says was used in that period
	owed    int64         // spent and not charged yet; what is to be given back if it is negative
	full    time.Duration // when a rate's bucket will be full, as far as this node knows
}

// moment is a time since the store began.
type moment struct{ ns atomic.Int64 }

// Load returns it.
func (m *moment) Load() time.Duration { return time.Duration(m.ns.Load()) }

// Store sets it.
func (m *moment) Store(d time.Duration) { m.ns.Store(int64(d)) }

// newEntry returns the entry of a key that nothing is known of.
func newEntry(l *Limit, key string) *entry {
	e := &entry{key: key, limit: l, size: min(1, l.grant)}
	e.low.Store(e.size/2 - 1 + e.size%2)
	return e
}

// take takes n of the tokens that the node holds.
func (e *entry) take(n int64) (left int64, ok bool) {
	if !e.seen.Load() {
		e.seen.Store(true)
	}
	for {
		left = e.left.Load()
		if left < n {
			return left, false
		}
		if e.left.CompareAndSwap(left, left-n) {
			return left - n, true
		}
	}
}

// adopt makes e one of l, which may have other figures than the limit of that name before a reload. It reports false if e
// is gone.
func (e *entry) adopt(l *Limit) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.limit != l {
		e.limit, e.size = l, min(e.size, l.grant)
	}
	return !e.gone
}

// turn begins a new period of a quota when the one before is over. e is locked.
func (e *entry) turn(now time.Time) {
	if e.limit.period == nil || now.Unix() < e.ends.Load() {
		return
	}
	start, end := e.limit.period(now)
	e.left.Store(0)
	e.used, e.owed, e.begins = 0, 0, start.Unix()
	e.rest.Store(e.limit.most)
	e.dry.Store(0)
	e.ends.Store(end.Unix())
}

// alone decides without the server. e is locked.
func (e *entry) alone(n int64, now time.Time) Answer {
	l := e.limit
	e.turn(now)
	var a Answer
	switch l.of.config.OnFailure {
	case onClosed:
		a = Answer{Outcome: Unavailable, Retry: probeEvery}
	case onOpen:
		a = Answer{Outcome: Taken, Left: l.most, Reset: l.reset(e, l.most, now)}
		if l.period != nil {
			e.owed += n
		}
	default:
		a = e.local(n, now)
	}
	a.Alone = true
	l.of.alone.Add(1)
	return a
}

// local decides as if the node were the only one, from what it knows of the others. e is locked.
func (e *entry) local(n int64, now time.Time) Answer {
	l := e.limit
	if l.period != nil {
		left := l.most - e.used - max(0, e.owed) - n
		if left < 0 {
			return l.refused(e, 0, now)
		}
		e.owed += n
		return Answer{Outcome: Taken, Left: left, Reset: l.reset(e, left, now)}
	}
	at := l.of.since(now)
	// The generic cell rate algorithm: full is the theoretical arrival time.
	full := max(e.full, at) + l.comesIn(n)
	if wait := full - at - l.comesIn(l.most); wait > 0 {
		return l.refused(e, wait, now)
	}
	e.full, e.owed = full, e.owed+n
	left := l.most - int64(math.Ceil(float64(full-at)/l.every))
	return Answer{Outcome: Taken, Left: left, Reset: full - at}
}

// wish is what the server is asked for.
type wish struct {
	of     *entry
	limit  *Limit
	begins int64 // the quota's period
	ends   int64
	need   int64 // so many tokens for requests that wait
	more   int64 // and at most so many to hold
	charge int64 // taken whatever there is; given back if negative
	owed   int64 // what is settled by that
	used   int64 // so much of the quota was used at least
}

// wish returns what to ask for now, and whether there is anything to ask; if not, e is out of the line.
func (e *entry) wish(at time.Duration) (w wish, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.grow(at)
	w = wish{of: e, limit: e.limit, begins: e.begins, ends: e.ends.Load(), owed: e.owed, used: e.used, charge: e.charge(at)}
	if !e.gone {
		w.more = max(0, e.size-e.left.Load())
	}
	for _, waiter := range e.waiters {
		w.need += waiter.n
	}
	if ok = w.need > 0 || w.more > 0 || w.charge != 0; !ok {
		e.owed = 0
		e.busy.Store(false)
	}
	return w, ok
}

// charge returns what of that which is owed is still to be paid: a rate's bucket fills up by itself. e is locked.
func (e *entry) charge(at time.Duration) int64 {
	if e.limit.period != nil || e.owed <= 0 {
		return e.owed
	}
	return min(e.owed, int64(math.Ceil(float64(max(0, e.full-at))/e.limit.every)))
}

const (
	hurried = 100 * time.Millisecond // a grant that is spent in less is too small
	idled   = 2 * time.Second        // one that lasts longer is too large
)

// grow fits the size of grants to how fast they are spent. e is locked.
func (e *entry) grow(at time.Duration) {
	switch lasted := at - e.given; {
	case e.given > 0 && lasted < hurried:
		e.size = min(max(2*e.size, 1), e.limit.grant)
	case lasted > idled:
		e.size = min(max(e.size/2, 1), e.limit.grant)
	}
	e.low.Store(e.size/2 - 1 + e.size%2)
}

// grant is the server's answer to a wish.
type grant struct {
	got   int64         // tokens
	rest  int64         // how many there are still
	retry time.Duration // when there will be one, if there is none
}

// settle takes in g, the answer to w, at a time. It reports whether e must be asked for again: for waiters that came
// meanwhile, or to give back what is of no use here.
func (e *entry) settle(w wish, g grant, now time.Time) (again bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy.Store(false)
	l := w.limit
	at := l.of.since(now)
	if l.period != nil && w.begins != e.begins {
		return len(e.waiters) > 0 // tokens of a period that is over
	}
	e.given, e.owed = at, e.owed-w.owed
	e.rest.Store(g.rest)
	e.used = l.most - g.rest
	e.full = at + l.comesIn(l.most-g.rest)
	e.hand(g.got, now)
	if g.rest > 0 {
		e.dry.Store(0)
		return len(e.waiters) > 0 || e.owed < 0
	}
	e.dry.Store(at + e.pause(g))
	for _, waiter := range e.waiters {
		waiter.decide(l.refused(e, g.retry+l.comesIn(waiter.n-1-g.got), now))
	}
	e.waiters = nil
	return e.owed < 0
}

// comesIn returns how long it takes until there are n tokens more; 0 for a quota.
func (l *Limit) comesIn(n int64) time.Duration { return time.Duration(float64(max(0, n)) * l.every) }

// hand gives got tokens to those that wait, in their order, and keeps the rest. e is locked.
func (e *entry) hand(got int64, now time.Time) {
	i := 0
	for ; i < len(e.waiters) && e.waiters[i].n <= got; i++ {
		got -= e.waiters[i].n
		e.waiters[i].decide(e.limit.taken(e, got, now))
	}
	if e.waiters = slices.Delete(e.waiters, 0, i); len(e.waiters) == 0 {
		e.waiters = nil // a crowd is seldom followed by another
	}
	// Who has stopped waiting has left tokens behind: no node holds more than a grant.
	if over := e.left.Add(got) - e.limit.grant; over > 0 && e.giveUp(over) {
		e.owed -= over
	}
}

// giveUp takes n tokens away from the node.
func (e *entry) giveUp(n int64) bool {
	_, ok := e.take(n)
	return ok
}

const (
	// quotaPause is how long a quota counts as used up before the server is asked again: others may give some back.
	quotaPause = time.Second
	// ratePause is how long a rate does, so that there are several tokens to ask for then. They wait in the bucket.
	ratePause = 5 * time.Millisecond
)

// pause returns for how long nobody asks after g, which left nothing. A bucket is not a quarter full then, and a node that
// holds nothing asks as soon as there is a token.
func (e *entry) pause(g grant) time.Duration {
	l := e.limit
	if l.period != nil {
		return quotaPause
	}
	return max(g.retry, min(ratePause, l.comesIn(l.most)/4, l.comesIn(l.grant)))
}

// decide tells w. Its entry is locked.
func (w *Waiter) decide(a Answer) {
	w.answer = a
	w.wake.Wake()
}

// fail tells all that wait that the server does not answer.
func (e *entry) fail(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy.Store(false)
	for _, w := range e.waiters {
		w.decide(e.alone(w.n, now))
	}
	e.waiters = nil
}

// drop takes w out of the line. e is locked.
func (e *entry) drop(w *Waiter) {
	if i := slices.Index(e.waiters, w); i >= 0 {
		e.waiters = slices.Delete(e.waiters, i, i+1)
	}
}
