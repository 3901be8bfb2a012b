package lb

import (
	"sync/atomic"
	"time"
)

// limiter is an endpoint's max_in_flight. The zero value is no limit.
type limiter struct {
	max atomic.Int64 // 0: no limit
}

// configure lets m hold from now on. What an adaptive limiter has learned stays while it stays
// adaptive.
func (l *limiter) configure(m MaxInFlight) { l.max.Store(int64(m.Value())) }

// full reports whether an endpoint with inFlight uses can take no more.
func (l *limiter) full(inFlight int64) bool {
	most := l.max.Load()
	return most != 0 && inFlight >= most
}

// limit returns the present limit, 0 for none.
func (l *limiter) limit() int64 { return l.max.Load() }

// done learns from a use that has ended; inFlight counts it still, now is the time since the epoch.
func (l *limiter) done(o Outcome, inFlight int64, now time.Duration) {}
