package config

import (
	"slices"
	"strings"

	"weir/internal/plan"
)

// Diff returns what is different in new: what has been added, removed, renamed and changed, key by key, and what becomes
// of the connections that are open when new is published. Configs are compared as the loader has filled them in, so that
// two files that say the same in different words do not differ; no file that a config names is looked into. Shadowed
// routes are for the compiler to find: the list is empty.
func Diff(old, new *Config) plan.Changes {
	d := &differ{old: old, new: new}
	c := plan.Changes{
		Listeners: d.listeners(),
		Routes:    d.routes(),
		Policies:  d.policies(),
		Upstreams: d.upstreams(),
		Settings:  d.settings(),
		Endings:   d.endings(),
		Shadowed:  []plan.Shadowed{},
	}
	return c
}

// differ compares one pair.
type differ struct{ old, new *Config }

// named compares entries that have names. about describes one of them, special may take keys that are told otherwise.
func named[T any](old, new map[string]*T, about func(*T) string, special func(c *plan.Change, old, new *T)) []plan.Change {
	out := []plan.Change{}
	for _, name := range unionOf(old, new) {
		was, is := old[name], new[name]
		switch {
		case was == nil:
			out = append(out, plan.Change{Kind: plan.Added, Name: name, About: about(is)})
		case is == nil:
			out = append(out, plan.Change{Kind: plan.Removed, Name: name, About: about(was)})
		default:
			c := plan.Change{Kind: plan.Changed, Name: name, About: about(is), Keys: changed(leavesOf(was), leavesOf(is))}
			special(&c, was, is)
			if len(c.Keys)+len(c.Added)+len(c.Removed) > 0 {
				out = append(out, c)
			}
		}
	}
	return out
}

// unionOf returns the names in either map, in order.
func unionOf[T any](a, b map[string]*T) []string {
	var names []string
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if a[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// apart takes the keys of a list and of what stands in it out of c, and tells instead which elements come and go.
func apart(c *plan.Change, key string, old, new []string) {
	c.Keys = slices.DeleteFunc(c.Keys, func(k plan.Key) bool { return k.Key == key || strings.HasPrefix(k.Key, key+"[") })
	c.Added, c.Removed = missingIn(old, new), missingIn(new, old)
}

// missingIn returns the elements of list that are not in from.
func missingIn(from, list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(from, s) {
			out = append(out, s)
		}
	}
	return out
}

// settings compares the tables that there is one of, and the keys at the top.
func (d *differ) settings() []plan.Key {
	return changed(settingsOf(d.old), settingsOf(d.new))
}

func settingsOf(c *Config) leaves {
	rest := *c
	rest.Include, rest.Defaults = nil, Defaults{}
	rest.Listeners, rest.Routes, rest.Policies, rest.Upstreams = nil, nil, nil, nil
	return leavesOf(&rest)
}

func (d *differ) policies() []plan.Change {
	list := named(d.old.Policies, d.new.Policies, func(*Policy) string { return "" }, func(*plan.Change, *Policy, *Policy) {})
	for i := range list {
		list[i].Used = d.usersOfPolicy(list[i].Name)
	}
	return list
}

// usersOfPolicy names the listeners and routes of either config that refer to a policy.
func (d *differ) usersOfPolicy(name string) []string {
	var u users
	for _, c := range []*Config{d.old, d.new} {
		for _, l := range c.ListenerNames() {
			u.add("listener "+l, slices.Contains(c.Listeners[l].Policies, name))
		}
		for _, r := range c.Routes {
			u.add("route "+r.Name, slices.Contains(r.Policies, name))
		}
	}
	return u.names()
}
