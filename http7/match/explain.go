package match

import (
	"slices"
	"strings"

	"weir/http7"
)

// Candidate is one pair of host and path of a route, judged for one request.
type Candidate struct {
	Route *http7.Route
	// Host and Path are the patterns: "*" is any host, "/*" any path.
	Host, Path string
	// Failed is the first condition that does not hold, by its key in a route's match: "hosts", "path",
	// "methods", "headers.X-Tenant", "clients"; "" if all do.
	Failed string
	// Want is what the condition asks for, as the config writes it: "acme", "*", "!", "~^a".
	Want string
	// Saw is what the request has; "" if nothing. What is a secret by its name is masked.
	Saw string
	// Unknown says that nobody can tell whether Failed holds: the log did not write it, or the body
	// is not there.
	Unknown bool
}

// MostCandidates is how many candidates Explain tells at most, and mostNear how many near misses.
const (
	MostCandidates = 50
	mostNear       = 10
)

// Explain judges the candidates for x as Find does: those whose host and path fit, the most specific
// first. Find takes the first one without a Failed, unless one before it is Unknown; it is always among
// them. If none decides, near misses follow, the nearest first: routes that all but the host or all but the path
// fits. more counts the routes of which nothing is told. It is for people; its cost grows with the routes.
func (t *Table) Explain(x *http7.Exchange, method []byte) (candidates []Candidate, more int) {
	q := query{table: t, x: x, method: method}
	defer q.close()
	var buf [maxHost]byte
	host := bareHost(&buf, x.Authority)
	candidates, decided := q.fitting(host)
	if !decided {
		candidates = append(candidates, q.near(host, MostCandidates-len(candidates))...)
	}
	routes := map[*http7.Route]bool{}
	for i := range t.rules {
		routes[t.rules[i].route] = true
	}
	for i := range candidates {
		delete(routes, candidates[i].Route)
	}
	return candidates, len(routes)
}

// fitting judges the rules whose host and path fit. decided says that one of them ends the search; if there are
// many, it is the last that is told.
func (q *query) fitting(host []byte) (told []Candidate, decided bool) {
	for i := range q.table.rules {
		r := &q.table.rules[i]
		if decided && len(told) == MostCandidates {
			break
		}
		if !r.host.holds(host) || !r.path.holds(q.x.Path) {
			continue
		}
		c, a := q.explain(r)
		ends := !decided && a != no
		decided = decided || ends
		if len(told) < MostCandidates {
			told = append(told, c)
		} else if ends {
			told[MostCandidates-1] = c
		}
	}
	return told, decided
}

// miss is a rule that fails in one thing alone.
type miss struct {
	rule     *rule
	onHost   bool // the host holds, the path does not
	nearness int
}

// misses returns the rules that fail in their host or their path alone, the nearest first.
func (q *query) misses(host []byte) (list []miss) {
	for i := range q.table.rules {
		r := &q.table.rules[i]
		onHost, onPath := r.host.holds(host), r.path.holds(q.x.Path)
		if onHost == onPath || !takesMethod(r.route.Methods, q.method) {
			continue
		}
		m := miss{r, onHost, r.path.common(q.x.Path)}
		switch {
		case onPath:
			m.nearness += 2
		case r.host.kind != anyHost:
			m.nearness++
		}
		list = append(list, m)
	}
	slices.SortStableFunc(list, func(a, b miss) int { return b.nearness - a.nearness })
	return list
}

// near tells the nearest misses, each route once.
func (q *query) near(host []byte, most int) (told []Candidate) {
	seen := map[*http7.Route]bool{}
	for _, m := range q.misses(host) {
		if len(told) == min(most, mostNear) {
			break
		}
		if seen[m.rule.route] {
			continue
		}
		seen[m.rule.route] = true
		c := newCandidate(m.rule)
		if m.onHost {
			c.Failed, c.Want, c.Saw = "path", c.Path, short(q.x.Path)
		} else {
			c.Failed, c.Want, c.Saw = "hosts", c.Host, short(host)
		}
		told = append(told, c)
	}
	return told
}

// common weighs the segments that p and path have in common from the left, literal ones most.
func (p *pattern) common(path []byte) (weight int) {
	segments := p.segments
	if p.re != nil {
		segments = strings.Split(strings.TrimPrefix(p.re.prefix, "/"), "/")
	}
	for _, s := range segments {
		if len(path) == 0 || path[0] != '/' {
			break
		}
		end := segment(path)
		switch {
		case s == anySegment && end > 1:
			weight += 2
		case s == string(path[1:end]) && s != "":
			weight += 4
		default:
			return weight
		}
		path = path[end:]
	}
	return weight
}

// Reads returns the selectors that conditions read besides what stands on every line of an access
// log, sorted: "header:x-tenant", "cookie:uid", "claim:plan", "sni", "country". Bodies are never
// logged. The caller must not change it.
func (t *Table) Reads() []string { return t.reads }

func newCandidate(r *rule) Candidate {
	return Candidate{Route: r.route, Host: r.host.String(), Path: r.path.text}
}

// explain judges one rule whose host and path fit; no says that the search goes on behind it.
func (q *query) explain(r *rule) (c Candidate, a answer) {
	c, a = newCandidate(r), yes
	switch {
	case !takesMethod(r.route.Methods, q.method):
		c.Failed, c.Want, c.Saw = "methods", strings.Join(r.route.Methods, ", "), short(q.method)
		a = no
	case r.demands != nil:
		a = q.explainConditions(&c, r.demands)
	}
	return c, a
}

// explainConditions tells the first condition that fails, or else the first that can't be told.
func (q *query) explainConditions(c *Candidate, d *demands) answer {
	all, open := yes, (*condition)(nil)
	for i := range d.conditions {
		one := &d.conditions[i]
		switch a := q.verdict(one); a {
		case no:
			c.Failed, c.Want, c.Saw, c.Unknown = subject(one.is), want(one.is), q.saw(one), false
			return no
		case broken:
			c.Failed, c.Want, c.Saw = subject(one.is), want(one.is), "(broken content)"
			all = broken
		case unread, unknown:
			if open == nil {
				open = one
			}
		}
	}
	if open != nil && all != broken {
		c.Failed, c.Want, c.Unknown = subject(open.is), want(open.is), true
		return unknown
	}
	return all
}

// subject names what a condition is on by its key in a route's match.
func subject(c *http7.Condition) string {
	if c.Name == "" {
		return c.On.String()
	}
	return c.On.String() + "." + c.Name
}

// want writes a condition as the config does.
func want(c *http7.Condition) string {
	switch c.Test {
	case http7.Exists:
		return "*"
	case http7.Missing:
		return "!"
	case http7.OneOf:
		list := slices.Clone(c.Values)
		for _, p := range c.Prefixes {
			list = append(list, p.String())
		}
		return strings.Join(list, ", ")
	case http7.Matches:
		return "~" + c.Value
	}
	if secret(c) {
		return masked
	}
	return c.Value
}
