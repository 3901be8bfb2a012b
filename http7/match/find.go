package match

import (
	"slices"

	"weir/http7"
	"weir/http7/match/content"
)

// query is one call of Find.
type query struct {
	table   *Table
	x       *http7.Exchange
	method  []byte
	rule    *rule
	found   Found
	scratch *scratch // nil until it is needed
	read    bool     // the content is in scratch
	over    bool     // found holds what comes before any rule
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
	if s, ok := t.index.get(exactHosts, host); ok && q.inSite(s.from) {
		return true
	}
	if t.longest == 0 {
		return false
	}
	for i := max(1, len(host)-t.longest); i < len(host); i++ {
		if host[i] != '.' {
			continue
		}
		if s, ok := t.index.get(wildHosts, host[i:]); ok && q.inSite(s.from) {
			return true
		}
	}
	return false
}

// inSite asks for the whole path first: nothing is more specific.
func (q *query) inSite(number uint32) bool {
	s := &q.table.sites[number]
	if s.exact {
		if p, ok := q.table.index.get(pathsOf(number), q.x.Path); ok && q.first(p) {
			return true
		}
	}
	return s.tree != 0 && q.below(s.tree, q.x.Path) || s.expressions.n > 0 && q.firstExpression(s.expressions)
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
			if c, ok := q.table.index.get(segmentsOf(number), path[1:end]); ok && q.below(c.from, path[end:]) {
				return true
			}
		}
		if n.any != 0 && end > 1 && q.below(n.any, path[end:]) {
			return true
		}
	}
	return q.first(n.rest)
}

// first asks the rules of a place in turn.
func (q *query) first(p place) bool {
	rules := q.table.rules[p.from : p.from+p.n]
	for i := range rules {
		if r := &rules[i]; r.demands == nil || q.asks(r) {
			q.rule = r
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
		if q.table.rules[p.from+i].re.holds(q.x.Path) && q.first(place{p.from + i, 1}) {
			return true
		}
	}
	return false
}

// asks reports whether what a rule demands holds. Where that can't be told yet, found says why.
func (q *query) asks(r *rule) bool {
	d := r.demands
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
		q.found.Need, q.found.Asks = true, r.route
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
