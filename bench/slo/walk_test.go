package slo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/bench"
)

// scripted is a target that holds or not as told, by rate and the number of the probe, from 0.
func scripted(holds func(rate float64, n int) bool) *simulated {
	n := -1
	return &simulated{random: seeded(1), p99: func(rate float64) time.Duration {
		if n++; holds(rate, n) {
			return 10 * time.Millisecond
		}
		return 30 * time.Millisecond
	}}
}

// below holds under a rate.
func below(edge float64) func(float64, int) bool {
	return func(rate float64, _ int) bool { return rate < edge }
}

// rates returns what was asked for, in the order of the probes, with * where it held.
func rates(t *testing.T, o Options, target *simulated) (string, *Capacity) {
	t.Helper()
	var asked []string
	o.Progress = func(p Probe) {
		held := ""
		if p.Held {
			held = "*"
		}
		asked = append(asked, rate(p.Rate)+held)
	}
	c := find(t, o, target)
	return strings.Join(asked, " "), c
}

func TestTheSearchAsksForTheseRatesInThisOrder(t *testing.T) {
	for _, c := range []struct {
		about string
		o     Options
		holds func(rate float64, n int) bool
		want  string
		found float64
		limit Limit
	}{
		{"up, then between, then again", Options{Precision: 0.1}, below(500),
			"100* 200* 400* 800 800 566 566 476* 519 519 476* 476*", 475.683, SLOLimit},
		{"down to a quarter", Options{Precision: 0.5}, below(10),
			"100 100 25 25 6.25* 12.5 12.5 8.84* 8.84* 8.84*", 8.839, SLOLimit},
		{"down to one and no further", Options{}, below(0),
			"100 100 25 25 6.25 6.25 1.56 1.56 1 1", 0, SLOLimit},
		{"one is enough", Options{Start: 1, Most: 1}, below(2), "1* 1* 1*", 1, MostLimit},
		{"the highest is not passed", Options{Most: 250}, below(1e9), "100* 200* 250* 250* 250*", 250, MostLimit},
		{"the first is the highest", Options{Start: 70, Most: 70}, below(1e9), "70* 70* 70*", 70, MostLimit},
		{"an unlucky probe", Options{Most: 200}, func(_ float64, n int) bool { return n != 1 }, "100* 200 200* 200* 200* 200*", 200, MostLimit},
		{"unlucky in the first", Options{Most: 100}, func(_ float64, n int) bool { return n != 0 }, "100 100* 100* 100* 100*", 100, MostLimit},
		{"unlucky in the confirmation", Options{Most: 100}, func(_ float64, n int) bool { return n != 1 }, "100* 100 100* 100*", 100, MostLimit},
		{"a lucky probe", Options{Most: 200, Precision: 0.2}, func(rate float64, n int) bool { return rate < 150 || n == 1 },
			"100* 200* 200 200 160 160 96.0* 96.0*", 96, SLOLimit},
		{"luck at one", Options{Start: 1, Most: 1}, func(_ float64, n int) bool { return n == 0 }, "1* 1 1", 0, SLOLimit},
	} {
		got, found := rates(t, c.o, scripted(c.holds))
		if got != strings.ReplaceAll(c.want, "96.0", "96") || math.Abs(found.Rate-c.found) > 0.001*found.Rate || found.Limit != c.limit || found.Confirmed != (c.found > 0) {
			t.Errorf("%s: asked for %s and found %v (%s); want %s and %v (%s)", c.about, got, found.Rate, found.Limit, c.want, c.found, c.limit)
		}
	}
}

func TestATargetThatTiresIsFoundAsItIsAtTheEnd(t *testing.T) {
	// 1,000/s hold for eight probes, 300/s from then on.
	c := find(t, Options{}, scripted(func(rate float64, n int) bool { return rate < 300 || n < 8 && rate < 1000 }))
	if !c.Confirmed || c.Rate >= 300 || c.Rate < 100 || !c.Contradicted || !strings.Contains(c.Text, "A higher rate held once: the target is unsteady.") {
		t.Errorf("%+v", c)
	}
}

func TestATargetWithTwoRangesIsSearchedFromWhereTheSearchBegins(t *testing.T) {
	// Such as a cache that is warm only above some rate: below 300/s and from 500 to 700/s the SLO holds.
	holds := func(rate float64, _ int) bool { return rate < 300 || rate > 500 && rate < 700 }
	for start, want := range map[float64]float64{100: 300, 140: 700, 600: 700, 2100: 700} {
		c := find(t, Options{Start: start}, scripted(holds))
		if !c.Confirmed || c.Rate >= want || c.Rate < want/1.03 || c.Contradicted {
			t.Errorf("from %v/s: %+v, want just below %v", start, c, want)
		}
	}
}

func TestASearchThatEndsAtAnyProbeTellsWhatThoseBeforeItSaid(t *testing.T) {
	broken := errors.New("no route to host")
	whole := 0
	find(t, Options{Precision: 0.1}, scripted(func(rate float64, n int) bool { whole = n + 1; return rate < 500 }))
	for last := range whole {
		// What is known after so many probes, by the rules of the search.
		known := []float64{0, 100, 200, 400, 400, 400, 400, 400, 475.683, 475.683, 475.683, 475.683}[last]
		for _, way := range []string{"fails", "cut short", "interrupted", "out of probes"} {
			target := scripted(below(500))
			ctx, cancel := context.WithCancel(t.Context())
			o := Options{SLO: mustParse(t, "p99<20ms"), Precision: 0.1}
			if way == "out of probes" && last > 0 {
				o.Probes = last
			}
			got, err := Find(ctx, o, func(ctx context.Context, rate float64, d time.Duration) (*bench.Report, error) {
				r, err := target.measure(ctx, rate, d)
				switch {
				case target.probes <= last:
				case way == "fails":
					return nil, broken
				case way == "interrupted":
					cancel()
				default:
					r.CutShort = true
				}
				return r, err
			})
			cancel()
			cut := way == "cut short" || way == "interrupted" || o.Probes == 0 && way == "out of probes"
			if (way == "fails") != errors.Is(err, broken) || got.CutShort != cut || got.OutOfBounds != (o.Probes > 0) || got.Confirmed {
				t.Errorf("probe %d %s: %+v, %v", last, way, got, err)
			}
			if len(got.Probes) != last || math.Abs(got.Rate-known) > 0.001*known {
				t.Errorf("probe %d %s: %v/s of %d probes, want %v of %d", last, way, got.Rate, len(got.Probes), known, last)
			}
		}
	}
	if whole != 12 {
		t.Errorf("the search has %d probes, the list above is for 12", whole)
	}
}

func TestNoProbeIsBegunBeyondTheBounds(t *testing.T) {
	for probes := 1; probes <= 20; probes++ {
		target := &simulated{p99: queue(1000), noise: 0.1, random: seeded(uint64(probes))}
		if c := find(t, Options{Probes: probes}, target); target.probes > probes || len(c.Probes) != target.probes || c.OutOfBounds == c.Confirmed {
			t.Errorf("%d of %d probes: %+v", target.probes, probes, c)
		}
	}
	for _, c := range []struct{ bound, each time.Duration }{
		{1, time.Second}, {10 * time.Second, 3 * time.Second}, {time.Minute, 7 * time.Second}, {30 * time.Second, 30 * time.Second},
	} {
		target := &simulated{p99: queue(1000), noise: 0.1, random: seeded(1)}
		most := int((c.bound + c.each - 1) / c.each)
		got := find(t, Options{Time: c.bound, Probe: c.each, Start: 500}, target)
		if target.probes != most || !got.OutOfBounds || got.Spent != time.Duration(most)*c.each {
			t.Errorf("%v in probes of %v: %d probes, %v; want %d", c.bound, c.each, target.probes, got.Spent, most)
		}
	}
}

func TestTimeThatAProbeTookBeyondItsOwnCounts(t *testing.T) {
	c, err := Find(t.Context(), Options{SLO: mustParse(t, "p99<20ms"), Time: time.Minute}, func(_ context.Context, rate float64, d time.Duration) (*bench.Report, error) {
		r := run(10)
		r.Elapsed = d + 25*time.Second // what was under way at the end
		return r, nil
	})
	if err != nil || len(c.Probes) != 2 || c.Spent != time.Minute {
		t.Errorf("%d probes in %v, %v; want 2 in a minute", len(c.Probes), c.Spent, err)
	}
}

func TestAProbeThatTheGeneratorSpoiledIsTriedAgain(t *testing.T) {
	for share, least := range map[float64]int{0.05: 35, 0.15: 30} {
		good := 0
		for seed := range uint64(40) {
			r := seeded(seed)
			target := &simulated{p99: queue(1000), noise: 0.02, random: seeded(seed + 100)}
			c, err := Find(t.Context(), Options{SLO: mustParse(t, "p99<20ms")}, func(ctx context.Context, rate float64, d time.Duration) (*bench.Report, error) {
				report, err := target.measure(ctx, rate, d)
				if r.Float64() < share {
					report.Invalid = []string{"the generator sent late"}
				}
				return report, err
			})
			if err == nil && c.Confirmed && math.Abs(c.Rate/edge(1000)-1) < 0.08 {
				good++
			}
		}
		if good < least {
			t.Errorf("with %v %% of the probes invalid, %d of 40 searches found the capacity, want %d", share*100, good, least)
		}
	}
}

// anyTarget is a target with an edge somewhere, and some trouble.
func anyTarget(r *rand.Rand) *simulated {
	edge := math.Exp(12 * r.Float64())
	s := &simulated{random: r, noise: 0.2 * r.Float64() * float64(r.IntN(2)), stall: 0.2 * r.Float64() * float64(r.IntN(2))}
	s.p99 = func(rate float64) time.Duration {
		return time.Duration(min(1e10, 20e6*math.Pow(rate/edge, 2)))
	}
	if r.IntN(3) == 0 {
		s.invalid = edge * math.Exp(2*r.NormFloat64())
	}
	return s
}

func TestWhateverTheTargetDoesTheCapacityIsSound(t *testing.T) {
	limits := map[Limit]int{}
	seeds := uint64(300)
	if testing.Short() {
		seeds = 100 // the race detector's run
	}
	for seed := range seeds {
		r := seeded(seed)
		o := Options{Start: 1 + 500*r.Float64(), Precision: 0.01 + 0.2*r.Float64(), Probes: 1 + r.IntN(60)}
		o.Most = o.Start * math.Exp(8*r.Float64())
		told := 0
		o.Progress = func(Probe) { told++ }
		target := anyTarget(r)
		c := find(t, o, target)
		limits[c.Limit]++
		if flaw := flawOf(c, o); flaw != "" || told != len(c.Probes) || told != target.probes {
			t.Errorf("seed %d: %s (%d probes, %d told): %s\n%+v", seed, flaw, target.probes, told, c.Text, c)
		}
	}
	for _, l := range []Limit{SLOLimit, GeneratorLimit, MostLimit, NoLimit} {
		if limits[l] == 0 {
			t.Errorf("no search ended by %q: %v", l, limits)
		}
	}
}

// flawOf says what contradicts itself in a capacity that was searched with o.
func flawOf(c *Capacity, o Options) string {
	held, missed := 0, 0
	for i, p := range c.Probes {
		switch {
		case p.Held != (p.Why == "") || p.Held && !p.Valid:
			return fmt.Sprintf("probe %+v holds and does not", p)
		case p.Rate > o.Most || p.Rate < lowest:
			return fmt.Sprintf("probe %+v is out of bounds", p)
		case i > 0 && p.Rate < c.Probes[i-1].Rate:
			return "the curve goes backwards"
		case p.Phase == Confirmation && p.Rate == c.Rate && p.Held:
			held++
		case p.Phase == Confirmation && p.Rate == c.Rate:
			missed++
		}
	}
	tried := func(rate float64) bool {
		return slices.ContainsFunc(c.Probes, func(p Probe) bool { return p.Rate == rate })
	}
	switch {
	case c.Confirmed && (held != 2 || missed > 1 || c.Rate == 0):
		return fmt.Sprintf("confirmed by %d of %d", held, held+missed)
	case !c.Confirmed && c.Rate > 0 && !c.OutOfBounds:
		return "not confirmed for no reason"
	case c.Rate > 0 && c.Above > 0 && c.Above <= c.Rate:
		return "what does not hold is no higher than what does"
	case c.Above > 0 && !tried(c.Above):
		return "the limit was never tried"
	case c.Confirmed && !tried(c.Rate):
		return "the rate was never tried"
	case (c.Limit == MostLimit) != (c.Above == 0 && c.Rate >= o.Most), (c.Limit == NoLimit) != (c.Above == 0 && c.Rate < o.Most):
		return "the limit is another"
	case c.Confirmed && c.Limit == NoLimit:
		return "confirmed without a limit"
	case c.Contradicted != c.contradicted() || c.Text != c.sentence() || strings.Contains(c.Text, "%!"):
		return "the text says something else"
	}
	return ""
}

func TestEveryRefusalOfOptionsIsReadable(t *testing.T) {
	good := mustParse(t, "p99<20ms")
	for want, o := range map[string]Options{
		"can't search for a capacity without an SLO to hold":                                                                         {},
		"can't search for a capacity with a term for rate: the rate is what is searched":                                             {SLO: mustParse(t, "p99<1s,rate>5")},
		"can't search for a capacity from 100 to 10 requests a second; the first must be at least 1, and no more than the last":      {SLO: good, Most: 10},
		"can't search for a capacity from 0.5 to 1e+06 requests a second; the first must be at least 1, and no more than the last":   {SLO: good, Start: 0.5},
		"can't search for a capacity from 2e+06 to 1e+06 requests a second; the first must be at least 1, and no more than the last": {SLO: good, Start: 2e6},
		"can't search for a capacity from 100 to NaN requests a second; the first must be at least 1, and no more than the last":     {SLO: good, Most: math.NaN()},
		"can't search for a capacity to a precision of 0.6; 0.001 to 0.5 are":                                                        {SLO: good, Precision: 0.6},
		"can't search for a capacity to a precision of NaN; 0.001 to 0.5 are":                                                        {SLO: good, Precision: math.NaN()},
		"can't search for a capacity within a negative bound":                                                                        {SLO: good, Probes: -1},
	} {
		if c, err := Find(t.Context(), o, nil); c != nil || !errors.Is(err, ErrOptions) || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
}

func TestOptionsLeftOutHaveTheirDefaults(t *testing.T) {
	o := Options{SLO: mustParse(t, "p99<20ms")}
	if err := o.fill(); err != nil {
		t.Fatal(err)
	}
	if o.Start != 100 || o.Most != 1e6 || o.Precision != 0.03 || o.Probe != 5*time.Second || o.Probes != 60 || o.Time != 10*time.Minute {
		t.Errorf("%+v", o)
	}
}
