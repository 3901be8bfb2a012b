package chart

import (
	"math"

	"gonum.org/v1/plot"
)

// Axis is a scale with its ticks. Make one with Percentiles, Latencies, LogLatencies, Elapsed, Numbers, Rates or Shares.
type Axis struct {
	// Min and Max are its ends, in the axis's unit.
	Min, Max float64
	scale    plot.Normalizer
	ticks    []plot.Tick
}

// Percentiles is HdrHistogram's axis: a share q lies at Nines(q), so that 90 %, 99 % and 99.9 % are equally far apart.
// It goes from 0 to the share that count values can tell.
func Percentiles(count int64) Axis {
	decades := min(max(math.Ceil(math.Log10(float64(max(count, 1)))-0.3), 1), 7)
	a := Axis{Min: 1, Max: math.Pow(10, decades), scale: plot.LogScale{}}
	a.tick(1, "0 %")
	if decades <= 5 {
		a.tick(2, "50 %")
	}
	for d, label := range []string{"90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %", "99.99999 %"} {
		if float64(d+1) <= decades {
			a.tick(math.Pow(10, float64(d+1)), label)
		}
	}
	return a
}

// Nines is where a share q of 0 to 1 lies on the axis of Percentiles.
func Nines(q float64) float64 { return 1 / (1 - q) }

// Latencies goes from 0, or on a logarithmic scale from least, to at least most; both in nanoseconds. The scale is
// logarithmic where most is more than thirty times least: on a linear one the small ones would lie on the ground.
func Latencies(least, most float64) Axis {
	least, most = bounded(least), bounded(most)
	if least > 0 && most > 30*least {
		return LogLatencies(least, most)
	}
	a := Axis{scale: plot.LinearScale{}}
	step := decimal(max(most, 1000) / 5)
	a.Max = math.Ceil(max(most, 1000)/step-1e-9) * step
	for i := 0.0; i*step <= a.Max*(1+1e-9); i++ {
		a.tick(i*step, nanos(i*step))
	}
	return a
}

// LogLatencies is logarithmic from at most least to at least most, in nanoseconds.
func LogLatencies(least, most float64) Axis {
	least, most = max(bounded(least), 1), bounded(most)
	most = max(most, least*1.02)
	a := Axis{scale: plot.LogScale{}}
	steps := steps125
	if most/least > 1500 {
		steps = []float64{1}
	}
	if most/least < 5 {
		steps = []float64{1, 1.5, 2, 3, 4, 5, 6, 8}
	}
	// The ends are steps if those are near.
	if a.Min = below(least, steps); least/a.Min > 1.6 {
		a.Min = least / 1.15
	}
	if a.Max = above(most, steps); a.Max/most > 1.6 {
		a.Max = most * 1.15
	}
	first, stride := below(a.Min, steps[:1]), 10.0
	if a.Max/a.Min > 1e13 {
		first, stride = 1, 1000 // a label for each unit: there is no room for more
	}
	for decade := first; decade <= a.Max*1.001; decade *= stride {
		for _, s := range steps {
			if v := s * decade; v >= a.Min*0.999 && v <= a.Max*1.001 {
				a.tick(v, nanos(v))
			}
		}
	}
	return a
}

// Elapsed goes from 0 to end seconds.
func Elapsed(end float64) Axis {
	a := Axis{Max: max(bounded(end), 0.001), scale: plot.LinearScale{}}
	step := clock(a.Max / 8)
	for i := 0.0; i*step <= a.Max*(1+1e-9); i++ {
		a.tick(i*step, elapsed(i*step, step))
	}
	return a
}

// Numbers goes from 0 to at least most, in whole or round numbers such as 1,500 or 2M.
func Numbers(most float64) Axis { return counted(most, "") }

// Rates is Numbers a second.
func Rates(most float64) Axis { return counted(most, "/s") }

// Shares is Numbers in percent. It has no more than all.
func Shares(most float64) Axis {
	a := counted(most, " %")
	if most <= 100 {
		a.end(min(a.Max, 100))
	}
	return a
}

// LoadRates is Rates for the X axis: it ends where the values do.
func LoadRates(most float64) Axis {
	most = counting(most)
	a := counted(most, "/s")
	a.end(most * 1.03)
	return a
}

// end makes the axis end there, without the ticks beyond.
func (a *Axis) end(at float64) {
	a.Max = at
	for i := len(a.ticks) - 1; i >= 0 && a.ticks[i].Value > at; i-- {
		a.ticks = a.ticks[:i]
	}
}

// counting is the end of a scale of counts or rates: 1 where there are none.
func counting(most float64) float64 {
	if most = bounded(most); most < 1e-9 {
		return 1
	}
	return most
}

// bounded takes a value as a report in a file could have it, and returns one that an axis can be made for.
func bounded(v float64) float64 {
	if v > 0 {
		return min(v, 1e19) // beyond any time.Duration
	}
	return 0
}

func counted(most float64, unit string) Axis {
	most = counting(most)
	a := Axis{scale: plot.LinearScale{}}
	step := decimal(most / 5)
	a.Max = math.Ceil(most*1.02/step-1e-9) * step
	for i := 0.0; i*step <= a.Max*(1+1e-9); i++ {
		label := "0"
		if i > 0 {
			label = number(i*step, a.Max) + unit
		}
		a.tick(i*step, label)
	}
	return a
}

func (a *Axis) tick(at float64, label string) {
	a.ticks = append(a.ticks, plot.Tick{Value: at, Label: label})
}

// Ticks returns the ticks; it makes Axis a plot.Ticker.
func (a *Axis) Ticks(_, _ float64) []plot.Tick { return a.ticks }

func (a *Axis) log() bool { return a.scale == plot.LogScale{} }

// put dresses an axis of a plot as a.
func (a *Axis) put(to *plot.Axis, label Ink) {
	to.Padding = 0
	to.LineStyle = stroke(axis, 0.8)
	to.Tick.LineStyle = stroke(axis, 0.8)
	to.Tick.Length = 4
	to.Tick.Label.Color = label.colour()
	to.Tick.Label.Font.Size = textSize
	to.Tick.Marker = a
	to.Scale = a.scale
}
