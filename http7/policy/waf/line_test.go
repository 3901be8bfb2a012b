package waf

import (
	"fmt"
	"strings"
	"testing"
)

const goodRule = "SecRule ARGS \"@rx a%d\" \"id:%d,phase:2,deny\"\n"

func TestTheLineOfABadRuleIsFound(t *testing.T) {
	var many strings.Builder
	for i := range 40 {
		fmt.Fprintf(&many, goodRule, i, i+1)
	}
	for _, c := range []struct {
		what, text string
		want       int
	}{
		{"the first", "SecFoo bar\n", 1},
		{"behind comments", "# a\n\n  # b\nSecFoo bar\nSecRuleEngine On\n", 4},
		{"behind many", many.String() + "SecRule ARGS \"@rx (\" \"id:99,phase:2,deny\"\n" + "SecFoo bar\n", 41},
		{"one of several lines", "SecRuleEngine On\nSecRule ARGS \\\n  # a comment\n  \"@nothing x\" \\\n  \"id:1\"\n", 2},
		{"without a line end", "SecRuleEngine On\nSecFoo bar", 2},
		{"a number that comes twice", fmt.Sprintf(goodRule, 1, 7) + "\n" + fmt.Sprintf(goodRule, 2, 7), 3},
		{"behind a list", "SecDataset words `\nSecFoo\nb\n`\nSecFoo bar\n", 5},
		{"a list that has no end", "SecRuleEngine On\nSecDataset words `\na\n", 0},
	} {
		_, err := newEngine(own, c.text)
		if err == nil {
			t.Errorf("%s: it is taken", c.what)
			continue
		}
		if got := lineOf(c.text, err); got != c.want {
			t.Errorf("%s: line %d, want %d (%v)", c.what, got, c.want, err)
		}
	}
}

// FuzzDirectives: they lie behind each other in the text, each in lines that are not empty.
func FuzzDirectives(f *testing.F) {
	f.Add("SecRuleEngine On\n\n# c\nSecRule ARGS \\\n \"@rx a\" \"id:1\"\n")
	f.Add("SecDataset a `\nb\n`\nx\r\n\\")
	f.Fuzz(func(t *testing.T, text string) {
		last := directive{}
		lines := strings.Split(text, "\n")
		for _, d := range directives(text) {
			if d.line <= last.line || d.end <= last.end || d.end > len(text) || strings.TrimSpace(lines[d.line-1]) == "" {
				t.Fatalf("%+v behind %+v in %q", d, last, text)
			}
			last = d
		}
	})
}
