package shared

import (
	"math"
	"time"
)

// Outcome is what became of a wish for tokens.
type Outcome uint8

// The outcomes.
const (
	// Unknown: the node holds too few and does not know whether there are more. Whoever may wait calls [Limit.Await].
	Unknown Outcome = iota
	// Taken: the request is within the limit.
	Taken
	// Refused: it is not. Retry says when it might be.
	Refused
	// Unavailable: nobody knows, since the server does not answer, and the config wants such requests refused.
	Unavailable
)

// Answer is what a limit says of a request.
type Answer struct {
	Outcome Outcome
	// Alone says that this node has decided without the server.
	Alone bool
	// Left is about how many more tokens could be taken now, by all nodes together.
	Left int64
	// Retry is after how long a request that was Refused might be taken.
	Retry time.Duration
	// Reset is after how long the bucket is full again, or the quota's period over.
	Reset time.Duration
}

// Period returns the span of a calendar in which now lies. Both ends are whole seconds.
type Period func(now time.Time) (start, end time.Time)

// Limit is one limit that all nodes share, for any number of keys. Its methods are safe for concurrent use. It is made by
// [Store.Rate] and [Store.Quota].
type Limit struct {
	of     *Store
	name   string
	most   int64   // the burst, or the quota
	every  float64 // how many ns it takes until there is one token more; 0 for a quota
	period Period  // nil for a rate
	grant  int64
	keys   *table
}

// Rate returns the limit called name, which nodes and reloads have in common: tokens come at the rate of perSecond, and at
// most burst lie ready. A second call with the same name keeps what is known of its keys.
func (s *Store) Rate(name string, perSecond float64, burst int64) *Limit {
	return &Limit{
		of: s, name: name, most: burst, every: float64(time.Second) / perSecond,
		grant: s.grantOf(burst), keys: s.tableOf(name),
	}
}

// Quota returns the limit called name of so many tokens in each period.
func (s *Store) Quota(name string, most int64, period Period) *Limit {
	return &Limit{of: s, name: name, most: most, period: period, grant: min(s.grantOf(most), quotaGrant), keys: s.tableOf(name)}
}

// quotaGrant is the most of a quota that a node holds: enough for a hundred questions a second at 10,000 requests a second.
const quotaGrant = 100

func (s *Store) grantOf(most int64) int64 {
	return int64(math.Floor(float64(most) * s.config.Grant.Value()))
}

// Grant returns how many tokens of a key a node holds at most: what each node adds to the error of the limit.
func (l *Limit) Grant() int64 { return l.grant }

// Store returns the store of l.
func (l *Limit) Store() *Store { return l.of }

// Timeout returns how long a request may wait for an answer.
func (l *Limit) Timeout() time.Duration { return l.of.config.Timeout.Value() }

// Take takes n tokens of key if the node holds them. It never waits and allocates nothing.
func (l *Limit) Take(key []byte, n int64, now time.Time) Answer {
	e := l.keys.find(key)
	if e == nil || l.of.shut() {
		return Answer{}
	}
	at := l.of.since(now)
	if l.period != nil && now.Unix() >= e.ends.Load() {
		return Answer{} // Await begins the new period
	}
	left, ok := e.take(n)
	if !ok {
		return l.lacking(e, n, at, now)
	}
	if left <= e.low.Load() && at >= e.dry.Load() {
		l.of.ask(e)
	}
	return l.taken(e, left, now)
}

// Peek says what Take would, and takes nothing.
func (l *Limit) Peek(key []byte, n int64, now time.Time) Answer {
	e := l.keys.find(key)
	if e == nil || l.of.shut() || l.period != nil && now.Unix() >= e.ends.Load() {
		return Answer{}
	}
	if left := e.left.Load(); left >= n {
		return l.taken(e, left, now)
	}
	return l.lacking(e, n, l.of.since(now), now)
}

// taken is the answer to who was taken, when the node holds left.
func (l *Limit) taken(e *entry, left int64, now time.Time) Answer {
	all := left + e.rest.Load()
	return Answer{Outcome: Taken, Left: all, Reset: l.reset(e, all, now)}
}

// lacking is the answer to who wants n where the node holds fewer. That the server had none left decides nothing while it
// does not answer: the config does then.
func (l *Limit) lacking(e *entry, n int64, at time.Duration, now time.Time) Answer {
	dry := e.dry.Load()
	if at >= dry && n <= l.most || l.of.down.Load() {
		return Answer{}
	}
	return l.refused(e, dry-at, now)
}

// refused is the answer to who may come again after wait.
func (l *Limit) refused(e *entry, wait time.Duration, now time.Time) Answer {
	a := Answer{Outcome: Refused, Retry: wait, Reset: l.reset(e, 0, now)}
	if l.period != nil {
		a.Retry = a.Reset
	}
	return a
}

// reset returns after how long there is all again, when there is left now.
func (l *Limit) reset(e *entry, left int64, now time.Time) time.Duration {
	if l.period != nil {
		return max(0, time.Unix(e.ends.Load(), 0).Sub(now))
	}
	return l.comesIn(l.most - left)
}

// Waker wakes what waits for an answer, from any goroutine.
type Waker interface{ Wake() }

// Await asks the server for n tokens of key. It returns a nil Waiter and an answer that is not Unknown if there is one
// already. Otherwise wake is used when the waiter's answer is there, and whoever waits gives up by [Waiter.Leave] after
// [Limit.Timeout]. Waiters are served in the order in which they came.
func (l *Limit) Await(key []byte, n int64, now time.Time, wake Waker) (*Waiter, Answer) {
	for {
		e := l.keys.obtain(l, key, now)
		e.mu.Lock()
		if !e.gone {
			w, a := l.await(e, n, now, wake)
			e.mu.Unlock()
			return w, a
		}
		e.mu.Unlock()
	}
}

// await is Await with e locked.
func (l *Limit) await(e *entry, n int64, now time.Time, wake Waker) (*Waiter, Answer) {
	e.turn(now)
	if len(e.waiters) == 0 && !l.of.shut() {
		if left, ok := e.take(n); ok {
			return nil, l.taken(e, left, now)
		}
		if a := l.lacking(e, n, l.of.since(now), now); a.Outcome != Unknown {
			return nil, a
		}
	}
	if l.of.down.Load() {
		return nil, e.alone(n, now)
	}
	w := &Waiter{of: e, n: n, wake: wake}
	e.waiters = append(e.waiters, w)
	if !l.of.ask(e) { // more is being asked already than can be answered in time
		e.drop(w)
		return nil, e.alone(n, now)
	}
	return w, Answer{}
}

// Waiter is a request that waits for the server's answer.
type Waiter struct {
	of     *entry
	n      int64
	wake   Waker
	answer Answer // guarded by of.mu
}

// Answer returns what has been decided; Unknown while nothing is.
func (w *Waiter) Answer() Answer {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	return w.answer
}

// Leave ends the wait and returns what it came to: without an answer of the server it is decided here and now. It is
// called once, by whoever waited too long or was woken.
func (w *Waiter) Leave(now time.Time) Answer {
	e := w.of
	e.mu.Lock()
	defer e.mu.Unlock()
	if w.answer.Outcome == Unknown {
		e.drop(w)
		e.limit.of.late.Add(1)
		w.answer = e.alone(w.n, now)
	}
	return w.answer
}

// Guess ends the wait at once, for those whom nobody delays: without an answer yet, it is decided by what the node knows,
// and charged. It is called in place of Leave.
func (w *Waiter) Guess(now time.Time) Answer {
	e := w.of
	e.mu.Lock()
	defer e.mu.Unlock()
	if w.answer.Outcome == Unknown {
		e.drop(w)
		e.turn(now)
		w.answer = e.local(w.n, now)
	}
	return w.answer
}
