package gateway

import (
	"maps"
	"sync"

	"weir/http7/forward"
	"weir/internal/obs"
	"weir/lb"
)

// departed is what endpoints that are gone have counted, by upstream, so that the sum over an
// upstream's endpoints never goes down.
type departed struct {
	mu     sync.Mutex
	picked map[string]uint64
	told   map[string]uint64 // the highest sum so far: an endpoint leaves the view before it is gone
}

// add takes over what e has counted; e is gone.
func (d *departed) add(e *lb.Endpoint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.picked == nil {
		d.picked, d.told = map[string]uint64{}, map[string]uint64{}
	}
	d.picked[e.Upstream()] += e.Picked()
}

// sum returns what the endpoints of an upstream have counted together, with those that live.
func (d *departed) sum(upstream string, live uint64) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.told == nil {
		return live
	}
	n := max(d.picked[upstream]+live, d.told[upstream])
	d.told[upstream] = n
	return n
}

// keep drops upstreams that are gone themselves.
func (d *departed) keep(lives func(upstream string) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	gone := func(name string, _ uint64) bool { return !lives(name) }
	maps.DeleteFunc(d.picked, gone)
	maps.DeleteFunc(d.told, gone)
}

// endpointReadings yields every endpoint as a scrape wants it.
func (g *Gateway) endpointReadings(yield func(obs.EndpointReading) bool) {
	for _, e := range g.registry.Endpoints() {
		_, idle := forward.Stats(e)
		r := obs.EndpointReading{
			Upstream: e.Upstream(), Endpoint: e.Address(), State: e.State().String(),
			InFlight: e.InFlight(), Idle: idle, Limit: e.Limit(), Latency: e.Latency(), Picked: e.Picked(),
		}
		if !yield(r) {
			return
		}
	}
}

// upstreamReadings yields the upstreams of the config that serves as a scrape wants them.
func (g *Gateway) upstreamReadings(yield func(obs.UpstreamReading) bool) {
	now := g.current.Load()
	for _, name := range now.Config.UpstreamNames() {
		if !yield(g.upstreamReading(now.upstreams[name])) {
			return
		}
	}
}

func (g *Gateway) upstreamReading(u *upstream) obs.UpstreamReading {
	view := u.balancer.View()
	var picked uint64
	for _, m := range view.Members() {
		picked += m.Endpoint.Picked()
	}
	r := obs.UpstreamReading{Upstream: u.balancer.Name(), Panic: view.Panic(), Source: u.source.reading()}
	r.Picks = append(r.Picks, obs.Count{Label: lb.Picked.String(), N: g.departed.sum(u.balancer.Name(), picked)})
	for _, why := range []lb.Reason{lb.NoEndpoint, lb.AllTried, lb.AllFull, lb.BreakerOpen} {
		r.Picks = append(r.Picks, obs.Count{Label: why.String(), N: u.balancer.Refused(why)})
	}
	return r
}

// words lists every word that a reading may have.
func words() obs.Words {
	w := obs.Words{}
	for s := lb.Unknown; s <= lb.Maintenance; s++ {
		w.States = append(w.States, s.String())
	}
	return w
}
