package gateway

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"weir/internal/admin"
	"weir/lb"
)

// orders are the operator's words, kept for as long as their upstream is in the config: endpoints
// may go and come back, and a name may gain addresses. They are few.
type orders struct {
	log    *slog.Logger
	giving sync.Mutex // held while a word is kept and passed on, so that the last one is the one that holds

	mu    sync.Mutex
	given map[string]map[string]order // by upstream, and address or configured name
	known map[*lb.Endpoint]struct{}   // those under an order that the log has told of
}

// order is the operator's word on an address or a name.
type order struct {
	// state is Ready only for an address of a name that is not.
	state lb.State
	at    time.Time
	// name is the configured name of an address that was looked up, "" for others.
	name string
}

// orderWhy is what status shows as the reason.
const orderWhy = "an operator's order"

// says is the operator's word on an endpoint: that on its address, else that on its name.
func (o *orders) says(upstream, address, name string) (lb.State, string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, key := range []string{address, name} {
		if word, ok := o.given[upstream][key]; ok && word.state != lb.Ready {
			return word.state, orderWhy
		} else if ok {
			break
		}
	}
	return lb.Ready, ""
}

// kept returns the order for an address or a name that was written as key.
func (o *orders) kept(upstream, key string) (order, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	word := o.given[upstream][key]
	return word, word.state > lb.Ready
}

// give keeps a word on what n names, and reports whether it is another than before. A word on a name
// is one on all its addresses, those that are gone among them.
func (o *orders) give(n *named, state lb.State) (changed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	words := o.given[n.upstream.Name()]
	if words == nil {
		words = map[string]order{}
	}
	was, before := words[n.key], len(words)
	next := order{state: state, at: time.Now(), name: was.name}
	if was.state == state {
		next.at = was.at
	}
	for _, m := range n.members {
		if e := m.Endpoint; e.Address() != n.key {
			delete(words, e.Address())
		} else if e.Name() != n.key {
			next.name = e.Name()
		}
	}
	maps.DeleteFunc(words, func(_ string, w order) bool { return w.name == n.key })
	changed = before != len(words)
	above := words[next.name].state // of an address's name
	if words[n.key] = next; state == lb.Ready && above == lb.Unknown {
		delete(words, n.key)
	}
	if o.given == nil {
		o.given = map[string]map[string]order{}
	}
	o.given[n.upstream.Name()] = words
	return changed || state != cmp.Or(was.state, above, lb.Ready)
}

// keep ends the orders for upstreams that are gone.
func (o *orders) keep(lives func(upstream string) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for upstream, words := range o.given {
		if lives(upstream) {
			continue
		}
		for key, w := range words {
			if w.state != lb.Ready {
				o.log.Info("order ended: its upstream is gone from the config", "upstream", upstream, "endpoint", key, "order", w.state.String())
			}
		}
		delete(o.given, upstream)
	}
}

// absent returns the orders for what is not among the members, by address or name.
func (o *orders) absent(upstream string, members []lb.Member) (list []admin.OrderStatus) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(o.given[upstream])) {
		w := o.given[upstream][key]
		there := slices.ContainsFunc(members, func(m lb.Member) bool { return m.Endpoint.Address() == key || m.Endpoint.Name() == key })
		if w.state != lb.Ready && !there {
			list = append(list, admin.OrderStatus{Endpoint: key, Operator: w.state.String(), Since: w.at})
		}
	}
	return list
}

// meet notes that e is under an order, or no more, and reports whether it is news that it is.
func (o *orders) meet(e *lb.Endpoint) (news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e.Says(lb.ByOperator) == lb.Ready {
		delete(o.known, e)
		return false
	}
	if o.known == nil {
		o.known = map[*lb.Endpoint]struct{}{}
	}
	_, known := o.known[e]
	o.known[e] = struct{}{}
	return !known
}

// forget drops what went while meet looked at it: what is known and not among those that live.
func (o *orders) forget(live []*lb.Endpoint) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.known, func(e *lb.Endpoint, _ struct{}) bool { return !slices.Contains(live, e) })
}

// part notes that e is gone, and reports whether an order stays for when it comes back.
func (o *orders) part(e *lb.Endpoint) (stays bool) {
	o.mu.Lock()
	_, known := o.known[e]
	delete(o.known, e)
	o.mu.Unlock()
	word, _ := o.says(e.Upstream(), e.Address(), e.Name())
	return known && word != lb.Ready
}

// remind applies the orders to endpoints that have come. The registry has asked for them when it made
// the endpoint; one that was there may have got a name meanwhile.
func (g *Gateway) remind() {
	g.orders.giving.Lock()
	defer g.orders.giving.Unlock()
	all := g.registry.Endpoints()
	g.orders.forget(all)
	for _, e := range all {
		word, reason := g.orders.says(e.Upstream(), e.Address(), e.Name())
		if word != lb.Ready {
			g.registry.Judge(lb.ByOperator, word, reason, e)
		}
		if g.orders.meet(e) {
			g.log.Info("an order holds for an endpoint that came", "upstream", e.Upstream(), "endpoint", e.Address(), "state", e.State().String())
		}
	}
}
