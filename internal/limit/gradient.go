package limit

import (
	"math"
	"sync/atomic"
	"time"
)

// The figures of the gradient.
const (
	// FirstLimit is where an adaptive limit begins, LeastLimit and MostLimit are its ends.
	FirstLimit = 16
	LeastLimit = 8
	MostLimit  = 10_000

	// gradientTolerance is how much longer than usual answers may take before the limit falls.
	gradientTolerance = 1.5
	// gradientSmoothing is how far the limit moves towards its next value with each window.
	gradientSmoothing = 0.2
	// A window of samples takes at least gradientWindow and twice the usual latency, that at most
	// gradientWindowMost, and has at least gradientSamples.
	gradientWindow     = 100 * time.Millisecond
	gradientWindowMost = 10 * time.Second
	gradientSamples    = 20
	gradientFirst      = 50
	// gradientRise and gradientFall are the time constants with which the usual latency follows a
	// higher and a lower one.
	gradientRise     = 10 * time.Second
	gradientRiseFull = 60 * time.Second
	gradientEasy     = 0.3
	// gradientDrops is the share of timeouts from which a window counts as a drop, which takes the
	// limit down by gradientBackoff.
	gradientDrops   = 0.05
	gradientBackoff = 0.9
)

// Gradient is a limit of concurrency that finds its height by itself: Netflix's Gradient2
// (concurrency-limits, Gradient2Limit.java). It compares the latency of the last moment with the
// usual one. While answers take no longer than the tolerance allows, the limit grows by its square
// root, which is the queue that the endpoint may have; when they take longer it falls in proportion.
type Gradient struct {
	limit atomic.Int64 // 0: FirstLimit, before the first window

	// What samples add to.
	sums   atomic.Uint64 // see sample
	drops  atomic.Int64
	peak   atomic.Int64 // most in flight
	until  atomic.Int64 // when the window may end
	ending atomic.Bool  // held by who ends it

	// What the holder of ending alone touches.
	began  time.Duration
	height float64 // the limit before rounding
	usual  float64 // log2 of the usual latency; 0: no window yet
	calm   bool    // the limit has been lowered before: no doubling any more
	fall   fall
}

// Samples are summed up in one word, so that one addition takes both parts: their number from bit 44
// up, log2 of their nanoseconds in units of 1/65536 below. A million samples of an hour each fit.
const (
	sampleBits = 44
	logUnit    = 1 << 16
)

func sample(latency time.Duration) uint64 {
	return 1<<sampleBits + uint64(math.Log2(float64(latency))*logUnit)
}

// fall is the beginning of a decline at the limit.
type fall struct{ height, latency float64 }

// Limit returns the present limit.
func (g *Gradient) Limit() int64 {
	if l := g.limit.Load(); l != 0 {
		return l
	}
	return FirstLimit
}

// Done takes the end of one use that took latency to its first byte; 0 is no sample. inFlight is how
// many were in flight with it. dropped says that it was cut off because it took too long.
func (g *Gradient) Done(latency time.Duration, inFlight int64, dropped bool, now time.Duration) {
	if g.peak.Load() < inFlight {
		g.peak.Store(inFlight) // a race loses a sample of the peak, not more
	}
	if latency > 0 {
		if dropped {
			g.drops.Add(1)
		}
		g.sums.Add(sample(latency))
	}
	if int64(now) >= g.until.Load() && g.sums.Load()>>sampleBits >= g.enough() && g.ending.CompareAndSwap(false, true) {
		if int64(now) >= g.until.Load() {
			g.endWindow(now)
		}
		g.ending.Store(false)
	}
}

// enough is how many samples end a window. The first is what the others are compared with.
func (g *Gradient) enough() uint64 {
	if g.limit.Load() == 0 {
		return gradientFirst
	}
	return gradientSamples
}

// endWindow learns from the samples of a window.
func (g *Gradient) endWindow(now time.Duration) {
	sums, drops := g.sums.Swap(0), float64(g.drops.Swap(0))
	n := float64(sums >> sampleBits)
	latency := float64(sums&(1<<sampleBits-1)) / logUnit / n
	peak := float64(g.peak.Swap(0))
	took := now - g.began
	g.began = now
	if g.usual == 0 {
		g.height, g.usual = FirstLimit, latency
	}
	g.move(latency, peak, drops > gradientDrops*n)
	g.learn(latency, peak, n, took)
	g.limit.Store(int64(math.Round(g.height)))
	wait := min(max(gradientWindow, time.Duration(2*math.Exp2(latency))), gradientWindowMost)
	g.until.Store(int64(now + wait))
}

// move sets the height for a window in which answers took latency.
func (g *Gradient) move(latency, peak float64, dropped bool) {
	gradient := min(1, max(0.5, gradientTolerance*math.Exp2(g.usual-latency)))
	next := g.height
	switch {
	case dropped:
		g.calm = true
		next = g.height * gradientBackoff
	case gradient < 1:
		g.calm = true
		next = g.height*gradient + math.Sqrt(g.height)
		next = g.height + gradientSmoothing*(next-g.height)
	case peak < g.height/2:
		return
	case !g.calm:
		next = 2 * g.height
	default:
		next = g.height + math.Sqrt(g.height)
	}
	g.height = min(max(next, LeastLimit), MostLimit)
}

// learn lets the usual latency follow.
func (g *Gradient) learn(latency, peak, n float64, took time.Duration) {
	weight := n / (n + 100)
	if latency > g.usual {
		rise := gradientRise
		if peak >= g.height*0.9 {
			rise = gradientRiseFull
			if g.test(latency) {
				return
			}
		} else {
			g.fall = fall{}
		}
		weight = min(weight, 1-math.Exp(-float64(took)/float64(rise)))
	}
	g.usual += (latency - g.usual) * weight
}

// test decides whether long answers at the limit come from what is in flight. If they do, they get
// shorter as the limit falls. If the limit has fallen by half and they have not, they are the usual ones now.
func (g *Gradient) test(latency float64) (usual bool) {
	g.fall.latency = max(g.fall.latency, latency)
	switch {
	case g.fall.height == 0 || g.height > g.fall.height:
		g.fall = fall{g.height, latency}
	case g.height <= g.fall.height*0.6:
		if usual = latency > g.fall.latency-0.35; usual {
			g.usual, g.calm = latency, false
		}
		g.fall = fall{}
	}
	return usual
}
