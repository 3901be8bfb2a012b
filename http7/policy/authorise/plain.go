package authorise

import (
	"slices"

	"weir/http7"
)

// plain is a requirement of the simple forms: scope:, group:, consumer:, country:, identified and true, and their
// combinations. It never changes, and is judged without an engine.
type plain struct {
	op   op
	name string
	kids []plain
}

// op is what a plain requirement asks for.
type op uint8

const (
	isTrue op = iota
	isFalse
	isIdentified
	hasScope
	hasGroup
	isConsumer
	isCountry
	not
	all
	either
)

// holds judges x. It allocates nothing.
func (p *plain) holds(x *http7.Exchange) bool {
	switch p.op {
	case isTrue:
		return true
	case isIdentified:
		return x.Identified()
	case hasScope:
		return slices.Contains(x.Scopes, p.name)
	case hasGroup:
		return slices.Contains(x.Groups, p.name)
	case isConsumer:
		return x.Consumer == p.name
	case isCountry:
		return x.Country == p.name
	case not:
		return !p.kids[0].holds(x)
	case all:
		return p.all(x)
	case either:
		return p.either(x)
	}
	return false
}

func (p *plain) all(x *http7.Exchange) bool {
	for i := range p.kids {
		if !p.kids[i].holds(x) {
			return false
		}
	}
	return true
}

func (p *plain) either(x *http7.Exchange) bool {
	for i := range p.kids {
		if p.kids[i].holds(x) {
			return true
		}
	}
	return false
}

// may reports whether p could come to want if somebody established who sends x. Each term is taken for itself.
func (p *plain) may(x *http7.Exchange, want bool) bool {
	switch p.op {
	case isIdentified:
		return want
	case hasScope, hasGroup, isConsumer:
		return true
	case not:
		return p.kids[0].may(x, !want)
	case all, either:
		every := want == (p.op == all) // else one of them is enough
		for i := range p.kids {
			if p.kids[i].may(x, want) != every {
				return !every
			}
		}
		return every
	}
	return p.holds(x) == want
}

// personal reports whether p asks who somebody is.
func (p *plain) personal() bool {
	return p.op == isIdentified || p.op == hasScope || p.op == hasGroup || p.op == isConsumer
}

// reads adds what the requirement reads of requests that no line of a log has by itself.
func (p *plain) reads(list []string) []string {
	switch p.op {
	case hasScope:
		list = append(list, readsScopes)
	case hasGroup:
		list = append(list, readsGroups)
	case isCountry:
		list = append(list, readsCountry)
	}
	for i := range p.kids {
		list = p.kids[i].reads(list)
	}
	return list
}

// wanted adds the scopes that help: those that no "!" stands before.
func (p *plain) wanted(list []string) []string {
	switch p.op {
	case hasScope:
		return append(list, p.name)
	case not:
		return list
	}
	for i := range p.kids {
		list = p.kids[i].wanted(list)
	}
	return list
}

// What requirements read, in the words of [http7.Recorded].
const (
	readsScopes  = "scopes"
	readsGroups  = "groups"
	readsCountry = "country"
)
