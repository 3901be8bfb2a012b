// Package gcra limits how often something may happen, by key: the generic cell rate algorithm (ITU-T I.371, annex A.2) as
// a bucket of tokens that fills at an even rate, with one word of memory that is changed in one step.
//
// http7/policy/ratelimit asks a [Table] about every request whose limit is this node's own; internal/shared has the limits
// that several nodes have in common, in the same words. The package knows no exchange and no config.
package gcra

import (
	"math"
	"time"
)

// Limit is a rate and how many may come at once.
type Limit struct {
	// Interval is the time in which one token comes: the rate's reciprocal, rounded up to whole nanoseconds, so that
	// never more comes than was configured. It is more than 0.
	Interval time.Duration
	// Burst is how many tokens a full bucket has, 1 or more.
	Burst int64
}

// MostSpan is the longest time in which an empty bucket may fill.
const MostSpan = 5 * 366 * 24 * time.Hour

// NewLimit returns the limit of count tokens per span and of burst at once. Both are more than 0.
func NewLimit(count int64, span time.Duration, burst int64) Limit {
	return Limit{Interval: time.Duration((int64(span) + count - 1) / count), Burst: burst}
}

// Fits reports whether l has a rate and a burst, and an empty bucket fills within [MostSpan]. Only such limits may be asked
// about.
func (l Limit) Fits() bool {
	return l.Interval > 0 && l.Burst > 0 && l.Burst <= math.MaxInt64/int64(l.Interval) && l.Span() <= MostSpan
}

// Span returns how long an empty bucket takes to fill.
func (l Limit) Span() time.Duration { return time.Duration(l.Burst) * l.Interval }

// Ask is one request for tokens.
type Ask struct {
	// Key is the whole key. It is valid during the call.
	Key []byte
	// Limit is that of the key now; calls with one key may have different ones.
	Limit Limit
	// Cost is how many tokens are asked for, 1 or more. More than the burst are never there.
	Cost int64
	// MostWait, if more than 0, is how long the caller would wait for its turn.
	MostWait time.Duration
}

// Grant is the answer to an [Ask].
type Grant struct {
	// OK says that the tokens are the caller's.
	OK bool
	// Wait is how long the caller must wait before it acts as one that got them; more than 0 only with MostWait. Those of
	// one key that wait get different times, in the order of their calls. Tokens of callers that leave are lost.
	Wait time.Duration
	// Left is how many tokens are there afterwards.
	Left int64
	// Full is when the bucket will be full again if nobody asks.
	Full time.Duration
	// Retry, if not OK, is when to ask again, more than 0. The tokens will be there then unless others were faster.
	Retry time.Duration
	// Overflow says that the key found no room and was judged by the bucket that all such keys share.
	Overflow bool

	at int64 // when it was judged
}

// judge says what becomes of a at now if the bucket is full again at full, and when it is full again afterwards.
func (a *Ask) judge(now, full int64) (g Grant, next int64) {
	var (
		interval = int64(a.Limit.Interval)
		span     = a.Limit.Burst * interval
	)
	full = max(full, now)
	if a.Cost > a.Limit.Burst {
		return Grant{Left: left(now, full, span, interval), Full: time.Duration(full - now), Retry: MostSpan}, full
	}
	next = full + a.Cost*interval
	if over := next - now - span; over > 0 {
		if over > int64(a.MostWait) {
			return Grant{
				Left: left(now, full, span, interval), Full: time.Duration(full - now), Retry: time.Duration(over) - a.MostWait,
			}, full
		}
		return Grant{at: now, OK: true, Wait: time.Duration(over), Full: time.Duration(next - now)}, next
	}
	return Grant{at: now, OK: true, Left: (now + span - next) / interval, Full: time.Duration(next - now)}, next
}

// left returns how many tokens there are at now. The bucket may be in debt to those that wait, and to a limit that was
// larger before.
func left(now, full, span, interval int64) int64 { return max(0, now+span-full) / interval }
