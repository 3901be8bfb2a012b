package tomlfile

import (
	"fmt"
	"strings"
	"testing"
)

func TestAFindingIsWrittenForAPerson(t *testing.T) {
	// The shape is that of docs/style: place, key and trouble; source line; caret and tildes; hint.
	text := strings.Repeat("\n", 41) + `rate = "100 per sec"` + "\n"
	f := NewFile("weir.toml", []byte(text), 1)
	start := strings.Index(text, `"100`)
	got := Finding{
		At:   Span{f, start, start + len(`"100 per sec"`)},
		Key:  "policies.partners.rate_limit.rate",
		Text: `"100 per sec" is not a rate`,
		Hint: `write a count and a unit, such as "100/s" or "6000/m"`,
	}.String()
	want := `weir.toml:42:8: policies.partners.rate_limit.rate: "100 per sec" is not a rate
    rate = "100 per sec"
           ^~~~~~~~~~~~~
  hint: write a count and a unit, such as "100/s" or "6000/m"
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPartsThatAreMissingLeaveNoTrace(t *testing.T) {
	f := NewFile("x", []byte("a = 1\n\n"), 1)
	for _, c := range []struct {
		f    Finding
		want string
	}{
		{Finding{Text: "t"}, "t\n"},
		{Finding{Text: "t", Key: "k"}, "k: t\n"},
		{Finding{Text: "t", Hint: "h"}, "t\n  hint: h\n"},
		{Finding{Text: "t", Warning: true, Key: "k"}, "warning: k: t\n"},
		{Finding{Text: "t", At: Span{f, 4, 5}}, "x:1:5: t\n    a = 1\n        ^\n"},
		{Finding{Text: "t", At: Span{f, 0, 0}}, "x:1:1: t\n"},
		{Finding{Text: "t", At: Span{f, 6, 7}}, "x:2:1: t\n"},
		{Finding{Text: "t", At: Span{f, 4, 7}}, "x:1:5: t\n    a = 1\n        ^\n"},
	} {
		if got := c.f.String(); got != c.want {
			t.Errorf("%+v is\n%q\nwant\n%q", c.f, got, c.want)
		}
	}
}

func TestTheCaretStandsBelowWhatIsWrong(t *testing.T) {
	for _, line := range []string{
		`key = X`, `  key = X`, "\tkey = X # ü", `ключ = X`, `a = { b = X, c = "日本" }`, `a = ["日本", X]`, "a\t=\tX\t# tab",
	} {
		f := NewFile("x", []byte("first = 1\n"+line+"\nlast = 1\n"), 1)
		at := strings.Index(string(f.text), "X")
		lines := strings.Split(Finding{At: Span{f, at, at + 1}, Text: "t"}.String(), "\n")
		source, caret := []rune(lines[1]), []rune(lines[2])
		if i := len(caret) - 1; caret[i] != '^' || source[i] != 'X' {
			t.Errorf("%q is shown as\n%s\n%s", line, lines[1], lines[2])
		}
	}
}

func TestALongLineIsCutAroundWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ before, behind int }{{0, 5000}, {5000, 0}, {5000, 5000}, {70, 5000}, {100, 100}} {
		text := strings.Repeat("ü", c.before) + "WRONG" + strings.Repeat("é", c.behind)
		f := NewFile("x", []byte(text), 1)
		at := strings.Index(text, "WRONG")
		lines := strings.Split(Finding{At: Span{f, at, at + 5}, Text: "t"}.String(), "\n")
		source, caret := []rune(lines[1]), []rune(lines[2])
		i := len(caret) - len("^~~~~")
		if len(lines[1]) > widest+20 || string(source[i:i+5]) != "WRONG" || string(caret[i:]) != "^~~~~" {
			t.Errorf("%d before and %d behind are shown as\n%s\n%s", c.before, c.behind, lines[1], lines[2])
		}
	}
}

// FuzzRender: no span of any text makes the rendering panic or show what was masked.
func FuzzRender(f *testing.F) {
	f.Add([]byte("a = 1\n\ttoken = \"hidden\"\r\n"), 0, 3, 12, 20)
	f.Add([]byte("\xff\xfe"), 0, 1, 1, 2)
	f.Add([]byte(""), 0, 0, 0, 0)
	f.Fuzz(func(t *testing.T, text []byte, a, b, c, d int) {
		file := NewFile("x", text, 1)
		n := len(file.text) + 1
		clamp := func(i int) int { return ((i % n) + n) % n }
		from, to := clamp(a), clamp(b)
		file.mask(Span{file, min(clamp(c), clamp(d)), max(clamp(c), clamp(d))})
		got := Finding{At: Span{file, min(from, to), max(from, to)}, Text: "t"}.String()
		if !strings.HasPrefix(got, "x:") || strings.ContainsAny(got, "\x00\x1b") {
			t.Fatalf("%q is shown as %q", text, got)
		}
	})
}

func TestAReportCountsWhatItFound(t *testing.T) {
	for _, c := range []struct {
		problems, warnings int
		want               string
	}{
		{0, 0, ""},
		{1, 0, "no 0\n\n1 problem\n"},
		{0, 1, "warning: careful 0\n\n1 warning\n"},
		{2, 1, "warning: careful 0\n\nno 0\n\nno 1\n\n2 problems, 1 warning\n"},
		{0, 2, "warning: careful 0\n\nwarning: careful 1\n\n2 warnings\n"},
	} {
		r := &Report{}
		for i := range c.problems {
			r.Note(Finding{Text: fmt.Sprintf("no %d", i)})
		}
		for i := range c.warnings {
			r.Note(Finding{Text: fmt.Sprintf("careful %d", i), Warning: true})
		}
		if got := r.String(); got != c.want {
			t.Errorf("%d problems, %d warnings: got\n%s\nwant\n%s", c.problems, c.warnings, got, c.want)
		}
	}
}

func TestAReportIsAListInJSON(t *testing.T) {
	r := &Report{}
	if got := string(r.JSON()); got != "[]\n" {
		t.Errorf("of nothing: %q", got)
	}
	r.Note(Finding{Text: "no"})
	if got := string(r.JSON()); !strings.HasPrefix(got, "[\n  {\n    \"file\": \"\",\n    \"line\": 0,") || !strings.HasSuffix(got, "\"severity\": \"error\"\n  }\n]\n") {
		t.Errorf("of one: %s", got)
	}
}
