package report

import (
	"math"
	"time"

	"weir/bench"
)

// bin is how many latencies lie from From to below To; the last bin holds To too.
type bin struct {
	From, To time.Duration
	Count    int64
}

// coarse sorts h into at most sixteen bins with round limits, for text.
func coarse(h bench.Histogram) []bin {
	if h.Count() == 0 {
		return nil
	}
	least, most := max(time.Duration(h.Min()), 1), time.Duration(h.Max())
	for _, steps := range [][]float64{{1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.25, 2.5, 2.75, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9}, {1, 1.5, 2, 3, 4, 5, 6, 8}, {1, 2, 5}, {1}} {
		if limits := limits(least, most, steps); len(limits) <= 17 || len(steps) == 1 {
			return fill(h, limits)
		}
	}
	return nil
}

// limits are the steps in every power of ten from at most least to above most.
func limits(least, most time.Duration, steps []float64) []time.Duration {
	var out []time.Duration
	// No time is longer than 1e19 ns.
	for decade := math.Pow(10, math.Floor(math.Log10(float64(least)))); decade < 1e18; decade *= 10 {
		for _, s := range steps {
			v := time.Duration(math.Round(s * decade))
			if v <= least {
				out = out[:0]
			}
			out = append(out, v)
			if v > most {
				return out
			}
		}
	}
	if len(out) == 0 {
		out = append(out, least)
	}
	return append(out, most)
}

// fill counts what lies between the limits.
func fill(h bench.Histogram, limits []time.Duration) []bin {
	bins := make([]bin, len(limits)-1)
	for i := range bins {
		bins[i] = bin{From: limits[i], To: limits[i+1]}
	}
	i := 0
	for value, count := range h.ForEachBucket {
		for i < len(bins)-1 && time.Duration(value) >= bins[i].To {
			i++
		}
		bins[i].Count += count
	}
	// The largest latency is given as the upper end of its bucket, which may lie behind a limit that all are below.
	for len(bins) > 1 && bins[len(bins)-1].Count == 0 {
		bins = bins[:len(bins)-1]
	}
	return bins
}

// mostBars and fewestBars bound how many bins a picture has. They are at least thinnest apart, as a share.
const (
	mostBars   = 60
	fewestBars = 8
	thinnest   = 0.015
)

// fine sorts h into bins that are equally wide on a logarithmic scale, for a picture. What the histogram's own buckets
// hold is spread over the bins that they cover, and no bin is thinner than two of them, or it would look like a comb.
func fine(h bench.Histogram) []bar {
	if h.Count() == 0 {
		return nil
	}
	least := max(float64(h.Min()), 1)
	most := max(float64(h.Max()), least*1.05)
	low := math.Log(least)
	n := int(math.Log(most/least) / max(thinnest, 2*bucketWidth(int64(least))/least))
	n = min(max(n, fewestBars), mostBars)
	wide := math.Log(most/least) / float64(n)
	bars := make([]bar, n)
	for i := range bars {
		bars[i].From = math.Exp(low + float64(i)*wide)
		bars[i].To = math.Exp(low + float64(i+1)*wide)
	}
	at := func(v float64) float64 { return min(max((math.Log(max(v, 1))-low)/wide, 0), float64(n)) }
	for value, count := range h.ForEachBucket {
		spread(bars, at(float64(value)), at(float64(value)+bucketWidth(value)), float64(count))
	}
	return bars
}

// bar is a bin of a picture; its count may be a part of a bucket's.
type bar struct{ From, To, Count float64 }

// spread adds count to the bars between two places on their scale.
func spread(bars []bar, from, to, count float64) {
	first, last := min(int(from), len(bars)-1), min(int(to), len(bars)-1)
	if first == last || to <= from {
		bars[first].Count += count
		return
	}
	for i := first; i <= last; i++ {
		part := min(to, float64(i+1)) - max(from, float64(i))
		bars[i].Count += count * max(part, 0) / (to - from)
	}
}

// bucketWidth is how wide the histogram's bucket at v is: a unit of 512 ns up to 2,048 of them, twice as wide in each
// doubling beyond.
func bucketWidth(v int64) float64 {
	width := int64(512)
	for v >= width*2048 {
		width *= 2
	}
	return float64(width)
}
