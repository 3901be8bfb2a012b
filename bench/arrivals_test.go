package bench

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRampsAndStepsAreRead(t *testing.T) {
	minute, half := time.Minute, 30*time.Second
	for _, c := range []struct {
		ramp, steps string
		want        []Step
		words       string
	}{
		{ramp: "100:5000/60s", want: []Step{{100, 5000, minute}}, words: "100/s to 5000/s in 1m0s"},
		{ramp: "5000:0.5/1m", want: []Step{{5000, 0.5, minute}}, words: "5000/s to 0.5/s in 1m0s"},
		{steps: "100/30s", want: []Step{{100, 100, half}}, words: "100/s in 30s"},
		{steps: "100,200/30s", want: []Step{{100, 100, half}, {200, 200, half}}, words: "100/s in 30s, 200/s in 30s"},
		{steps: "1e3/1m,0/30s,5/30s", want: []Step{{1000, 1000, minute}, {0, 0, half}, {5, 5, half}}, words: "1000/s in 1m0s, 0/s in 30s, 5/s in 30s"},
	} {
		a, err := ParseSteps(c.steps)
		if c.ramp != "" {
			a, err = ParseRamp(c.ramp)
		}
		if err != nil || !slices.Equal(a.Steps, c.want) || a.String() != c.words || a.check() != nil {
			t.Errorf("%s%s: got %v, %v; want %v, %q", c.ramp, c.steps, a, err, c.want, c.words)
		}
	}
}

func TestWrongRampsAndStepsAreRefusedWithAnExample(t *testing.T) {
	for _, ramp := range []string{"", "100", "100:200", "100/60s", "a:b/60s", "1:2/0s", "1:2/-3s", "1:2/off", "-1:2/60s", "1:inf/60s", "1:NaN/60s", "1:2:3/60s", "1 2:3/60s"} {
		if a, err := ParseRamp(ramp); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "such as 100:5000/60s") {
			t.Errorf("ramp %q: got %v, %v", ramp, a, err)
		}
	}
	for _, steps := range []string{"", "100", "100,200", "100/30s,200", "100/30s,", "a/30s", "100/x", ",100/30s"} {
		if a, err := ParseSteps(steps); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "such as 100,200,400/30s") {
			t.Errorf("steps %q: got %v, %v", steps, a, err)
		}
	}
}

func TestARampSendsWhatItsIntegralSays(t *testing.T) {
	ramp, err := ParseRamp("100:500/10s")
	if err != nil {
		t.Fatal(err)
	}
	at := scheduled(t, Config{Arrivals: ramp})
	if len(at) != 3000 {
		t.Fatalf("%d slots, want 10 s × 300/s", len(at))
	}
	for n, got := range at {
		// 100 t + 20 t² = n
		want := (-100 + math.Sqrt(100*100+80*float64(n))) / 40
		if math.Abs(got.Seconds()-want) > 1e-6 {
			t.Fatalf("slot %d is at %v, want %v s", n, got, want)
		}
	}
}

func TestStepsFollowEachOtherBehindTheWarmup(t *testing.T) {
	steps, err := ParseSteps("10/1s,0/1s,1000/1s")
	if err != nil {
		t.Fatal(err)
	}
	at := scheduled(t, Config{Arrivals: steps, Warmup: 500 * time.Millisecond})
	within := func(from, to time.Duration) (n int) {
		for _, a := range at {
			if a >= from && a < to {
				n++
			}
		}
		return n
	}
	ms := time.Millisecond
	for _, c := range []struct {
		from, to time.Duration
		want     int
	}{{0, 500 * ms, 5}, {500 * ms, 1500 * ms, 10}, {1501 * ms, 2499 * ms, 0}, {2499 * ms, 3500 * ms, 1000}, {3500 * ms, forever, 0}} {
		if got := within(c.from, c.to); got != c.want {
			t.Errorf("%v to %v: %d slots, want %d", c.from, c.to, got, c.want)
		}
	}
}

func TestPoissonArrivalsHaveExponentialGaps(t *testing.T) {
	cfg := Config{Arrivals: &Arrivals{Steps: Constant(1000).Steps, Poisson: true}, Duration: 100 * time.Second, Seed: 7}
	at := scheduled(t, cfg)
	if n := float64(len(at)); math.Abs(n-100_000) > 5*math.Sqrt(100_000) {
		t.Fatalf("%v slots, want about 100,000", n)
	}
	// Kolmogorov and Smirnov: the largest distance of the gaps' distribution from 1-exp(-x), at 1 %.
	gaps := make([]float64, len(at)-1)
	for i := range gaps {
		gaps[i] = (at[i+1] - at[i]).Seconds() * 1000
	}
	slices.Sort(gaps)
	worst := 0.0
	for i, g := range gaps {
		worst = max(worst, math.Abs(float64(i)/float64(len(gaps))-(1-math.Exp(-g))))
	}
	if limit := 1.63 / math.Sqrt(float64(len(gaps))); worst > limit {
		t.Errorf("the gaps are %v away from exponential ones, at most %v", worst, limit)
	}
	if again := scheduled(t, cfg); !slices.Equal(at, again) {
		t.Error("the same seed gives other times")
	}
	cfg.Seed = 8
	if other := scheduled(t, cfg); slices.Equal(at[:10], other[:10]) {
		t.Error("another seed gives the same times")
	}
}

func TestPoissonRampsKeepTheirRate(t *testing.T) {
	ramp, err := ParseRamp("0:2000/100s")
	if err != nil {
		t.Fatal(err)
	}
	ramp.Poisson = true
	at := scheduled(t, Config{Arrivals: ramp})
	half, _ := slices.BinarySearch(at, 50*time.Second)
	if math.Abs(float64(half)-25_000) > 5*math.Sqrt(25_000) || math.Abs(float64(len(at))-100_000) > 5*math.Sqrt(100_000) {
		t.Errorf("%d slots in the first half, %d in all; want about 25,000 and 100,000", half, len(at))
	}
}

func TestGivenTimesAreKept(t *testing.T) {
	times := []time.Duration{0, 5, 5, time.Second}
	if at := scheduled(t, Config{Arrivals: &Arrivals{Times: times}}); !slices.Equal(at, times) {
		t.Errorf("got %v", at)
	}
}

func TestTimetablesThatMeanNothingAreRefused(t *testing.T) {
	for name, a := range map[string]*Arrivals{
		"nothing":                       {},
		"a rate of 0":                   {Steps: []Step{{}}},
		"rates of 0 only":               {Steps: []Step{{For: 1}, {For: 1}}},
		"a negative rate":               {Steps: []Step{{From: -1, To: 1, For: 1}}},
		"an endless ramp":               {Steps: []Step{{From: 1, To: 2}}},
		"an endless step before others": {Steps: []Step{{From: 1, To: 1}, {From: 1, To: 1}}},
		"no number":                     {Steps: []Step{{From: math.NaN(), To: 1, For: 1}}},
		"times that go back":            {Times: []time.Duration{2, 1}},
		"a time before the start":       {Times: []time.Duration{-1, 1}},
		"more than one a nanosecond":    {Steps: []Step{{From: 1, To: 1e300, For: 1}}},
		"steps that don't fit":          {Steps: []Step{{From: 1, To: 1, For: 1 << 62}, {From: 1, To: 1, For: 1 << 62}}},
		"an infinite rate":              {Steps: []Step{{From: math.Inf(1), To: math.Inf(1)}}},
	} {
		if _, err := Run(t.Context(), Config{Target: "http://a", Duration: time.Second, Arrivals: a}); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v, want ErrConfig", name, err)
		}
	}
}

func TestHowLongATimetableGoesOn(t *testing.T) {
	for _, c := range []struct {
		arrivals Arrivals
		want     time.Duration
	}{
		{Arrivals{}, 0},
		{Arrivals{Steps: []Step{{From: 1, To: 1}}}, 0},
		{Arrivals{Steps: []Step{{From: 1, To: 9, For: time.Minute}, {From: 9, To: 9, For: time.Second}}}, 61 * time.Second},
		{Arrivals{Steps: []Step{{From: 1, To: 9, For: time.Minute}, {From: 9, To: 9}}}, 0},
		{Arrivals{Times: []time.Duration{1, 2, 3}}, 4},
	} {
		if got := c.arrivals.Length(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.arrivals, got, c.want)
		}
	}
}
