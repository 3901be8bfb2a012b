package tomlfile

import (
	"fmt"
	"strings"
	"testing"

	"weir/internal/conf"
)

// fitted parses a text, fits it to a shelf and writes what remains.
func fitted(t *testing.T, text string) (kept, said string) {
	t.Helper()
	var s shelf
	said = decode(t, text, &s)
	s.Ratio = 0
	return strings.TrimSpace(fmt.Sprintf("%q %d %v %v %v %v %v %v", s.Name, s.Count, s.On, s.Timeout, s.Tags, s.Set, len(s.Boxes), len(s.Rows))), said
}

func TestWhatFitsIsKeptBesideWhatDoesNot(t *testing.T) {
	for _, c := range []struct{ text, kept, said string }{
		{
			text: ``,
			kept: `"" 0 false 0s [] map[] 0 0`,
		},
		{
			text: "name = \"a\"\ncount = 0b11\non = true\ntimeout = \"5s\"\ntags = [\"x\"]",
			kept: `"a" 3 true 5s [x] map[] 0 0`,
		},
		{
			text: "name = \"a\"\ncount = \"x\"",
			kept: `"a" 0 false 0s [] map[] 0 0`,
			said: "count",
		},
		{
			text: "set = { a = \"1\", b = 2 }",
			kept: `"" 0 false 0s [] map[a:1] 0 0`,
			said: "set.b",
		},
		{
			text: "tags = [\"a\", 1, \"c\"]",
			kept: `"" 0 false 0s [a  c] map[] 0 0`,
			said: "tags[1]",
		},
		{
			text: "boxes = { a = {}, b = 5 }",
			kept: `"" 0 false 0s [] map[] 1 0`,
			said: "boxes.b",
		},
		{
			text: "rows = [{}, 5]",
			kept: `"" 0 false 0s [] map[] 0 2`,
			said: "rows[1]",
		},
		{
			text: "rows = {}",
			kept: `"" 0 false 0s [] map[] 0 1`,
		},
		{
			text: "name = \"${NONE}\"\ncount = 1",
			kept: `"" 1 false 0s [] map[] 0 0`,
			said: "NONE",
		},
		{
			text: "name = \"${PORT}\"",
			kept: `"8080" 0 false 0s [] map[] 0 0`,
		},
		{
			text: "on = 1979-05-27",
			kept: `"" 0 false 0s [] map[] 0 0`,
			said: "1979-05-27 is not true or false",
		},
	} {
		kept, said := fitted(t, c.text)
		if kept != c.kept || !strings.Contains(said, c.said) || c.said == "" && said != "" {
			t.Errorf("%q keeps %s and says %q,\nwant %s and %q", c.text, kept, said, c.kept, c.said)
		}
	}
}

func TestHintsSayHowToWriteIt(t *testing.T) {
	for _, c := range []struct{ text, hint string }{
		{`name = 5`, `write it in quotes: "5"`},
		{`name = true`, `write it in quotes: "true"`},
		{`name = ["a"]`, `write one text in quotes`},
		{`name = {}`, `write one text in quotes`},
		{`count = "5"`, `write it without quotes: 5`},
		{`on = "yes"`, `write true or false, without quotes`},
		{`timeout = 5`, `write a number and a unit, such as "500ms", "5s" or "1h30m", or "off"`},
		{`max = 1.5`, `write a whole number, such as 200, or "off"`},
		{`inner = "x"`, `write { key = … }, or a header [inner]`},
		{`boxes.a = 5`, `write { key = … }, or a header [boxes.a]`},
		{`token = []`, `write { env = "NAME" } or { file = "/path" }`},
		{`nmae = "x"`, `did you mean name? valid keys are name, count, small`},
		{`weight = 5`, `valid keys are name, count`},
		{`mode = "off"`, `did you mean inner.mode?`},
		{`inner.name = "x"`, `name stands at the top of a file, before the first [table]; valid keys are size, mode`},
		{`inner.mdoe = "x"`, `did you mean mode? valid keys are size, mode`},
	} {
		_, said := fitted(t, c.text)
		if !strings.Contains(said, "hint: "+c.hint) {
			t.Errorf("%s gave\n%swant the hint %s", c.text, said, c.hint)
		}
	}
}

func TestAMisspeltKeyExplainsTheMissingOne(t *testing.T) {
	// Without the cause that unknown notes for the key that was meant, a room would add "count is
	// missing" to "there is no key cuont".
	var s shelf
	r := &Report{}
	root := Parse(NewFile("x", []byte("cuont = 5"), 1), r)
	Decode(root, &s, Sources{}, r)
	before := len(r.Findings())
	p := newProblem("count", "count is missing")
	r.Place(root, p)
	if got := len(r.Findings()); before != 1 || got != 1 {
		t.Errorf("%d findings, then %d, want 1 and 1:\n%s", before, got, all(r))
	}
	r.Place(root, newProblem("small", "small is missing"))
	if got := len(r.Findings()); got != 2 {
		t.Errorf("%d findings, want 2:\n%s", got, all(r))
	}
}

func newProblem(key, text string) []conf.Problem {
	p := conf.NewProblems()
	p.Add(key, text, "")
	return p.List()
}

func TestTheMeantKeyAloneDoesNotFailAReport(t *testing.T) {
	r := &Report{}
	r.add(Finding{path: []string{"a"}, cause: true})
	if r.Failed() || len(r.Findings()) != 0 {
		t.Error("a cause is taken for a finding")
	}
}

func TestDeepNestingDoesNotHurt(t *testing.T) {
	for _, text := range []string{
		"name = " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"set = " + strings.Repeat("{ a = ", 3000) + "1" + strings.Repeat(" }", 3000),
		"a" + strings.Repeat(".a", 5000) + " = 1",
		"[a" + strings.Repeat(".a", 5000) + "]",
		"name = " + strings.Repeat("[", 20000),
	} {
		if _, said := fitted(t, text); said == "" {
			t.Errorf("%.20s… is taken", text)
		}
	}
}
