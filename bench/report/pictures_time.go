package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"weir/bench"
	"weir/bench/report/chart"
	"weir/internal/term"
)

// points takes one value of each moment; a negative one is a gap.
func values(parts []moment, of func(*moment) float64) []chart.Point {
	out := make([]chart.Point, len(parts))
	for i := range parts {
		v := of(&parts[i])
		if v < 0 {
			v = math.NaN()
		}
		out[i] = chart.Point{X: parts[i].middle(), Y: v}
	}
	return out
}

// largest is the largest value of all points that have one, and smallest the smallest above 0.
func largest(lists ...[]chart.Point) float64 {
	top := 0.0
	for _, list := range lists {
		for _, p := range list {
			if p.Y > top {
				top = p.Y
			}
		}
	}
	return top
}

func smallest(points []chart.Point) float64 {
	least := 0.0
	for _, p := range points {
		if p.Y > 0 && (least == 0 || p.Y < least) {
			least = p.Y
		}
	}
	return least
}

func end(parts []moment) float64 { return parts[len(parts)-1].At.Seconds() }

// each says how much time a point of a picture stands for.
func each(parts []moment) string {
	if length := parts[0].At - parts[0].From; length > 1500*time.Millisecond || length < 900*time.Millisecond {
		return "Each point is " + span(length) + "."
	}
	return "Each point is a second."
}

func latencyOverTime(r *bench.Report, parts []moment) *drawn {
	d := &drawn{note: each(parts) + " A request belongs to the time in which it ended."}
	d.ID, d.Title = "latency-time", "Latency over time"
	of := func(pick func(*bench.Quantiles) time.Duration) []chart.Point {
		return values(parts, func(m *moment) float64 {
			if m.OK == 0 {
				return -1
			}
			return float64(pick(&m.Latency))
		})
	}
	median := of(func(q *bench.Quantiles) time.Duration { return q.P50 })
	high := of(func(q *bench.Quantiles) time.Duration { return q.P99 })
	top := of(func(q *bench.Quantiles) time.Duration { return q.Max })
	d.X, d.Y = chart.Elapsed(end(parts)), chart.Latencies(smallest(median), largest(top))
	d.line(chart.First, false, "p50", median)
	d.line(chart.Third, false, "p99", high)
	d.line(chart.Fourth, false, "max", top)
	d.Description = fmt.Sprintf("Lines for median, 99th percentile and maximum of each second; the slowest request took %s.", latency(r.Latency.Max))
	d.table = table{Head: []string{"until", "OK", "p50", "p90", "p99", "max"}}
	for _, m := range parts {
		row := []string{span(m.At), term.Count(m.OK), none, none, none, none}
		if q := m.Latency; m.OK > 0 {
			row = append(row[:2], latency(q.P50), latency(q.P90), latency(q.P99), latency(q.Max))
		}
		d.table.Rows = append(d.table.Rows, row)
	}
	return d
}

func rateOverTime(r *bench.Report, parts []moment) *drawn {
	d := &drawn{note: "Requests that ended, by the second. " + each(parts)}
	d.ID, d.Title = "rate-time", "Rate over time"
	ended := values(parts, func(m *moment) float64 { return float64(m.Requests) / m.length() })
	plan := planned(asked(r.Settings.Rate), end(parts))
	d.X, d.Y = chart.Elapsed(end(parts)), chart.Rates(largest(ended, plan))
	d.line(chart.First, false, "ended", ended)
	if plan != nil {
		d.line(chart.Reference, true, "asked for", plan)
	}
	d.Description = fmt.Sprintf("A line of the requests that ended in each second; %s on average.", rate(float64(r.Requests), r.Elapsed))
	d.table = table{Head: []string{"until", "ended", "a second", "failed", "received"}}
	for _, m := range parts {
		d.table.Rows = append(d.table.Rows, []string{span(m.At), term.Count(m.Requests), rate(float64(m.Requests), m.At-m.From),
			term.Count(m.Failures.Total()), size(float64(m.BytesIn))})
	}
	return d
}

// planned is the line of a timetable up to the end.
func planned(stretches []stretch, end float64) []chart.Point {
	var out []chart.Point
	at := 0.0
	for _, s := range stretches {
		if at >= end {
			break
		}
		out = append(out, chart.Point{X: at, Y: s.from})
		length := s.length.Seconds()
		if s.length == 0 {
			length = end - at
		}
		stop := min(at+length, end)
		out = append(out, chart.Point{X: stop, Y: s.from + (s.to-s.from)*(stop-at)/max(length, 1e-9)})
		at = stop
	}
	return out
}

func failuresOverTime(parts []moment) *drawn {
	d := &drawn{note: "Requests that failed, by the second. " + each(parts)}
	d.ID, d.Title, d.BarInk, d.Height = "failures-time", "Failures over time", chart.Bad, 180
	d.table = table{Head: []string{"until", "failed", "kinds"}}
	top, all := 0.0, int64(0)
	for i := range parts {
		m := &parts[i]
		perSecond := float64(m.Failures.Total()) / m.length()
		top = max(top, perSecond)
		all += m.Failures.Total()
		d.Bars = append(d.Bars, chart.Bar{From: m.From.Seconds(), To: m.At.Seconds(), Height: perSecond})
		if m.Failures.Total() > 0 {
			d.table.Rows = append(d.table.Rows, []string{span(m.At), term.Count(m.Failures.Total()), m.Failures.String()})
		}
	}
	d.X, d.Y = chart.Elapsed(end(parts)), chart.Rates(top)
	d.Description = fmt.Sprintf("Bars of the failures in each second, %s in all.", term.Count(all))
	return d
}

func lagOverTime(r *bench.Report, parts []moment) *drawn {
	d := &drawn{note: "The latest that the generator itself sent, behind the intended time. " +
		"A run is invalid when that spoils more than 1 % of its requests, not when a single one is late."}
	d.ID, d.Title, d.Height = "lag-time", "The generator's own lag", 180
	lag := values(parts, func(m *moment) float64 { return float64(m.Lag) })
	allowed := float64(r.Settings.MaxLag)
	d.X, d.Y = chart.Elapsed(end(parts)), chart.Latencies(smallest(lag), max(largest(lag), allowed))
	d.line(chart.Fifth, false, "worst lag", lag)
	if allowed > 0 {
		d.line(chart.Reference, true, "allowed", []chart.Point{{X: 0, Y: allowed}, {X: d.X.Max, Y: allowed}})
	}
	d.Description = fmt.Sprintf("A line of the worst lag in each second; %s are allowed.", latency(r.Settings.MaxLag))
	d.table = table{Head: []string{"until", "worst lag", "busy", "due while busy"}}
	for _, m := range parts {
		d.table.Rows = append(d.table.Rows, []string{span(m.At), latency(m.Lag), fmt.Sprintf("%.0f %%", 100*m.Busy), term.Count(m.Late)})
	}
	return d
}

// capacity draws the rungs of a search whose latencies are to be trusted; nil where there are none.
func capacity(c *Capacity) *drawn {
	rungs := slices.SortedStableFunc(slices.Values(c.Rungs), func(a, b Rung) int { return cmp.Compare(a.Rate, b.Rate) })
	d := &drawn{note: "Each dot is a run at that rate. Goal: " + c.Goal + "."}
	d.ID, d.Title = "capacity", "Latency by rate"
	d.table = table{Head: []string{"rate", "p50", "p99", "p99.9", "failed", "verdict"}}
	var lines [3][]chart.Point
	for _, g := range rungs {
		row := []string{three(g.Rate) + "/s", none, none, none, fmt.Sprintf("%s %%", short(100*g.Failed, 3)), "missed"}
		if g.Held {
			row[5] = "held"
		}
		if !g.Valid {
			row[5] = "invalid: the generator was late"
		} else {
			for i, v := range []time.Duration{g.Latency.P50, g.Latency.P99, g.Latency.P999} {
				lines[i] = append(lines[i], chart.Point{X: g.Rate, Y: float64(v)})
				row[i+1] = latency(v)
			}
		}
		d.table.Rows = append(d.table.Rows, row)
	}
	if lines[0] == nil {
		return nil
	}
	d.X, d.Y = chart.LoadRates(rungs[len(rungs)-1].Rate), chart.Latencies(smallest(lines[0]), largest(lines[:]...))
	d.Description = "Lines of median, 99th and 99.9th percentile by the rate of requests. "
	if c.Rate > 0 {
		d.mark(chart.Second, "highest that held: "+three(c.Rate)+"/s", c.Rate)
		d.Description += "The goal held up to " + three(c.Rate) + " requests a second."
	} else {
		d.Description += "No rate held the goal."
	}
	d.line(chart.First, false, "p50", lines[0])
	d.line(chart.Third, false, "p99", lines[1])
	d.line(chart.Fourth, false, "p99.9", lines[2])
	for i := range d.Lines {
		d.Lines[i].Dots = true
	}
	return d
}
