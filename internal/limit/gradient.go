package limit

import (
	"math"
	"sync/atomic"
	"time"
)

// The ends of an adaptive limit, and where it begins.
const (
	FirstLimit = 16
	LeastLimit = 8
	MostLimit  = 10_000
)

const (
	// gradientTolerance is how many times longer than usual answers may take before the limit falls.
	gradientTolerance = 1.5
	// gradientSmoothing is how far a falling limit moves towards its next value with each window.
	gradientSmoothing = 0.2
	// gradientBackFar is what the limit falls to of itself with a window of answers that take three times
	// as long as usual, or longer.
	gradientBackFar = 0.75
	// gradientUsed is the share of the limit that must have been in flight for it to count as used up.
	gradientUsed = 0.9
	// A window takes at least gradientWindow, and at least twice as long as the answers in it, so that
	// what it says is due to the limit as it was set before; but no longer than gradientLongest.
	gradientWindow  = 50 * time.Millisecond
	gradientLongest = 10 * time.Second
	// gradientSamples is how many samples a window has at least, gradientFirst how many the first: it
	// is what all others are compared with.
	gradientSamples = 20
	gradientFirst   = 50
	// gradientRise is the time constant with which the usual latency follows a higher one,
	// gradientRiseFull that with which it does while uses are held back by the limit: then it is likely
	// to be the limit's own doing.
	gradientRise     = 10 * time.Second
	gradientRiseFull = 5 * time.Minute
	// gradientDrops is the share of timeouts above which the limit falls to gradientBackoff of itself.
	gradientDrops   = 0.05
	gradientBackoff = 0.9
)

// Gradient is a limit of concurrency that finds its height by itself: Gradient2 of Netflix's
// concurrency-limits. It compares the latency of the last moment with the usual one. While answers take
// less than the tolerance allows, the limit grows by its square root, which is the queue that the
// endpoint may have; when they take longer it falls in proportion. It never falls just to see.
//
// What is not Netflix's:
//   - Latencies are averaged as logarithms. One slow answer in a hundred moves a mean of ten
//     milliseconds by its whole self, the mean of the logarithms hardly.
//   - Until it has had to fall once, the limit doubles with every other window, as TCP's does.
//   - It grows only while nine tenths of it are in flight, and falls by a quarter when answers take three
//     times as long as usual: a window takes twice as long as they do.
//   - The usual latency hardly rises while uses are held back; Netflix's does, and after some minutes of
//     overload takes it for normal. Should the limit fall to half and the latency stay what it was, it
//     is not the load that makes it long, and it becomes the usual one.
//
// What it does in front of an endpoint of 16 workers that need 10 ms, from a cold start; p99 is of what
// was served, with the time in the [Queue], and in brackets that of the unloaded endpoint
// (go test -run Overload -v ./internal/limit):
//
//	service times          offered   served   shed   p99
//	constant               0.5×      0.50     0      10 ms (10)
//	                       2×        1.00     50 %   27 ms
//	exponential            0.5×      0.50     0      47 ms (47)
//	                       2×        1.00     50 %   54 ms
//	lognormal, sigma 1.5   0.5×      0.50     0      106 ms (112)
//	                       2×        1.00     50 %   117 ms
//
// What it can't do, and why it is not the default, is in docs/decisions/015-adaptive-concurrency.md.
//
// The zero value is ready. All methods are safe for concurrent use and take no lock.
type Gradient struct {
	limit atomic.Int64 // 0: FirstLimit, before the first window

	// What samples add to.
	sums   atomic.Uint64 // see sampleBits
	drops  atomic.Int64
	peak   atomic.Int64 // most in flight
	until  atomic.Int64 // when the window may end
	ending atomic.Bool  // held by who ends it

	// What the holder of ending alone touches. Latencies are log2 of nanoseconds.
	began   time.Duration
	height  float64 // the limit before rounding
	usual   float64
	fallen  bool // the limit had to fall before
	doubled bool // at the end of the last window
	fall    fall
}

// fall is what is known of a decline while uses are held back.
type fall struct {
	from    float64 // the height where it began; 0: there is none
	latency float64 // smoothed
	longest float64 // that latency at its longest
}

// Samples are summed up in one word, so that one addition takes both parts: their number from bit 44
// up, log2 of their nanoseconds in units of 1/65536 below. A million samples of an hour each fit.
const (
	sampleBits = 44
	sampleUnit = 1 << 16
)

// Limit returns the present limit.
func (g *Gradient) Limit() int64 {
	if l := g.limit.Load(); l != 0 {
		return l
	}
	return FirstLimit
}

// Done takes the end of one use that took latency, more than 0, to its first byte. inFlight is how many
// were in flight with it. dropped says that it was cut off because it took too long.
func (g *Gradient) Done(latency time.Duration, inFlight int64, dropped bool, now time.Duration) {
	if g.peak.Load() < inFlight {
		g.peak.Store(inFlight) // a race loses one of two peaks that are alike
	}
	if dropped {
		g.drops.Add(1)
	}
	n := g.sums.Add(1<<sampleBits+uint64(math.Log2(float64(latency))*sampleUnit)) >> sampleBits
	if !g.due(now) || n < g.enough() || !g.ending.CompareAndSwap(false, true) {
		return
	}
	if int64(now) >= g.until.Load() && g.sums.Load() > 0 {
		g.endWindow(now)
	}
	g.ending.Store(false)
}

// due reports whether the window may end. The first takes its time too: the uses that end first are the
// short ones.
func (g *Gradient) due(now time.Duration) bool {
	until := g.until.Load()
	if until == 0 {
		g.until.CompareAndSwap(0, int64(now+gradientWindow))
		return false
	}
	return int64(now) >= until
}

func (g *Gradient) enough() uint64 {
	if g.limit.Load() == 0 {
		return gradientFirst
	}
	return gradientSamples
}

// endWindow learns from the samples of a window and begins the next one.
func (g *Gradient) endWindow(now time.Duration) {
	sums, drops, peak := g.sums.Swap(0), float64(g.drops.Swap(0)), float64(g.peak.Swap(0))
	n := float64(sums >> sampleBits)
	latency := float64(sums&(1<<sampleBits-1)) / sampleUnit / n
	if g.height == 0 {
		g.height, g.usual = FirstLimit, latency
	}
	at := g.height
	g.move(latency, peak, drops > gradientDrops*n)
	held := peak >= gradientUsed*at && at > LeastLimit && g.fallen
	g.learn(latency, held, at, n, now-g.began)
	g.began = now
	g.limit.Store(int64(math.Round(g.height)))
	g.until.Store(int64(now + min(max(gradientWindow, time.Duration(2*math.Exp2(latency))), gradientLongest)))
}

// move sets the height after a window in which answers took latency.
func (g *Gradient) move(latency, peak float64, dropped bool) {
	gradient := min(1, max(0.5, gradientTolerance*math.Exp2(g.usual-latency)))
	next := g.height
	switch {
	case dropped:
		next *= gradientBackoff
	case gradient <= 0.5: // far off: the windows are long, so that small steps would take many seconds
		next *= gradientBackFar
	case gradient < 1:
		next += gradientSmoothing * (g.height*gradient + math.Sqrt(g.height) - g.height)
	case peak < gradientUsed*g.height: // more would change nothing
	case !g.fallen && g.doubled: // its effect is not in this window yet
		g.doubled = false
		return
	case !g.fallen:
		next *= 2
		g.doubled = true
	default:
		next += math.Sqrt(g.height)
	}
	g.fallen = g.fallen || dropped || gradient < 1
	g.height = min(max(next, LeastLimit), MostLimit)
}

// learn lets the usual latency follow that of a window of n samples under the limit at. held says that
// uses were held back by it after it had to fall, and that it can fall further.
func (g *Gradient) learn(latency float64, held bool, at, n float64, took time.Duration) {
	weight := n / (n + 100)
	if latency > g.usual {
		rise := gradientRise
		if held {
			rise = gradientRiseFull
		}
		weight = min(weight, 1-math.Exp(-float64(took)/float64(rise)))
	}
	if !held || latency <= g.usual {
		g.fall = fall{}
	} else if g.inVain(latency, at) {
		weight, g.fall = 1, fall{}
	}
	g.usual += (latency - g.usual) * weight
}

// inVain reports whether the limit has fallen to half without answers getting quicker. Were they long
// because of what is in flight, they would take half as long, which is 1 less; a third of that is asked
// for, because latencies scatter and several nodes may share the endpoint.
func (g *Gradient) inVain(latency, at float64) bool {
	f := &g.fall
	if f.from < at {
		*f = fall{from: at, latency: latency, longest: latency}
		return false
	}
	f.latency += (latency - f.latency) * 2 / 3
	f.longest = max(f.longest, f.latency)
	if at > f.from/2 {
		return false
	}
	vain := f.latency > f.longest-0.35
	*f = fall{}
	return vain
}
