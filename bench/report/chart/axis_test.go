package chart

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// chance is the same in each run of a test.
func chance() *rand.Rand { return rand.New(rand.NewPCG(3, 14)) }

// anywhere is a value of any size from 10^low to 10^high, all sizes alike.
func anywhere(r *rand.Rand, low, high float64) float64 {
	return math.Pow(10, low+(high-low)*r.Float64())
}

// drawnAxes are axes of every kind for a range.
func drawnAxes(least, most float64) map[string]Axis {
	return map[string]Axis{
		"percentiles": Percentiles(int64(min(max(most, 0), 1e15))), "latencies": Latencies(least, most), "log": LogLatencies(least, most),
		"elapsed": Elapsed(most / 1e6), "numbers": Numbers(most), "rates": Rates(most / 1e3), "shares": Shares(math.Mod(most, 100)), "loads": LoadRates(most / 1e3),
	}
}

func TestAStepIsTheNextRoundOne(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"decimal 1", decimal(1), 1}, {"decimal 1.01", decimal(1.01), 2}, {"decimal 2.1", decimal(2.1), 2.5}, {"decimal 2.6", decimal(2.6), 5},
		{"decimal 5.1", decimal(5.1), 10}, {"decimal 0.0003", decimal(0.0003), 0.0005}, {"decimal 240", decimal(240), 250},
		{"clock 0.3", clock(0.3), 0.5}, {"clock 1", clock(1), 1}, {"clock 7", clock(7), 10}, {"clock 11", clock(11), 15}, {"clock 31", clock(31), 60},
		{"clock 61", clock(61), 120}, {"clock 1000", clock(1000), 1800}, {"clock 13 h", clock(13 * 3600), 24 * 3600}, {"clock 25 h", clock(25 * 3600), 48 * 3600},
		{"below 1", below(1, steps125), 1}, {"below 1.9", below(1.9, steps125), 1}, {"below 4.9", below(4.9, steps125), 2}, {"below 99", below(99, steps125), 50},
		{"above 1", above(1, steps125), 1}, {"above 1.1", above(1.1, steps125), 2}, {"above 5.1", above(5.1, steps125), 10}, {"above 0.3", above(0.3, steps125), 0.5},
	} {
		if math.Abs(c.got-c.want) > 1e-9*c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestStepsAreNearWhatIsAskedFor(t *testing.T) {
	r := chance()
	for range 5000 {
		v := anywhere(r, -9, 15)
		if s := decimal(v); s < v*(1-1e-9) || s > 2*v*(1+1e-9) {
			t.Errorf("decimal(%g) = %g; want at most twice as much, not less", v, s)
		}
		if low, high := below(v, steps125), above(v, steps125); low > v*(1+1e-9) || high < v*(1-1e-9) || high > 2.5*low*(1+1e-9) {
			t.Errorf("%g lies between %g and %g", v, low, high)
		}
		v = anywhere(r, 0, 8)
		if s := clock(v); s < v || s > 2.5*v*(1+1e-9) {
			t.Errorf("clock(%g) = %g; want at most two and a half times as much, not less", v, s)
		}
	}
}

func TestRoundValuesAreWrittenAsPeopleDo(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{nanos(0), "0"}, {nanos(1), "1 ns"}, {nanos(500), "500 ns"}, {nanos(1e3), "1 µs"}, {nanos(1500), "1.5 µs"}, {nanos(2.5e6), "2.5 ms"},
		{nanos(999.9999e6), "1 s"}, {nanos(600e9), "600 s"}, {nanos(1e6 * (1 - 1e-12)), "1 ms"},
		{elapsed(0, 1), "0"}, {elapsed(0.05, 0.05), "50 ms"}, {elapsed(0.25, 0.25), "0.25 s"}, {elapsed(59, 1), "59 s"}, {elapsed(60, 10), "1 min"},
		{elapsed(75, 15), "1:15 min"}, {elapsed(605, 5), "10:05 min"}, {elapsed(600, 300), "10 min"}, {elapsed(1800, 1800), "0.5 h"}, {elapsed(86400, 86400), "1 d"},
		{number(0, 1e13), "0"}, {number(0.25, 1), "0.25"}, {number(1500, 3000), "1,500"}, {number(50e3, 100e3), "50k"}, {number(1.2e6, 1.9e6), "1,200k"},
		{number(2.5e6, 1e7), "2.5M"}, {number(2e9, 8e9), "2G"}, {number(3e12, 5e12), "3e+12"},
		{short(0), "0"}, {short(1.50), "1.5"}, {short(100), "100"}, {short(0.1 + 0.2), "0.3"}, {short(0.00002), "0.00002"}, {short(3 * 0.00002), "0.00006"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// complaints are what is wrong with an axis, whatever it is for.
func complaints(a *Axis) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if !(a.Min < a.Max) || math.IsInf(a.Max, 0) || a.log() && a.Min <= 0 {
		say("it goes from %g to %g", a.Min, a.Max)
	}
	if n := len(a.ticks); n < 2 || n > 14 {
		say("%d ticks", n)
	}
	seen, before := map[string]bool{}, math.Inf(-1)
	for _, tick := range a.ticks {
		if tick.Label == "" || seen[tick.Label] {
			say("a tick is called %q, as another is or with no name", tick.Label)
		}
		seen[tick.Label] = true
		if place := a.scale.Normalize(a.Min, a.Max, tick.Value); !(place >= -0.002 && place <= 1.002) {
			say("%s lies at %g, outside of it", tick.Label, place)
		}
		if !(tick.Value > before) {
			say("%s does not come after %g", tick.Label, before)
		}
		before = tick.Value
	}
	return out
}

func TestAxesOfAnyRangeAreSound(t *testing.T) {
	r := chance()
	for range 3000 {
		most := anywhere(r, 0, 18.9)
		least := most / anywhere(r, 0, 12)
		for name, a := range drawnAxes(least, most) {
			for _, c := range complaints(&a) {
				t.Errorf("%s of %g to %g: %s", name, least, most, c)
			}
		}
	}
}

func TestAxesOfNonsenseAreSoundToo(t *testing.T) {
	strange := []float64{0, -1, math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1e-300, 1e300}
	for _, least := range strange {
		for _, most := range strange {
			for name, a := range drawnAxes(least, most) {
				for _, c := range complaints(&a) {
					t.Errorf("%s of %g to %g: %s", name, least, most, c)
				}
			}
			c := &Chart{ID: "c", X: Elapsed(most), Y: Latencies(least, most), Lines: []Line{{Ink: First, Points: []Point{{least, most}, {1, 1}, {most, least}}}}}
			if svg := drawn(t, c); strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
				t.Errorf("%g to %g: a place that is none", least, most)
			}
		}
	}
}

func TestAnAxisHoldsAllOfItsRange(t *testing.T) {
	r := chance()
	for range 3000 {
		most := anywhere(r, 3.1, 18)
		least := most / anywhere(r, 0, 3)
		for name, c := range map[string]struct {
			axis       Axis
			from, to   float64
			mostIsUsed float64 // the share of the axis that the range reaches at least, on its scale
		}{
			"latencies": {Latencies(least, most), least, most, 0.5}, "log": {LogLatencies(least, most), least, most, 0},
			"numbers": {Numbers(most), 0, most, 0.5}, "loads": {LoadRates(most), 0, most, 0.9}, "elapsed": {Elapsed(most), 0, most, 0.99},
		} {
			a := c.axis
			if a.Min > c.from*(1+1e-9) || a.Max < c.to*(1-1e-9) {
				t.Errorf("%s of %g to %g goes from %g to %g", name, c.from, c.to, a.Min, a.Max)
			}
			if at := a.scale.Normalize(a.Min, a.Max, c.to); at < c.mostIsUsed {
				t.Errorf("%s of %g to %g: the picture ends at %.2f of the axis", name, c.from, c.to, at)
			}
		}
	}
}

// read is what a label says, in the axis's unit.
func read(t *testing.T, label string) float64 {
	t.Helper()
	var clock [2]float64
	if n, _ := fmt.Sscanf(label, "%g:%g min", &clock[0], &clock[1]); n == 2 {
		return 60*clock[0] + clock[1]
	}
	text, scale := strings.ReplaceAll(strings.TrimSuffix(label, "/s"), ",", ""), 1.0
	for _, unit := range []struct {
		name  string
		scale float64
	}{
		{" ns", 1}, {" µs", 1e3}, {" min", 60}, {" ms", 1e6}, {" s", 1e9}, {" h", 3600}, {" d", 86400}, {" %", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9},
	} {
		if rest, ok := strings.CutSuffix(text, unit.name); ok {
			text, scale = rest, unit.scale
			break
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("a label says %q", label)
	}
	return v * scale
}

func TestEveryLabelSaysWhereItsTickIs(t *testing.T) {
	r := chance()
	for range 2000 {
		most := anywhere(r, 0, 12)
		least := most / anywhere(r, 0, 9)
		for name, a := range drawnAxes(least, most) {
			for _, tick := range a.ticks {
				says := read(t, tick.Label)
				switch {
				case name == "percentiles":
					says = Nines(says / 100)
				case name == "elapsed" && (strings.HasSuffix(tick.Label, " s") || strings.HasSuffix(tick.Label, " ms")):
					says /= 1e9
				}
				if math.Abs(says-tick.Value) > 1e-6*math.Abs(tick.Value)+1e-15 {
					t.Errorf("%s of %g to %g: %q stands at %g", name, least, most, tick.Label, tick.Value)
				}
			}
		}
	}
}

func TestPercentilesGoAsFarAsTheCountCanTell(t *testing.T) {
	for _, c := range []struct {
		count int64
		end   float64
	}{
		{-5, 10}, {0, 10}, {1, 10}, {10, 10}, {19, 10}, {20, 100}, {100, 100}, {199, 100}, {2000, 1e4}, {60_000, 1e5}, {1e7, 1e7}, {math.MaxInt64, 1e7},
	} {
		if a := Percentiles(c.count); a.Max != c.end || a.Min != 1 {
			t.Errorf("of %d: from %g to %g, want 1 to %g", c.count, a.Min, a.Max, c.end)
		}
	}
	for q, want := range map[float64]float64{0: 1, 0.5: 2, 0.9: 10, 0.99: 100, 0.999: 1000} {
		if got := Nines(q); math.Abs(got-want) > 1e-9*want {
			t.Errorf("%v lies at %v, want %v", q, got, want)
		}
	}
}

func TestLatenciesFarApartAreDrawnOnALogarithmicScale(t *testing.T) {
	for _, c := range []struct {
		least, most float64
		log         bool
	}{
		{1e6, 30e6, false}, {1e6, 30.1e6, true}, {0, 1e9, false}, {-1, 1e9, false}, {512, 600e9, true}, {1e6, 1e6, false},
	} {
		if a := Latencies(c.least, c.most); a.log() != c.log || !c.log && a.Min != 0 {
			t.Errorf("%g to %g: logarithmic %v from %g, want %v", c.least, c.most, a.log(), a.Min, c.log)
		}
	}
}

func TestAPlaceOnAnAxisIsInsideOrNone(t *testing.T) {
	linear, log := Numbers(10), LogLatencies(1e3, 1e6)
	for _, c := range []struct {
		name string
		axis *Axis
		v    float64
		want float64
		ok   bool
	}{
		{"inside", &linear, 5, 5, true}, {"above", &linear, 99, 12, true}, {"below", &linear, -3, 0, true}, {"nothing", &linear, 0, 0, true},
		{"no number", &linear, math.NaN(), 0, false}, {"no end", &linear, math.Inf(1), 0, false}, {"no beginning", &linear, math.Inf(-1), 0, false},
		{"zero on a log scale", &log, 0, 0, false}, {"below zero on a log scale", &log, -1, 0, false},
		{"a little on a log scale", &log, 1, 1e3, true}, {"much on a log scale", &log, 1e9, 1e6, true},
	} {
		if got, ok := c.axis.place(c.v); got != c.want || ok != c.ok {
			t.Errorf("%s: %v, %v; want %v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}
