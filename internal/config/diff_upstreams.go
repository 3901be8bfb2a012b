package config

import (
	"fmt"
	"slices"
	"strings"

	"weir/internal/plan"
)

func (d *differ) upstreams() []plan.Change {
	list := named(d.old.Upstreams, d.new.Upstreams, aboutUpstream, func(c *plan.Change, old, new *Upstream) {
		apart(c, "endpoints", addressesOf(old), addressesOf(new))
		c.Keys = append(c.Keys, endpointKeys(old, new)...)
	})
	users := usersOfUpstreams(d.old, d.new)
	for i := range list {
		if u := users[list[i].Name]; u != nil {
			list[i].Used = u.names()
		}
	}
	return list
}

func aboutUpstream(u *Upstream) string {
	if u.Discover != nil {
		return "discovered, " + u.Balance
	}
	return strings.Join(addressesOf(u), ", ") + ", " + u.Balance
}

func addressesOf(u *Upstream) []string {
	out := make([]string, len(u.Endpoints))
	for i := range u.Endpoints {
		out[i] = u.Endpoints[i].Address.String()
	}
	return out
}

// endpointKeys compares the endpoints that are in both.
func endpointKeys(old, new *Upstream) []plan.Key {
	var out []plan.Key
	addresses := addressesOf(old)
	for i := range new.Endpoints {
		e := &new.Endpoints[i]
		at := slices.Index(addresses, e.Address.String())
		if at < 0 {
			continue
		}
		for _, k := range changed(leavesOf(&old.Endpoints[at]), leavesOf(e)) {
			k.Key = fmt.Sprintf("endpoints[%s].%s", e.Address, k.Key)
			out = append(out, k)
		}
	}
	return out
}

// usersOfUpstreams names the routes and listeners of either config that send to each upstream.
func usersOfUpstreams(configs ...*Config) map[string]*users {
	all := map[string]*users{}
	add := func(upstream, who string) {
		if upstream == "" {
			return
		}
		if all[upstream] == nil {
			all[upstream] = &users{}
		}
		all[upstream].add(who, true)
	}
	for _, c := range configs {
		for _, name := range c.ListenerNames() {
			for _, upstream := range c.Listeners[name].sendsTo() {
				add(upstream, "listener "+name)
			}
		}
		for _, r := range c.Routes {
			add(r.Upstream, "route "+r.Name)
			for _, side := range r.Split {
				add(side.Upstream, "route "+r.Name)
			}
			if r.Mirror != nil {
				add(r.Mirror.Upstream, "route "+r.Name+" (mirror)")
			}
		}
	}
	return all
}

// mostUsers is how many users are named.
const mostUsers = 10

// users are those who refer to something, each once.
type users struct {
	list []string
	seen map[string]bool
}

func (u *users) add(who string, uses bool) {
	if !uses || u.seen[who] {
		return
	}
	if u.seen == nil {
		u.seen = map[string]bool{}
	}
	u.seen[who] = true
	u.list = append(u.list, who)
}

func (u *users) names() []string {
	if len(u.list) > mostUsers {
		return append(slices.Clone(u.list[:mostUsers]), fmt.Sprintf("and %d others", len(u.list)-mostUsers))
	}
	return u.list
}
