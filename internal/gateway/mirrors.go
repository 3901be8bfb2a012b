package gateway

import (
	"time"

	"weir/http7"
	"weir/http7/serve"
	"weir/internal/obs"
)

// live is what compiled mirrors are given to send copies, and caches to store answers.
func (g *Gateway) live() live {
	return live{sender: serve.NewSender(g.shared, g.planFor), pool: g.mirrors, ready: g.fit, cache: g.cacheFor, needs: g.needs}
}

// gentle is live for a load beside traffic: it works for a millisecond and rests for one, so that it never
// has more than half of a processor, and nobody waits for the end of a time slice.
func (g *Gateway) gentle() live {
	l := g.live()
	began := time.Now()
	l.pause = func() {
		if time.Since(began) >= breath {
			time.Sleep(breath)
			began = time.Now()
		}
	}
	return l
}

// breath is how long a load beside traffic works, and how long it rests then.
const breath = time.Millisecond

// planFor returns how a request without a client goes to an upstream of the config that serves.
func (g *Gateway) planFor(upstream string) *serve.Plan {
	if now := g.current.Load(); now != nil {
		return now.detached[upstream]
	}
	return nil
}

// fit reports whether an upstream of the config that serves has an endpoint that may be picked.
func (g *Gateway) fit(upstream string) bool {
	now := g.current.Load()
	if now == nil || now.upstreams[upstream] == nil {
		return false
	}
	return len(now.upstreams[upstream].balancer.View().Candidates()) > 0
}

// detachedPlans returns the plans of the upstreams that mirrors send to: one attempt, nothing counted for a
// route.
func (gen *generation) detachedPlans() map[string]*serve.Plan {
	plans := map[string]*serve.Plan{}
	for _, r := range gen.Config.Routes {
		if r.Mirror == nil || plans[r.Mirror.Upstream] != nil {
			continue
		}
		name := r.Mirror.Upstream
		p := &serve.Plan{Route: &http7.Route{Upstream: name}, UpstreamName: name, Host: hostRule(gen.Config.Upstreams[name].Host)}
		gen.upstreams[name].fill(p)
		plans[name] = p
	}
	return plans
}

// mirrors returns a function that knows the mirrors of a config.
func (gen *generation) mirrors() func(route, upstream string) bool {
	has := map[[2]string]bool{}
	for _, r := range gen.Config.Routes {
		if r.Mirror != nil {
			has[[2]string{r.Name, r.Mirror.Upstream}] = true
		}
	}
	return func(route, upstream string) bool { return has[[2]string{route, upstream}] }
}

// mirrorReadings yields the mirrors that have had something to do as a scrape wants them.
func (g *Gateway) mirrorReadings(yield func(obs.MirrorReading) bool) {
	for _, s := range g.mirrors.Stats() {
		r := obs.MirrorReading{
			Route: s.Route, Upstream: s.Upstream, Sent: s.Sent, Failed: s.Failed,
			Dropped:  []obs.Count{{Label: "full", N: s.Full}, {Label: "down", N: s.Down}, {Label: "too_large", N: s.TooLarge}, {Label: "incomplete", N: s.Incomplete}},
			Compared: []obs.Count{{Label: "equal", N: s.Equal}, {Label: "different", N: s.Different}, {Label: "unequalled", N: s.Unequalled}},
			Waiting:  int64(s.Waiting), InFlight: int64(s.InFlight),
		}
		if !yield(r) {
			return
		}
	}
}
