package plan

import (
	"fmt"
	"net/http"
	"strings"

	"weir/internal/term"
)

// log tells what the requests of a log would have met.
func (t *text) log(l *Log) {
	about := term.Plural(l.Requests, "request")
	if l.First != "" {
		about += ", " + plain(l.First) + " to " + plain(l.Last)
	}
	t.section("LOG", about)
	rows := [][]string{
		{"same route and verdict", term.Count(l.Same), share(l.Same, l.Requests)},
		{"changed", term.Count(l.Changed), share(l.Changed, l.Requests)},
		{"undecidable", term.Count(l.Undecidable), share(l.Undecidable, l.Requests)},
	}
	for i, colour := range []func(string) string{t.Green, t.Yellow, t.Dim} {
		rows[i][0] = colour(rows[i][0])
		rows[i][1] = term.Right(rows[i][1], len(term.Count(l.Requests)))
	}
	t.b.WriteString(term.Columns("  ", rows))
	t.otherwise(l)
	t.missing(l)
	t.leftOut(l)
	t.groups(l)
	t.hits(l.Hits)
}

// otherwise tells which of the same requests have another form.
func (t *text) otherwise(l *Log) {
	var list []string
	var all int64
	for i := range l.Otherwise {
		o := &l.Otherwise[i]
		if all += o.Requests; i < 5 {
			list = append(list, fmt.Sprintf("route %s (%s: %s)", plain(o.Route), term.Count(o.Requests), plain(strings.Join(o.Sections, ", "))))
		}
	}
	if more := len(l.Otherwise) - len(list); more > 0 {
		list = append(list, "and "+term.Plural(int64(more), "other"))
	}
	if len(list) > 0 {
		t.write("  %s\n", t.Yellow(fmt.Sprintf("Of the same, %s may leave or be answered otherwise: %s.", term.Plural(all, "request"), strings.Join(list, ", "))))
	}
}

// missing tells what undecidable requests lack.
func (t *text) missing(l *Log) {
	var list []string
	for i, m := range l.Missing {
		if i == 5 {
			list = append(list, fmt.Sprintf("and %d others", len(l.Missing)-i))
			break
		}
		list = append(list, fmt.Sprintf("%s (%s)", plain(m.Selector), term.Count(m.Requests)))
	}
	if len(list) > 0 {
		t.write("  The undecidable ones lack what the new config reads: %s.\n", strings.Join(list, ", "))
	}
}

// leftOut tells what of the log was not judged, and what to think of it.
func (t *text) leftOut(l *Log) {
	if l.Sessions > 0 {
		t.write("  %s not judged.\n", isAre(l.Sessions, "session", " of tcp listeners"))
	}
	if l.Unread > 0 {
		t.write("  %s not judged: refused for what a log does not show.\n", isAre(l.Unread, "request", ""))
	}
	if l.Foreign > 0 {
		t.write("  %s no request of Weir's log, such as %s.\n", isAre(l.Foreign, "line", ""), plain(strings.Join(l.Problems[:min(1, len(l.Problems))], "")))
	}
	if l.Cut {
		t.write("  The log ends within a line, which does not count.\n")
	}
	if l.Elsewhere > 0 {
		t.write("  %s\n", t.Yellow(fmt.Sprintf("%s took another route than the old config has for them: was the log written under it?", term.Plural(l.Elsewhere, "request"))))
	}
}

func isAre(n int64, word, more string) string {
	if n == 1 {
		return "1 " + word + more + " is"
	}
	return term.Plural(n, word) + more + " are"
}

func share(n, of int64) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(of))
}

// groups tells the changed requests by what they had and what they would get.
func (t *text) groups(l *Log) {
	if len(l.Groups) == 0 {
		return
	}
	t.section("CHANGED", "what requests had, and what they would get")
	for i := range l.Groups {
		g := &l.Groups[i]
		t.write("  %s: %s → %s\n", t.Bold(term.Plural(g.Requests, "request")), plain(g.From.String()), t.to(&g.To))
		t.clients(&g.Clients)
		t.examples(g.Examples)
	}
	if l.MoreChanged > 0 {
		t.write("  and %s of smaller groups\n", term.Plural(l.MoreChanged, "request"))
	}
}

func (t *text) to(m *Meeting) string {
	if m.Fault != "" {
		return t.Red(plain(m.String()))
	}
	return t.Green(plain(m.String()))
}

// String is the meeting in words: "route orders, upstream orders-v2".
func (m *Meeting) String() string {
	var parts []string
	if m.Fault != "" {
		parts = append(parts, "refused "+strings.TrimSpace(status(m.Status)+" ("+m.Fault+")"))
	} else if m.Status != 0 {
		parts = append(parts, "answered "+status(m.Status))
	}
	if m.By != "" {
		parts = append(parts, "by "+m.By)
	}
	if m.Route != "" {
		parts = append(parts, "route "+m.Route)
	}
	if m.Fault == "" && m.Status == 0 && len(m.Upstreams) > 0 {
		parts = append(parts, "upstream "+strings.Join(m.Upstreams, " or "))
	}
	if len(parts) == 0 {
		return "no route"
	}
	return strings.Join(parts, ", ")
}

func status(code int) string {
	if code == 0 {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

func (t *text) clients(c *Clients) {
	about := term.Plural(int64(c.Count), "client")
	if c.AtLeast {
		about = "at least " + about
	}
	var top []string
	for _, one := range c.Top {
		name := one.Address
		if name == "" {
			name = "a unix socket"
		}
		top = append(top, fmt.Sprintf("%s (%s)", name, term.Count(one.Requests)))
	}
	t.write("      %s, most from %s\n", about, plain(strings.Join(top, ", ")))
}

func (t *text) examples(list []Example) {
	rows := make([][]string, len(list))
	for i, e := range list {
		was, to := "", ""
		if e.Was != 0 {
			was = fmt.Sprintf("was %d", e.Was)
		}
		if e.Location != "" {
			to = "to " + plain(e.Location)
		}
		rows[i] = []string{fmt.Sprintf("line %d", e.Line), plain(e.Request), was, to}
	}
	t.b.WriteString(term.Columns("      ", rows))
}

// hits tells whom policies and limits would have met that let them pass before.
func (t *text) hits(list []Hit) {
	if len(list) == 0 {
		return
	}
	t.section("WHAT IF", "requests that a policy or a limit would have met, and did not")
	for i := range list {
		h := &list[i]
		t.write("  %s %s: %s\n", plain(h.name()), h.says(), t.Bold(term.Plural(h.Requests, "request")))
		t.clients(&h.Clients)
		if h.Policy == "" || h.Observed { // the others are among the changed ones
			t.examples(h.Examples)
		}
	}
}

func (h *Hit) name() string {
	switch {
	case h.Policy != "":
		return h.Policy
	case h.Route != "":
		return h.Limit + " of route " + h.Route
	}
	return h.Limit
}

func (h *Hit) says() string {
	if h.Observed {
		return "(observed) " + plain(h.Said)
	}
	return "would answer " + plain(strings.TrimSpace(status(h.Status)+" ("+h.Said+")"))
}
