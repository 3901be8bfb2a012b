package policy

import (
	"encoding/binary"
	"time"

	"weir/http7"
	"weir/internal/shared"
)

// SharedLimit asks a limit that nodes have in common about exchanges. It never changes and is safe for concurrent use.
type SharedLimit struct{ Limit *shared.Limit }

// Take asks for n tokens of key. If the answer is Unknown, asked says that it has been asked for: the policy waits until
// the exchange is woken, at most for [SharedLimit.Patience], and then calls Settle; so does its End if it does not come to
// that. An exchange that has waited for as long as it may is not asked for: it is decided without the server.
func (l *SharedLimit) Take(x *http7.Exchange, key []byte, n int64, now time.Time) (a shared.Answer, asked bool) {
	if a = l.Limit.Take(key, n, now); a.Outcome != shared.Unknown {
		return a, false
	}
	w, a := l.Limit.Await(key, n, now, x.Waker())
	if w == nil {
		return a, false
	}
	if l.Patience(x) <= 0 {
		return w.Leave(now), false
	}
	x.Keep(l, w)
	l.waited(x).set(since, now.Sub(x.Arrival))
	return a, true
}

// Patience returns for how long x may still wait: for the timeout, with all that it asks of what nodes share.
func (l *SharedLimit) Patience(x *http7.Exchange) time.Duration {
	left := l.Limit.Timeout()
	if d, ok := x.Kept(l.Limit.Store()).(*waited); ok {
		left -= d.get(total)
	}
	return left
}

// waited is how long an exchange has waited for what nodes share, and since when it does again, in its room.
type waited [16]byte

// The words of waited.
const (
	total = iota
	since // from x's arrival on
)

func (d *waited) get(word int) time.Duration {
	return time.Duration(binary.LittleEndian.Uint64(d[8*word:]))
}

func (d *waited) set(word int, to time.Duration) {
	binary.LittleEndian.PutUint64(d[8*word:], uint64(to))
}

func (l *SharedLimit) waited(x *http7.Exchange) *waited {
	d, ok := x.Kept(l.Limit.Store()).(*waited)
	if !ok {
		d = (*waited)(x.Room(len(waited{}))[:len(waited{})])
		d.set(total, 0)
		x.Keep(l.Limit.Store(), d)
	}
	return d
}

// Waits reports whether x waits for an answer that is not there yet.
func (l *SharedLimit) Waits(x *http7.Exchange) bool {
	w, ok := x.Kept(l).(*shared.Waiter)
	return ok && w != nil && w.Answer().Outcome == shared.Unknown
}

// Settle ends x's wait and returns what it came to.
func (l *SharedLimit) Settle(x *http7.Exchange, now time.Time) shared.Answer {
	w, ok := x.Kept(l).(*shared.Waiter)
	if !ok || w == nil {
		return shared.Answer{Outcome: shared.Unavailable}
	}
	x.Keep(l, (*shared.Waiter)(nil))
	d := l.waited(x)
	d.set(total, d.get(total)+max(0, now.Sub(x.Arrival)-d.get(since)))
	return w.Leave(now)
}

// Guess ends x's wait at once, and returns what this node makes of it: for policies that only observe, and delay nobody.
func (l *SharedLimit) Guess(x *http7.Exchange, now time.Time) shared.Answer {
	w, ok := x.Kept(l).(*shared.Waiter)
	if !ok || w == nil {
		return shared.Answer{Outcome: shared.Unavailable}
	}
	x.Keep(l, (*shared.Waiter)(nil))
	return w.Guess(now)
}
