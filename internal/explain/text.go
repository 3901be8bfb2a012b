package explain

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"weir/internal/term"
)

// shown is how many characters of a value a text shows.
const shown = 160

// Text is the report as a person reads it. Whatever a request brought is written so that a terminal does not act on it.
func (r *Report) Text(p term.Paint) string {
	t := &text{Paint: p, r: r}
	t.title()
	t.request()
	t.routes()
	t.policies()
	t.split()
	for i := range r.Upstreams {
		t.upstream(&r.Upstreams[i])
	}
	t.mirror()
	t.answer()
	t.notes()
	return t.b.String()
}

// text is a report being written.
type text struct {
	term.Paint
	r *Report
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

func plain(s string) string { return term.Plain(s, shown) }

// title says in a line what became of what.
func (t *text) title() {
	q := &t.r.Request
	t.write("%s on listener %s\n", t.Bold(plain(q.Method+" "+q.Host+q.Target)), plain(t.r.Listener))
	t.write("→ %s\n", t.upshot())
}

// upshot is the action in words.
func (t *text) upshot() string {
	r := t.r
	what := ""
	switch {
	case r.Action == Refused && r.Answer != nil:
		what = t.Red(fmt.Sprintf("refused: %s", status(r.Answer)))
	case r.Action == Redirected && r.Answer != nil:
		what = fmt.Sprintf("redirected with %d to %s", r.Answer.Status, plain(r.Answer.Location))
	case r.Action == Divided:
		what = t.Green("forwarded") + " to one side of the split, which is drawn"
	case r.Action == Forwarded && len(r.Upstreams) > 0:
		what = t.Green("forwarded") + " to upstream " + plain(r.Upstreams[0].Name)
	case r.Action == Answered && r.Answer != nil && r.stored():
		what = t.Green("answered from the cache")
	case r.Answer != nil:
		what = fmt.Sprintf("%s: %s", plain(string(r.Action)), status(r.Answer))
	default:
		what = plain(string(r.Action))
	}
	if r.Route != nil {
		what += ", route " + plain(r.Route.Name)
	}
	if r.Action != Refused && slices.ContainsFunc(r.Policies, func(p Policy) bool { return p.Verdict == Unknown && p.Mode == "enforce" }) {
		what += ", unless " + t.Yellow("what is unknown here") + " refuses"
	}
	return what
}

// stored reports whether it is a cache that answers.
func (r *Report) stored() bool {
	return slices.ContainsFunc(r.Policies, func(p Policy) bool { return p.Stage == "cache" && p.Verdict == Answers && p.Name == r.Answer.By })
}

// status is an answer's status line and who says it.
func status(a *Answer) string {
	s := strings.TrimSpace(fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)))
	if a.Fault != "" {
		s += " (" + a.Fault + ")"
	}
	if a.By != "" {
		s += " by " + a.By
	}
	return plain(s)
}

// request tells how the request is understood.
func (t *text) request() {
	q := &t.r.Request
	t.section("REQUEST", "as it is understood")
	path := plain(q.Path)
	if q.Changed {
		path += t.Yellow("  written otherwise in the target") // the title shows it
	}
	client := plain(q.Client)
	if q.Peer != "" && !samePeer(q.Peer, q.Client) {
		client += "  the connection is from " + plain(q.Peer)
	}
	scheme := ""
	if q.Secure {
		scheme = "https"
	}
	rows := [][]string{}
	for _, row := range [][]string{
		{"host", plain(q.Host)}, {"path", path}, {"query", plain(q.Query)}, {"client", client}, {"country", plain(q.Country)},
		{"scheme", scheme}, {"sni", plain(q.SNI)}, {"preflight", unless(q.Preflight == "", "for "+plain(q.Preflight)+", as which it is matched")},
		{"consumer", q.consumer()}, {"id", plain(q.RequestID)}, {"body", unless(q.Body == 0, term.Plural(q.Body, "byte"))},
	} {
		if row[1] != "" {
			rows = append(rows, row)
		}
	}
	t.b.WriteString(term.Columns("  ", rows))
}

// consumer tells who sends the request, and by what he is known.
func (q *Request) consumer() string {
	words := []string{plain(q.Consumer)}
	if q.Scheme != "" {
		words = append(words, "by "+plain(q.Scheme))
	}
	if len(q.Groups) > 0 {
		words = append(words, "groups "+plain(strings.Join(q.Groups, " ")))
	}
	if len(q.Scopes) > 0 {
		words = append(words, "scopes "+plain(strings.Join(q.Scopes, " ")))
	}
	return strings.TrimSpace(strings.Join(words, "  "))
}

// samePeer reports whether the connection comes from the client itself.
func samePeer(peer, client string) bool {
	at, err := netip.ParseAddrPort(peer)
	return peer == client || err == nil && at.Addr().String() == client
}

func unless(absent bool, s string) string {
	if absent {
		return ""
	}
	return s
}

// routes tells which candidate is taken, and of the others what does not hold.
func (t *text) routes() {
	t.section("ROUTES", t.upshotOfRoutes())
	rows := make([][]string, 0, len(t.r.Candidates))
	for i := range t.r.Candidates {
		c := &t.r.Candidates[i]
		mark, why := t.Dim("no"), c.why()
		if c.Taken {
			mark, why = t.Green("yes"), t.taken()
		}
		rows = append(rows, []string{mark, plain(c.Route), plain(pattern(c.Pattern)), why, t.Dim(plain(c.Where))})
	}
	t.b.WriteString(term.Columns("  ", rows))
	if t.r.More > 0 {
		t.write("  and %s\n", term.Plural(int64(t.r.More), "other route"))
	}
}

// upshotOfRoutes says how many of how many routes are listed, and why those.
func (t *text) upshotOfRoutes() string {
	names, decided := map[string]bool{}, false
	for i := range t.r.Candidates {
		c := &t.r.Candidates[i]
		names[c.Route] = true
		decided = decided || c.Taken || c.Failed == nil
	}
	all := int64(len(names) + t.r.More)
	switch {
	case all == 0:
		return "none comes into question"
	case decided && t.r.More == 0:
		return term.Plural(all, "route") + ", the most specific first"
	case decided:
		return term.Count(int64(len(names))) + " of " + term.Plural(all, "route") + ", the most specific first"
	}
	if all == 1 {
		return "the only one does not take it"
	}
	return "none of " + term.Plural(all, "route") + " takes it; the nearest first"
}

// pattern leaves out the host that is any.
func pattern(p string) string {
	methods, place, ok := strings.Cut(p, " ")
	switch {
	case ok && (strings.HasPrefix(place, "*/") || strings.HasPrefix(place, "*~")):
		return methods + " " + place[1:]
	case strings.HasPrefix(p, "*/"), strings.HasPrefix(p, "*~"):
		return p[1:]
	}
	return p
}

// size writes a number of bytes as a config would.
func size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return term.Count(n>>20) + " MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return term.Count(n>>10) + " KiB"
	}
	return term.Plural(n, "byte")
}

// taken is what to say of the route that is taken.
func (t *text) taken() string {
	if t.r.Route == nil {
		return "taken"
	}
	words := append([]string{"taken"}, fields(t.r.Route.Captures)...)
	if t.r.Route.Timeout != "" {
		words = append(words, "timeout "+plain(t.r.Route.Timeout))
	}
	if t.r.Route.BodyLimit > 0 {
		words = append(words, "body up to "+size(t.r.Route.BodyLimit))
	}
	return strings.Join(words, "  ")
}

func fields(list []Field) []string {
	var out []string
	for _, f := range list {
		out = append(out, plain(f.Name)+"="+plain(f.Value))
	}
	return out
}

// why says what of a candidate does not hold.
func (c *Candidate) why() string {
	f := c.Failed
	switch {
	case f == nil:
		return plain(c.Why)
	case f.Absent:
		return fmt.Sprintf("%s is absent; wants %s", plain(f.Key), want(f.Want))
	}
	return fmt.Sprintf("%s is \"%s\"; wants %s", plain(f.Key), plain(f.Saw), want(f.Want))
}

// want reads a condition's way of writing in words.
func want(w string) string {
	switch {
	case w == "*":
		return "it to be there"
	case w == "!":
		return "it to be absent"
	case strings.HasPrefix(w, "~"):
		return "a match of " + plain(w[1:])
	}
	return plain(w)
}

// policies tells the steps in their order.
func (t *text) policies() {
	if len(t.r.Policies) == 0 {
		return
	}
	t.section("POLICIES", "in the order in which requests pass them; nothing is consumed")
	rows := make([][]string, len(t.r.Policies))
	for i := range t.r.Policies {
		v := &t.r.Policies[i]
		rows[i] = []string{plain(v.Stage), plain(v.Name), unless(v.From == "", "of the "+plain(v.From)), unless(v.Mode == "enforce", plain(v.Mode)), t.verdict(v), plain(strings.TrimPrefix(v.Why, "unknown: "))}
	}
	t.b.WriteString(term.Columns("  ", rows))
}

func (t *text) verdict(p *Policy) string {
	said := plain(string(p.Verdict))
	if p.Status != 0 {
		said += fmt.Sprintf(" %d", p.Status)
	}
	if p.Fault != "" {
		said += " " + plain(p.Fault)
	}
	if p.Mode == "observe" && p.Verdict != Continues && p.Verdict != NotReached && p.Verdict != OptedOut {
		return t.Yellow("would " + said)
	}
	switch p.Verdict {
	case Refuses:
		return t.Red(said)
	case Answers:
		return t.Green(said)
	case Unknown, Waits:
		return t.Yellow(said)
	case NotReached, OptedOut, OnAnswer:
		return t.Dim(said)
	}
	return said
}

// split tells the sides with their shares.
func (t *text) split() {
	s := t.r.Split
	if s == nil {
		return
	}
	about := "drawn for each request"
	switch {
	case s.By != "" && s.Key != "":
		about = fmt.Sprintf("by %s = %s", plain(s.By), plain(s.Key))
	case s.By != "":
		about = "by " + plain(s.By) + ", which the request does not have: drawn"
	}
	t.section("SPLIT", about)
	rows := make([][]string, len(s.Sides))
	for i, side := range s.Sides {
		rows[i] = []string{plain(side.Upstream), "weight " + fmt.Sprint(side.Weight), share(side.Share), unless(!side.Chosen, t.Green("this request"))}
	}
	t.b.WriteString(term.Columns("  ", rows))
}

// share writes a part of one as percent: "95 %", "0.05 %", "<0.01 %".
func share(f float64) string {
	switch {
	case f <= 0:
		return "0 %"
	case f < 0.0001:
		return "<0.01 %"
	}
	s := fmt.Sprintf("%.2f", 100*f)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") + " %"
}
