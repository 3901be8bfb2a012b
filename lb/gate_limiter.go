package lb

import (
	"sync/atomic"
	"time"

	"weir/internal/limit"
)

// limiter is an endpoint's max_in_flight. The zero value is no limit.
type limiter struct {
	max      atomic.Int64 // 0: no limit, limiterAdaptive: the gradient's
	gradient limit.Gradient
}

// limiterAdaptive stands for a limit that is found by measuring.
const limiterAdaptive = -1

// configure lets m hold from now on. What an adaptive limiter has learned stays.
func (l *limiter) configure(m MaxInFlight) {
	if m.IsAdaptive() {
		l.max.Store(limiterAdaptive)
		return
	}
	l.max.Store(int64(m.Value()))
}

// full reports whether an endpoint with inFlight uses can take no more.
func (l *limiter) full(inFlight int64) bool {
	most := l.limit()
	return most != 0 && inFlight >= most
}

// limit returns the present limit, 0 for none.
func (l *limiter) limit() int64 {
	if most := l.max.Load(); most != limiterAdaptive {
		return most
	}
	return l.gradient.Limit()
}

// done learns from a use that has ended; inFlight counts it still, now is the time since the epoch.
// A success teaches how long the first byte takes, a timeout that it takes too long. Other failures
// say nothing about load: they are as often faster than an answer as slower.
func (l *limiter) done(o Outcome, inFlight int64, now time.Duration) {
	if l.max.Load() != limiterAdaptive || o.FirstByte <= 0 {
		return
	}
	if o.Result == OK || o.Result == Timeout {
		l.gradient.Done(o.FirstByte, inFlight, o.Result == Timeout, now)
	}
}
