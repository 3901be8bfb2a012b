package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"weir/internal/admin"
)

func (p *program) statusCommand() *cobra.Command {
	var a asked
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the listeners, upstreams and endpoints of a running Weir",
		Long: "Status shows what runs: the listeners, what the cache holds, and for each upstream its endpoints with their state,\n" +
			"since when and why, what they have in flight and how quickly they answer. LATENCY is the moving average of the\n" +
			"time to the first byte; failures are in it with their charge. An endpoint that was drained and is not present is\n" +
			"listed below those that are.",
		Example: `  weir status
  weir status --json --admin 127.0.0.1:9901`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.status(&a) },
	}
	a.flags(c)
	return c
}

func (p *program) status(a *asked) error {
	client, err := p.client(a)
	if err != nil {
		return err
	}
	s, err := client.Status(context.Background())
	switch {
	case err != nil:
		return notAsked(err)
	case a.json:
		return p.printJSON(s)
	}
	return p.print([]byte(statusText(&s)))
}

// statusText is a status as a person reads it.
func statusText(s *admin.Status) string {
	var b strings.Builder
	ready := "ready"
	if !s.Ready {
		ready = "not ready: " + s.Why
	}
	up := time.Duration(s.UptimeS * float64(time.Second))
	fmt.Fprintf(&b, "weir %s, %s, generation %d of %s, up %s\n\n", s.Version, ready, s.Generation, s.Config, brief(up))
	now := s.Started.Add(up) // the clock of the Weir that was asked
	listeners := table{head: []string{"LISTENER", "KIND", "ADDRESS", "SPEAKS", "CONNECTIONS"}}
	for i := range s.Listeners {
		l := &s.Listeners[i]
		kind := l.Kind
		if l.TLS {
			kind += "+tls"
		}
		listeners.add(certificatesText(l.Certificates, now), l.Name, kind, strings.Join(l.Addresses, " "), strings.Join(l.Protocols, " "), fmt.Sprint(l.Connections))
	}
	listeners.write(&b)
	if s.Cache != nil {
		cacheText(&b, s.Cache)
	}
	for i := range s.Upstreams {
		upstreamText(&b, &s.Upstreams[i], now)
	}
	return b.String()
}

// upstreamText writes a line about an upstream and a table of its endpoints.
func upstreamText(b *strings.Builder, u *admin.UpstreamStatus, now time.Time) {
	about := []string{u.Balance, fmt.Sprintf("%d of %d ready", u.Ready, len(u.Endpoints))}
	if u.Panic {
		about = append(about, "panic: ejected endpoints are used")
	}
	if u.Breaker != "" {
		breaker := "breaker " + strings.ReplaceAll(u.Breaker, "_", " ")
		if u.Breaker != "closed" && !u.BreakerSince.IsZero() {
			breaker += " for " + ago(u.BreakerSince, now)
		}
		about = append(about, breaker)
	}
	if u.Queued > 0 {
		about = append(about, fmt.Sprintf("%d queued", u.Queued))
	}
	fmt.Fprintf(b, "\nUPSTREAM %s: %s\n", u.Name, strings.Join(about, ", "))
	if u.Source != nil {
		b.WriteString("  from " + sourceText(u.Source, now) + "\n")
	}
	endpointsText(b, u.Endpoints, now)
	for i := range u.Orders {
		o := &u.Orders[i]
		fmt.Fprintf(b, "  %s: %s for %s, not present\n", o.Endpoint, o.Operator, ago(o.Since, now))
	}
}

func endpointsText(b *strings.Builder, endpoints []admin.EndpointStatus, now time.Time) {
	if len(endpoints) == 0 {
		b.WriteString("  no endpoint; every use is refused\n")
		return
	}
	t := table{indent: "  ", head: []string{"ENDPOINT", "STATE", "SINCE", "IN FLIGHT", "LATENCY", "WEIGHT", "EJECTED", "ZONE", "BACKUP", "NAME"}}
	for i := range endpoints {
		e := &endpoints[i]
		t.add(noteOf(e, now), e.Address, e.State, ago(e.Since, now), inFlight(e), latency(e.LatencyUS), fmt.Sprint(e.Weight),
			unless(e.Ejections == 0, fmt.Sprint(e.Ejections)), e.Zone, unless(e.Backup == 0, fmt.Sprint(e.Backup)), e.Name)
	}
	t.write(b)
}

// noteOf says why an endpoint is not well, and when it is back.
func noteOf(e *admin.EndpointStatus, now time.Time) string {
	if e.Until.IsZero() || e.State != "ejected" {
		return e.Why
	}
	return e.Why + "; back in " + brief(max(e.Until.Sub(now), 0))
}

func sourceText(s *admin.SourceStatus, now time.Time) string {
	text := s.About
	if !s.Changed.IsZero() {
		text += ", changed " + ago(s.Changed, now) + " ago"
	}
	switch {
	case s.Why != "":
		text += "\n  failing for " + ago(s.Since, now) + ": " + s.Why
	case s.Changed.IsZero():
		text += ", no answer yet"
	}
	return text
}

func inFlight(e *admin.EndpointStatus) string {
	if e.Limit > 0 {
		return fmt.Sprintf("%d/%d", e.InFlight, e.Limit)
	}
	return fmt.Sprint(e.InFlight)
}

func latency(us int64) string {
	d := time.Duration(us) * time.Microsecond
	switch {
	case d == 0:
		return "-"
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", us)
	case d < time.Second:
		return fmt.Sprintf("%.1fms", float64(us)/1e3)
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

func unless(absent bool, text string) string {
	if absent {
		return ""
	}
	return text
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return brief(max(now.Sub(t), 0))
}

// brief writes a time in its two largest units.
func brief(d time.Duration) string {
	d = d.Round(time.Second)
	days, hours, minutes, seconds := d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh%dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm%ds", minutes, seconds)
	}
	return fmt.Sprintf("%ds", seconds)
}

// table is text in columns. A column that is empty in every row is left out.
type table struct {
	indent string
	head   []string
	rows   [][]string
	notes  []string // below each row; "" is none
}

func (t *table) add(note string, cells ...string) {
	t.rows = append(t.rows, cells)
	t.notes = append(t.notes, note)
}

func (t *table) write(b *strings.Builder) {
	widths := t.widths()
	t.line(b, t.head, widths)
	for i, row := range t.rows {
		t.line(b, row, widths)
		if t.notes[i] != "" {
			b.WriteString(t.indent + "  " + t.notes[i] + "\n")
		}
	}
}

// widths are those of the columns; 0 for one that is left out.
func (t *table) widths() []int {
	w := make([]int, len(t.head))
	for i := range w {
		for _, row := range t.rows {
			w[i] = max(w[i], utf8.RuneCountInString(row[i]))
		}
		if w[i] > 0 || len(t.rows) == 0 {
			w[i] = max(w[i], len(t.head[i]))
		}
	}
	return w
}

func (t *table) line(b *strings.Builder, cells []string, widths []int) {
	line := t.indent
	for i, c := range cells {
		if widths[i] > 0 {
			line += c + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2)
		}
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// names lists the endpoints of a standing.
func names(st *admin.Standing) string {
	list := make([]string, len(st.Endpoints))
	for i := range st.Endpoints {
		list[i] = st.Endpoints[i].Address
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
