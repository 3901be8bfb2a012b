package report

import (
	"fmt"
	"html/template"
	"math"
	"time"

	"weir/bench"
	"weir/bench/report/chart"
	"weir/internal/term"
)

// picture is a chart on the page, with what its colours mean and the same in figures.
type picture struct {
	Title, Note string
	Keys        []key
	SVG         template.HTML
	Table       table
}

// key says what a line or an area is.
type key struct {
	Class  string
	Dashed bool
	Label  string
}

// table is figures in rows. The first column is of labels.
type table struct {
	Title string
	Head  []string
	Rows  [][]string
}

// drawn is a chart that is not yet SVG.
type drawn struct {
	chart.Chart
	note  string
	keys  []key
	table table
}

func (d *drawn) line(ink chart.Ink, dashed bool, label string, points []chart.Point) {
	d.Lines = append(d.Lines, chart.Line{Ink: ink, Dashed: dashed, Points: points})
	d.keys = append(d.keys, key{Class: "key-" + ink.Class(), Dashed: dashed, Label: label})
}

func (d *drawn) mark(ink chart.Ink, label string, x float64) {
	d.Marks = append(d.Marks, chart.Mark{Ink: ink, X: x})
	d.keys = append(d.keys, key{Class: "key-" + ink.Class(), Dashed: true, Label: label})
}

// pictures draws all that r and x have data for.
func pictures(r *bench.Report, x *Extras) ([]picture, error) {
	var all []*drawn
	parts := moments(r.Series, mostMoments)
	if r.Valid() && r.OK > 0 && r.Histogram.Count() > 0 {
		all = append(all, byPercentile(r, x.Recorded), histogram(r))
		if len(parts) > 0 {
			all = append(all, latencyOverTime(r, parts))
		}
	}
	if r.Requests > 0 && len(parts) > 0 {
		all = append(all, rateOverTime(r, parts))
		if r.Failures.Total() > 0 {
			all = append(all, failuresOverTime(parts))
		}
		if r.Settings.Loop == "open" {
			all = append(all, lagOverTime(r, parts))
		}
	}
	if c := x.Capacity; c != nil {
		if d := capacity(c); d != nil {
			all = append(all, d)
		}
	}
	var out []picture
	for _, d := range all {
		svg, err := d.SVG()
		if err != nil {
			return nil, err
		}
		out = append(out, picture{Title: d.Title, Note: d.note, Keys: d.keys, SVG: svg, Table: d.table})
	}
	return out, nil
}

// curve is h along the axis of percentiles, forty points for each nine.
func curve(h bench.Histogram, end float64) []chart.Point {
	end = min(end, float64(h.Count()))
	var at, shares []float64
	for x := 1.0; x < end; x *= math.Pow(10, 1.0/40) {
		at = append(at, x)
		shares = append(shares, 100*(1-1/x))
	}
	points := make([]chart.Point, 0, len(at)+1)
	for i, v := range h.ValueAtPercentilesSlice(shares) {
		points = append(points, chart.Point{X: at[i], Y: max(float64(v), 1)})
	}
	if len(points) > 0 {
		points[0].Y = max(float64(h.Min()), 1)
	}
	last := h.Quantile(1 - 1/max(end, 1))
	if end == float64(h.Count()) {
		last = time.Duration(h.Max())
	}
	return append(points, chart.Point{X: end, Y: float64(last)})
}

// mostClasses have a line of their own in the picture of percentiles.
const mostClasses = 4

func byPercentile(r *bench.Report, recorded *Recorded) *drawn {
	d := &drawn{note: "How slow the slowest are: each step to the right is a tenth of the requests before it. " + latencyNote(r)}
	d.ID, d.Title, d.Height = "percentiles", "Latency by percentile", 300
	most := max(r.Histogram.Count(), 1)
	// What is faster than the histogram can tell counts as 0 in it.
	least, top := max(float64(r.Latency.Min), 512), float64(r.Latency.Max)
	if recorded != nil {
		most = max(most, recorded.Histogram.Count())
		least, top = min(least, float64(recorded.Histogram.Min())), max(top, float64(recorded.Histogram.Max()))
	}
	d.X, d.Y = chart.Percentiles(most), chart.Latencies(least, top)
	d.line(chart.First, false, "all requests", curve(r.Histogram, d.X.Max))
	if len(r.Classes) <= mostClasses {
		for i, c := range r.Classes {
			if c.Histogram.Count() > 0 {
				d.line(chart.Second+chart.Ink(i), false, c.Name, curve(c.Histogram, d.X.Max))
			}
		}
	}
	if recorded != nil {
		d.line(chart.Reference, true, recorded.Name, curve(recorded.Histogram, d.X.Max))
	}
	d.Description = fmt.Sprintf("A line that rises from %s at the fastest over %s at the median and %s at 99 percent to %s at the slowest.",
		latency(r.Latency.Min), latency(r.Latency.P50), latency(r.Latency.P99), latency(r.Latency.Max))
	d.table = percentileTable(r, recorded)
	return d
}

func latencyNote(r *bench.Report) string { return "Latency counts " + since(r) + "." }

// percentileTable has a row for each point that the count of requests can tell.
func percentileTable(r *bench.Report, recorded *Recorded) table {
	t := table{Head: []string{"percentile", "latency", "slower than that"}}
	if recorded != nil {
		t.Head = append(t.Head, recorded.Name)
	}
	n := float64(r.Histogram.Count())
	for _, p := range []float64{0, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.9, 99.95, 99.99, 99.999, 99.9999, 100} {
		slower := math.Floor(n*(100-p)/100 + 1e-6) // 10 % of 10 are 1, not 0.999…
		if p > 50 && p < 100 && slower < 1 {
			continue
		}
		q := r.Histogram.Quantile(p / 100)
		if p == 0 {
			q = time.Duration(r.Histogram.Min())
		}
		row := []string{short(p, 4) + " %", latency(q), term.Count(int64(slower))}
		if recorded != nil {
			row = append(row, latency(recorded.Histogram.Quantile(p/100)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func histogram(r *bench.Report) *drawn {
	d := &drawn{}
	d.ID, d.Title, d.BarInk = "histogram", "How often each latency came", chart.First
	bars := fine(r.Histogram)
	top := 0.0
	for _, b := range bars {
		share := 100 * b.Count / float64(r.Histogram.Count())
		d.Bars = append(d.Bars, chart.Bar{From: b.From, To: b.To, Height: share})
		top = max(top, share)
	}
	d.X, d.Y = chart.LogLatencies(bars[0].From, bars[len(bars)-1].To), chart.Shares(top)
	d.mark(chart.Strong, "p50 "+latency(r.Latency.P50), float64(r.Latency.P50))
	if r.OK >= 100 {
		d.mark(chart.Third, "p99 "+latency(r.Latency.P99), float64(r.Latency.P99))
	}
	d.note = fmt.Sprintf("Share of the requests in each of %d parts of the range, which is logarithmic.", len(bars))
	d.Description = fmt.Sprintf("Bars over latencies from %s to %s; half of the requests were faster than %s.",
		latency(r.Latency.Min), latency(r.Latency.Max), latency(r.Latency.P50))
	d.table = table{Head: []string{"latency", "requests", "share"}}
	for _, b := range coarse(r.Histogram) {
		d.table.Rows = append(d.table.Rows, []string{latency(b.From) + " – " + latency(b.To), term.Count(b.Count), percent(b.Count, r.OK)})
	}
	return d
}

// Extras are what a page may show besides a run. All are optional.
type Extras struct {
	// Capacity adds the curve of a search for the highest rate.
	Capacity *Capacity
	// Recorded adds latencies to compare with, as a replayed log has them.
	Recorded *Recorded
	// Goals are what was demanded of the run, and what came of each.
	Goals []Goal
}

// Goal is one demand on a run.
type Goal struct {
	// Text says it and what came of it, such as "p99 < 20 ms: met, 11.3 ms".
	Text string
	// Met and Missed exclude each other; neither means that the run can't tell.
	Met, Missed bool
}

// Recorded are latencies that were measured elsewhere.
type Recorded struct {
	// Name says whose they are, such as "in the log".
	Name      string
	Histogram bench.Histogram
}

// Capacity is what a search for the highest rate that holds a goal came to.
type Capacity struct {
	// Goal is it in words, such as "p99<20ms,errors<0.1%".
	Goal string
	// Rate is the highest that held, in requests a second; 0: none did.
	Rate float64
	// Rungs are the runs of the search, in any order.
	Rungs []Rung
}

// Rung is one run of a search for capacity.
type Rung struct {
	// Rate is what was asked for, in requests a second.
	Rate float64
	// Latency is shown only where the run was Valid.
	Latency bench.Quantiles
	// Failed is the share of requests that failed, 0 to 1.
	Failed float64
	// Held says that the run met the goal; Valid, that the generator was on time.
	Held, Valid bool
}
