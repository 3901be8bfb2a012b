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

// Assign gives endpoints of the config that serves a duty. It lasts until the next order for as long
// as the upstream is in the config: also while an endpoint is gone, and for addresses that a name
// gains.
func (g *Gateway) Assign(o admin.Order, d admin.Duty) (admin.Standing, error) {
	n, err := g.named(o)
	if err != nil {
		return admin.Standing{}, err
	}
	changed, other := g.assign(n, dutyStates[d])
	if d != admin.Undrain {
		passedOver(n.upstream, other)
	}
	for _, e := range other {
		g.log.Info("order: "+string(d), "upstream", e.Upstream(), "endpoint", e.Address(), "state", e.State().String())
	}
	if changed && len(n.members) == 0 {
		g.log.Info("order: "+string(d), "upstream", o.Upstream, "endpoint", n.key, "state", absent)
	}
	return g.standing(n, changed || len(other) > 0), nil
}

// assign keeps a word and passes it on to the endpoints that are there. It returns whether it was
// another before, and for which of them.
func (g *Gateway) assign(n *named, state lb.State) (changed bool, other []*lb.Endpoint) {
	g.orders.giving.Lock()
	defer g.orders.giving.Unlock()
	// Kept before the registry is asked who is there: who comes later is made under the order.
	changed = g.orders.give(n, state)
	for _, e := range g.registry.Endpoints() {
		if n.means(e) && e.Says(lb.ByOperator) != state {
			other = append(other, e)
		}
	}
	g.registry.Judge(lb.ByOperator, state, orderWhy, other...)
	for _, e := range other {
		g.orders.meet(e)
	}
	return changed, other
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
	n, err := g.named(o)
	if err != nil {
		return admin.Standing{}, err
	}
	return g.standing(n, false), nil
}

// absent is the state of an endpoint that an order is kept for and that is not there.
const absent = "absent"

func (g *Gateway) standing(n *named, changed bool) admin.Standing {
	s := admin.Standing{Upstream: n.upstream.Name(), Changed: changed}
	for i := range n.members {
		e := g.endpointStatus(&n.members[i])
		s.Endpoints = append(s.Endpoints, e)
		s.InFlight += e.InFlight
	}
	if len(n.members) == 0 {
		e := admin.EndpointStatus{Address: n.key, State: absent}
		if kept, ok := g.orders.kept(n.upstream.Name(), n.key); ok {
			e.Operator, e.Since, e.Why = kept.state.String(), kept.at, orderWhy
		}
		s.Endpoints = []admin.EndpointStatus{e}
	}
	return s
}

// named is what an order names.
type named struct {
	upstream *lb.Upstream
	key      string      // the address, as endpoints write it, or the name
	members  []lb.Member // none if all that is there is an order
}

// means reports whether e is meant, be it in the view yet or not.
func (n *named) means(e *lb.Endpoint) bool {
	return e.Upstream() == n.upstream.Name() && (e.Address() == n.key || e.Name() == n.key)
}

// named returns what an order names: by address, or by a name that was looked up.
func (g *Gateway) named(o admin.Order) (*named, error) {
	now := g.current.Load()
	u := now.upstreams[o.Upstream]
	if u == nil {
		return nil, unknown("upstream", o.Upstream, "", now.Config.UpstreamNames())
	}
	n := &named{upstream: u.balancer, key: o.Endpoint}
	if a, err := conf.ParseAddress(n.key); err == nil {
		n.key = a.String()
	}
	var names []string
	for _, m := range u.balancer.View().Members() {
		if n.means(m.Endpoint) {
			n.members = append(n.members, m)
		}
		names = append(names, m.Endpoint.Address())
	}
	if _, ok := g.orders.kept(o.Upstream, n.key); !ok && len(n.members) == 0 {
		return nil, unknown("endpoint", o.Endpoint, " in upstream "+o.Upstream, names)
	}
	return n, nil
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
