package report

import (
	"fmt"
	"math"
	"testing"
	"time"

	"weir/bench"
	"weir/bench/report/chart"
)

func TestALongSeriesIsJoinedWithoutLosingARequest(t *testing.T) {
	r := hours()
	parts := moments(r.Series, mostMoments)
	var sum, failed, values int64
	from := time.Duration(0)
	for _, m := range parts {
		if m.From != from || m.At <= m.From {
			t.Fatalf("a part from %v to %v behind %v", m.From, m.At, from)
		}
		from = m.At
		sum += m.Requests
		failed += m.Failures.Total()
		values += m.Histogram.Count()
	}
	if len(parts) != 360 || sum != r.Requests || failed != r.Failures.Total() || values != r.OK || from != 6*time.Hour {
		t.Errorf("%d parts with %d requests, %d failed, %d latencies to %v; want 360, %d, %d, %d", len(parts), sum, failed, values, from, r.Requests, r.Failures.Total(), r.OK)
	}
}

func TestAShortLastPieceJoinsTheOneBefore(t *testing.T) {
	second := func(ms int, n int64) bench.Second {
		return bench.Second{At: time.Duration(ms) * time.Millisecond, Requests: n}
	}
	for _, c := range []struct {
		series []bench.Second
		want   string
	}{
		{nil, ""},
		{[]bench.Second{second(250, 5)}, "0-250:5 "},
		{[]bench.Second{second(1000, 5), second(2000, 6), second(2004, 1)}, "0-1000:5 1000-2004:7 "},
		{[]bench.Second{second(1000, 5), second(2000, 6), second(2700, 1)}, "0-1000:5 1000-2000:6 2000-2700:1 "},
	} {
		got := ""
		for _, m := range moments(c.series, mostMoments) {
			got += fmt.Sprintf("%d-%d:%d ", m.From.Milliseconds(), m.At.Milliseconds(), m.Requests)
		}
		if got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestATimetableIsReadBackFromItsWords(t *testing.T) {
	steps, err := bench.ParseSteps("100/10s,400/20s")
	if err != nil {
		t.Fatal(err)
	}
	ramp, err := bench.ParseRamp("100:500/40s")
	if err != nil {
		t.Fatal(err)
	}
	ramp.Poisson = true
	for words, want := range map[string]string{
		bench.Constant(1000).String():  "[{0 1000} {60 1000}]",
		bench.Constant(1.5e6).String(): "[{0 1.5e+06} {60 1.5e+06}]",
		steps.String():                 "[{0 100} {10 100} {10 400} {30 400}]",
		ramp.String():                  "[{0 100} {40 500}]",
		"100 given times":              "[]", "Poisson": "[]", "": "[]", "fast": "[]", "1/s in never": "[]", "1e999/s": "[]",
	} {
		if got := fmt.Sprint(planned(asked(words), 60)); got != want {
			t.Errorf("%q: %s, want %s", words, got, want)
		}
	}
}

func TestATimetableIsCutAtTheEndOfTheRun(t *testing.T) {
	if got := fmt.Sprint(planned(asked("0/s to 100/s in 10s, 50/s in 10s"), 5)); got != "[{0 0} {5 50}]" {
		t.Error(got)
	}
}

func TestBinsHoldEveryLatency(t *testing.T) {
	for name, r := range map[string]*bench.Report{"two humps": twoHumps(), "frozen": frozen(), "single": single(), "refused": refused()} {
		all := int64(0)
		bins := coarse(r.Histogram)
		for i, b := range bins {
			if b.From >= b.To || i > 0 && b.From != bins[i-1].To {
				t.Errorf("%s: a bin from %v to %v", name, b.From, b.To)
			}
			all += b.Count
		}
		sum := 0.0
		for _, b := range fine(r.Histogram) {
			sum += b.Count
		}
		if all != r.OK || math.Abs(sum-float64(r.OK)) > 1e-6*float64(r.OK) || len(bins) > 16 {
			t.Errorf("%s: %d and %.1f of %d latencies in %d bins", name, all, sum, r.OK, len(bins))
		}
	}
}

func TestBinsOfAnyRangeEnd(t *testing.T) {
	for _, most := range []time.Duration{1, 7, 1000, time.Second, 10 * time.Minute, math.MaxInt64} {
		for _, least := range []time.Duration{1, most/2 + 1, most} {
			for _, steps := range [][]float64{{1}, {1, 2, 5}} {
				got := limits(least, most, steps)
				if len(got) < 1 || got[0] > least || got[len(got)-1] < most || len(got) > 80 {
					t.Errorf("%d to %d: %d limits", least, most, len(got))
				}
			}
		}
	}
}

func TestBucketsAreAsWideAsTheHistogramsOwn(t *testing.T) {
	for d := time.Microsecond; d < 5*time.Minute; d = d*3/2 + 1 {
		h := bench.NewHistogram()
		h.Record(d)
		h.Record(d + time.Duration(bucketWidth(int64(d))))
		h.Record(time.Duration(h.Min()) + time.Duration(bucketWidth(int64(d))) - 1)
		if n := h.Populated(); n != 2 {
			t.Errorf("at %v: a bucket of %v does not divide what is so far apart: %d buckets", d, bucketWidth(int64(d)), n)
		}
	}
}

func TestACurveBeginsAtTheLeastAndEndsAtTheGreatest(t *testing.T) {
	r := twoHumps()
	points := curve(r.Histogram, 1e7)
	first, last := points[0], points[len(points)-1]
	if first != (chart.Point{X: 1, Y: float64(r.Latency.Min)}) || last.X != float64(r.OK) || math.Abs(last.Y-float64(r.Latency.Max)) > 0.002*last.Y {
		t.Errorf("from %v to %v; want 1, %d and %d, %d", first, last, r.Latency.Min, r.OK, r.Latency.Max)
	}
	for i := 1; i < len(points); i++ {
		if points[i].Y < points[i-1].Y || points[i].X < points[i-1].X {
			t.Fatalf("it falls at %v", points[i])
		}
	}
}
