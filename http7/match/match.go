// Package match finds the route of an exchange.
//
// gateway compiles one Table for each listener; the hall calls Find. The most specific route wins,
// whatever the order: host exact > longest wildcard > any; then the path, segment by segment from
// the left, literal > {segment} > rest, end > rest, and regular expressions after all of these, by the
// length of their literal prefix; then a method set > none; then the number of other conditions; then
// priority. Where the best host or path has no route whose conditions hold, the next less specific
// one is asked.
//
// Hosts are compared without case, port and trailing dot; paths in the canonical form that
// http7/paths gives them.
package match

import (
	"slices"
	"sync"

	"weir/http7"
	"weir/http7/match/content"
)

// Table is a compiled set of routes. It never changes and is safe for concurrent use.
type Table struct {
	rules  []rule  // every pair of host and path, the most specific first
	takers []taker // what Find looks at of each rule
	sites  []site  // the first is that of any host
	nodes  []node  // the first is nobody's
	places []place // of exact paths
	hosts  index   // of sites; apart from paths, since every request asks it
	paths  index
	named  bool // there are hosts that are exact or wildcards
	// longest is the length of the longest suffix of a wildcard; 0 without any.
	longest int
	choices map[uint32]*choice // of places with many rules, by their first
	content content.Paths
	reads   []string
	scratch *sync.Pool
}

// rule is one pair of host and path of a route.
type rule struct {
	route   *http7.Route
	demands *demands // nil: none
	host    *hostPattern
	path    *pattern
	order   int // among the rules as the routes were given
}

// taker is a rule as Find sees it: small, since each one it looks at may be far away in memory.
type taker struct {
	demands  *demands  // nil: none
	captures *captures // nil: none
	route    *http7.Route
}

// place is a run of rules that take the same paths: rules[from:from+n], the best first.
type place struct{ from, n uint32 }

// site is what there is for one pattern of hosts. Exact paths lie in the index as they are. Of other
// patterns the literal segments in front, their head, lead to a node by the index in one step.
type site struct {
	exact       depths // of the exact paths
	heads       depths // of the heads but the empty one
	root        uint32 // the node of the empty head; 0 without any
	expressions place
}

// node is one place in a tree of paths.
type node struct {
	end, rest place  // of the path that ends here; of this path and all below
	any       uint32 // the node below for a {segment}; 0 without any
	literals  bool   // there are nodes below for literal segments, in the index
}

// depths is a set of numbers of segments; mostDepth stands for itself and all beyond.
type depths uint64

const mostDepth = 63

func (d depths) has(depth int) bool { return d>>min(depth, mostDepth)&1 != 0 }
func (d *depths) add(depth int)     { *d |= 1 << min(depth, mostDepth) }

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

// Find looks for the route of x as if its method were method, which is another one for a CORS
// preflight. With a route found, x.Captures are those of its path. It takes no lock and allocates
// nothing, unless a regular expression captures or content is XML; its cost grows with the
// labels of the host and the segments of the path, and with the routes that share host and path, not
// with the routes. It does not set x.Route.
func (t *Table) Find(x *http7.Exchange, method []byte) Found {
	x.Captures.Reset(nil)
	q := query{table: t, x: x, method: method}
	if q.find() && q.captures != nil {
		q.captures.take(x)
	}
	q.close()
	return q.found
}
