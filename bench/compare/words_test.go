package compare

import (
	"strings"
	"testing"
)

func TestFiguresAreWrittenInTheirUnits(t *testing.T) {
	of := func(k kind) *Figure { return &Figure{of: &figure{kind: k}} }
	for _, c := range []struct {
		line *Figure
		x    float64
		want string
	}{
		{of(latency), 950, "0.9 µs"},
		{of(latency), 123_456, "123.5 µs"},
		{of(latency), 20_714_000, "20.71 ms"},
		{of(latency), 9_999_000_000, "9999.00 ms"},
		{of(latency), 12_345_000_000, "12.35 s"},
		{of(throughput), 48_123.46, "48123.5/s"},
		{of(failures), 0.0123, "1.23 %"},
	} {
		if got := c.line.value(c.x); got != c.want {
			t.Errorf("%v is %q, want %q", c.x, got, c.want)
		}
	}
}

func TestChangesCarryASignUnlessTheyAreNone(t *testing.T) {
	for x, want := range map[float64]string{0.0984: "+9.8 %", -0.0984: "−9.8 %", 0: "0.0 %", -0.0001: "0.0 %", 12: "+1200 %"} {
		if got := (&Figure{of: &figures[0]}).change(x); got != want {
			t.Errorf("%v is %q, want %q", x, got, want)
		}
	}
	for x, want := range map[float64]string{0.02: "+2.00 pt", -0.0004: "−0.04 pt", 0: "0.00 pt"} {
		if got := (&Figure{of: &figures[len(figures)-1]}).change(x); got != want {
			t.Errorf("%v is %q, want %q", x, got, want)
		}
	}
}

func TestTolerancesAreWrittenWithoutIdleDigits(t *testing.T) {
	for share, want := range map[float64]string{0.05: "5 %", 0.2: "20 %", 0.025: "2.5 %", 0: "0 %", 0.1234: "12.34 %"} {
		if got := percent(share); got != want {
			t.Errorf("%v is %q, want %q", share, got, want)
		}
	}
}

func TestNumbersAreGroupedByThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestColumnsCountCharactersAndNotBytes(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{{"−1", 4, "  −1"}, {"–", -3, "–  "}, {"too long", 3, "too long"}} {
		if got := pad(c.text, c.width); got != c.want {
			t.Errorf("%q in %d is %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func figureOf(name string) *figure {
	for i := range figures {
		if figures[i].name == name {
			return &figures[i]
		}
	}
	panic(name)
}

// line is a judged figure by its name.
func line(name string, change, half, tolerance float64) Figure {
	l := newFigure(figureOf(name), 0, change)
	l.judge(change, half, tolerance, tolerance)
	return l
}

func TestAFigureIsJudgedByItsIntervalAndTheTolerance(t *testing.T) {
	for _, c := range []struct {
		about        string
		name         string
		change, half float64
		verdict      Verdict
		beyond       bool
	}{
		{"slower beyond both", "p99", 0.10, 0.04, Worse, true},
		{"slower beyond chance alone", "p99", 0.03, 0.02, Worse, false},
		{"much slower, but that may be chance", "p99", 0.10, 0.11, Unclear, false},
		{"nothing, and nothing large is possible", "p99", 0.01, 0.03, Alike, false},
		{"nothing, but much is possible", "p99", 0, 0.2, Unclear, false},
		{"faster beyond both", "p99", -0.10, 0.04, Better, true},
		{"faster beyond chance alone", "p99", -0.03, 0.02, Better, false},
		{"fewer answers", "throughput", -0.10, 0.04, Worse, true},
		{"more answers", "throughput", 0.10, 0.04, Better, true},
		{"the sums of the same numbers", "throughput", 1e-16, 0, Alike, false},
		{"more errors", "errors", 0.10, 0.04, Worse, true},
		{"fewer errors", "errors", -0.10, 0.04, Better, true},
		{"errors that come and go", "errors", 0.02, 0.04, Unclear, false},
	} {
		l := line(c.name, c.change, c.half, 0.05)
		if l.Verdict != c.verdict || l.Beyond != c.beyond || l.Regression != (c.beyond && c.verdict == Worse) || l.Low > l.Change || l.Change > l.High {
			t.Errorf("%s: %+v; want %s, beyond %v", c.about, l, c.verdict, c.beyond)
		}
	}
}

func TestTheTablesVerdictIsThatOfItsFigures(t *testing.T) {
	alike, p50 := line("mean", 0, 0.01, 0.05), line("p50", 0, 0.01, 0.05)
	slower, faster := line("p99", 0.1, 0.04, 0.05), line("p90", -0.1, 0.04, 0.05)
	little, unclear := line("p99", 0.03, 0.02, 0.05), line("p99", 0, 0.2, 0.05)
	hopeless := line("slowest 0.5 %", 0, 0.9, 0.05)
	broken, unsteady, mended := line("errors", 0.005, 0.04, 0.05), line("throughput", 0, 0.5, 0.05), line("errors", -0.2, 0.04, 0.05)
	nothing := newFigure(&figures[0], 0, 0)
	missing := newFigure(figureOf("p99"), 0, 0)
	missing.Needs = 1000
	for _, c := range []struct {
		about   string
		figures []Figure
		verdict Verdict
		text    string
	}{
		{"nothing found", []Figure{alike, p50}, Alike, "No difference found."},
		{"one slower", []Figure{alike, slower}, Worse, "B is slower by 10.5 % at p99 (+6.2 % to +15.0 %, 95 % sure): beyond the tolerance of 5 %."},
		{"one faster", []Figure{alike, faster}, Better, "B is faster by 9.5 % at p90 ("},
		{"both", []Figure{faster, slower}, Mixed, "beyond the tolerance of 5 %. B is faster by 9.5 % at p90 ("},
		{"a little", []Figure{alike, little}, Alike, "No difference beyond the tolerance of 5 %. B is slower by 3.0 % at p99 ("},
		{"much is possible at p99", []Figure{alike, unclear}, Unclear, "Can't tell: too little data or too unsteady. At p99 B may be −18.1 % to +22.1 %"},
		{"much is possible in the far tail, where it always is", []Figure{alike, hopeless}, Alike, "No difference found."},
		{"too few for p99", []Figure{alike, missing}, Unclear, "Can't tell: too little data: p99 needs 1,000 answers a side."},
		{"errors that may be many", []Figure{alike, broken}, Unclear, "Can't tell: too little data or too unsteady. In errors B may be −3.50 pt to +4.50 pt"},
		{"an unsteady throughput", []Figure{alike, unsteady}, Unclear, "In throughput B may be −39.3 % to +64.9 %"},
		{"all of it unclear", []Figure{alike, unclear, unsteady, broken}, Unclear, "At p99 B may be"},
		{"errors and throughput unclear", []Figure{alike, unsteady, broken}, Unclear, "In errors B may be"},
		{"A hardly answered", []Figure{nothing, missing, mended}, Better, "B is better by 20.00 pt in errors"},
		{"too few for all", []Figure{nothing, missing}, TooFew, "Can't tell: too little data; a side needs 4 s and 20 answers."},
		{"slower, with too few for the rest", []Figure{slower, nothing}, Worse, "B is slower"},
	} {
		r := &Result{Tolerance: 0.05, Figures: c.figures}
		r.conclude()
		if r.Verdict != c.verdict || !strings.Contains(r.Text, c.text) || r.Regression != (c.verdict == Worse || c.verdict == Mixed) {
			t.Errorf("%s: %s (regression: %v): %s; want %s: %s", c.about, r.Verdict, r.Regression, r.Text, c.verdict, c.text)
		}
	}
}

func TestTheSentenceNamesP99FirstAndTheOthersBehind(t *testing.T) {
	mean, p99, far := line("mean", 0.2, 0.01, 0.05), line("p99", 0.1, 0.01, 0.05), line("p99.5", 0.3, 0.01, 0.05)
	slow, rate := line("slowest 0.5 %", 0.1, 0.01, 0.05), line("throughput", -0.1, 0.01, 0.05)
	broken, upper := line("errors", 0.1, 0.01, 0.05), line("p90 to p99", 0.2, 0.01, 0.05)
	for _, c := range []struct {
		lines []*Figure
		want  string
	}{
		{[]*Figure{&mean, &p99, &far}, "B is slower by 10.5 % at p99 (+9.4 % to +11.6 %, 95 % sure), and differs likewise in mean, p99.5"},
		{[]*Figure{&mean}, "B is slower by 22.1 % on average ("},
		{[]*Figure{&slow}, "B is slower by 10.5 % at the slowest 0.5 % ("},
		{[]*Figure{&rate}, "B is worse by 9.5 % in throughput ("},
		{[]*Figure{&rate, &broken}, "B is worse by 10.00 pt in errors (+9.00 pt to +11.00 pt, 95 % sure), and differs likewise in throughput"},
		{[]*Figure{&slow, &rate, &broken}, "B is slower by 10.5 % at the slowest 0.5 % (+9.4 % to +11.6 %, 95 % sure), and differs likewise in throughput, errors"},
		{[]*Figure{&upper, &far}, "B is slower by 22.1 % from p90 to p99 ("},
	} {
		if got := sentence(c.lines); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
