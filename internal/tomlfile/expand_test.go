package tomlfile

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func environment(name string) (string, bool) {
	v, ok := map[string]string{"PORT": "8080", "HOST": "a.example", "EMPTY": "", "NESTED": "${PORT}", "ODD": "\xff"}[name]
	return v, ok
}

func TestVariablesAreReplacedInText(t *testing.T) {
	for _, c := range []struct{ text, want, wrong string }{
		{text: "plain", want: "plain"},
		{text: "${PORT}", want: "8080"},
		{text: "${HOST}:${PORT}", want: "a.example:8080"},
		{text: "${NONE:-80}", want: "80"},
		{text: "${NONE:-}", want: ""},
		{text: "${EMPTY:-80}", want: "80"},
		{text: "${EMPTY}", want: ""},
		{text: "${PORT:-80}", want: "8080"},
		{text: "${NONE:-a:-b}", want: "a:-b"},
		{text: "$${PORT}", want: "${PORT}"},
		{text: "a$${b$${", want: "a${b${"},
		{text: "$PORT $ {PORT} $1", want: "$PORT $ {PORT} $1"},
		{text: "${NESTED}", want: "${PORT}"}, // a value is not looked at again
		{text: "${NONE}", wrong: "the environment variable NONE is not set"},
		{text: "a${NONE}b", wrong: "the environment variable NONE is not set"},
		{text: "${}", wrong: `"${}" names no environment variable`},
		{text: "${1A}", wrong: `"${1A}" names no environment variable`},
		{text: "${A B}", wrong: `"${A B}" names no environment variable`},
		{text: "${PORT", wrong: `"${PORT" names no environment variable`},
		{text: "${ODD}", wrong: "the environment variable ODD is not valid UTF-8"},
	} {
		got, wrong, _ := expandText(c.text, environment)
		if wrong != c.wrong || wrong == "" && got != c.want {
			t.Errorf("%q gave %q and %q, want %q and %q", c.text, got, wrong, c.want, c.wrong)
		}
	}
}

func TestMissingVariablesAreFoundEverywhere(t *testing.T) {
	root, r := parsed(t, `a = "${A}"
[b]
c = ["x", { d = "${B}" }]
[[e]]
f = "${PORT}"
`)
	root.Expand(r, environment)
	got := all(r)
	for _, want := range []string{
		"x.toml:1:5: a: the environment variable A is not set",
		"x.toml:3:17: b.c[1].d: the environment variable B is not set",
		"hint: set it where Weir is started, or write ${B:-default}",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
	if v := root.Get("e").Items[0].Get("f").Text; v != "8080" {
		t.Errorf("e[0].f is %q, want 8080", v)
	}
}

func TestKeysAreNotExpanded(t *testing.T) {
	root, r := parsed(t, `"${PORT}" = 1`)
	root.Expand(r, environment)
	if root.Get("${PORT}") == nil || r.Failed() {
		t.Error("a key was replaced")
	}
}

// FuzzExpand: no text makes the expansion panic; it gives valid text or says what is wrong; and a
// text without "${" stays as it is.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{"${PORT}", "$${", "${A:-${PORT}}", "${", "$", "${PORT:-}${NONE}", "}${"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, wrong, _ := expandText(s, environment)
		switch {
		case !strings.Contains(s, "${") && (got != s || wrong != ""):
			t.Fatalf("%q became %q (%s)", s, got, wrong)
		case escaped(s) != s:
			t.Fatalf("%q was escaped and became %q", s, escaped(s))
		case wrong == "" && utf8.ValidString(s) && !utf8.ValidString(got):
			t.Fatalf("%q became %q, which is not valid UTF-8", s, got)
		}
	})
}

// escaped escapes a text and expands it again.
func escaped(s string) string {
	n := &Node{Kind: String, Text: s}
	n.Escape()
	got, _, _ := expandText(n.Text, environment)
	return got
}

func TestAnEscapedTextIsItselfAgain(t *testing.T) {
	for _, s := range []string{"", "${", "$${", "$$${A}", "${PORT}", "a$", "$"} {
		if got := escaped(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}
