package match

import (
	"cmp"
	"net/netip"
	"slices"

	"weir/http7"
)

// Findings are what Compile has to say of its routes.
type Findings struct {
	// Conflicts are errors of the config, Shadows are worth a warning.
	Conflicts []Conflict
	Shadows   []Shadow
}

// Conflict says that two routes take the same requests and neither is more specific.
type Conflict struct {
	// First is the earlier one in the config.
	First, Second *http7.Route
	// Host is the pattern that both have, Path the one of Second: "*" is any host, "/*" any path.
	Host, Path string
	// Methods are those that both take; empty means all.
	Methods []string
}

// conflicts finds, for every route, the earlier ones that it ties with. rules are sorted, so equals
// are neighbours, in the order of the config. Each pair of routes is reported once, and of many that
// tie in the same place each only with those that tie with none before: n equal routes make n-1.
func conflicts(rules []rule, pause func()) (found []Conflict) {
	t := ties{seen: map[[2]*http7.Route]bool{}}
	for at := 0; at < len(rules); {
		n := at + 1
		for n < len(rules) && compareRules(&rules[at], &rules[n]) == 0 {
			n++
		}
		if n > at+1 {
			t.among(pointers(rules[at:n]))
		}
		pause()
		at = n
	}
	slices.SortStableFunc(t.found, func(a, b tie) int {
		if a.second.order != b.second.order {
			return a.second.order - b.second.order
		}
		return a.first.order - b.first.order
	})
	for _, t := range t.found {
		found = append(found, t.conflict())
	}
	return found
}

func pointers(rules []rule) (out []*rule) {
	for i := range rules {
		out = append(out, &rules[i])
	}
	return out
}

// tie is a pair of rules that neither order nor exclusion tells apart.
type tie struct{ first, second *rule }

func (t tie) conflict() Conflict {
	c := Conflict{First: t.first.route, Second: t.second.route, Host: t.second.host.String(), Path: t.second.path.text}
	for _, m := range t.second.route.Methods {
		if slices.Contains(t.first.route.Methods, m) {
			c.Methods = append(c.Methods, m)
		}
	}
	slices.Sort(c.Methods)
	return c
}

type ties struct {
	seen  map[[2]*http7.Route]bool
	found []tie
}

// among finds the ties among rules of equal rank.
func (t *ties) among(equal []*rule) {
	if groups := split(equal); len(groups) > 1 {
		for _, g := range groups {
			t.among(g)
		}
		return
	}
	var alone, tied []*rule
	for _, r := range equal {
		one := t.with(r, alone, false)
		if !one {
			one = t.with(r, tied, true)
		}
		if one {
			tied = append(tied, r)
		} else {
			alone = append(alone, r)
		}
	}
}

// with notes the ties of r with others, or the first one alone, and reports whether there is one.
func (t *ties) with(r *rule, others []*rule, firstAlone bool) (any bool) {
	for _, o := range others {
		if o.route == r.route || excludes(o, r) {
			continue
		}
		any = true
		if pair := [2]*http7.Route{o.route, r.route}; !t.seen[pair] {
			t.seen[pair] = true
			t.found = append(t.found, tie{o, r})
		}
		if firstAlone {
			break
		}
	}
	return any
}

// split parts rules that all ask for a value of the same thing by that value: those of different parts
// exclude each other, and large parts are not compared pair by pair. Without such a thing, or when
// the value is the same, it returns one part.
func split(rules []*rule) [][]*rule {
	if len(rules) < 3 || rules[0].demands == nil {
		return [][]*rule{rules}
	}
	for i := range rules[0].demands.conditions {
		if parts := splitBy(rules, &rules[0].demands.conditions[i]); len(parts) > 1 {
			return parts
		}
	}
	return [][]*rule{rules}
}

func splitBy(rules []*rule, like *condition) (parts [][]*rule) {
	if like.is.On == http7.OnClient {
		return splitByClients(rules, like)
	}
	if like.is.Test != http7.Equals {
		return nil
	}
	number := map[string]int{}
	for _, r := range rules {
		c := r.same(like)
		if c == nil || c.is.Test != http7.Equals {
			return nil
		}
		n, ok := number[c.value]
		if !ok {
			n = len(parts)
			number[c.value] = n
			parts = append(parts, nil)
		}
		parts[n] = append(parts[n], r)
	}
	return parts
}

// splitByClients parts rules that all ask for blocks of addresses: those of different parts share none.
func splitByClients(rules []*rule, like *condition) (parts [][]*rule) {
	type block struct {
		netip.Prefix
		of int
	}
	var blocks []block
	for i, r := range rules {
		c := r.same(like)
		if c == nil || len(c.clients) == 0 {
			return nil
		}
		for _, p := range c.clients {
			blocks = append(blocks, block{p, i})
		}
	}
	slices.SortFunc(blocks, func(a, b block) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) })
	heads := make([]int, len(rules)) // of each rule another one of its part, or itself
	for i := range heads {
		heads[i] = i
	}
	head := func(i int) int {
		for heads[i] != i {
			heads[i] = heads[heads[i]]
			i = heads[i]
		}
		return i
	}
	widest := blocks[0] // one of two that overlap holds the other, and comes first
	for _, b := range blocks {
		if widest.Overlaps(b.Prefix) {
			heads[head(b.of)] = head(widest.of)
		} else {
			widest = b
		}
	}
	number := map[int]int{}
	for i, r := range rules {
		n, ok := number[head(i)]
		if !ok {
			n = len(parts)
			number[head(i)] = n
			parts = append(parts, nil)
		}
		parts[n] = append(parts[n], r)
	}
	return parts
}

// same returns r's condition on what c is on, nil if it has none.
func (r *rule) same(c *condition) *condition {
	if r.demands == nil {
		return nil
	}
	for i := range r.demands.conditions {
		if d := &r.demands.conditions[i]; d.sameSubject(c) {
			return d
		}
	}
	return nil
}
