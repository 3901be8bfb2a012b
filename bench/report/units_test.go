package report

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/bench"
)

// chance is the same in each run of a test.
func chance() *rand.Rand { return rand.New(rand.NewPCG(2, 71)) }

// anywhere is a value of any size from 10^low to 10^high, all sizes alike.
func anywhere(r *rand.Rand, low, high float64) float64 {
	return math.Pow(10, low+(high-low)*r.Float64())
}

var unitSizes = map[string]float64{
	"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9, "min": 60e9, "h": 3600e9, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "%": 1,
}

// read is what a figure with its units says: "1 min 30 s" is 90e9.
func read(t *testing.T, text string) float64 {
	t.Helper()
	words := strings.Fields(text)
	if len(words) == 0 || len(words)%2 != 0 {
		t.Fatalf("%q is no figure with a unit", text)
	}
	sum := 0.0
	for i := 0; i < len(words); i += 2 {
		v, err := strconv.ParseFloat(strings.ReplaceAll(words[i], ",", ""), 64)
		size, ok := unitSizes[words[i+1]]
		if err != nil || !ok {
			t.Fatalf("%q is no figure with a unit", text)
		}
		sum += v * size
	}
	return sum
}

func TestAFigureIsReadBackAsWhatItWas(t *testing.T) {
	r := chance()
	for range 5000 {
		d := time.Duration(anywhere(r, 1, 11.9))
		low := 0.051e9 / float64(d) // two digits
		if d < 100*time.Second {
			low = 0.00501 + 0.00501e9/float64(d) // or two behind the point
		}
		for _, c := range []struct {
			name, text  string
			value, near float64
		}{
			{"latency", latency(d), float64(d), 5.1 + 0.0051*float64(d)},
			{"size", size(float64(d)), float64(d), 0.0051 * float64(d)},
			{"span", span(d), float64(d), max(5.1+0.0051*float64(d), min(0.5e9, float64(d)))},
			{"rate", strings.TrimSuffix(rate(float64(d), time.Second), "/s") + " %", float64(d), 0.0051*float64(d) + 0.5},
			{"a low rate", strings.TrimSuffix(rate(1, d), "/s") + " %", 1e9 / float64(d), low},
		} {
			if got := read(t, c.text); math.Abs(got-c.value) > c.near*(1+1e-9) {
				t.Errorf("%s of %v is written %q", c.name, c.value, c.text)
			}
		}
	}
}

func TestALatencyHasThreeDigitsAndNeverAThousandOfItsUnit(t *testing.T) {
	r := chance()
	for _, d := range []time.Duration{999_499, 999_500, 999_999, 999_499_999, 999_500_000, 999_999_999, 9_994_999, 9_995_000, 99_949_999, 99_950_000} {
		r := latency(d)
		if n := len(strings.Split(r, " ")[0]); n > 4 || strings.HasPrefix(r, "1,000") || strings.HasPrefix(r, "1000") {
			t.Errorf("%d ns: %q", d, r)
		}
	}
	for range 5000 {
		text := latency(time.Duration(anywhere(r, 1.1, 11.9)))
		number, _, _ := strings.Cut(text, " ")
		if digits := strings.Replace(number, ".", "", 1); len(digits) != 3 && number != "0" {
			t.Errorf("%q has not three digits", text)
		}
	}
}

func TestALongerTimeIsNeverWrittenAsAShorterOne(t *testing.T) {
	r := chance()
	for range 5000 {
		a := time.Duration(anywhere(r, 0, 14.5))
		b := a + time.Duration(anywhere(r, 0, 14.5))
		if read(t, span(a)) > read(t, span(b)) || read(t, latency(a)) > read(t, latency(b)) {
			t.Errorf("%v is %q and %q, %v is %q and %q", a, span(a), latency(a), b, span(b), latency(b))
		}
	}
}

func TestATimeMovesToTheNextUnitWhenItIsRoundedTo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		999_499 * time.Microsecond: "999 ms", 999_500 * time.Microsecond: "1 s", 59_949 * time.Millisecond: "59.9 s", 59_950 * time.Millisecond: "1 min",
		time.Hour - 501*time.Millisecond: "59 min 59 s", time.Hour - 500*time.Millisecond: "1 h", time.Hour - 1: "1 h", 119 * time.Second: "1 min 59 s",
		2*time.Hour - 31*time.Second: "1 h 59 min", 2*time.Hour - 29*time.Second: "2 h", 49 * time.Hour: "49 h", 0: "0 µs",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestAShareIsExactWhereItMatters(t *testing.T) {
	r := chance()
	for range 5000 {
		of := int64(anywhere(r, 0, 10))
		n := int64(float64(of) * []float64{r.Float64(), anywhere(r, -10, 0), 1 - anywhere(r, -10, 0)}[r.IntN(3)])
		text := percent(n, of)
		if (text == "100 %") != (n == of) || (text == "0 %") != (n == 0) {
			t.Errorf("%d of %d: %q", n, of, text)
		}
		bare, open := strings.CutPrefix(strings.TrimPrefix(text, "> "), "< ")
		share := 100 * float64(n) / float64(of)
		if got := read(t, bare); !open && math.Abs(got-share) > 0.0501 || share > 99 && n < of && got > share {
			t.Errorf("%d of %d, which is %v: %q", n, of, share, text)
		}
	}
}

func TestNumbersOfATimetableAreWrittenForPeople(t *testing.T) {
	for words, want := range map[string]string{
		"1000/s": "1,000/s", "64.84197773255049/s": "64.84/s", "1.5e+06/s": "1,500,000/s", "0.5/s": "0.5/s", "0.0001234/s": "0.00012/s", "0/s to 100/s in 10s, 50/s in 10s": "0/s to 100/s in 10s, 50/s in 10s",
		"12345.678/s, Poisson": "12,345.68/s, Poisson", "1e+18/s": "1e+18/s", "100 given times": "100 given times", "": "", "1.2.3/s": "1.2.3/s",
	} {
		if got := timetable(words); got != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
	r := chance()
	for range 1000 {
		v := anywhere(r, -3, 9)
		shown := timetable(bench.Constant(v).String())
		if got := read(t, strings.TrimSuffix(shown, "/s")+" %"); math.Abs(got-v) > 0.05*v && math.Abs(got-v) > 0.0051 {
			t.Errorf("%v/s is shown as %q", v, shown)
		}
	}
}

func TestConnectionsSayHowTheyWereUsed(t *testing.T) {
	for _, c := range []struct {
		report bench.Report
		want   string
	}{
		{bench.Report{}, "opened"},
		{bench.Report{Requests: 1, Opened: 1}, "opened; 0 % of the requests reused one"},
		{bench.Report{Requests: 100, Opened: 4}, "opened; 96.0 % of the requests reused one"},
		{bench.Report{Requests: 100, Settings: bench.Settings{Warmup: time.Second}}, "opened after the warm-up; 100 % of the requests reused one"},
		{bench.Report{Requests: 2, Opened: 5}, "opened; 0 % of the requests reused one"}, // some opened and were never used
		{bench.Report{Requests: 100, Opened: 4, Redials: 3}, "opened, 3 of them in place of an idle one that the target had closed; 96.0 % of the requests reused one"},
	} {
		if got := reuse(&c.report); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestAGeneratorWithoutWorkSaysSo(t *testing.T) {
	for cores, want := range map[float64]string{0: "under 0.01 cores", 0.004: "under 0.01 cores", 0.01: "0.01 cores", 1: "1.00 cores", 15.96: "16.0 cores"} {
		if got := inUse(cores); got != want {
			t.Errorf("%v: %q, want %q", cores, got, want)
		}
	}
}
