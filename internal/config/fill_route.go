package config

import (
	"slices"

	"weir/http7/forward"
	"weir/http7/policy/mirror"
	"weir/http7/redirect"
	"weir/internal/conf"
	"weir/internal/tomlfile"
)

// routeFiller adds to routes what the operator left out. Of routes there may be tens of thousands, so
// what they have in common is made once.
type routeFiller struct {
	below, upstreams *tomlfile.Node // [defaults.routes] and [upstreams]
	// The defaults of the house.
	route, respond, retry, hedge, mirror, side, redirect *tomlfile.Node
	// Those of upstreams, by name.
	retries, hedges map[string]*tomlfile.Node
}

func newRouteFiller(defaults, upstreams *tomlfile.Node) *routeFiller {
	return &routeFiller{
		below:     standing(defaults, "routes"),
		upstreams: upstreams,
		route:     tomlfile.FromValue(DefaultRoute()),
		respond:   tomlfile.FromValue(DefaultRespond()),
		retry:     child(tomlfile.FromValue(forward.Default()), "retry"),
		hedge:     tomlfile.FromValue(forward.DefaultHedge()),
		mirror:    tomlfile.FromValue(mirror.Default()),
		side:      tomlfile.FromValue(DefaultSide()),
		redirect:  tomlfile.FromValue(redirect.Default()),
		retries:   map[string]*tomlfile.Node{},
		hedges:    map[string]*tomlfile.Node{},
	}
}

// actions are the keys of a route that exclude each other: who answers.
var actions = []string{"upstream", "split", "redirect", "respond", "handler"}

// forwarding are the keys of a route that need an endpoint that answers.
var forwarding = []string{"retry", "hedge", "mirror", "rewrite", "split_by"}

func (f *routeFiller) fill(n *tomlfile.Node) {
	n.Fill(f.below, f.notFor(n)...)
	n.Fill(f.route)
	child(n, "respond").Fill(f.respond)
	child(n, "redirect").Fill(f.redirect)
	child(n, "mirror").Fill(f.mirror)
	for _, side := range child(n, "split").List() {
		side.Fill(f.side)
	}
	name := text(n, "upstream")
	if retry := child(n, "retry"); retry != nil {
		retry.Fill(f.of(f.retries, name, "retry"))
		retry.Fill(f.retry)
	}
	if hedge := child(n, "hedge"); hedge != nil {
		hedge.Fill(f.of(f.hedges, name, "hedge"))
		hedge.Fill(f.hedge)
	}
}

// notFor returns the keys of [defaults.routes] that are not for n: other actions than its own, and what is about upstreams if it has none.
func (f *routeFiller) notFor(n *tomlfile.Node) (except []string) {
	own := slices.ContainsFunc(actions, func(k string) bool { return child(n, k) != nil })
	for _, k := range actions {
		if own && child(n, k) == nil {
			except = append(except, k)
		}
	}
	acts := n
	if !own {
		acts = f.below
	}
	switch {
	case child(acts, "split") != nil:
		return append(except, "retry", "hedge")
	case child(acts, "upstream") != nil:
		return append(except, "split_by")
	}
	return append(except, forwarding...)
}

// of returns the table at key of an upstream, called by where it is written; nil if it has none.
func (f *routeFiller) of(kept map[string]*tomlfile.Node, upstream, key string) *tomlfile.Node {
	n, known := kept[upstream]
	if !known {
		if n = child(child(f.upstreams, upstream), key); n != nil {
			n = n.CopyAs(conf.Path{"upstreams", upstream, key})
		}
		kept[upstream] = n
	}
	return n
}
