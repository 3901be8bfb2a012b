package compare

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"weir/bench"
)

func TestFewAlarmsAreFalseAndFewChangesAreMissed(t *testing.T) {
	// The seeds are fixed, so this fails only when the method changes.
	pairs := 20
	if testing.Short() {
		pairs = 2 // the race detector's run
	}
	for _, c := range []struct {
		shape, shift, rate int
		least, most        int
	}{
		{1, 0, 300, 0, 1}, {3, 0, 300, 0, 1}, {4, 0, 300, 0, 1}, {6, 0, 300, 0, 1}, {8, 0, 300, 0, 1}, // no change
		{1, 1, 1000, pairs * 9 / 10, pairs}, {1, 3, 300, pairs * 9 / 10, pairs}, {3, 1, 1000, pairs * 9 / 10, pairs},
		{4, 4, 300, pairs * 9 / 10, pairs}, {6, 1, 300, pairs * 9 / 10, pairs}, {7, 1, 300, pairs * 9 / 10, pairs},
		{8, 1, 300, pairs * 9 / 10, pairs},
	} {
		s, f := &shapes[c.shape], &shifts[c.shift]
		if n := regressions(s, f, c.rate, 0, pairs); n < c.least || n > c.most {
			t.Errorf("%s at %d/s, %s: %d of %d pairs are a regression, want %d to %d", s.name, c.rate, f.name, n, pairs, c.least, c.most)
		}
	}
}

func TestFiguresAreThoseOfTheRequests(t *testing.T) {
	// 10,000 requests of 1 to 100 ms, evenly.
	n := 0
	s := newSide([]*bench.Report{report(2500, 4, func(int) float64 { n++; return float64(n%10000) / 100 })}, time.Hour)
	own, _ := s.bootstrap(1, rand.New(rand.NewPCG(1, 1)))
	for i, want := range []float64{50, 50, 90, 94.5, 99, 99.5, 99.75, 99.9} {
		if got := math.Exp(own[i]) / 1e6; math.Abs(got/want-1) > 0.002 {
			t.Errorf("%s is %.3f ms, want %v", figures[i].name, got, want)
		}
	}
	if got := math.Exp(own[8]); math.Abs(got-2500) > 0.01 || own[9] != 0 {
		t.Errorf("throughput %v, errors %v", got, own[9])
	}
}

func TestTheStandardErrorOfAMeanIsThatOfTheTextbook(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	side := func() *side {
		return newSide([]*bench.Report{report(400, 60, func(int) float64 { return 50 + 10*r.NormFloat64() })}, time.Hour)
	}
	s := resample(side(), side(), 1000, 1)
	want := 10.0 / 50 / math.Sqrt(400*60) * math.Sqrt2
	if s.se[0] < 0.75*want || s.se[0] > 1.25*want {
		t.Errorf("%v, want %v", s.se[0], want)
	}
}

func TestSecondsThatHangTogetherWidenTheInterval(t *testing.T) {
	side := func(seed uint64, ownWeather bool) *side {
		r := rand.New(rand.NewPCG(seed, 2))
		weather, at := 0.0, -1
		return newSide([]*bench.Report{report(100, 30, func(second int) float64 {
			if second != at && ownWeather {
				weather, at = 5*r.Float64(), second
			}
			return 20 + weather + r.Float64()
		})}, time.Hour)
	}
	calm := resample(side(1, false), side(2, false), 300, 1).se[1]
	weather := resample(side(1, true), side(2, true), 300, 1).se[1]
	if weather < 5*calm {
		t.Errorf("standard error of p50 %v with weather, %v without", weather, calm)
	}
}

func TestAShortRestBelongsToTheSecondBeforeIt(t *testing.T) {
	for _, c := range []struct {
		rest time.Duration
		want int
	}{{20 * time.Millisecond, 5}, {499 * time.Millisecond, 5}, {600 * time.Millisecond, 6}} {
		r := report(100, 6, func(int) float64 { return 20 })
		r.Series[5].At = 5*time.Second + c.rest
		s := newSide([]*bench.Report{r}, time.Hour)
		if s.blocks() != c.want || s.requests() != 600 {
			t.Errorf("a rest of %v: %d blocks of %v requests, want %d of 600", c.rest, s.blocks(), s.requests(), c.want)
		}
	}
}

func TestSecondsOfALateGeneratorAreLeftOut(t *testing.T) {
	for _, c := range []struct {
		name       string
		lag        [2][]time.Duration // of each second of two runs, in ms
		kept, late int
	}{
		{"none is late", [2][]time.Duration{{1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}}, 10, 0},
		{"on the limit", [2][]time.Duration{{5, 1, 1, 1, 1}, {1, 1, 1, 1, 1}}, 10, 0},
		{"one", [2][]time.Duration{{1, 1, 1, 6, 1}, {1, 1, 1, 1, 1}}, 9, 1},
		{"a third", [2][]time.Duration{{9, 9, 1, 1}, {1, 1}}, 4, 2},
		{"more than a third", [2][]time.Duration{{9, 9, 9, 1, 1}, {9, 1, 1, 1, 1}}, 10, 0},
		{"a whole run", [2][]time.Duration{{9, 9}, {1, 1, 1, 1, 1, 1, 1, 1}}, 10, 0},
		{"too little would be left", [2][]time.Duration{{1, 9, 1}, {1}}, 4, 0},
	} {
		var runs []*bench.Report
		for _, lags := range c.lag {
			r := report(10, len(lags), func(int) float64 { return 20 })
			for i := range lags {
				r.Series[i].Lag = lags[i] * time.Millisecond
			}
			runs = append(runs, r)
		}
		if s := newSide(runs, 5*time.Millisecond); s.blocks() != c.kept || s.late != c.late {
			t.Errorf("%s: %d s kept, %d left out; want %d and %d", c.name, s.blocks(), s.late, c.kept, c.late)
		}
	}
}

func TestTheGeneratorMayBeLateByAQuarterOfTheFastestMedian(t *testing.T) {
	with := func(p50 time.Duration) Input { return Input{"", &bench.Report{Latency: bench.Quantiles{P50: p50}}} }
	if got := patience([]Input{with(40 * time.Millisecond), with(20 * time.Millisecond)}); got != 5*time.Millisecond {
		t.Errorf("%v, want 5ms", got)
	}
}

func TestStudentIsWiderWithFewerDegreesOfFreedom(t *testing.T) {
	for dof, want := range map[float64]float64{2: 4.303, 4: 2.776, 8: 2.306, 24: 2.064, 1e9: 1.960} {
		if got := normal * student(dof); math.Abs(got/want-1) > 0.04 {
			t.Errorf("%v degrees: %.3f, want %.3f", dof, got, want)
		}
	}
}

func TestAFigureNeedsEnoughRequestsBehindIt(t *testing.T) {
	for i, want := range []float64{20, 40, 200, 200, 1000, 3000, 3000, 25000, 1, 1} {
		if got := figures[i].needs(); got != want {
			t.Errorf("%s needs %v, want %v", figures[i].name, got, want)
		}
	}
}

func TestThePreciseFiguresCostTheOthersNothing(t *testing.T) {
	// Two figures, independent: one as noisy as the gate is wide, one far more precise.
	r := rand.New(rand.NewPCG(4, 4))
	s := &spread{stray: make([]vector, 20000)}
	for i := range s.stray {
		s.stray[i][0], s.stray[i][1] = r.NormFloat64(), r.NormFloat64()
	}
	gate := vector{0.05, 0.05}
	s.se = vector{0.05, 0.001}
	if got := s.width([]int{0, 1}, &gate); math.Abs(got-2.05) > 0.08 {
		t.Errorf("%v with a precise second figure, want the one-sided 2 %% point of one, 2.05", got)
	}
	s.se = vector{0.05, 0.05}
	if got := s.width([]int{0, 1}, &gate); math.Abs(got-2.32) > 0.1 {
		t.Errorf("%v with two noisy figures, want the one-sided 1 %% point, 2.32", got)
	}
}

func BenchmarkCompare(b *testing.B) {
	x, y := pair(modest, tail, 1000, 1)
	for b.Loop() {
		if _, err := Compare(x, y, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
