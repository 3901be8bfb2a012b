package term

import (
	"bytes"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCountsHaveTheirGroupsApart(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -100: "-100", -1000: "-1,000"} {
		if got := Count(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if got := Plural(1, "request") + ", " + Plural(2000, "request"); got != "1 request, 2,000 requests" {
		t.Error(got)
	}
}

func TestABarIsDrawnToAnEighth(t *testing.T) {
	for share, want := range map[float64]string{-1: "", 0: "", 0.5: "████", 1: "████████", 2: "████████", 0.55: "████▍"} {
		if got := Bar(share, 8); got != want {
			t.Errorf("%v: %q, want %q", share, got, want)
		}
	}
}

func TestColumnsCountCharactersNotBytes(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Left("µs", 4), "µs  "}, {Right("µs", 4), "  µs"}, {Left("long", 2), "long"}, {Right("long", 2), "long"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestColourIsWrittenOnlyWhereItIsWanted(t *testing.T) {
	on, off := Paint{Colour: true}, Paint{}
	for _, c := range []struct{ got, want string }{
		{on.Bold("x"), "\x1b[1mx\x1b[0m"}, {on.Dim("x"), "\x1b[2mx\x1b[0m"}, {on.Red("x"), "\x1b[31mx\x1b[0m"},
		{on.Green("x"), "\x1b[32mx\x1b[0m"}, {on.Yellow("x"), "\x1b[33mx\x1b[0m"}, {on.Cyan("x"), "\x1b[36mx\x1b[0m"},
		{on.Red(""), ""}, {off.Red("x"), "x"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestWhatIsNoTerminalIsWrittenPlainly(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if s := Look(file); s != (Screen{}) {
		t.Errorf("a file: %+v", s)
	}
	if s := Look(&bytes.Buffer{}); s != (Screen{}) {
		t.Errorf("a buffer: %+v", s)
	}
}

func TestACountIsReadBackWithoutItsCommas(t *testing.T) {
	for n := int64(1); n > 0 && n < math.MaxInt64/7; n *= 7 {
		for _, v := range []int64{n, -n, n - 1} {
			text := Count(v)
			if got, err := strconv.ParseInt(strings.ReplaceAll(text, ",", ""), 10, 64); err != nil || got != v {
				t.Errorf("%d is written %q", v, text)
			}
			groups := strings.Split(strings.TrimPrefix(text, "-"), ",")
			for i, g := range groups {
				if len(g) > 3 || i > 0 && len(g) != 3 || g == "" {
					t.Errorf("%d is written %q", v, text)
				}
			}
		}
	}
	for n, want := range map[int64]string{math.MaxInt64: "9,223,372,036,854,775,807", math.MinInt64: "-9,223,372,036,854,775,808"} {
		if got := Count(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestOnlyOneIsSingular(t *testing.T) {
	for n, want := range map[int64]string{-1: "-1 requests", 0: "0 requests", 1: "1 request", 2: "2 requests", 1001: "1,001 requests"} {
		if got := Plural(n, "request"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// eighths is how long a bar is drawn.
func eighths(bar string) int {
	n := 0
	for _, r := range bar {
		n += strings.IndexRune("▏▎▍▌▋▊▉█", r)/len("█") + 1
	}
	return n
}

func TestABarGrowsWithItsShareAndNeverLeavesItsWidth(t *testing.T) {
	for _, width := range []int{0, 1, 7, 40, 200} {
		before := 0
		for i := -10; i <= 1100; i++ {
			bar := Bar(float64(i)/1000, width)
			n := eighths(bar)
			if n < before || utf8.RuneCountInString(bar) > width {
				t.Errorf("width %d: %d eighths behind %d: %q", width, n, before, bar)
			}
			if want := math.Round(min(max(float64(i)/1000, 0), 1) * float64(width) * 8); math.Abs(float64(n)-want) > 1 {
				t.Errorf("width %d: %d eighths for %d of 1000, want %v", width, n, i, want)
			}
			before = n
		}
		if before != 8*width {
			t.Errorf("width %d: %d eighths at the end", width, before)
		}
	}
	for _, share := range []float64{math.Inf(-1), math.Inf(1), math.NaN()} {
		if n := utf8.RuneCountInString(Bar(share, 5)); n > 5 {
			t.Errorf("%v: %d wide", share, n)
		}
	}
	if got := Bar(0.5, -3); got != "" {
		t.Errorf("in no room: %q", got)
	}
}

func TestPaddedTextIsAsWideAsAskedForAndKeepsItsLetters(t *testing.T) {
	for _, text := range []string{"", "a", "µs", "日本", "a very long text"} {
		for width := -1; width < 20; width++ {
			left, right := Left(text, width), Right(text, width)
			want := max(width, utf8.RuneCountInString(text))
			if utf8.RuneCountInString(left) != want || utf8.RuneCountInString(right) != want {
				t.Errorf("%q to %d: %q and %q", text, width, left, right)
			}
			if strings.TrimRight(left, " ") != text || strings.TrimLeft(right, " ") != text {
				t.Errorf("%q to %d: %q and %q", text, width, left, right)
			}
		}
	}
}
