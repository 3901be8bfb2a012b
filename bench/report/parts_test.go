package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/bench"
	"weir/bench/report/chart"
)

// anyHistogram holds a few latencies or many, near each other or far apart.
func anyHistogram(r *rand.Rand) bench.Histogram {
	h := bench.NewHistogram()
	low, wide := anywhere(r, 0, 9), r.Float64()*8
	for range 1 + r.IntN(2000) {
		h.Record(time.Duration(low * math.Pow(10, wide*r.Float64())))
	}
	return h
}

func TestBinsOfAnyLatenciesCountEachOnceWhereItLies(t *testing.T) {
	r := chance()
	for range 300 {
		h := anyHistogram(r)
		bins := coarse(h)
		all := int64(0)
		for i, b := range bins {
			if b.From >= b.To || i > 0 && b.From != bins[i-1].To {
				t.Errorf("a bin from %v to %v behind %v", b.From, b.To, bins[max(i-1, 0)])
			}
			all += b.Count
		}
		if all != h.Count() || len(bins) > 16 || len(bins) == 0 {
			t.Fatalf("%d of %d latencies in %d bins", all, h.Count(), len(bins))
		}
		if first, last := bins[0], bins[len(bins)-1]; first.Count == 0 || last.Count == 0 {
			t.Errorf("from %v to %v: an empty bin at an end: %v, %v", time.Duration(h.Min()), time.Duration(h.Max()), first, last)
		}
		sum, before := 0.0, 0.0
		for _, b := range fine(h) {
			if b.Count < 0 || b.From >= b.To || before != 0 && math.Abs(b.From-before) > 1e-6*before {
				t.Errorf("a bar %+v behind %v", b, before)
			}
			before = b.To
			sum += b.Count
		}
		if math.Abs(sum-float64(h.Count())) > 1e-6*float64(h.Count()) {
			t.Errorf("%v of %d latencies in bars", sum, h.Count())
		}
	}
}

func TestNoLatenciesHaveNoBins(t *testing.T) {
	if coarse(bench.NewHistogram()) != nil || fine(bench.NewHistogram()) != nil || coarse(bench.Histogram{}) != nil {
		t.Error("bins of nothing")
	}
}

func TestACurveNeverFallsAndAgreesWithTheQuantiles(t *testing.T) {
	r := chance()
	for range 200 {
		h := anyHistogram(r)
		end := anywhere(r, 0.5, 7)
		points := curve(h, end)
		for i, p := range points {
			if i > 0 && (p.Y < points[i-1].Y || p.X < points[i-1].X) {
				t.Fatalf("it falls from %v to %v", points[i-1], p)
			}
			// A bucket beside is as good: shares are rounded.
			want := float64(h.Quantile(1 - 1/p.X))
			if i > 0 && i < len(points)-1 && (p.Y > 1.01*float64(h.Quantile(1-0.98/p.X))+1024 || p.Y < 0.99*float64(h.Quantile(1-1.02/p.X))-1024) {
				t.Errorf("at %v: %v, want about %v", p.X, p.Y, want)
			}
		}
		if last := points[len(points)-1]; last.X > float64(h.Count()) || last.X > end {
			t.Errorf("it goes on to %v of %d latencies and an axis to %v", last.X, h.Count(), end)
		}
	}
}

func TestMomentsOfAnySeriesHoldAllOfItInOrder(t *testing.T) {
	r := chance()
	for range 100 {
		var series []bench.Second
		at := time.Duration(0)
		var want bench.Second
		for range r.IntN(400) {
			at += time.Second
			s := bench.Second{At: at, Requests: int64(r.IntN(9)), Late: int64(r.IntN(9)), BytesIn: int64(r.IntN(9)), Lag: time.Duration(r.IntN(1e6)), Busy: r.Float64(), Histogram: bench.NewHistogram()}
			s.Failures[r.IntN(len(s.Failures))] = int64(r.IntN(3))
			series = append(series, s)
		}
		if n := len(series); n > 0 && r.IntN(2) == 0 {
			series[n-1].At -= time.Duration(r.IntN(1e9 - 1)) // the last may be shorter
		}
		for _, s := range series {
			want.Requests, want.Late, want.BytesIn = want.Requests+s.Requests, want.Late+s.Late, want.BytesIn+s.BytesIn
			want.Lag, want.Busy = max(want.Lag, s.Lag), max(want.Busy, s.Busy)
			want.Failures[0] += s.Failures.Total()
		}
		most := 1 + r.IntN(100)
		parts := moments(series, most)
		var got bench.Second
		from := time.Duration(0)
		for _, m := range parts {
			if m.From != from || m.At <= m.From || m.middle() <= m.From.Seconds() || m.middle() >= m.At.Seconds() {
				t.Fatalf("a part from %v to %v behind %v", m.From, m.At, from)
			}
			from = m.At
			got.Requests, got.Late, got.BytesIn = got.Requests+m.Requests, got.Late+m.Late, got.BytesIn+m.BytesIn
			got.Lag, got.Busy = max(got.Lag, m.Lag), max(got.Busy, m.Busy)
			got.Failures[0] += m.Failures.Total()
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || len(parts) > most || len(parts) == 0 && len(series) > 0 {
			t.Errorf("%d seconds in at most %d parts: %d parts with %v, want %v", len(series), most, len(parts), got, want)
		}
	}
}

func TestAPlanFollowsAnyTimetable(t *testing.T) {
	r := chance()
	for range 200 {
		var steps []bench.Step
		words := ""
		for i := range 1 + r.IntN(5) {
			rate, length := 1+r.IntN(5000), 1+r.IntN(90)
			steps = append(steps, bench.Step{From: float64(rate), To: float64(rate), For: time.Duration(length) * time.Second})
			words += fmt.Sprintf("%s%d/%ds", []string{"", ","}[min(i, 1)], rate, length)
		}
		arrivals, err := bench.ParseSteps(words)
		if err != nil {
			t.Fatal(err)
		}
		end := anywhere(r, 0, 2.7)
		points := planned(asked(arrivals.String()), end)
		at := 0.0
		for i := 0; i+1 < len(points); i += 2 {
			s := steps[i/2]
			stop := min(at+s.For.Seconds(), end)
			if a, b := points[i], points[i+1]; a != (chart.Point{X: at, Y: s.From}) || math.Abs(b.X-stop) > 1e-9 || math.Abs(b.Y-s.To) > 1e-6 {
				t.Errorf("%s up to %.1f s: step %d is drawn from %v to %v", words, end, i/2, a, b)
			}
			at = stop
		}
		if all := arrivals.Length(); at < min(all.Seconds(), end)-1e-9 {
			t.Errorf("%s: the plan ends at %v of %v", words, at, all)
		}
	}
}

func TestAGapIsNoValueOfALine(t *testing.T) {
	parts := moments([]bench.Second{{At: time.Second}, {At: 2 * time.Second, OK: 1}, {At: 3 * time.Second}}, 9)
	got := values(parts, func(m *moment) float64 { return float64(m.OK) - 0.5 })
	if len(got) != 3 || !math.IsNaN(got[0].Y) || got[1] != (chart.Point{X: 1.5, Y: 0.5}) || !math.IsNaN(got[2].Y) {
		t.Errorf("%v", got)
	}
	if top, least := largest(got), smallest(got); top != 0.5 || least != 0.5 {
		t.Errorf("largest %v, smallest %v", top, least)
	}
	if largest() != 0 || smallest(nil) != 0 || smallest([]chart.Point{{Y: 0}, {Y: math.NaN()}, {Y: -3}}) != 0 {
		t.Error("of nothing there is a largest or a smallest")
	}
}

func TestAPointSaysHowMuchTimeItStandsFor(t *testing.T) {
	for length, want := range map[time.Duration]string{
		time.Second: "Each point is a second.", 1100 * time.Millisecond: "Each point is a second.", 616 * time.Microsecond: "Each point is 616 µs.",
		300 * time.Millisecond: "Each point is 300 ms.", time.Minute: "Each point is 1 min.", 2 * time.Second: "Each point is 2 s.",
	} {
		if got := each([]moment{{Second: bench.Second{At: length}}}); got != want {
			t.Errorf("%v: %q, want %q", length, got, want)
		}
	}
}

func TestPercentilesInRowsAreOnlyThoseThatTheCountCanTell(t *testing.T) {
	for count, last := range map[int]string{1: "50 %", 10: "90 %", 50: "98 %", 1000: "99.9 %"} {
		r := &bench.Report{Histogram: bench.NewHistogram()}
		for i := range count {
			r.Histogram.Record(time.Duration(1000*(i+1)) * time.Microsecond)
		}
		rows := percentileTable(r, nil).Rows
		names := make([]string, len(rows))
		for i, row := range rows {
			names[i] = row[0]
		}
		if n := len(names); names[0] != "0 %" || names[n-1] != "100 %" || names[n-2] != last {
			t.Errorf("of %d: %q, want the last but one to be %s", count, names, last)
		}
		if end := rows[len(rows)-1]; end[1] != latency(time.Duration(r.Histogram.Max())) || end[2] != "0" {
			t.Errorf("of %d: the slowest is %q", count, end)
		}
	}
}

func TestARareFigureIsShownOnlyWhereItCanBeTold(t *testing.T) {
	for _, c := range []struct {
		n, of int64
		want  string
	}{
		{99, 100, "p – takes 100 requests"}, {100, 100, "p 1.00 ms 1 of 100 is slower"}, {5, 1000, "p – takes 1,000 requests"},
	} {
		if f := rare("p", c.n, c.of, time.Millisecond); f.Label+" "+f.Value+" "+f.Note != c.want {
			t.Errorf("%d of %d: %+v, want %s", c.n, c.of, f, c.want)
		}
	}
	for count, marks := range map[int]int{1: 1, 99: 1, 100: 2} {
		r := &bench.Report{OK: int64(count), Histogram: bench.NewHistogram()}
		for range count {
			r.Histogram.Record(time.Millisecond)
		}
		r.Latency = r.Histogram.Quantiles()
		if d := histogram(r); len(d.Marks) != marks || len(d.keys) != marks {
			t.Errorf("of %d: %d marks, want %d", count, len(d.Marks), marks)
		}
	}
}

func TestASearchIsDrawnInTheOrderOfItsRates(t *testing.T) {
	c := search()
	d := capacity(c)
	var rates, verdicts []string
	for _, row := range d.table.Rows {
		rates, verdicts = append(rates, row[0]), append(verdicts, row[5])
	}
	if got := strings.Join(rates, " "); got != "1,000/s 2,000/s 4,000/s 6,000/s 7,000/s 8,000/s 16,000/s" {
		t.Errorf("rates %s", got)
	}
	if want := []string{"held", "held", "held", "held", "missed", "missed", "invalid: the generator was late"}; !slices.Equal(verdicts, want) {
		t.Errorf("%q, want %q", verdicts, want)
	}
	for _, l := range d.Lines {
		if len(l.Points) != 6 || !l.Dots {
			t.Errorf("a line of %d points, dots %v; want the 6 that are valid", len(l.Points), l.Dots)
		}
	}
	if last := d.table.Rows[6]; last[1] != none || last[3] != none {
		t.Errorf("the invalid run shows %q", last)
	}
	if c.Rungs[3].Rate != 8000 {
		t.Error("the caller's rungs were put in another order")
	}
}
