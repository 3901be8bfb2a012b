package explain

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/internal/term"
)

// upstream tells how the endpoint is chosen, and the request as it would leave.
func (t *text) upstream(u *Upstream) {
	about := []string{plain(u.Balance)}
	if u.Key != "" {
		about = append(about, "key "+plain(u.Key))
	}
	if u.Breaker != "" {
		about = append(about, "breaker "+strings.ReplaceAll(plain(u.Breaker), "_", " "))
	}
	if u.Queued > 0 {
		about = append(about, fmt.Sprintf("%d queued", u.Queued))
	}
	if u.Panic {
		about = append(about, t.Yellow("panic: ejected endpoints are used"))
	}
	t.section("UPSTREAM "+plain(u.Name), strings.Join(about, ", "))
	if u.Note != "" {
		t.write("  %s\n", plain(noted(u.Note)))
	}
	if len(u.Endpoints) > 0 {
		t.endpoints(u.Endpoints)
	}
	if u.Request != nil {
		t.outgoing(u.Request)
	}
}

// noted says in words what decides, or why there is nobody.
func noted(word string) string {
	switch word {
	case "sticky":
		return "kept where it was, by its sticky cookie"
	case "hash":
		return "placed by its key"
	case "turn":
		return "the next in the round"
	case "draw":
		return "drawn, by the chances below"
	case "rest":
		return "the only one to be had"
	case "spare":
		return "nobody who is preferred is free: a spare one is taken"
	case "no_endpoint":
		return "nobody: no endpoint is fit (503)"
	case "all_full":
		return "nobody for now: all have as much in flight as they may, so it waits in the queue"
	case "breaker_open":
		return "nobody: the breaker is open (503)"
	}
	return word
}

// endpoints is a table, as that of weir status.
func (t *text) endpoints(list []Endpoint) {
	rows := [][]string{{"ENDPOINT", "STATE", "IN FLIGHT", "LATENCY", "WEIGHT", "SCORE", "CHANCE", "TIER", "ZONE", ""}}
	scored, tiers, zones := false, false, false
	for i := range list {
		e := &list[i]
		scored, tiers, zones = scored || e.Score != 0, tiers || e.Tier != 0, zones || e.Zone != ""
	}
	for i := range list {
		e := &list[i]
		rows = append(rows, []string{plain(e.Address), plain(e.State), inFlight(e), latency(e.LatencyUS), strconv.Itoa(e.Weight),
			score(e.Score), t.chance(e.Chance), strconv.Itoa(e.Tier), plain(e.Zone), plain(e.Why)})
	}
	for _, row := range rows {
		for i, there := range map[int]bool{5: scored, 7: tiers, 8: zones} {
			if !there {
				row[i] = ""
			}
		}
	}
	t.b.WriteString(term.Columns("  ", rows))
}

func score(f float64) string {
	if f == 0 {
		return "-"
	}
	return strconv.FormatFloat(f, 'g', 4, 64)
}

func (t *text) chance(f float64) string {
	if f <= 0 {
		return t.Dim("-")
	}
	return t.Green(share(f))
}

func inFlight(e *Endpoint) string {
	if e.Limit > 0 {
		return fmt.Sprintf("%d/%d", e.InFlight, e.Limit)
	}
	return strconv.FormatInt(e.InFlight, 10)
}

func latency(us int64) string {
	switch d := time.Duration(us) * time.Microsecond; {
	case us <= 0:
		return "-"
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", us)
	case d < time.Second:
		return fmt.Sprintf("%.1fms", float64(us)/1e3)
	default:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
}

// outgoing is the head of the request as it would leave.
func (t *text) outgoing(o *Outgoing) {
	protocol := unless(o.Protocol == "", " over "+plain(o.Protocol))
	if o.Protocol == "auto" {
		protocol = " over h1 or h2, as the endpoint chooses,"
	}
	protocol += unless(!o.TLS, " with TLS")
	t.write("  leaves%s as\n    %s\n", protocol, t.Cyan(plain(o.Method+" "+o.Target)))
	for _, f := range o.Fields {
		t.write("    %s: %s\n", plain(f.Name), plain(f.Value))
	}
	if o.Body > 0 {
		t.write("    %s\n", t.Dim(fmt.Sprintf("(%s of content)", term.Plural(o.Body, "byte"))))
	}
}

func (t *text) mirror() {
	m := t.r.Mirror
	if m == nil {
		return
	}
	t.section("MIRROR", fmt.Sprintf("a copy of %s of the requests goes to upstream %s%s", share(m.Sample), plain(m.Upstream),
		unless(!m.Compare, ", and the answers are compared")))
}

// answer is what Weir answers by itself.
func (t *text) answer() {
	a := t.r.Answer
	if a == nil {
		return
	}
	t.section("ANSWER", status(a))
	if a.Title != "" || a.Detail != "" {
		t.write("  %s\n", plain(strings.TrimPrefix(a.Title+": "+a.Detail, ": ")))
	}
	if a.Location != "" {
		t.write("  Location: %s\n", plain(a.Location))
	}
	for _, f := range a.Fields {
		t.write("  %s: %s\n", plain(f.Name), plain(f.Value))
	}
	if a.Body > 0 {
		t.write("  %s\n", t.Dim(fmt.Sprintf("(%s of content)", term.Plural(a.Body, "byte"))))
	}
}

func (t *text) notes() {
	if len(t.r.Notes) == 0 {
		return
	}
	t.section("NOTES", "")
	for _, n := range t.r.Notes {
		t.write("  %s\n", plain(n))
	}
}
