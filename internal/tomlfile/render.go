package tomlfile

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"weir/internal/conf"
)

// String writes a finding for a person: place, key and trouble; the source line with a caret
// below what is wrong; the hint. It ends with a line end. Secrets in the line are masked.
func (f Finding) String() string {
	var b strings.Builder
	if !f.At.Nowhere() {
		line, column := f.At.Position()
		fmt.Fprintf(&b, "%s:%d:%d: ", f.At.File.Name, line, column)
	}
	if f.Warning {
		b.WriteString("warning: ")
	}
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Text + "\n")
	if f.At.Start < f.At.End {
		f.At.snippet(&b)
	}
	if f.Hint != "" {
		b.WriteString("  hint: " + f.Hint + "\n")
	}
	return b.String()
}

// String writes all findings for a person, with an empty line between them and a count behind.
// It is empty if there is none.
func (r *Report) String() string {
	var b strings.Builder
	errors, warnings := 0, 0
	for _, f := range r.Findings() {
		b.WriteString(f.String() + "\n")
		if f.Warning {
			warnings++
		} else {
			errors++
		}
	}
	switch {
	case errors > 0 && warnings > 0:
		b.WriteString(count(errors, "problem") + ", " + count(warnings, "warning") + "\n")
	case errors > 0:
		b.WriteString(count(errors, "problem") + "\n")
	case warnings > 0:
		b.WriteString(count(warnings, "warning") + "\n")
	}
	return b.String()
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// widest is how much of a source line is shown, in bytes, around what is wrong.
const widest = 160

// snippet writes the line of the span's start and, below it, a caret and tildes.
func (s Span) snippet(b *strings.Builder) {
	from, to := s.File.lineOf(s.Start)
	start, end := s.File.unmasked(min(s.Start, to), max(min(s.End, to), min(s.Start+1, to)))
	lead, marked, tail := s.File.shown(from, start), s.File.shown(start, end), s.File.shown(end, to)
	lead = strings.TrimLeft(lead, " \t")
	if lead == "" && marked == "" && tail == "" {
		return
	}
	if n := len(lead) + len(marked) - widest; n > 0 && len(lead) > widest/2 {
		lead = "…" + strings.ToValidUTF8(lead[len(lead)-widest/2:], "")
	}
	if room := max(widest-len(lead)-len(marked), 0); len(tail) > room {
		tail = strings.ToValidUTF8(tail[:room], "") + "…"
	}
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, lead)
	tildes := strings.Repeat("~", max(utf8.RuneCountInString(marked)-1, 0))
	fmt.Fprintf(b, "    %s\n    %s^%s\n", strings.TrimRight(lead+marked+tail, " \t"), pad, tildes)
}

// unmasked widens a span so that it cuts no secret in two.
func (f *File) unmasked(start, end int) (from, to int) {
	from, to = start, end
	for _, m := range f.masked {
		if m.Start < end && start < m.End {
			from, to = min(from, m.Start), max(to, m.End)
		}
	}
	return from, to
}

// shown returns the text between two offsets of one line, secrets masked and control characters
// replaced.
func (f *File) shown(from, to int) string {
	var b bytes.Buffer
	for at := from; at < to; {
		end, secret := f.run(at, to)
		if secret {
			b.WriteString(conf.Mask)
		} else {
			b.Write(f.text[at:end])
		}
		at = end
	}
	clean := func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}
	return strings.Map(clean, b.String())
}

// run returns the end of the run of masked or of plain text that begins at.
func (f *File) run(at, to int) (end int, secret bool) {
	end = to
	for _, m := range f.masked {
		switch {
		case m.Start <= at && at < m.End:
			return min(m.End, to), true
		case m.Start > at:
			end = min(end, m.Start)
		}
	}
	return end, false
}
