package match

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"weir/http7"
)

// Compile builds the table of routes that one listener serves; Route.Listeners is not looked at.
// It finds the pairs of routes of which neither is more specific, and routes that can never match.
// The table is complete even then: the earlier route of such a pair wins.
// Hosts, paths, methods and conditions are taken as the Check functions and the config have passed
// them; what those refuse takes no request. The routes must not change afterwards.
func Compile(routes []*http7.Route) (*Table, Findings) {
	return CompileWithPauses(routes, func() {})
}

// CompileWithPauses is Compile that calls pause every some 100 µs, on the caller's goroutine, so that a process
// that serves meanwhile can give way there.
func CompileWithPauses(routes []*http7.Route, pause func()) (*Table, Findings) {
	c := compiler{
		table:       &Table{hosts: newIndex(), paths: newIndex(), nodes: make([]node, 1), sites: make([]site, 1)},
		hosts:       map[string]*hostPattern{},
		expressions: map[string]*expression{},
		regexps:     map[string]*regexp.Regexp{},
		captures:    map[string]*captures{},
	}
	t := c.table
	t.scratch = &sync.Pool{New: func() any { return new(scratch) }}
	for _, r := range routes {
		c.addRoute(r)
		pause()
	}
	compared := 0
	slices.SortFunc(t.rules, func(a, b rule) int {
		if compared++; compared%256 == 0 {
			pause()
		}
		return compareAll(a, b)
	})
	t.rules = slices.CompactFunc(t.rules, func(a, b rule) bool {
		return a.route == b.route && samePlace(&a, &b) && a.path.re == b.path.re // written twice
	})
	t.rules = slices.Clone(t.rules) // without the room that growing has left
	c.build(pause)
	t.shorten()
	pause()
	t.hosts.finish()
	t.paths.finish()
	pause()
	t.nodes, t.sites, t.places = slices.Clone(t.nodes), slices.Clone(t.sites), slices.Clone(t.places)
	t.reads = reads(t.rules)
	return t, Findings{Conflicts: conflicts(t.rules, pause), Shadows: shadows(t.rules, routes, pause)}
}

// compiler holds what is shared while a table is made.
type compiler struct {
	table       *Table
	hosts       map[string]*hostPattern
	expressions map[string]*expression
	regexps     map[string]*regexp.Regexp
	captures    map[string]*captures // by what they are
}

// addRoute makes the rules of one route.
func (c *compiler) addRoute(r *http7.Route) {
	demands := c.newDemands(r)
	for _, text := range orAny(r.Paths) {
		p := newPath(text, c.expressions)
		c.share(p)
		for _, host := range orAny(r.Hosts) {
			c.table.rules = append(c.table.rules, rule{
				route: r, demands: demands, host: c.host(host), path: p, order: len(c.table.rules),
			})
		}
	}
}

func (c *compiler) host(text string) *hostPattern {
	h := c.hosts[text]
	if h == nil {
		made := newHost(text)
		h = &made
		c.hosts[text] = h
	}
	return h
}

// share gives patterns that capture the same the same captures: there are many of them.
func (c *compiler) share(p *pattern) {
	if p.re != nil || p.captures == nil {
		return
	}
	key := fmt.Sprintf("%q %v %d %t", p.captures.names, p.captures.at, p.captures.depth, p.captures.rest)
	if known := c.captures[key]; known != nil {
		p.captures = known
		return
	}
	c.captures[key] = p.captures
}

func orAny(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

// compareRules orders the more specific first; 0 means that neither is, if they share a request at all.
func compareRules(a, b *rule) int {
	return cmp.Or(
		comparePlaces(a, b),
		compareBool(len(a.route.Methods) > 0, len(b.route.Methods) > 0),
		cmp.Compare(len(b.route.Conditions), len(a.route.Conditions)),
		cmp.Compare(b.route.Priority, a.route.Priority),
	)
}

func comparePlaces(a, b *rule) int {
	return cmp.Or(compareHosts(a.host, b.host), comparePaths(a.path, b.path))
}

func samePlace(a, b *rule) bool { return comparePlaces(a, b) == 0 }

// compareAll orders rules that tie as the config does.
func compareAll(a, b rule) int {
	return cmp.Or(compareRules(&a, &b), cmp.Compare(a.order, b.order))
}

// build fills the index, the sites and the tree from the sorted rules.
func (c *compiler) build(pause func()) {
	t := c.table
	t.takers = make([]taker, len(t.rules))
	for i, r := range t.rules {
		t.takers[i] = taker{r.demands, r.path.captures, r.route}
	}
	var number uint32
	for at := 0; at < len(t.rules); {
		r := &t.rules[at]
		end := at + 1
		for end < len(t.rules) && samePlace(r, &t.rules[end]) {
			end++
		}
		if at == 0 || compareHosts(r.host, t.rules[at-1].host) != 0 {
			number = t.addSite(r.host)
		}
		rules := place{uint32(at), uint32(end - at)}
		t.addPlace(number, r.path, rules)
		if r.path.re == nil {
			t.choose(rules)
		}
		pause()
		at = end
	}
}

// addSite makes the site of a host that is not there yet and returns its number.
func (t *Table) addSite(h *hostPattern) uint32 {
	number := uint32(len(t.sites))
	switch h.kind {
	case anyHost:
		return 0
	case wildHost:
		t.longest = max(t.longest, len(h.text))
		t.hosts.add(wildHosts, h.text).value = number
	case exactHost:
		t.hosts.add(exactHosts, h.text).value = number
	}
	t.named = true
	t.sites = append(t.sites, site{})
	return number
}

// addPlace makes the rules of a place known to a site.
func (t *Table) addPlace(number uint32, p *pattern, rules place) {
	s := &t.sites[number]
	if p.re != nil {
		if s.expressions.n == 0 {
			s.expressions.from = rules.from
		}
		s.expressions.n += rules.n
		return
	}
	if path, ok := p.exact(); ok {
		s.exact.add(len(p.segments))
		e := t.paths.add(pathsOf(number), path)
		e.value = uint32(len(t.places))
		e.name(t.first(rules))
		t.places = append(t.places, rules)
		return
	}
	head := p.head()
	n := &t.nodes[t.grow(t.headNode(number, p.segments[:head]), p.segments[head:])]
	if p.rest {
		n.rest = rules
	} else {
		n.end = rules
	}
}

// first returns the first rule of a place.
func (t *Table) first(rules place) *taker { return &t.takers[rules.from] }

// name lets an entry name the rule that is found first, if it demands nothing.
func (e *entry) name(first *taker) {
	if first.demands == nil {
		e.route, e.captures = first.route, first.captures
	}
}

// headNode returns the node that a head of a site's leads to, made on first use.
func (t *Table) headNode(number uint32, head []string) uint32 {
	s := &t.sites[number]
	if len(head) == 0 {
		if s.root == 0 {
			s.root = t.addNode()
		}
		return s.root
	}
	text := "/" + strings.Join(head, "/")
	if e := t.paths.get(headsOf(number), []byte(text)); e != nil {
		return e.value
	}
	s.heads.add(len(head))
	n := t.addNode()
	t.paths.add(headsOf(number), text).value = n
	return n
}

// shorten lets entries of heads that lead to nothing but a prefix name its rules themselves.
func (t *Table) shorten() {
	for i := range t.paths.entries {
		e := &t.paths.entries[i]
		if e.space < firstSpace || (e.space-firstSpace)%3 != 1 {
			continue
		}
		if n := &t.nodes[e.value]; n.rest.n > 0 && n.end.n == 0 && n.any == 0 && !n.literals {
			e.name(t.first(n.rest))
		}
	}
}

func (t *Table) addNode() uint32 {
	t.nodes = append(t.nodes, node{})
	return uint32(len(t.nodes) - 1)
}

// grow walks the tree down from a node and makes what is missing.
func (t *Table) grow(from uint32, segments []string) uint32 {
	for _, s := range segments {
		from = t.below(from, s)
	}
	return from
}

func (t *Table) below(from uint32, segment string) uint32 {
	if segment == anySegment {
		if t.nodes[from].any == 0 {
			next := t.addNode()
			t.nodes[from].any = next
		}
		return t.nodes[from].any
	}
	if e := t.paths.get(segmentsOf(from), []byte(segment)); e != nil {
		return e.value
	}
	next := t.addNode()
	t.nodes[from].literals = true
	t.paths.add(segmentsOf(from), segment).value = next
	return next
}

// reads collects the selectors that conditions read, but those of bodies.
func reads(rules []rule) []string {
	set := map[string]bool{}
	for i := range rules {
		if d := rules[i].demands; d != nil {
			for j := range d.conditions {
				set[d.conditions[j].selector] = true
			}
		}
	}
	delete(set, "")
	delete(set, "body")
	var list []string
	for s := range set {
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}
