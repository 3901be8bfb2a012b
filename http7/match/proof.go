package match

import (
	"net/netip"
	"slices"

	"weir/http7"
)

// What can be proved of two rules at the same place, or of two conditions on the same thing, for every
// request there is. False means that nothing was proved.

// excludes reports that no request meets both rules.
func excludes(a, b *rule) bool {
	if len(a.route.Methods) > 0 && len(b.route.Methods) > 0 && disjoint(a.route.Methods, b.route.Methods) {
		return true
	}
	if a.demands == nil || b.demands == nil {
		return false
	}
	for i := range a.demands.conditions {
		c := &a.demands.conditions[i]
		for j := range b.demands.conditions {
			if c.excludes(&b.demands.conditions[j]) {
				return true
			}
		}
	}
	return false
}

func disjoint(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// sameSubject reports whether two conditions are on the same thing. Header names have no case.
func (c *condition) sameSubject(d *condition) bool {
	if c.is.On == http7.OnHeader && d.is.On == http7.OnHeader {
		return http7.EqualFold(c.is.Name, d.is.Name)
	}
	return c.is.On == d.is.On && c.is.Name == d.is.Name
}

// excludes reports that no request meets both conditions.
func (c *condition) excludes(d *condition) bool {
	if c.is.On == http7.OnContent && d.is.On == http7.OnContent && c.kind != d.kind {
		return true // a body is JSON or XML
	}
	if !c.sameSubject(d) {
		return false
	}
	switch p, q := c.is.Test, d.is.Test; {
	case p == http7.Missing || q == http7.Missing:
		return p != q
	case p == http7.Equals && q == http7.Equals:
		return c.value != d.value
	case p == http7.Equals && q == http7.Matches:
		return !d.re.MatchString(c.value)
	case p == http7.Matches && q == http7.Equals:
		return !c.re.MatchString(d.value)
	case p == http7.OneOf && q == http7.OneOf && c.is.On == http7.OnClient:
		return !slices.ContainsFunc(c.clients, func(p netip.Prefix) bool { return slices.ContainsFunc(d.clients, p.Overlaps) })
	case p == http7.OneOf && q == http7.OneOf:
		return disjoint(c.is.Values, d.is.Values)
	}
	return false
}

// implies reports that every request that meets c meets d.
func (c *condition) implies(d *condition) bool {
	if !c.sameSubject(d) {
		return false
	}
	p := c.is.Test
	switch d.is.Test {
	case http7.Exists:
		return p != http7.Missing
	case http7.Missing:
		return p == http7.Missing
	case http7.Equals:
		return p == http7.Equals && c.value == d.value
	case http7.Matches:
		return p == http7.Equals && d.re.MatchString(c.value) || p == http7.Matches && c.is.Value == d.is.Value
	}
	return p == http7.OneOf && c.within(d)
}

// within reports whether all that c lists is in d's list.
func (c *condition) within(d *condition) bool {
	if c.is.On != http7.OnClient {
		return !slices.ContainsFunc(c.is.Values, func(v string) bool { return !slices.Contains(d.is.Values, v) })
	}
	return !slices.ContainsFunc(c.clients, func(p netip.Prefix) bool {
		return !slices.ContainsFunc(d.clients, func(q netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) })
	})
}
