package gateway

import (
	"fmt"
	"os"

	"weir/http7/forward"
	"weir/http7/selector"
	"weir/http7/serve"
	"weir/http7/sticky"
	"weir/internal/conf"
	"weir/internal/config"
	"weir/internal/obs"
	"weir/lb"
)

// upstream is what one generation knows of an upstream.
type upstream struct {
	name      string
	balancer  *lb.Upstream
	transport *forward.Transport
	series    *obs.UpstreamSeries
	counters  *serve.Counters
	source    *source             // nil if its endpoints are written down
	hashOn    *selector.Selection // nil if nothing is hashed
	sticky    *sticky.Sticky      // nil: off
}

// adoptUpstreams takes the upstreams of the next generation over from those that run.
func (g *Gateway) adoptUpstreams(next, old *generation) error {
	for _, name := range next.Config.UpstreamNames() {
		if err := g.adoptUpstream(next, old, name); err != nil {
			return err
		}
	}
	return nil
}

func (g *Gateway) adoptUpstream(next, old *generation, name string) error {
	c := next.Config.Upstreams[name]
	transport, err := forward.New(&c.Forwarding, g.wheel)
	if err != nil {
		return fmt.Errorf("upstream %s: %w", name, err)
	}
	s := g.sourceOf(name, c, old)
	balancer, err := g.registry.Adopt(name, balancing(next.Config, c, s != nil))
	if err != nil {
		s.release(nil) // ends one that nobody holds
		return err
	}
	s.hold(balancer)
	u := &upstream{
		name:      name,
		balancer:  balancer,
		transport: transport,
		series:    g.catalogue.Upstream(name),
		counters:  g.shared.Counters(name),
		source:    s,
	}
	next.upstreams[name] = u
	if u.hashOn, err = selector.New(c.HashOn); err == nil && c.Sticky != nil {
		u.sticky, err = g.stickTo(next.Config, name, c.Sticky)
	}
	return err
}

// balancing is what lb is told of an upstream.
func balancing(all *config.Config, c *config.Upstream, discovered bool) lb.Config {
	b := c.Balancing
	b.Zone, b.Panic, b.Streak, b.RetryBudget = all.Zone, c.Outliers.PanicBelow, c.Outliers.Streak(), c.Retry.Budget
	b.Queue = queueOf(c)
	if b.RetryBudget.Value() == 0 {
		b.RetryBudget = conf.Percent(1e-9) // the 3 a second that everybody has; 0 would be lb's own default
	}
	if discovered {
		b.Discovered, b.Endpoints = true, nil
	}
	return b
}

// queueOf returns an upstream's queue, or what an absent one means.
func queueOf(c *config.Upstream) *lb.QueueConfig {
	if c.Queue != nil {
		return c.Queue
	}
	q := lb.DefaultQueue()
	return &q
}

// stickTo compiles the stickiness of an upstream, with the keys of the state directory if it has none.
func (g *Gateway) stickTo(all *config.Config, name string, c *sticky.Config) (*sticky.Sticky, error) {
	var keys sticky.Keys
	if len(c.Key) == 0 {
		dir, named := all.State(os.Getenv)
		var warning string
		var err error
		if keys, warning, err = g.keys.Keys(dir, named); err != nil {
			return nil, fmt.Errorf("upstream %s: %w", name, err)
		}
		if warning != "" {
			g.log.Warn(warning, "upstream", name)
		}
	}
	return sticky.New(name, c, keys)
}
