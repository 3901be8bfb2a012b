package lb

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	// latencyDecay is the time constant of the average: after this long, an old sample counts 1/e.
	latencyDecay = 10 * time.Second
	// latencyTick is the resolution of the sample clock. Samples within one tick of the last one
	// are dropped unless they are failures, which bounds the writes to a hot line to one per tick.
	latencyTick = time.Millisecond
	// failureCharge is the least latency that a failure is charged with, and maxFailureCharge the
	// most that repeated failures double it to.
	failureCharge    = time.Second
	maxFailureCharge = time.Minute
	// steepest is how many times itself the average can become by one success. A pause of the machine or
	// of a collector that holds up a few answers must not leave an endpoint without traffic for half a
	// minute; one that has become slow says so with every answer, and is known after a few.
	steepest = 2
	// leastLatency is where a fading average stops.
	leastLatency = float64(time.Microsecond)
)

// latency is a peak-sensitive moving average (after Finagle's Peak EWMA): a sample above the average
// replaces it, but for steepest, one below pulls it down with a weight that grows with the time since
// the last.
//
// One word holds both parts so that one compare-and-swap moves them together: the average in
// nanoseconds as a float32 above, the tick of the last sample below. Ticks wrap: an
// average that nobody touched for 25 days stops fading for as long, and no more. 0 means no sample.
type latency struct{ word atomic.Uint64 }

func unpack(word uint64) (average float64, tick uint32) {
	return float64(math.Float32frombits(uint32(word >> 32))), uint32(word)
}

// at returns the average in nanoseconds as of now, 0 without a sample. It fades while no sample
// comes, so that an endpoint which was slow once is tried again, but never below leastLatency, so
// that what is in flight still tells endpoints apart.
func (l *latency) at(now time.Duration) float64 {
	word := l.word.Load()
	if word == 0 {
		return 0
	}
	average, tick := unpack(word)
	if gap := int32(ticks(now) - tick); gap > 0 {
		average *= fade(gap)
	}
	return max(average, leastLatency)
}

// last returns the average as of the last sample, 0 without one.
func (l *latency) last() time.Duration {
	average, _ := unpack(l.word.Load())
	return time.Duration(average)
}

// forget makes l what it was before the first sample.
func (l *latency) forget() { l.word.Store(0) }

// observe takes the sample of a success, which must be positive.
func (l *latency) observe(sample, now time.Duration) { l.take(sample, now, true) }

func (l *latency) take(sample, now time.Duration, success bool) {
	for {
		old := l.word.Load()
		average, tick := unpack(old)
		gap := int32(ticks(now) - tick)
		value := float64(sample)
		switch {
		case value >= average && success && average > 0:
			if gap <= 0 {
				return // of what one pause has held up, one sample counts
			}
			value = min(value, steepest*max(average, ewmaGrain/2))
		case value >= average:
		case gap <= 0: // same tick, or overtaken by a sample that was taken later
			return
		default:
			w := fade(gap)
			mixed := average*w + value*(1-w)
			if success && average > float64(failureCharge) {
				// What is above that, repeated failures have charged: a success each takes half of it off, so that
				// the one endpoint that recovers is found among those that still fail.
				mixed = min(mixed, max(value, average/2))
			}
			value = mixed
		}
		next := uint64(math.Float32bits(float32(value)))<<32 | uint64(ticks(now))
		if old == next || l.word.CompareAndSwap(old, next) {
			return
		}
	}
}

// atLeast takes the time after which nobody waited any longer: the sample would have been that much or
// more. It raises what is left of the average, or does nothing.
func (l *latency) atLeast(bound, now time.Duration) {
	if float64(bound) > l.at(now) {
		l.take(bound, now, false)
	}
}

// charge takes a failure as a sample. A failure may be fast; it must not look fast, not even
// where success is slow.
func (l *latency) charge(took, now time.Duration) {
	twice := time.Duration(2 * l.at(now))
	l.take(max(took, min(max(failureCharge, twice), maxFailureCharge)), now, false)
}

func ticks(now time.Duration) uint32 { return uint32(now / latencyTick) }

func fade(gap int32) float64 {
	return math.Exp(-float64(gap) / float64(latencyDecay/latencyTick))
}
