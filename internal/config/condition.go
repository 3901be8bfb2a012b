package config

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/policy/geo"
)

// Conditions returns what a match asks for besides host, path and method, always in the same order.
// Each key of a table is one condition; clients, country and sni are one each.
func (m *Match) Conditions() []http7.Condition {
	var list []http7.Condition
	if len(m.Clients) > 0 {
		prefixes := make([]netip.Prefix, len(m.Clients))
		for i, p := range m.Clients {
			prefixes[i] = p.Value()
		}
		list = append(list, http7.Condition{On: http7.OnClient, Test: http7.OneOf, Prefixes: prefixes})
	}
	if countries := m.countries(); len(countries) > 0 {
		list = append(list, http7.Condition{On: http7.OnCountry, Test: http7.OneOf, Values: countries})
	}
	if m.SNI != "" {
		list = append(list, condition(http7.OnSNI, "", m.SNI))
	}
	for _, t := range m.tables() {
		for _, name := range slices.Sorted(maps.Keys(t.values)) {
			list = append(list, condition(t.on, name, t.values[name]))
		}
	}
	return list
}

// countries are those of country and of continent.
func (m *Match) countries() []string {
	if len(m.Continent) == 0 {
		return m.Country
	}
	list := slices.Clone(m.Country)
	for _, continent := range m.Continent {
		list = append(list, geo.Countries(continent)...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// valueTable is a table of a match whose keys are names and whose values are conditions.
type valueTable struct {
	on     http7.Subject
	values map[string]string
}

func (m *Match) tables() [5]valueTable {
	return [...]valueTable{
		{http7.OnHeader, m.Headers}, {http7.OnQuery, m.Query}, {http7.OnCookie, m.Cookies},
		{http7.OnClaim, m.Claims}, {http7.OnContent, m.Body},
	}
}

// condition reads what an operator has written for one value. Server names are compared in lower case.
func condition(on http7.Subject, name, text string) http7.Condition {
	c := http7.Condition{On: on, Name: name}
	switch {
	case text == "*":
		c.Test = http7.Exists
	case text == "!":
		c.Test = http7.Missing
	case strings.HasPrefix(text, "~"):
		c.Test, c.Value = http7.Matches, text[1:]
	case on == http7.OnSNI:
		c.Value = strings.ToLower(text)
	default:
		c.Value = text
	}
	return c
}
