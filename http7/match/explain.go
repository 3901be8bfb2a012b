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
	// Saw is what the request has; "" if nothing. Values that may be secrets are masked.
	Saw string
	// Unknown says that nobody can tell whether Failed holds: the log did not write it, or the body
	// is not there.
	Unknown bool
}

// MostCandidates is how many candidates Explain tells at most.
const MostCandidates = 50

// Explain judges the candidates for x as Find does: those whose host and path fit first, then those
// whose host fits, then the others, and among each the most specific first. Find takes the first one
// without a Failed, unless one before it is Unknown. more counts those beyond [MostCandidates]. It is
// for people; its cost grows with the routes.
func (t *Table) Explain(x *http7.Exchange, method []byte) (candidates []Candidate, more int) {
	var buf [maxHost]byte
	host := bareHost(&buf, x.Authority)
	var near [3][]*rule
	for i := range t.rules {
		r, distance := &t.rules[i], 0
		switch {
		case !r.host.holds(host):
			distance = 2
		case !r.path.holds(x.Path):
			distance = 1
		}
		if len(near[distance]) < MostCandidates {
			near[distance] = append(near[distance], r)
		}
	}
	q := query{table: t, x: x, method: method}
	defer q.close()
	for distance, rules := range near {
		for _, r := range rules {
			if len(candidates) < MostCandidates {
				candidates = append(candidates, q.explain(r, distance))
			}
		}
	}
	return candidates, len(t.rules) - len(candidates)
}

// Reads returns the selectors that conditions read besides what stands on every line of an access
// log, sorted: "header:x-tenant", "cookie:uid", "claim:plan", "sni", "country". Bodies are never
// logged. The caller must not change it.
func (t *Table) Reads() []string { return t.reads }

// explain judges one rule; distance says whether host and path hold.
func (q *query) explain(r *rule, distance int) Candidate {
	c := Candidate{Route: r.route, Host: r.host.String(), Path: r.path.text}
	switch {
	case distance == 2:
		c.Failed, c.Want, c.Saw = "hosts", c.Host, short(q.x.Authority)
	case distance == 1:
		c.Failed, c.Want, c.Saw = "path", c.Path, short(q.x.Path)
	case !takesMethod(r.route.Methods, q.method):
		c.Failed, c.Want, c.Saw = "methods", strings.Join(r.route.Methods, ", "), short(q.method)
	case r.demands != nil:
		q.explainConditions(&c, r.demands)
	}
	return c
}

// explainConditions tells the first condition that fails, or else the first that can't be told.
func (q *query) explainConditions(c *Candidate, d *demands) {
	var open *condition
	for i := range d.conditions {
		one := &d.conditions[i]
		a := q.verdict(one)
		if a == no || a == broken {
			c.Failed, c.Want, c.Saw = subject(one.is), want(one.is), q.saw(one)
			if a == broken {
				c.Saw = "(broken content)"
			}
			return
		}
		if a != yes && open == nil {
			open = one
		}
	}
	if open != nil {
		c.Failed, c.Want, c.Unknown = subject(open.is), want(open.is), true
	}
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
