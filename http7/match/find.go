package match

import (
	"math/bits"
	"slices"

	"weir/http7"
	"weir/http7/match/content"
)

// query is one call of Find.
type query struct {
	table    *Table
	x        *http7.Exchange
	method   []byte
	found    Found
	captures *captures // of the rule found
	scratch  *scratch  // nil until it is needed
	read     bool      // the content is in scratch
	over     bool      // found holds what comes before any rule
}

// scratch is what few queries need: what stands in a body, a decoded value.
type scratch struct {
	values content.Values
	text   []byte
}

func (q *query) needScratch() *scratch {
	if q.scratch == nil {
		q.scratch = q.table.scratch.Get().(*scratch)
	}
	return q.scratch
}

// mostText is the longest text that a pooled scratch keeps.
const mostText = 16 << 10

func (q *query) close() {
	if q.scratch == nil {
		return
	}
	q.scratch.values.Drop()
	if cap(q.scratch.text) > mostText {
		q.scratch.text = nil
	}
	q.table.scratch.Put(q.scratch)
}

// The steps of find, from the best to the least specific. Each reports whether the search is over: with
// a rule, or with something in found that must come first.

func (q *query) find() bool {
	return q.table.named && q.findByHost() || q.inSite(0)
}

// findByHost asks the sites of the exact host and of its wildcards, the longest first.
func (q *query) findByHost() bool {
	t := q.table
	var buf [maxHost]byte
	host := bareHost(&buf, q.x.Authority)
	if e := t.hosts.get(exactHosts, host); e != nil && q.inSite(e.value) {
		return true
	}
	if t.longest == 0 {
		return false
	}
	for i := max(1, len(host)-t.longest); i < len(host); i++ {
		if host[i] != '.' {
			continue
		}
		if e := t.hosts.get(wildHosts, host[i:]); e != nil && q.inSite(e.value) {
			return true
		}
	}
	return false
}

// inSite asks for the whole path first: nothing is more specific. Then it asks the heads that the path
// begins with, the longest first: a literal segment comes before all else.
func (q *query) inSite(number uint32) bool {
	s := &q.table.sites[number]
	path := q.x.Path
	if s.exact|s.heads != 0 {
		var ends [mostDepth + 1]uint32
		depth := segmentEnds(&ends, path)
		if s.exact.has(depth) {
			if e := q.table.paths.get(pathsOf(number), path); e != nil && (q.take(e) || q.first(q.table.places[e.value])) {
				return true
			}
		}
		for heads := s.heads & (1<<(min(depth, mostDepth)+1) - 1); heads != 0; {
			deepest := bits.Len64(uint64(heads)) - 1
			heads &^= 1 << deepest
			end := ends[deepest]
			if e := q.table.paths.get(headsOf(number), path[:end]); e != nil && (q.take(e) || q.below(e.value, path[end:])) {
				return true
			}
		}
	}
	return s.root != 0 && q.below(s.root, path) || s.expressions.n > 0 && q.firstExpression(s.expressions)
}

// segmentEnds notes where segments 1 to mostDepth of path end and counts all of them.
func segmentEnds(ends *[mostDepth + 1]uint32, path []byte) (depth int) {
	if len(path) == 0 || path[0] != '/' {
		return 0
	}
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			if depth++; depth <= mostDepth {
				ends[depth] = uint32(i)
			}
		}
	}
	if depth++; depth <= mostDepth {
		ends[depth] = uint32(len(path))
	}
	return depth
}

// below walks down as far as path leads and comes back up until a rule takes the exchange. It visits
// no more nodes than the site has, however the path is.
func (q *query) below(number uint32, path []byte) bool {
	n := &q.table.nodes[number]
	if len(path) == 0 {
		return q.first(n.end) || q.first(n.rest)
	}
	if (n.literals || n.any != 0) && path[0] == '/' {
		end := segment(path)
		if n.literals {
			if e := q.table.paths.get(segmentsOf(number), path[1:end]); e != nil && q.below(e.value, path[end:]) {
				return true
			}
		}
		if n.any != 0 && end > 1 && q.below(n.any, path[end:]) {
			return true
		}
	}
	return q.first(n.rest)
}

// take takes the rule that an entry names, if it does.
func (q *query) take(e *entry) bool {
	q.found.Route, q.captures = e.route, e.captures
	return e.route != nil
}

// first asks the rules of a place in turn.
func (q *query) first(p place) bool {
	if p.n > fewRules {
		if c := q.table.choices[p.from]; c != nil && q.knows(c.on) {
			return q.firstOf(c)
		}
	}
	takers := q.table.takers[p.from : p.from+p.n]
	for i := range takers {
		if t := &takers[i]; t.demands == nil || q.asks(t) {
			q.found.Route, q.captures = t.route, t.captures
			return true
		}
		if q.over {
			return true
		}
	}
	return false
}

func (q *query) firstExpression(p place) bool {
	for i := range p.n {
		if q.table.rules[p.from+i].path.re.holds(q.x.Path) && q.first(place{p.from + i, 1}) {
			return true
		}
	}
	return false
}

// asks reports whether what a rule demands holds. Where that can't be told yet, found says why.
func (q *query) asks(t *taker) bool {
	d := t.demands
	if !takesMethod(d.methods, q.method) {
		return false
	}
	all := yes
	for i := range d.conditions {
		a := q.verdict(&d.conditions[i])
		if a == no {
			return false
		}
		all = max(all, a)
	}
	if all == yes {
		return true
	}
	q.over = true
	switch all {
	case unread:
		q.found.Need, q.found.Asks = true, t.route
	case broken:
		q.found.Fault = http7.BadContent
	case unknown:
		q.found.Undecided = true
		q.note(d)
	}
	return false
}

// note tells the exchange which of the conditions the log has left open.
func (q *query) note(d *demands) {
	for i := range d.conditions {
		if c := &d.conditions[i]; q.verdict(c) == unknown && !slices.Contains(q.x.Recorded.Missed, c.selector) {
			q.x.Lacks(c.selector)
		}
	}
}

// takesMethod reports whether a set takes a method; an empty one takes all.
func takesMethod(set []string, method []byte) bool {
	for _, m := range set {
		if m == string(method) {
			return true
		}
	}
	return len(set) == 0
}
