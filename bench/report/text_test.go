package report

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"weir/bench"
	"weir/internal/testkit"
)

func written(t *testing.T, r *bench.Report, o TextOptions) string {
	t.Helper()
	var out bytes.Buffer
	if err := Text(&out, r, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestReportsReadAsTheyShould(t *testing.T) {
	for name, r := range map[string]*bench.Report{
		"minute": twoHumps(), "classes": withClasses(), "invalid": late(), "frozen": frozen(), "nothing": nothing(), "refused": refused(), "closed": single(),
	} {
		text := written(t, r, TextOptions{})
		testkit.Golden(t, "testdata/"+name+".txt", text)
		for _, line := range strings.Split(text, "\n") {
			if utf8.RuneCountInString(line) > 80 || strings.TrimRight(line, " ") != line {
				t.Errorf("%s: a line of %d columns: %q", name, utf8.RuneCountInString(line), line)
			}
		}
	}
	testkit.Golden(t, "testdata/classes.colour.txt", written(t, withClasses(), TextOptions{Colour: true, Width: 100}))
}

func TestColourChangesNoLetter(t *testing.T) {
	escapes := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for name, r := range map[string]*bench.Report{"classes": withClasses(), "invalid": late()} {
		plain, coloured := written(t, r, TextOptions{}), written(t, r, TextOptions{Colour: true})
		if plain == coloured || escapes.ReplaceAllString(coloured, "") != plain {
			t.Errorf("%s: without its codes the coloured text is another", name)
		}
	}
}

func TestAnInvalidRunHasNoLatencies(t *testing.T) {
	r := late()
	r.Classes = withClasses().Classes
	text := written(t, r, TextOptions{})
	for _, bad := range []string{"p99.9", "Distribution", latency(r.Latency.P50), latency(r.Latency.Mean), "read order"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is in:\n%s", bad, text)
		}
	}
	for _, want := range []string{"INVALID: The generator sent 2711 of 59564", "-r", "cores", "--max-lag"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
}

func TestForeignTextCannotCommandTheTerminal(t *testing.T) {
	const evil = "\x1b[2J\x07\u202eevil\x9b1m\r\nnext\xff"
	r := withClasses()
	r.Target, r.Program, r.Classes[0].Name = "http://h/"+evil, evil, evil
	r.FirstFailures["timeout"] = evil
	r.Invalid = nil
	for _, text := range []string{written(t, r, TextOptions{}), written(t, &bench.Report{Invalid: []string{evil}}, TextOptions{})} {
		if strings.ContainsAny(text, "\x1b\x07\r\u202e\u009b") || !utf8.ValidString(text) {
			t.Errorf("%q", text)
		}
	}
}

func TestAnEmptyReportAndNarrowScreensAreNoTrouble(t *testing.T) {
	for _, width := range []int{-1, 1, 72, 1000} {
		if text := written(t, &bench.Report{}, TextOptions{Width: width}); !strings.Contains(text, "NOTHING ENDED") {
			t.Errorf("width %d:\n%s", width, text)
		}
		r := withClasses()
		r.Classes[0].Name, r.Target = strings.Repeat("näme", 60), "http://"+strings.Repeat("x", 300)
		for _, line := range strings.Split(written(t, r, TextOptions{Width: width}), "\n") {
			if n := utf8.RuneCountInString(line); n > max(72, min(width, 120)) {
				t.Errorf("width %d: %d columns in %q", width, n, line)
			}
		}
	}
}

func TestFiguresHaveThreeDigitsInTheUnitThatFits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 µs", 1: "0.0010 µs", 512: "0.51 µs", 9_994: "9.99 µs", 9_996: "10.0 µs", 99_960: "100 µs", 999_499: "999 µs", 999_500: "1.00 ms",
		12_345_678: "12.3 ms", 999_499_999: "999 ms", 999_500_000: "1.00 s", 12_345_000_000: "12.3 s", 600_000_000_000: "600 s",
	} {
		if got := latency(d); got != want {
			t.Errorf("latency %d: %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		250 * time.Millisecond: "250 ms", time.Second: "1 s", 12_340 * time.Millisecond: "12.3 s", 60 * time.Second: "1 min",
		90 * time.Second: "1 min 30 s", time.Hour: "1 h", 125 * time.Minute: "2 h 5 min",
	} {
		if got := span(d); got != want {
			t.Errorf("span %v: %q, want %q", d, got, want)
		}
	}
	for n, want := range map[float64]string{0: "0 B", 999: "999 B", 1000: "1.00 kB", 1_500_000: "1.50 MB", 2e9: "2.00 GB", 7.5e12: "7.50 TB"} {
		if got := size(n); got != want {
			t.Errorf("size %v: %q, want %q", n, got, want)
		}
	}
}

func TestOnlyAllIsAHundredPercent(t *testing.T) {
	for _, c := range []struct {
		n, of int64
		want  string
	}{
		{0, 0, "–"}, {0, 5, "0 %"}, {5, 5, "100 %"}, {1, 3, "33.3 %"}, {1, 1000, "0.1 %"}, {1, 1_000_000, "< 0.001 %"},
		{999_999, 1_000_000, "> 99.999 %"}, {99_998, 100_000, "99.998 %"}, {998, 1000, "99.8 %"}, {1, 2, "50.0 %"}, {59_520, 59_564, "99.92 %"}, {199_999, 200_000, "> 99.999 %"},
	} {
		if got := percent(c.n, c.of); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.n, c.of, got, c.want)
		}
	}
}

func TestWrappingLosesNoLetter(t *testing.T) {
	for _, c := range []struct {
		words string
		width int
		want  string
	}{
		{"", 5, ""}, {"one two", 7, "one two"}, {"one two", 6, "one|two"}, {"abcdefgh", 3, "abc|def|gh"},
		{"a bcdefgh i", 3, "a|bcd|efg|h i"}, {"µµµµ µ", 4, "µµµµ|µ"},
		{"it took 12 ms", 10, "it took|12 ms"}, {"of 99.89 % of", 9, "of|99.89 %|of"}, {"in 10 steps", 5, "in 10|steps"}, {"a\u00a0b", 3, "a b"},
	} {
		if got := strings.Join(wrap(c.words, c.width), "|"); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.words, c.width, got, c.want)
		}
	}
}

func TestAWriterThatFailsIsReported(t *testing.T) {
	if err := Text(failing{}, single(), TextOptions{}); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if err := HTML(failing{}, single(), nil); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }
