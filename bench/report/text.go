// Package report shows what package bench measured: as text, as one HTML page with pictures, and live while a run goes
// on. cmd calls it; it measures nothing, and what a run must not claim (latencies of a generator that was late) it does
// not show.
package report

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"weir/bench"
	"weir/internal/term"
)

// TextOptions say how Text writes.
type TextOptions struct {
	// Colour: with the colours of a terminal. Default: none.
	Colour bool
	// Width is how many columns there are. Default: 80; less than 72 counts as that, more than 120 as that.
	Width int
}

// Text writes r for a reader. The latencies of an invalid run are left out, and it says why and what helps.
// It returns w's error. What came from the target or the command line is written without control characters.
func Text(w io.Writer, r *bench.Report, o TextOptions) error {
	if o.Width == 0 {
		o.Width = 80
	}
	t := text{paint: term.Paint{Colour: o.Colour}, width: min(max(o.Width, 72), 120)}
	t.head(r)
	summary, failures, answers, own := figures(r), failed(r), statuses(r), generator(r)
	t.measure(summary, failures, answers, own)
	t.figures("", summary)
	t.figures("Failures", failures)
	t.figures("Statuses", answers)
	if r.Valid() && r.OK > 0 {
		t.latencies(r)
		t.classes(r)
	}
	t.figures("Generator", own)
	if words := remarks(r); words != nil {
		t.section("Remarks")
		for _, s := range words {
			t.wrap("  ", "  ", s)
		}
	}
	t.line("")
	_, err := io.WriteString(w, t.out.String())
	return err
}

// text is a text report under way.
type text struct {
	out   strings.Builder
	paint term.Paint
	width int
	// label and value are the widths of the columns that all lists of figures share.
	label, value int
}

// measure makes the columns wide enough for all that figures will write.
func (t *text) measure(lists ...[]figure) {
	t.label = 12
	for _, list := range lists {
		for _, f := range list {
			t.value = max(t.value, utf8.RuneCountInString(f.Value))
			t.label = max(t.label, utf8.RuneCountInString(f.Label)+1)
		}
	}
}

func (t *text) line(parts ...string) {
	t.out.WriteString(strings.TrimRight(strings.Join(parts, ""), " ") + "\n")
}

func (t *text) section(title string) { t.line("\n  ", t.paint.Bold(title)) }

func (t *text) head(r *bench.Report) {
	t.line("")
	for i, l := range wrap(clean(r.Target), t.width-2) {
		if i == 0 && r.Program != "" && utf8.RuneCountInString(l)+utf8.RuneCountInString(r.Program)+5 <= t.width {
			t.line("  ", t.paint.Bold(l), t.paint.Dim("  "+clean(r.Program)))
			continue
		}
		t.line("  ", t.paint.Bold(l))
	}
	for _, l := range wrap(strings.Join(settings(r), " · "), t.width-2) {
		t.line("  ", t.paint.Dim(l))
	}
	for _, n := range notices(r) {
		colour := t.paint.Yellow
		if n.Level == failure {
			colour = t.paint.Red
		}
		t.line("")
		for i, s := range n.Text {
			head := ""
			if i == 0 {
				head = n.Head + ": "
			}
			for j, l := range wrap(head+clean(s), t.width-2) {
				if rest, ok := strings.CutPrefix(l, n.Head+":"); ok && i+j == 0 {
					l = colour(n.Head+":") + rest
				}
				t.line("  ", l)
			}
		}
	}
	t.line("")
}

// figures writes a column of labels, one of values, and what is to be said of them.
func (t *text) figures(title string, list []figure) {
	if len(list) == 0 {
		return
	}
	if title != "" {
		t.section(title)
	}
	for _, f := range list {
		shown := term.Right(f.Value, t.value)
		if f.Bad {
			shown = t.paint.Red(shown)
		}
		lines := wrap(clean(f.Note), t.width-t.label-t.value-5)
		t.line("  ", term.Left(f.Label, t.label), shown, "   ", t.paint.Dim(lines[0]))
		for _, l := range lines[1:] {
			t.line(strings.Repeat(" ", t.label+t.value+5), t.paint.Dim(l))
		}
	}
}

func (t *text) wrap(first, rest, words string) {
	for i, l := range wrap(clean(words), t.width-utf8.RuneCountInString(rest)) {
		if i == 0 {
			t.line(first, l)
			continue
		}
		t.line(rest, l)
	}
}

// wrap breaks words into lines of at most width characters; a word that is longer is cut, and a number stays with its
// unit. There is at least one line.
func wrap(words string, width int) []string {
	const joint = '\u00a0'
	lines := []string{""}
	for _, word := range strings.FieldsFunc(together(words), func(r rune) bool { return unicode.IsSpace(r) && r != joint }) {
		last := &lines[len(lines)-1]
		have := utf8.RuneCountInString(*last)
		switch {
		case have == 0:
			*last = word
		case have+1+utf8.RuneCountInString(word) <= width:
			*last += " " + word
			continue
		default:
			lines = append(lines, word)
		}
		for {
			last = &lines[len(lines)-1]
			runes := []rune(*last)
			if len(runes) <= width {
				break
			}
			*last = string(runes[:width])
			lines = append(lines, string(runes[width:]))
		}
	}
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], string(joint), " ")
	}
	return lines
}

// clean takes out of foreign text what a terminal would obey.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '·'
		}
		return r
	}, strings.ToValidUTF8(text, "·"))
}
