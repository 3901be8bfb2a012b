package gateway

import (
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/match"
)

// shadow is a route that can never match on any of its listeners.
type shadow struct {
	route, by string
	why       string
}

// note takes what match has found among the routes of one listener.
func (k *compiler) note(listener string, routes []*http7.Route, found match.Findings) {
	if k.serving == nil {
		k.serving = make([]int, len(k.cfg.Routes))
	}
	for _, r := range routes {
		k.serving[r.ID]++
	}
	for i := range found.Conflicts {
		k.conflict(listener, &found.Conflicts[i])
	}
	k.shadows = append(k.shadows, found.Shadows)
}

// conflict notes two routes that take the same requests, once for all listeners. Where they are served on
// different ones it says on which they meet, since that one of them is on fewer does not make it more specific.
func (k *compiler) conflict(listener string, c *match.Conflict) {
	key := [2]int{c.First.ID, c.Second.ID}
	if k.told[key] {
		return
	}
	k.told[key] = true
	first, second := k.cfg.Routes[c.First.ID], k.cfg.Routes[c.Second.ID]
	where, way := "", ""
	if !slices.Equal(sorted(first.Listeners), sorted(second.Listeners)) {
		other := first
		if len(first.Listeners) > 0 && (len(second.Listeners) == 0 || len(second.Listeners) > len(first.Listeners)) {
			other = second
		}
		where = "on listener " + listener + " "
		way = `, or keep "` + other.Name + `" off ` + listener + " by its listeners, which make no route more specific"
	}
	what := "requests " + where + "for host " + c.Host + " and path " + c.Path
	if len(c.Methods) > 0 {
		what = strings.Join(c.Methods, ", ") + " " + what
	}
	k.at(second.Path).Add("match", what+` are taken by route "`+first.Name+`" as well, and neither is more specific`,
		"the other is at "+k.report.Where(first.Path)+"; make one more specific, or give one a higher priority"+way)
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// shadowed warns of the routes that can never match on any listener that serves them, and returns them.
func (k *compiler) shadowed() (list []shadow) {
	times := map[int]int{}
	for _, found := range k.shadows {
		for _, s := range found {
			times[s.Route.ID]++
			if times[s.Route.ID] < k.serving[s.Route.ID] {
				continue
			}
			r := k.cfg.Routes[s.Route.ID]
			by, hint := "", ""
			if s.By != nil {
				by = s.By.Name
				hint = "the other is at " + k.report.Where(k.cfg.Routes[s.By.ID].Path)
			}
			k.at(r.Path).Warn("match", "the route can never match: "+s.Why, hint)
			list = append(list, shadow{route: r.Name, by: by, why: s.Why})
		}
	}
	return list
}
