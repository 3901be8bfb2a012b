package limit

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// latencySlice is how long samples are gathered into one slice, and latencySlices how many
	// slices are kept: a quantile is of the present slice and the four before, 60 to 75 s.
	latencySlice  = 15 * time.Second
	latencySlices = 5

	// The buckets are log-linear: each doubling is cut into 16 equal parts. A bucket is at most
	// 1/16 of its lower end wide and its middle is what a quantile reports: an error of 1/32, 3.2 %.
	latencyParts     = 16
	latencyPartsBits = 4
	// The first doubling begins at 16 units of 1.024 µs; below, a bucket is one unit. The last ends at
	// 137 s, where samples above are counted too.
	latencyUnitBits  = 10
	latencyDoublings = 23
	latencyBuckets   = latencyParts * (latencyDoublings + 1)

	// leastSamples is how many samples a quantile needs, and leastAbove how many above it.
	leastSamples = 50
	leastAbove   = 5

	// quantileFor is how long a computed quantile is used.
	quantileFor = 250 * time.Millisecond
)

// Latencies knows the quantiles of the samples of the last minute. The zero value is empty. All
// methods are safe for concurrent use and lock-free.
//
// An answer is off by at most 3.2 %, or half a microsecond, from what sorting the samples would give,
// for samples up to 137 s. It may lag behind by a quarter of a second. Samples that come while a slice
// is being emptied, a microsecond every 15 s, are lost.
type Latencies struct {
	slices [latencySlices]latencySliceCounts
	// cache holds answers by permille; 13 keeps the usual quantiles apart.
	cache [13]atomic.Uint64
}

type latencySliceCounts struct {
	tick   atomic.Int64 // 1 + the slice of time counted here; 0: none, -1: being emptied
	counts [latencyBuckets]atomic.Uint32
}

// Observe takes a sample.
func (l *Latencies) Observe(sample, now time.Duration) {
	tick := int64(now/latencySlice) + 1
	s := &l.slices[tick%latencySlices]
	if at := s.tick.Load(); at != tick && !s.turn(at, tick) {
		return
	}
	s.counts[latencyBucket(sample)].Add(1)
}

// turn empties a slice that holds an older slice of time, and reports whether it counts for tick now.
func (s *latencySliceCounts) turn(from, to int64) bool {
	if from == -1 || from > to || !s.tick.CompareAndSwap(from, -1) {
		return false
	}
	for i := range s.counts {
		s.counts[i].Store(0)
	}
	s.tick.Store(to)
	return true
}

// Quantile returns the latency below which the share q of the samples lies, from 0 to 1; 0 while there
// are fewer than 50 samples, or than 5 above the quantile: p95 takes 100, p99 500.
func (l *Latencies) Quantile(q float64, now time.Duration) time.Duration {
	q = min(max(q, 0), 1)
	permille := uint64(math.Round(q * 1000))
	slot := &l.cache[permille%uint64(len(l.cache))]
	stamp := uint64(now/quantileFor)<<10 | permille
	if word := slot.Load(); word>>latencyValueBits == stamp&stampMask && word != 0 {
		return time.Duration(word&latencyValueMask) << latencyUnitBits >> 1
	}
	v := l.compute(q, now)
	half := min(uint64(v)>>(latencyUnitBits-1), latencyValueMask)
	slot.Store((stamp&stampMask)<<latencyValueBits | half)
	return time.Duration(half) << (latencyUnitBits - 1)
}

// A cached answer is one word: when it was computed, in quarters of a second, for which permille, and
// the latency in halves of a unit, 137 s at most.
const (
	latencyValueBits = 28
	latencyValueMask = 1<<latencyValueBits - 1
	stampMask        = 1<<(64-latencyValueBits) - 1
)

func (l *Latencies) compute(q float64, now time.Duration) time.Duration {
	var sums [latencyBuckets]uint32
	total := l.gather(&sums, int64(now/latencySlice)+1)
	if total < leastSamples || float64(total)*(1-q) < leastAbove-1e-9 {
		return 0
	}
	rank := uint64(q * float64(total))
	for i, n := range sums {
		if rank < uint64(n) {
			return latencyMiddle(i)
		}
		rank -= uint64(n)
	}
	return latencyMiddle(latencyBuckets - 1)
}

// gather adds the slices that lie within the window up.
func (l *Latencies) gather(sums *[latencyBuckets]uint32, tick int64) (total uint64) {
	for i := range l.slices {
		s := &l.slices[i]
		if at := s.tick.Load(); at <= 0 || tick-at >= latencySlices {
			continue
		}
		for j := range s.counts {
			n := s.counts[j].Load()
			sums[j] += n
			total += uint64(n)
		}
	}
	return total
}

// latencyBucket returns the bucket of a sample.
func latencyBucket(sample time.Duration) int {
	units := uint64(max(sample, 0)) >> latencyUnitBits
	if units < latencyParts {
		return int(units)
	}
	doubling := bits.Len64(units) - latencyPartsBits // 1 for 16 to 31 units
	part := units >> (doubling - 1)                  // 16 to 31
	return min(doubling*latencyParts+int(part-latencyParts), latencyBuckets-1)
}

// latencyMiddle returns the middle of a bucket.
func latencyMiddle(bucket int) time.Duration {
	if bucket < latencyParts {
		return time.Duration(bucket<<latencyUnitBits + 1<<(latencyUnitBits-1))
	}
	shift := bucket/latencyParts - 1 + latencyUnitBits
	low := uint64(latencyParts+bucket%latencyParts) << shift
	return time.Duration(low + 1<<shift>>1)
}
