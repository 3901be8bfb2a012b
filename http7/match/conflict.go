package match

import (
	"slices"

	"weir/http7"
)

// Findings are what Compile has to say of its routes.
type Findings struct {
	// Conflicts are errors of the config, Shadows are worth a warning.
	Conflicts []Conflict
	Shadows   []Shadow
}

// Shadow says that a route can never match.
type Shadow struct {
	Route *http7.Route
	// By is the route that takes what Route asks for, nil if Route stands in its own way.
	By *http7.Route
	// Why goes on where "route X can never match: " ends, and names By.
	Why string
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
// are neighbours, in the order of the config. Each pair of routes is reported once, and of several
// that tie in the same place each only with the first that it meets: n equal routes make n-1.
func conflicts(rules []rule, order map[*http7.Route]int) (found []Conflict) {
	type pair struct{ first, second *http7.Route }
	seen := map[pair]bool{}
	for at := 0; at < len(rules); {
		n := at + 1
		for n < len(rules) && compareRules(rules[at], rules[n]) == 0 {
			n++
		}
		for _, c := range ties(rules[at:n]) {
			if p := (pair{c.First, c.Second}); !seen[p] {
				seen[p] = true
				found = append(found, c)
			}
		}
		at = n
	}
	slices.SortStableFunc(found, func(a, b Conflict) int {
		if a.Second != b.Second {
			return order[a.Second] - order[b.Second]
		}
		return order[a.First] - order[b.First]
	})
	return found
}

// ties finds the conflicts among rules of equal rank: those that share a method.
func ties(equal []rule) (found []Conflict) {
	if len(equal) == 1 {
		return nil
	}
	owner := map[string]*http7.Route{} // of a method; "" of all
	for _, r := range equal {
		shared := map[*http7.Route]int{} // the place in found
		for _, m := range slices.Compact(slices.Sorted(slices.Values(orAny(r.route.Methods)))) {
			first := owner[m]
			if first == nil {
				owner[m] = r.route
				continue
			}
			at, known := shared[first]
			if !known {
				at = len(found)
				shared[first] = at
				found = append(found, Conflict{First: first, Second: r.route, Host: r.host.String(), Path: r.path.String()})
			}
			if m != "" {
				found[at].Methods = append(found[at].Methods, m)
			}
		}
	}
	return found
}
