package gateway

import (
	"math"

	"weir/http7"
	"weir/http7/serve"
	"weir/internal/conf"
	"weir/internal/config"
)

// forwarding is what the routes to one upstream have in common.
type forwarding struct {
	host  serve.HostRule
	retry serve.Retry
	hedge serve.Hedge
}

// plan compiles a route for one listener.
func (k *compiler) plan(id int, r *config.Route, l *parts) *serve.Plan {
	route := &http7.Route{
		ID:         id,
		Name:       r.Name,
		Listeners:  r.Listeners,
		Hosts:      r.Match.Hosts,
		Paths:      r.Match.Path,
		Methods:    r.Match.Methods,
		Conditions: r.Match.Conditions(),
		Priority:   r.Priority,
		Upstream:   r.Upstream,
		Handler:    k.actions[id].handler,
		Timeout:    r.Timeout.Value(),
		BodyLimit:  bodyLimit(r.Limits.BodyBytes, l.config.Limits.BodyBytes),
	}
	route.Steps, route.Unidentified = k.steps(id, r, l)
	p := k.aim(route, r, r.Upstream)
	p.Local = k.actions[id].local
	if r.Split != nil {
		p.Split = &serve.Split{By: k.actions[id].by, Words: r.SplitBy.String(), Sides: make([]serve.Side, len(r.Split))}
		for i, s := range r.Split {
			p.Split.Sides[i] = serve.Side{Weight: s.Weight, Plan: k.aim(route, r, s.Upstream)}
		}
	}
	return p
}

// aim returns the plan that sends a route's requests to an upstream, "" for none.
func (k *compiler) aim(route *http7.Route, r *config.Route, upstream string) *serve.Plan {
	p := &serve.Plan{Route: route, Without: r.Without, UpstreamName: upstream}
	if k.cfg.Upstreams[upstream] == nil {
		return p
	}
	f := k.forward(upstream)
	p.Host, p.Retry, p.Hedge = f.host, f.retry, f.hedge
	if r.Retry != nil {
		p.Retry = serve.NewRetry(r.Retry)
	}
	if r.Hedge != nil {
		p.Hedge = serve.NewHedge(r.Hedge)
	}
	return p
}

func (k *compiler) forward(upstream string) forwarding {
	f, known := k.forwarding[upstream]
	if !known {
		u := k.cfg.Upstreams[upstream]
		f = forwarding{hostRule(u.Host), serve.NewRetry(&u.Retry), serve.NewHedge(u.Hedge)}
		k.forwarding[upstream] = f
	}
	return f
}

// bodyLimit returns a route's own bound. 0 leaves it to the listener, so "off" in place of a
// listener's bound is one that nothing reaches.
func bodyLimit(route *conf.Size, listener conf.Size) int64 {
	switch {
	case route == nil, route.IsOff() && listener.IsOff():
		return 0
	case route.IsOff():
		return math.MaxInt64
	}
	return route.Value()
}

func hostRule(host string) serve.HostRule {
	switch host {
	case config.HostPreserve:
		return serve.HostRule{}
	case config.HostEndpoint:
		return serve.HostRule{Endpoint: true}
	}
	return serve.HostRule{Name: host}
}
