package term

import (
	"bytes"
	"os"
	"testing"
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
