package gateway

import (
	"maps"
	"slices"
	"sync"

	"weir/health"
	"weir/http7/forward"
	"weir/http7/serve"
	"weir/internal/limit"
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
	probes := map[*lb.Endpoint][]obs.Count{}
	for _, r := range g.monitor.Report() {
		probes[r.Endpoint] = []obs.Count{{Label: "ok", N: r.Succeeded}, {Label: "failed", N: r.Failed}}
	}
	for _, e := range g.registry.Endpoints() {
		_, idle := forward.Stats(e)
		r := obs.EndpointReading{
			Upstream: e.Upstream(), Endpoint: e.Address(), State: e.State().String(),
			InFlight: e.InFlight(), Idle: idle, Limit: e.Limit(), Latency: e.Latency(), Picked: e.Picked(),
			Probes: probes[e],
		}
		if !yield(r) {
			return
		}
	}
}

// upstreamReadings yields the upstreams of the config that serves as a scrape wants them.
func (g *Gateway) upstreamReadings(yield func(obs.UpstreamReading) bool) {
	now := g.current.Load()
	ejections := map[string][]obs.Count{}
	for _, s := range g.outliers.Stats() {
		for r, n := range s.Ejections {
			ejections[s.Upstream] = append(ejections[s.Upstream], obs.Count{Label: health.Reason(r).String(), N: n})
		}
	}
	for _, name := range now.Config.UpstreamNames() {
		r := g.upstreamReading(now.upstreams[name])
		r.Ejections = ejections[name]
		if !yield(r) {
			return
		}
	}
}

func (g *Gateway) upstreamReading(u *upstream) obs.UpstreamReading {
	view, gate, sent := u.balancer.View(), u.balancer.Gate().Stats(), u.counters.Stats()
	return obs.UpstreamReading{
		Upstream: u.balancer.Name(),
		Picks:    g.picks(u, view),
		Retries:  retries(&gate, &sent),
		Hedges:   []obs.Count{{Label: "won", N: sent.HedgesWon}, {Label: "lost", N: sent.HedgesLost}, {Label: "refused", N: sent.HedgesRefused}},
		Shed:     []obs.Count{{Label: "full", N: gate.ShedFull}, {Label: "standing", N: gate.ShedStanding}, {Label: "timeout", N: gate.ShedTimeout}},
		Queued:   gate.Queued,
		Depth:    int64(gate.Waiting),
		Breaker:  breakerWord(&gate),
		Opened:   gate.BreakerOpened,
		Panic:    view.Panic(),
		Source:   u.source.reading(),
	}
}

func (g *Gateway) picks(u *upstream, view *lb.View) []obs.Count {
	var live uint64
	for _, m := range view.Members() {
		live += m.Endpoint.Picked()
	}
	list := []obs.Count{{Label: lb.Picked.String(), N: g.departed.sum(u.balancer.Name(), live)}}
	for _, why := range []lb.Reason{lb.NoEndpoint, lb.AllTried, lb.AllFull, lb.BreakerOpen} {
		list = append(list, obs.Count{Label: why.String(), N: u.balancer.Refused(why)})
	}
	return list
}

// retries counts by reason. Of what the budget has given, the part that no exchange took went to
// sessions, which try again only when no connection could be made.
func retries(gate *lb.GateStats, sent *serve.Stats) []obs.Count {
	var all uint64
	for _, n := range sent.Retried {
		all += n
	}
	list := make([]obs.Count, 0, len(sent.Retried)+1)
	for _, why := range slices.Sorted(maps.Keys(sent.Retried)) {
		n := sent.Retried[why]
		if why == forward.OnConnect && gate.Retries > all {
			n += gate.Retries - all
		}
		list = append(list, obs.Count{Label: why, N: n})
	}
	return append(list, obs.Count{Label: "budget", N: gate.RetriesRefused})
}

// breakerWord returns what an upstream's breaker does, "" without one.
func breakerWord(gate *lb.GateStats) string {
	if gate.Breaker == "off" {
		return ""
	}
	return gate.Breaker
}

// words lists every word that a reading may have.
func words() obs.Words {
	w := obs.Words{Breaker: []string{limit.Closed.String(), limit.Open.String(), limit.HalfOpen.String()}}
	for s := lb.Unknown; s <= lb.Maintenance; s++ {
		w.States = append(w.States, s.String())
	}
	return w
}
