package limit

import (
	"math"
	"sync/atomic"
	"time"
)

// MinRetriesPerSecond is what a budget allows at least, as an average over [Window]: 30 in any 10 s.
// It lets a service that has just started, wakes up, or has little traffic get over the loss of an
// endpoint; for anything that has traffic the share is more.
const MinRetriesPerSecond = 3

// leastExtras is the floor of the budget within one window.
const leastExtras = MinRetriesPerSecond * uint64(Window/time.Second)

// leastHedges is the floor of the hedges' own ceiling: without one, a service with fewer than
// 1/share uses in a window would never hedge.
const leastHedges = 1

// Budget bounds retries and hedges by a share of the uses of the last 10 s, so that a failing
// upstream is not asked for much more than what its clients ask for. The zero value allows nothing.
// All methods are safe for concurrent use and lock-free.
//
// Callers that race for the last of it may all be refused; together they never get more than there is.
type Budget struct {
	share  atomic.Uint64 // math.Float64bits
	uses   window
	extras window // retries and hedges
	hedges window
}

// SetShare lets retries and hedges together be share of the uses, 0.2 for a fifth. What was counted
// stays. 0 is no retries at all.
func (b *Budget) SetShare(share float64) { b.share.Store(math.Float64bits(share)) }

// Use counts one use, which is not a retry or a hedge.
func (b *Budget) Use(now time.Duration) { b.uses.add(now) }

// TakeRetry takes a retry out of the budget and reports whether there was one.
func (b *Budget) TakeRetry(now time.Duration) bool {
	most := b.most(now)
	b.extras.add(now)
	if b.extras.sum(now) <= most {
		return true
	}
	b.extras.remove(now)
	return false
}

// TakeHedge takes a hedge out of the budget and reports whether there was one. Hedges have a ceiling
// of their own inside the budget: share of the uses, or one in 10 s if that is more. With a share of
// 0 there are none.
func (b *Budget) TakeHedge(share float64, now time.Duration) bool {
	if !(share > 0) {
		return false
	}
	most := max(part(share, b.uses.sum(now)), leastHedges)
	b.hedges.add(now)
	if b.hedges.sum(now) <= most && b.TakeRetry(now) {
		return true
	}
	b.hedges.remove(now)
	return false
}

// Left returns how many retries could be taken now.
func (b *Budget) Left(now time.Duration) int {
	return int(max(0, int64(b.most(now))-int64(b.extras.sum(now))))
}

// most returns how many retries and hedges the window may hold.
func (b *Budget) most(now time.Duration) uint64 {
	share := math.Float64frombits(b.share.Load())
	if !(share > 0) {
		return 0
	}
	return max(part(share, b.uses.sum(now)), leastExtras)
}

// part returns share of n, without what a product of floating point lacks to a whole number: 5 % of
// 20 is 1.
func part(share float64, n uint64) uint64 { return uint64(share*float64(n) + 1e-9) }
