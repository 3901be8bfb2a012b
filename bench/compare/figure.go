package compare

import (
	"math"
	"sort"
)

// figure is one thing by which the sides are compared.
type figure struct {
	name string
	kind kind
	// A latency is the mean of the quantile function between these shares of all requests; where they are equal,
	// around that share.
	from, to float64
	// beyond is how many answers must lie behind the share `from`, on each side, before the figure says anything.
	beyond float64
	// headline figures decide whether there was enough data to tell.
	headline bool
}

// kind is what a figure measures, and so how its change is written.
type kind uint8

const (
	latency    kind = iota // ns; the change is a ratio, up is worse
	throughput             // requests a second; a ratio, down is worse
	failures               // a share; the change is a difference, up is worse
)

// figures are what is compared, in the order of the table.
var figures = [...]figure{
	{name: "mean", from: 0, to: 1, beyond: 20, headline: true},
	{name: "p50", from: 0.50, to: 0.50, beyond: 20, headline: true},
	{name: "p90", from: 0.90, to: 0.90, beyond: 20, headline: true},
	{name: "p90 to p99", from: 0.90, to: 0.99, beyond: 20},
	{name: "p99", from: 0.99, to: 0.99, beyond: 10, headline: true},
	{name: "p99.5", from: 0.995, to: 0.995, beyond: 15},
	{name: "slowest 0.5 %", from: 0.995, to: 1, beyond: 15},
	{name: "p99.9", from: 0.999, to: 0.999, beyond: 25},
	{name: "throughput", kind: throughput},
	{name: "errors", kind: failures},
}

// vector has one value for each of figures: the logarithm of a latency in ns or of a rate, or the share of errors.
type vector [len(figures)]float64

// worse is the sign of a change for the worse.
func (f *figure) worse() float64 {
	if f.kind == throughput {
		return -1
	}
	return 1
}

// needs returns how many answers a side must hold.
func (f *figure) needs() float64 {
	if f.kind != latency {
		return 1
	}
	return math.Ceil(f.beyond/(1-f.from) - 1e-6)
}

// sample is what one draw of blocks adds up to.
type sample struct {
	side   *side
	size   float64 // the side's own number of answers, which sets how far a quantile is smoothed
	counts []float64
	// below and sum are, at each value, how many requests took at most that long, and how long together.
	below, sum       []float64
	seconds, ok, bad float64
}

func newSample(s *side) *sample {
	n := len(s.values)
	return &sample{
		side: s, size: s.answers(),
		counts: make([]float64, n), below: make([]float64, n), sum: make([]float64, n),
	}
}

func (s *sample) clear() {
	clear(s.counts)
	s.seconds, s.ok, s.bad = 0, 0, 0
}

// add counts b in.
func (s *sample) add(b *block) {
	for _, c := range b.cells {
		s.counts[c.bin] += c.count
	}
	s.seconds += b.seconds
	s.ok += b.ok
	s.bad += b.bad
}

// measure returns the figures of what was added; those that it can't say are NaN or infinite.
func (s *sample) measure() (v vector) {
	n, total := 0.0, 0.0
	for i, c := range s.counts {
		n += c
		total += c * s.side.values[i]
		s.below[i], s.sum[i] = n, total
	}
	for i := range figures {
		switch f := &figures[i]; f.kind {
		case latency:
			from, to := f.window(s.size)
			v[i] = math.Log(s.mean(from*n, to*n))
		case throughput:
			v[i] = math.Log(s.ok / s.seconds)
		case failures:
			v[i] = s.bad / (s.ok + s.bad)
		}
	}
	return v
}

// window returns the shares between which the figure is a mean. A quantile's spans one standard error of its share
// to either side.
func (f *figure) window(n float64) (from, to float64) {
	if f.from < f.to {
		return f.from, f.to
	}
	h := math.Sqrt(f.from * (1 - f.from) / n)
	return max(0, f.from-h), min(1, f.from+h)
}

// mean returns the mean latency of the requests between two ranks; NaN where there are none.
func (s *sample) mean(from, to float64) float64 {
	if !(from < to) {
		return math.NaN()
	}
	return (s.upTo(to) - s.upTo(from)) / (to - from)
}

// upTo returns how long the fastest rank requests took together.
func (s *sample) upTo(rank float64) float64 {
	i := min(sort.SearchFloat64s(s.below, rank), len(s.below)-1)
	return s.sum[i] - (s.below[i]-rank)*s.side.values[i]
}
