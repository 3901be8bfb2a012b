package term

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestColumnsStandOneBelowTheOther(t *testing.T) {
	red := Paint{Colour: true}.Red
	for _, c := range []struct {
		rows [][]string
		want string
	}{
		{nil, ""},
		{[][]string{{"a"}}, "- a\n"},
		{[][]string{{"a", "b"}, {"µsec", "c"}}, "- a     b\n- µsec  c\n"},
		{[][]string{{"a", "", "b"}, {"cc", "", "d"}}, "- a   b\n- cc  d\n"},
		{[][]string{{"a", "b"}, {"a long note"}, {"c", "d"}}, "- a  b\n- a long note\n- c  d\n"},
		{[][]string{{red("a"), "b"}, {"aa", "c"}}, "- " + red("a") + "   b\n- aa  c\n"},
		{[][]string{{"a", ""}, {"", "b"}}, "- a\n-    b\n"},
	} {
		if got := Columns("- ", c.rows); got != c.want {
			t.Errorf("%q:\n%q, want\n%q", c.rows, got, c.want)
		}
	}
}

func TestTextFromOutsideIsWrittenSoThatATerminalDoesNotActOnIt(t *testing.T) {
	for in, want := range map[string]string{
		"plain µ 日本": "plain µ 日本", "": "", `a"b\c`: `a"b\c`, "a\x1b[31mb": `a\x1b[31mb`, "a\r\n\t": `a\r\n\t`, "a\xffb": `a\xffb`, "\u202eab": `\u202eab`,
		"\u009b1m": `\u009b1m`, "\u00a0": `\u00a0`, "\ufffd": "\ufffd", "0123456789abcdef": "0123456789…", "ééééééééééx": "éééééééééé…",
	} {
		if got := Plain(in, 10); got != want {
			t.Errorf("%q is written as %q, want %q", in, got, want)
		}
	}
	if got := Plain(strings.Repeat("a", 1000), 0); len(got) != 1000 {
		t.Errorf("%d characters are left without a bound", len(got))
	}
}

func FuzzPlain(f *testing.F) {
	for _, s := range []string{"a", "\x1b]0;x\x07", "\xed\xa0\x80", "\u2066", strings.Repeat("é", 99)} {
		f.Add(s, 20)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		got := Plain(s, most)
		if strings.ContainsFunc(got, func(r rune) bool { return !strconv.IsPrint(r) }) || !utf8.ValidString(got) {
			t.Errorf("%q is written as %q", s, got)
		}
	})
}
