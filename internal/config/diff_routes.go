package config

import (
	"maps"
	"slices"
	"strings"

	"weir/internal/plan"
)

// routes compares by name. One that is gone and one that is new with the same keys, or at least the same match, are the
// same one renamed.
func (d *differ) routes() []plan.Change {
	old, new := byName(d.old.Routes), byName(d.new.Routes)
	renamed := renames(old, new)
	out := []plan.Change{}
	for _, name := range unionOf(old, new) {
		was, is := old[name], new[name]
		switch {
		case was == nil && renamed.was[name] != "":
			c := routeChange(old[renamed.was[name]], is)
			c.Kind, c.Was = plan.Renamed, renamed.was[name]
			out = append(out, c)
		case was == nil:
			out = append(out, plan.Change{Kind: plan.Added, Name: name, About: aboutRoute(is)})
		case is != nil:
			if c := routeChange(was, is); len(c.Keys) > 0 {
				out = append(out, c)
			}
		case !renamed.gone[name]:
			out = append(out, plan.Change{Kind: plan.Removed, Name: name, About: aboutRoute(was)})
		}
	}
	return out
}

func byName(routes []*Route) map[string]*Route {
	m := make(map[string]*Route, len(routes))
	for _, r := range routes {
		m[r.Name] = r
	}
	return m
}

func routeChange(was, is *Route) plan.Change {
	keys := slices.DeleteFunc(changed(leavesOf(was), leavesOf(is)), func(k plan.Key) bool { return k.Key == "name" })
	return plan.Change{Kind: plan.Changed, Name: is.Name, About: aboutRoute(is), Keys: keys}
}

// renaming pairs routes that are gone with routes that are new.
type renaming struct {
	was  map[string]string // by the new name
	gone map[string]bool   // the old names of those
}

func renames(old, new map[string]*Route) renaming {
	r := renaming{map[string]string{}, map[string]bool{}}
	for _, only := range []string{"", "match"} { // equal in all first
		free := map[string][]string{}
		for _, name := range slices.Sorted(maps.Keys(old)) {
			if new[name] == nil && !r.gone[name] {
				key := fingerprint(old[name], only)
				free[key] = append(free[key], name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(new)) {
			key := fingerprint(new[name], only)
			if old[name] != nil || r.was[name] != "" || len(free[key]) == 0 {
				continue
			}
			r.was[name] = free[key][0]
			r.gone[free[key][0]] = true
			free[key] = free[key][1:]
		}
	}
	return r
}

// fingerprint is equal for routes that are equal but for their names, in all keys or in those of one table.
func fingerprint(r *Route, table string) string {
	l := leavesOf(r)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(l.texts)) {
		if key != "name" && (table == "" || strings.HasPrefix(key, table+".") || key == "listeners") {
			b.WriteString(key + "=" + l.texts[key] + "\n")
		}
	}
	return b.String()
}

// aboutRoute is a route's match and action in a few words: "GET api.example.com/v1/* → orders".
func aboutRoute(r *Route) string {
	l := leavesOf(r)
	methods, host, path := listed(r.Match.Methods, ","), listed(r.Match.Hosts, "|"), listed(r.Match.Path, "|")
	if path == "" {
		path = "/*"
	}
	about := strings.TrimSpace(methods + " " + host + path)
	for _, key := range slices.Sorted(maps.Keys(l.texts)) {
		if rest, ok := strings.CutPrefix(key, "match."); ok && rest != "methods" && rest != "hosts" && rest != "path" {
			about += " " + rest + "=" + l.texts[key]
		}
	}
	return about + " → " + actionOf(l)
}

func listed(list []string, sep string) string {
	if len(list) > 3 {
		list = append(slices.Clone(list[:3]), "…")
	}
	return strings.Join(list, sep)
}

// actionOf is what answers a route's requests.
func actionOf(l leaves) string {
	for _, a := range []struct{ key, about string }{
		{"upstream", ""}, {"split", "split "}, {"redirect.to", "redirect to "}, {"handler", "handler "}, {"respond.status", "answers "},
	} {
		if text, ok := l.texts[a.key]; ok {
			return a.about + text
		}
	}
	return "an answer from here"
}
