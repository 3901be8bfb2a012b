package compare

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Print writes the result for a person. Its table has at most 100 columns; names, warnings and the verdict are one line each.
func (r *Result) Print(w io.Writer) error {
	var b strings.Builder
	r.A.print(&b, "A")
	r.B.print(&b, "B")
	fmt.Fprintf(&b, "\n  %-13s %11s %11s %10s   %s\n", "", "A", "B", "change", "95 % interval")
	for i := range r.Figures {
		b.WriteString("  " + r.Figures[i].row() + "\n")
	}
	if len(r.Warnings) > 0 {
		b.WriteString("\n")
	}
	for _, text := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", text)
	}
	fmt.Fprintf(&b, "\n%s\n", r.Text)
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Side) print(b *strings.Builder, name string) {
	answered := ""
	if s.Answers != s.Requests {
		answered = ", " + thousands(s.Answers) + " answered"
	}
	fmt.Fprintf(b, "%s  %s: %s, %s requests in %d s%s\n   %s\n", name, strings.Join(s.Targets, ", "),
		count(len(s.Files), "run"), thousands(s.Requests), s.Seconds, answered, strings.Join(s.Files, ", "))
}

func (l *Figure) row() string {
	if l.Verdict == TooFew {
		return fmt.Sprintf("%s %s %s   %s", pad(l.Name, -13), pad("–", 11), pad("–", 11), l.verdict())
	}
	return fmt.Sprintf("%s %s %s %s   %s %s", pad(l.Name, -13), pad(l.value(l.A), 11), pad(l.value(l.B), 11),
		pad(l.change(l.Change), 10), pad(fmt.Sprintf("%s to %s", l.change(l.Low), l.change(l.High)), -21), l.verdict())
}

func (l *Figure) verdict() string {
	switch l.Verdict {
	case Worse, Better:
		if l.Beyond {
			return l.direction()
		}
		return l.direction() + ", within tolerance"
	case TooFew:
		if l.Needs > 0 {
			return fmt.Sprintf("%s: needs %s answers a side", TooFew, thousands(l.Needs))
		}
	}
	return string(l.Verdict)
}

// pad fills text with spaces to a width in characters, on its left, or on its right where width is negative.
func pad(text string, width int) string {
	space := strings.Repeat(" ", max(0, max(width, -width)-utf8.RuneCountInString(text)))
	if width < 0 {
		return text + space
	}
	return space + text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
