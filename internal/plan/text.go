package plan

import (
	"fmt"
	"strings"

	"weir/internal/term"
)

// shown is how many characters of a value a text shows.
const shown = 120

// Text is the report as a person reads it. What configs and logs hold is written so that a terminal does not act on it.
func (r *Report) Text(p term.Paint) string {
	t := &text{Paint: p}
	t.write("%s\n", t.Bold(plain(r.Old)+" → "+plain(r.New)))
	t.changes(&r.Changes)
	if r.Log != nil {
		t.log(r.Log)
	}
	return t.b.String()
}

// text is a report being written.
type text struct {
	term.Paint
	b strings.Builder
}

func (t *text) write(format string, args ...any) { fmt.Fprintf(&t.b, format, args...) }

func (t *text) section(name, about string) {
	t.write("\n%s", t.Bold(name))
	if about != "" {
		t.write("  %s", about)
	}
	t.write("\n")
}

// mostEntries is how many entries of a kind a text tells.
const mostEntries = 200

func plain(s string) string { return term.Plain(s, shown) }

// None reports whether the configs differ in nothing. Shadowed routes that were so before are no difference.
func (c *Changes) None() bool {
	for i := range c.Shadowed {
		if c.Shadowed[i].New {
			return false
		}
	}
	return len(c.Listeners)+len(c.Routes)+len(c.Policies)+len(c.Upstreams)+len(c.Settings)+len(c.Endings) == 0
}

func (t *text) changes(c *Changes) {
	if c.None() {
		t.write("\nNo difference: the new config says what the old one says.\n")
	}
	t.entries("LISTENERS", c.Listeners)
	t.entries("ROUTES", c.Routes)
	t.entries("POLICIES", c.Policies)
	t.entries("UPSTREAMS", c.Upstreams)
	if len(c.Settings) > 0 {
		t.section("SETTINGS", "")
		t.keys("  ", c.Settings)
	}
	t.endings(c.Endings)
	t.shadowed(c.Shadowed)
}

// entries tells what has become of listeners, routes, policies or upstreams.
func (t *text) entries(name string, list []Change) {
	if len(list) == 0 {
		return
	}
	t.section(name, summary(list))
	for i := range list {
		if i == mostEntries {
			t.write("  and %s; --json has them all\n", term.Plural(int64(len(list)-i), "other"))
			return
		}
		c := &list[i]
		t.write("  %s %s\n", t.mark(c.Kind), strings.TrimRight(plain(c.Name)+t.was(c)+"  "+t.Dim(plain(c.About)), " "))
		for _, a := range c.Added {
			t.write("      %s %s\n", t.Green("+"), plain(a))
		}
		for _, a := range c.Removed {
			t.write("      %s %s\n", t.Red("-"), plain(a))
		}
		t.keys("      ", c.Keys)
		if len(c.Used) > 0 {
			t.write("      %s\n", t.Dim("concerns "+plain(strings.Join(c.Used, ", "))))
		}
	}
}

// summary counts the kinds: "2 added, 1 changed".
func summary(list []Change) string {
	n := map[Kind]int{}
	for i := range list {
		n[list[i].Kind]++
	}
	var parts []string
	for _, k := range []Kind{Added, Removed, Renamed, Changed} {
		if n[k] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[k], k))
		}
	}
	return strings.Join(parts, ", ")
}

func (t *text) mark(k Kind) string {
	switch k {
	case Added:
		return t.Green("+")
	case Removed:
		return t.Red("-")
	}
	return t.Yellow("~")
}

func (t *text) was(c *Change) string {
	if c.Was == "" {
		return ""
	}
	return " (was " + plain(c.Was) + ")"
}

// keys tells what keys have become.
func (t *text) keys(indent string, keys []Key) {
	rows := make([][]string, len(keys))
	for i, k := range keys {
		value := plain(k.Old) + " → " + plain(k.New)
		switch {
		case k.Old == "" && k.New == "":
			value = "is another one"
		case k.Old == "":
			value = t.Green("+") + " " + plain(k.New)
		case k.New == "":
			value = t.Red("-") + " " + plain(k.Old)
		}
		rows[i] = []string{plain(k.Key), value}
	}
	t.b.WriteString(term.Columns(indent, rows))
}

// endings tells which sessions end with the old config.
func (t *text) endings(list []Ending) {
	if len(list) == 0 {
		return
	}
	t.section("SESSIONS", "what becomes of those that are open")
	rows := make([][]string, len(list))
	for i, e := range list {
		whose := "listener " + e.Listener
		if e.Listener == "" {
			whose = "upstream " + e.Upstream
		}
		rows[i] = []string{t.Dim("stay"), plain(whose), plain(e.Why)}
		if e.Ends {
			rows[i][0] = t.Red("end")
		}
	}
	t.b.WriteString(term.Columns("  ", rows))
}

func (t *text) shadowed(list []Shadowed) {
	if len(list) == 0 {
		return
	}
	t.section("SHADOWED", "routes that can never match")
	rows := make([][]string, min(len(list), mostEntries))
	for i := range rows {
		s := &list[i]
		age := t.Dim("as before")
		if s.New {
			age = t.Yellow("new")
		}
		rows[i] = []string{plain(s.Route), "by " + plain(s.By), age, plain(s.Why)}
	}
	t.b.WriteString(term.Columns("  ", rows))
	if more := len(list) - len(rows); more > 0 {
		t.write("  and %s; --json has them all\n", term.Plural(int64(more), "other"))
	}
}
