package replay

import (
	"fmt"
	"strings"
	"time"

	"weir/internal/term"
)

// Notes says in sentences what was read and what of it is not as it was: for a person, before the run.
func (l *Log) Notes() []string {
	c := &l.counts
	notes := []string{fmt.Sprintf("%s: %s in %s, from %s", l.name, term.Plural(int64(len(l.entries)), "request"), shortSpan(l.Span()), l.kind())}
	if c.bad > 0 {
		notes = append(notes, fmt.Sprintf("%s of %s could not be read: %s", term.Count(c.bad), term.Plural(c.lines, "line"), strings.Join(c.examples, "; ")))
	}
	if left := l.leftOut(); left != "" {
		notes = append(notes, "left out"+left)
	}
	if c.bodies > 0 {
		notes = append(notes, term.Plural(c.bodies, "request")+" had a body or a method that usually has one; a log holds no bodies, so none is sent")
	}
	if l.format == combined {
		notes = append(notes, l.secondsNote())
	} else if c.reordered > 0 {
		notes = append(notes, term.Plural(c.reordered, "line")+" stood behind one of a later request; requests go out by their arrival")
	}
	if c.hosts > 1 {
		notes = append(notes, fmt.Sprintf("the log names %d hosts; the target's own is asked for unless the log's are kept", c.hosts))
	}
	return notes
}

// kind names the format.
func (l *Log) kind() string {
	if l.format == weirJSON {
		return "Weir's access log"
	}
	return "a combined or common log"
}

func (l *Log) secondsNote() string {
	text := "the log has whole seconds: requests are spread within theirs"
	for i := range l.entries {
		if l.entries[i].took != unknown {
			return text + ", and what each took, in whole milliseconds, is counted back from there to its arrival"
		}
	}
	return text + ", and its times are taken for arrivals (nginx notes a request when it ends)"
}

// leftOut says what is not replayed: ": 2 TCP sessions, 1 upgrade or CONNECT"; "" if all is.
func (l *Log) leftOut() string {
	var parts []string
	for _, r := range []struct {
		reason     reason
		one, other string
	}{
		{session, "TCP session", "TCP sessions"},
		{tunnel, "upgrade or CONNECT", "upgrades and CONNECTs"},
		{noRequest, "line without a request", "lines without a request"},
		{unsafe, "request with another method than GET, HEAD and OPTIONS", "requests with other methods than GET, HEAD and OPTIONS"},
	} {
		switch n := l.counts.left[r.reason]; n {
		case 0:
		case 1:
			parts = append(parts, "1 "+r.one)
		default:
			parts = append(parts, term.Count(n)+" "+r.other)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// shortSpan writes a time to about three digits.
func shortSpan(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return d.Round(time.Minute).String()
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}
