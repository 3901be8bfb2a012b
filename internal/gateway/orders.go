package gateway

import (
	"slices"
	"strconv"
	"time"

	"weir/internal/admin"
	"weir/internal/conf"
	"weir/lb"
)

// dutyStates are what an operator's order says of an endpoint.
var dutyStates = map[admin.Duty]lb.State{admin.Drain: lb.Draining, admin.Maintenance: lb.Maintenance, admin.Undrain: lb.Ready}

// Assign gives endpoints of the config that serves a duty. It lasts until the next order, across
// reloads, as long as the endpoint is in the config or found by discovery.
func (g *Gateway) Assign(o admin.Order, d admin.Duty) (admin.Standing, error) {
	u, members, err := g.named(o)
	if err != nil {
		return admin.Standing{}, err
	}
	state := dutyStates[d]
	var other []*lb.Endpoint
	for _, m := range members {
		if m.Endpoint.Says(lb.ByOperator) != state {
			other = append(other, m.Endpoint)
		}
	}
	g.registry.Judge(lb.ByOperator, state, "an operator's order", other...)
	if state != lb.Ready {
		passedOver(u, other)
	}
	for _, e := range other {
		g.log.Info("order: "+string(d), "upstream", e.Upstream(), "endpoint", e.Address(), "state", e.State().String())
	}
	return g.standing(o, members, len(other) > 0), nil
}

// passedOver waits until the upstream's view, which follows an order within a tenth of a second,
// offers the endpoints no more: who is told that nothing is in flight may then switch one off. If
// there is nobody else the view goes on offering draining ones, so it waits for that long at most.
func passedOver(u *lb.Upstream, endpoints []*lb.Endpoint) {
	limit := time.NewTimer(orderPatience)
	defer limit.Stop()
	tick := time.NewTicker(viewPoll)
	defer tick.Stop()
	offered := func(m lb.Member) bool { return slices.Contains(endpoints, m.Endpoint) }
	for slices.ContainsFunc(u.View().Candidates(), offered) {
		select {
		case <-tick.C:
		case <-limit.C:
			return
		}
	}
}

const orderPatience = 150 * time.Millisecond

// Standing returns where endpoints of the config that serves stand.
func (g *Gateway) Standing(o admin.Order) (admin.Standing, error) {
	_, members, err := g.named(o)
	if err != nil {
		return admin.Standing{}, err
	}
	return g.standing(o, members, false), nil
}

func (g *Gateway) standing(o admin.Order, members []lb.Member, changed bool) admin.Standing {
	s := admin.Standing{Upstream: o.Upstream, Changed: changed}
	for i := range members {
		e := g.endpointStatus(&members[i])
		s.Endpoints = append(s.Endpoints, e)
		s.InFlight += e.InFlight
	}
	return s
}

// named returns the members that an order names: by address, or by a name that was looked up.
func (g *Gateway) named(o admin.Order) (*lb.Upstream, []lb.Member, error) {
	now := g.current.Load()
	u := now.upstreams[o.Upstream]
	if u == nil {
		return nil, nil, unknown("upstream", o.Upstream, "", now.Config.UpstreamNames())
	}
	address := o.Endpoint
	if a, err := conf.ParseAddress(address); err == nil {
		address = a.String()
	}
	var found []lb.Member
	var names []string
	for _, m := range u.balancer.View().Members() {
		if m.Endpoint.Address() == address || m.Endpoint.Name() == address {
			found = append(found, m)
		}
		names = append(names, m.Endpoint.Address())
	}
	if len(found) == 0 {
		return nil, nil, unknown("endpoint", o.Endpoint, " in upstream "+o.Upstream, names)
	}
	return u.balancer, found, nil
}

// unknown says that there is nothing of a name, and what may have been meant.
func unknown(noun, name, where string, names []string) error {
	text := "there is no " + noun + " " + strconv.Quote(name) + where
	if near := conf.Nearest(name, names); near != "" {
		text += "; did you mean " + strconv.Quote(near) + "?"
	} else if len(names) > 0 && len(names) <= maxNames {
		text += "; there is " + conf.Quoted(names, "and")
	}
	return &admin.UnknownError{Text: text}
}

// maxNames is how many names an answer lists.
const maxNames = 10
