package compare

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"weir/bench"
)

// side is all that the files of one side hold, cut into blocks of a second.
type side struct {
	values []float64 // the latencies that occur, in ns, ascending; a cell's bin is an index into them
	files  [][]block // in an order that only what they hold decides; their blocks are in the order of time
	digest uint64    // of what the files hold
	late   int       // seconds that are left out, because the generator was late in them
}

// block is one second of one file.
type block struct {
	cells   []cell
	seconds float64
	lag     time.Duration // the generator's worst
	ok, bad float64       // requests that got their answer, and those that failed or were never sent
}

// cell is how many requests of a block took values[bin].
type cell struct {
	bin   int
	count float64
}

// newSide cuts the reports into seconds. Those in which the generator sent a request later than lag are left out, unless
// they are more than a third.
func newSide(reports []*bench.Report, lag time.Duration) *side {
	s := &side{}
	bins := map[int64]int{}
	for _, r := range reports {
		for _, second := range r.Series {
			for _, bar := range bars(second.Histogram) {
				bins[bar.at] = 0
			}
		}
	}
	keys := make([]int64, 0, len(bins))
	for at := range bins {
		keys = append(keys, at)
	}
	slices.Sort(keys)
	for i, at := range keys {
		bins[at] = i
		s.values = append(s.values, float64(at))
	}
	for _, r := range reports {
		s.files = append(s.files, blocksOf(r, bins))
	}
	s.leaveOut(lag)
	s.order()
	return s
}

// order sorts the files by what they hold, so that the order in which they were named decides nothing.
func (s *side) order() {
	slices.SortStableFunc(s.files, func(f, g []block) int { return cmp.Compare(s.digestOf(f), s.digestOf(g)) })
	for _, f := range s.files {
		s.digest = s.digest*31 + s.digestOf(f)
	}
}

// digestOf sums up a file.
func (s *side) digestOf(f []block) uint64 {
	h := fnv.New64a()
	var text [8]byte
	add := func(x float64) {
		binary.BigEndian.PutUint64(text[:], math.Float64bits(x))
		h.Write(text[:])
	}
	for i := range f {
		add(f[i].seconds)
		add(f[i].ok)
		add(f[i].bad)
		for _, c := range f[i].cells {
			add(s.values[c.bin])
			add(c.count)
		}
	}
	return h.Sum64()
}

// generatorsShare is the part of the median latency by which a generator may be late in a second that counts. A
// report is valid with one late request in a hundred, which is just what p99 is made of.
const generatorsShare = 0.25

// patience returns how late the generator may have been in a second of any of the runs. A run without an answer has no
// median to measure that by.
func patience(inputs []Input) time.Duration {
	least := time.Duration(math.MaxInt64)
	for _, in := range inputs {
		if in.Report.Latency.P50 > 0 {
			least = min(least, in.Report.Latency.P50)
		}
	}
	return time.Duration(float64(least) * generatorsShare)
}

// leaveOut drops the seconds that are the generator's own doing.
func (s *side) leaveOut(lag time.Duration) {
	kept := make([][]block, len(s.files))
	n, late := 0, 0
	for i, f := range s.files {
		for k := range f {
			if f[k].lag > lag {
				late++
				continue
			}
			kept[i] = append(kept[i], f[k])
			n++
		}
		if len(kept[i]) == 0 {
			return
		}
	}
	if late > 0 && n >= fewestSeconds && 3*late <= n+late {
		s.files, s.late = kept, late
	}
}

// blocksOf cuts one report into seconds. A rest of less than half a second belongs to the second before it.
func blocksOf(r *bench.Report, bins map[int64]int) []block {
	var out []block
	last := time.Duration(0)
	for _, second := range r.Series {
		b := block{
			seconds: (second.At - last).Seconds(),
			ok:      float64(second.OK),
			bad:     float64(second.Failures.Total()),
			lag:     second.Lag,
		}
		last = second.At
		for _, bar := range bars(second.Histogram) {
			b.cells = append(b.cells, cell{bins[bar.at], float64(bar.count)})
		}
		if len(out) > 0 && b.seconds < 0.5 {
			out[len(out)-1].add(&b)
			continue
		}
		out = append(out, b)
	}
	// Nobody knows in which second a slot was given up, so every second bears its share.
	for i := range out {
		out[i].bad += float64(r.Unsent) / float64(len(out))
	}
	return out
}

// add takes in what o counts.
func (b *block) add(o *block) {
	b.cells = append(b.cells, o.cells...)
	b.seconds += o.seconds
	b.ok += o.ok
	b.bad += o.bad
	b.lag = max(b.lag, o.lag)
}

// bar is one occupied bin of a histogram, in the middle of its bounds.
type bar struct{ at, count int64 }

// bars returns the occupied bins of h, ascending. A bin is walked to by its lower bound; its upper one is the greatest
// value that a histogram of the same bins tells when it holds nothing else.
func bars(h bench.Histogram) []bar {
	if h.Count() == 0 {
		return nil
	}
	one := hdrhistogram.NewPacked(h.LowestTrackableValue(), h.HighestTrackableValue(), int(h.SignificantFigures()))
	out := make([]bar, 0, h.Populated())
	for low, count := range h.ForEachBucket {
		one.Reset()
		if one.RecordValue(low) == nil {
			out = append(out, bar{(low + one.Max()) / 2, count})
		}
	}
	return out
}

// answers returns how many latencies the side holds.
func (s *side) answers() float64 {
	n := 0.0
	for _, f := range s.files {
		for i := range f {
			n += f[i].ok
		}
	}
	return n
}

// requests returns how many were answered, failed, or were never sent.
func (s *side) requests() float64 {
	n := 0.0
	for _, f := range s.files {
		for i := range f {
			n += f[i].ok + f[i].bad
		}
	}
	return n
}

// shares returns each file's part of the side's blocks.
func (s *side) shares() []float64 {
	var out []float64
	for _, f := range s.files {
		out = append(out, float64(len(f))/float64(s.blocks()))
	}
	return out
}

// blocks returns how many blocks the side holds.
func (s *side) blocks() int {
	n := 0
	for _, f := range s.files {
		n += len(f)
	}
	return n
}
