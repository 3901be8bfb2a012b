package slo

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/bench"
	"weir/internal/testkit"
)

// simulated is a target whose p99 is known at every rate, with noise from probe to probe.
type simulated struct {
	p99     func(rate float64) time.Duration
	noise   float64 // standard deviation of the logarithm of a probe's latencies
	stall   float64 // share of probes that a stall of the machine spoils
	invalid float64 // the rate from which on the generator can't follow; 0: none
	random  *rand.Rand
	probes  int
}

// measure makes a report of a thousand exponential latencies with that p99.
func (s *simulated) measure(_ context.Context, rate float64, d time.Duration) (*bench.Report, error) {
	s.probes++
	p99 := float64(s.p99(rate)) * math.Exp(s.noise*s.random.NormFloat64())
	if s.random.Float64() < s.stall {
		p99 *= 20
	}
	r := &bench.Report{Format: bench.ReportFormat, Histogram: bench.NewHistogram(), Elapsed: d}
	for n := range 1000 {
		u := min(float64(n+1)/1000, 0.9995)
		r.Histogram.Record(time.Duration(p99 * math.Log(1-u) / math.Log(0.01)))
	}
	r.Latency = r.Histogram.Quantiles()
	r.OK = int64(rate * d.Seconds())
	r.Requests = r.OK
	if s.invalid > 0 && rate > s.invalid {
		r.Invalid = []string{"the generator sent late"}
	}
	return r, nil
}

// queue is the p99 of M/M/1 with the given service rate; it is unbounded from there on.
func queue(service float64) func(float64) time.Duration {
	return func(rate float64) time.Duration {
		if rate >= service*0.9999 {
			return time.Minute
		}
		return time.Duration(4.605 / (service - rate) * float64(time.Second))
	}
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 5)) }

// edge is the rate at which the p99 of a queue reaches 20 ms.
func edge(service float64) float64 { return service - 4.605/0.020 }

func find(t *testing.T, o Options, target *simulated) *Capacity {
	t.Helper()
	if len(o.SLO.terms) == 0 {
		o.SLO = mustParse(t, "p99<20ms")
	}
	c, err := Find(t.Context(), o, target.measure)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheCapacityOfAQueueIsFoundDespiteNoise(t *testing.T) {
	for _, c := range []struct {
		name         string
		service      float64
		noise, stall float64
		within       float64
	}{
		{"steady", 1000, 0, 0, 0.03},
		{"noisy", 1000, 0.05, 0, 0.05},
		{"noisier", 3000, 0.15, 0, 0.05},
		{"with stalls", 1000, 0.05, 0.05, 0.05},
		{"far from the start", 200_000, 0.05, 0.02, 0.05},
		{"below the start", 260, 0.002, 0, 0.05}, // a steep edge: 30/s, where 1 % of noise is 8 % of rate
	} {
		good, probes := 0, 0
		const seeds = 60
		for seed := range uint64(seeds) {
			target := &simulated{p99: queue(c.service), noise: c.noise, stall: c.stall, random: seeded(seed)}
			got := find(t, Options{}, target)
			if want := edge(c.service); got.Confirmed && got.Limit == SLOLimit && math.Abs(got.Rate/want-1) <= c.within {
				good++
			}
			probes += target.probes
		}
		if good < seeds*95/100 {
			t.Errorf("%s: %d of %d within %v %%", c.name, good, seeds, c.within*100)
		}
		if mean := probes / seeds; mean > 40 {
			t.Errorf("%s: %d probes a search", c.name, mean)
		}
	}
}

func TestAGeneratorAtItsEndIsNotTheTargetsCapacity(t *testing.T) {
	target := &simulated{p99: queue(10_000), invalid: 2500, random: seeded(1)}
	c := find(t, Options{}, target)
	if c.Limit != GeneratorLimit || c.Rate > 2500 || c.Rate < 2400 || !strings.Contains(c.Text, "generator's limit, not the target's") {
		t.Errorf("%+v", c)
	}
}

func TestAGeneratorThatIsNeverOnTimeFindsNothing(t *testing.T) {
	target := &simulated{p99: queue(10_000), invalid: 0.001, random: seeded(1)}
	c := find(t, Options{}, target)
	if c.Limit != GeneratorLimit || c.Rate != 0 || !strings.Contains(c.Text, "generator itself could not send on time at 6.25/s") {
		t.Errorf("%+v", c)
	}
}

func TestATargetThatAlwaysMissesHasNoCapacity(t *testing.T) {
	slow := func(float64) time.Duration { return time.Second }
	c := find(t, Options{}, &simulated{p99: slow, random: seeded(1)})
	if c.Rate != 0 || c.Limit != SLOLimit || c.Confirmed || !strings.Contains(c.Text, "p99<20ms does not hold at any rate that was tried, down to 1/s") {
		t.Errorf("%+v", c)
	}
}

func TestTheHighestAllowedRateEndsTheSearch(t *testing.T) {
	c := find(t, Options{Most: 700}, &simulated{p99: queue(10_000), random: seeded(1)})
	if c.Rate != 700 || c.Limit != MostLimit || !c.Confirmed || c.Above != 0 || !strings.Contains(c.Text, "the highest rate that was tried") {
		t.Errorf("%+v", c)
	}
}

func TestALuckyProbeIsCaughtByConfirmation(t *testing.T) {
	// The target holds 500/s; its very first probe at a higher rate holds by luck, and so do the next.
	target := &simulated{p99: queue(730.25), random: seeded(1)}
	lucky := 0
	c, err := Find(t.Context(), Options{SLO: mustParse(t, "p99<20ms")}, func(ctx context.Context, rate float64, d time.Duration) (*bench.Report, error) {
		if rate > 500 && rate < 600 && lucky < 3 {
			lucky++
			return (&simulated{p99: queue(5000), random: seeded(1)}).measure(ctx, rate, d)
		}
		return target.measure(ctx, rate, d)
	})
	if err != nil || !c.Confirmed || c.Rate > 500 || c.Rate < 440 || lucky != 3 {
		t.Errorf("%+v, %v after %d lucky probes", c, err, lucky)
	}
}

func TestTheBoundsOfASearchAreKept(t *testing.T) {
	for _, o := range []Options{{Probes: 6}, {Time: 30 * time.Second}} {
		target := &simulated{p99: queue(1000), random: seeded(1)}
		c := find(t, o, target)
		if target.probes != 6 || !c.OutOfBounds || c.Confirmed || c.Rate == 0 || !strings.Contains(c.Text, "(not confirmed)") || !strings.Contains(c.Text, "ran out") {
			t.Errorf("%d probes: %+v", target.probes, c)
		}
	}
}

func TestWhatIsKnownSurvivesAnEnd(t *testing.T) {
	broken := errors.New("no route to host")
	for _, c := range []struct {
		name string
		end  func(cancel func(), r *bench.Report) (*bench.Report, error)
		err  error
		cut  bool
	}{
		{"measuring fails", func(_ func(), _ *bench.Report) (*bench.Report, error) { return nil, broken }, broken, false},
		{"the run was cut short", func(_ func(), r *bench.Report) (*bench.Report, error) { r.CutShort = true; return r, nil }, nil, true},
		{"the search is interrupted", func(cancel func(), _ *bench.Report) (*bench.Report, error) { cancel(); return nil, context.Canceled }, nil, true},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		target := &simulated{p99: queue(1000), random: seeded(1)}
		got, err := Find(ctx, Options{SLO: mustParse(t, "p99<20ms")}, func(ctx context.Context, rate float64, d time.Duration) (*bench.Report, error) {
			r, err := target.measure(ctx, rate, d)
			if target.probes == 4 {
				return c.end(cancel, r)
			}
			return r, err
		})
		cancel()
		if !errors.Is(err, c.err) || got == nil || got.Rate != 400 || len(got.Probes) != 3 || got.CutShort != c.cut || got.Confirmed {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestAQueueThatGrowsIsNoCapacityWhateverTheSLOSays(t *testing.T) {
	// 300/s get through; the rest ends long after the time. No answer fails.
	c, err := Find(t.Context(), Options{SLO: mustParse(t, "errors<1%")}, func(_ context.Context, rate float64, d time.Duration) (*bench.Report, error) {
		r := run(10)
		r.OK = int64(rate * d.Seconds())
		r.Requests, r.Elapsed = r.OK, max(d, time.Duration(float64(r.OK)/300*1e9))
		return r, nil
	})
	if err != nil || c.Rate < 290 || c.Rate > 320 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestErrorsCountWhereTheSLODoesNotNameThem(t *testing.T) {
	c, err := Find(t.Context(), Options{SLO: mustParse(t, "p50<1s"), Most: 800}, func(_ context.Context, rate float64, d time.Duration) (*bench.Report, error) {
		r := run(10)
		r.Requests, r.Elapsed = int64(rate*d.Seconds()), d
		r.OK = min(r.Requests, int64(200*d.Seconds()))
		r.Failures[bench.Status] = r.Requests - r.OK
		return r, nil
	})
	if err != nil || c.Rate < 195 || c.Rate > 205 || !strings.Contains(c.Probes[len(c.Probes)-1].Why, "% failed") {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestLowRatesAreTriedLonger(t *testing.T) {
	var tried []time.Duration
	for _, rate := range []float64{10, 40, 1000} {
		o := Options{SLO: mustParse(t, "p99<20ms"), Start: rate, Probes: 1}
		_, err := Find(t.Context(), o, func(ctx context.Context, rate float64, d time.Duration) (*bench.Report, error) {
			tried = append(tried, d)
			return run(10), nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := []time.Duration{20 * time.Second, 12500 * time.Millisecond, 5 * time.Second}; !slices.Equal(tried, want) {
		t.Errorf("%v, want %v", tried, want)
	}
}

func TestOptionsThatMeanNothingAreRefused(t *testing.T) {
	good := mustParse(t, "p99<20ms")
	for name, o := range map[string]Options{
		"no SLO":            {},
		"a term for rate":   {SLO: mustParse(t, "p99<1s,rate>5")},
		"most below start":  {SLO: good, Start: 100, Most: 10},
		"negative start":    {SLO: good, Start: -1},
		"no number":         {SLO: good, Start: math.NaN()},
		"no end":            {SLO: good, Most: math.Inf(1)},
		"too precise":       {SLO: good, Precision: 1e-9},
		"not precise":       {SLO: good, Precision: 2},
		"a negative length": {SLO: good, Probe: -1},
	} {
		if _, err := Find(t.Context(), o, nil); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProgressIsToldOfEveryProbeInItsOrder(t *testing.T) {
	var told []string
	o := Options{SLO: mustParse(t, "p99<20ms"), Probes: 4, Progress: func(p Probe) { told = append(told, p.String()) }}
	find(t, o, &simulated{p99: queue(500), random: seeded(1)})
	if len(told) != 4 || !strings.HasPrefix(told[0], "100/s: p50 ") || !strings.HasSuffix(told[0], "errors 0 %: holds") || !strings.HasPrefix(told[2], "400/s: ") || !strings.HasSuffix(told[2], "p99 is 46.1ms") {
		t.Errorf("%q", told)
	}
}

func TestTheReportIsReadable(t *testing.T) {
	c := find(t, Options{SLO: mustParse(t, "p99<20ms,errors<0.1%")}, &simulated{p99: queue(1000), noise: 0.05, random: seeded(3)})
	var b strings.Builder
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "testdata/capacity.txt", b.String())
}

func TestTheJSONOfACapacityKeepsItsNames(t *testing.T) {
	c := find(t, Options{Probes: 1}, &simulated{p99: queue(1000), random: seeded(3)})
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "testdata/capacity.json", string(text)+"\n")
}
