package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"weir/internal/term"
)

var steps125 = []float64{1, 2, 5}

// decimal is the least step of 1, 2, 2.5 and 5 in any power of ten that is at least so wide.
func decimal(least float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(least)))
	for _, s := range []float64{1, 2, 2.5, 5} {
		if s*decade >= least*(1-1e-9) {
			return s * decade
		}
	}
	return 10 * decade
}

// clock is the least step of a clock that is at least so wide, in seconds.
func clock(least float64) float64 {
	if least < 1 {
		return decimal(least)
	}
	for _, s := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600} {
		if s >= least {
			return s
		}
	}
	const day = 24 * 3600
	return math.Ceil(least/day) * day
}

// below and above are the nearest steps of any power of ten around v.
func below(v float64, steps []float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)+1e-9))
	best := decade
	for _, s := range steps {
		if s*decade <= v*(1+1e-9) {
			best = s * decade
		}
	}
	return best
}

func above(v float64, steps []float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)+1e-9))
	for _, s := range steps {
		if s*decade >= v*(1-1e-9) {
			return s * decade
		}
	}
	return 10 * decade
}

// nanos writes a round latency: 0, 500 µs, 1.5 ms, 10 s, 2 min.
func nanos(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 999:
		return short(v) + " ns"
	case v < 999e3:
		return short(v/1e3) + " µs"
	case v < 999e6:
		return short(v/1e6) + " ms"
	}
	return short(v/1e9) + " s"
}

// elapsed writes a tick of a scale of time in the unit of its step.
func elapsed(seconds, step float64) string {
	switch {
	case seconds == 0:
		return "0"
	case step >= 24*3600:
		return short(seconds/(24*3600)) + " d"
	case step >= 1800:
		return short(seconds/3600) + " h"
	case step >= 60:
		return short(seconds/60) + " min"
	case step >= 1 && seconds >= 60:
		whole := int(math.Round(seconds))
		if whole%60 == 0 {
			return strconv.Itoa(whole/60) + " min"
		}
		return fmt.Sprintf("%d:%02d min", whole/60, whole%60)
	case step < 0.1:
		return short(seconds*1000) + " ms"
	}
	return short(seconds) + " s"
}

// number writes a round number of a scale that ends at most: 0.5, 1,500, 200k, 1.5M.
func number(v, most float64) string {
	switch {
	case v == 0:
		return "0"
	case most >= 2e12:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case most >= 2e9:
		return short(v/1e9) + "G"
	case most >= 2e6:
		return short(v/1e6) + "M"
	case most >= 1e5:
		return term.Count(int64(math.Round(v/1e3))) + "k"
	case v >= 1000:
		return term.Count(int64(math.Round(v)))
	}
	return short(v)
}

// short writes a round value without an exponent or zeros at the end.
func short(v float64) string {
	digits := 4
	if v > 0 && v < 0.01 {
		digits = 3 - int(math.Floor(math.Log10(v)))
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
