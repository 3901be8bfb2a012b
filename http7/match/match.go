// Package match finds the route of an exchange.
//
// gateway compiles one Table for each listener; the hall calls Find. The most specific route wins,
// whatever the order: host exact > longest wildcard > any; then the path, segment by segment from
// the left, literal > rest, end > rest; then a method set > none; then priority. Where the best
// host or path has no route for the method, the next less specific one is asked.
//
// Hosts are compared without case, port and trailing dot; paths byte for byte, as received.
package match

import (
	"cmp"
	"slices"

	"weir/http7"
)

// Table is a compiled set of routes. It never changes and is safe for concurrent use.
type Table struct {
	rules []rule // every pair of host and path, the most specific first
	exact map[string]*node
	wild  map[string]*node // by the suffix, with its dot
	any   *node
	// longest is the length of the longest suffix in wild.
	longest int
}

// rule is one pair of host and path of a route.
type rule struct {
	route *http7.Route
	host  hostPattern
	path  pathPattern
}

// Serving returns those of routes that a listener serves, in order: what its Table is compiled of.
func Serving(routes []*http7.Route, listener string) []*http7.Route {
	var out []*http7.Route
	for _, r := range routes {
		if len(r.Listeners) == 0 || slices.Contains(r.Listeners, listener) {
			out = append(out, r)
		}
	}
	return out
}

// Compile builds the table of routes that one listener serves; Route.Listeners is not looked at.
// It reports the pairs of routes of which neither is more specific. The table is complete even
// then: the earlier route of such a pair wins.
// Hosts, paths and methods are taken as the config has checked them.
func Compile(routes []*http7.Route) (*Table, Findings) {
	t := &Table{exact: map[string]*node{}, wild: map[string]*node{}, any: new(node)}
	order := make(map[*http7.Route]int, len(routes))
	for i, r := range routes {
		order[r] = i
		t.rules = append(t.rules, rulesOf(r)...)
	}
	slices.SortStableFunc(t.rules, func(a, b rule) int {
		return cmp.Or(compareRules(a, b), cmp.Compare(order[a.route], order[b.route]))
	})
	t.rules = slices.CompactFunc(t.rules, func(a, b rule) bool {
		return a.route == b.route && samePlace(a, b) // a route that lists a host or path twice
	})
	for _, r := range t.rules {
		t.root(r.host).add(r)
	}
	t.link()
	return t, Findings{Conflicts: conflicts(t.rules, order)}
}

func rulesOf(r *http7.Route) (rules []rule) {
	for _, h := range orAny(r.Hosts) {
		for _, p := range orAny(r.Paths) {
			rules = append(rules, rule{r, newHost(h), newPath(p)})
		}
	}
	return rules
}

func orAny(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

// compareRules orders the more specific first; 0 means that neither is.
func compareRules(a, b rule) int {
	return cmp.Or(
		compareHosts(a.host, b.host),
		comparePaths(a.path, b.path),
		compareBool(len(a.route.Methods) > 0, len(b.route.Methods) > 0),
		cmp.Compare(b.route.Priority, a.route.Priority),
	)
}

func samePlace(a, b rule) bool {
	return compareHosts(a.host, b.host) == 0 && comparePaths(a.path, b.path) == 0
}

// Find looks for the route of x as if its method were method, which is another one for a CORS
// preflight. With a route found, x.Captures are those of its path. It takes no lock and allocates
// nothing; its cost grows with the labels of the host and the segments of the path, not with the
// routes. It does not set x.Route.
func (t *Table) Find(x *http7.Exchange, method []byte) Found {
	x.Captures.Reset(nil)
	return Found{Route: t.find(x, method)}
}

// Found is what Find has to say. The zero Found is: no route.
type Found struct {
	// Route is the one found, nil if there is none or if one of the others is set.
	Route *http7.Route
	// Need says that a condition is on the content: the whole body is to be collected, up to the limit
	// of the route Asks (the listener's if it has none) and at most [MostContent], then Find called again.
	Need bool
	Asks *http7.Route
	// Fault refuses the request: [http7.BadContent].
	Fault *http7.Fault
	// Undecided says that x is read from a log that lacks what decides: see [http7.Recorded.Missed].
	Undecided bool
}

// MostContent is the longest body that conditions on content are judged by, in bytes.
const MostContent = 1 << 20

func (t *Table) find(x *http7.Exchange, method []byte) *http7.Route {
	if len(t.exact)+len(t.wild) > 0 {
		if r := t.findByHost(x, method); r != nil {
			return r
		}
	}
	return t.any.find(x, method)
}

// findByHost asks the tables of the exact host and of its wildcards, the longest first.
func (t *Table) findByHost(x *http7.Exchange, method []byte) *http7.Route {
	var buf [maxHost]byte
	host := bareHost(&buf, x.Authority)
	if n := t.exact[string(host)]; n != nil {
		if r := n.find(x, method); r != nil {
			return r
		}
	}
	if len(t.wild) == 0 {
		return nil
	}
	for i := max(1, len(host)-t.longest); i < len(host); i++ {
		if host[i] != '.' {
			continue
		}
		if n := t.wild[string(host[i:])]; n != nil {
			if r := n.find(x, method); r != nil {
				return r
			}
		}
	}
	return nil
}

// root returns the tree of a host, made on first use.
func (t *Table) root(h hostPattern) *node {
	roots := t.exact
	switch h.kind {
	case anyHost:
		return t.any
	case wildHost:
		roots = t.wild
		t.longest = max(t.longest, len(h.text))
	}
	if roots[h.text] == nil {
		roots[h.text] = new(node)
	}
	return roots[h.text]
}

// link lets every node know the next less specific one.
func (t *Table) link() {
	t.any.link(nil)
	for _, n := range t.exact {
		n.link(nil)
	}
	for _, n := range t.wild {
		n.link(nil)
	}
}
