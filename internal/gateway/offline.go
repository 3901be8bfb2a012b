package gateway

import (
	"fmt"
	"io"
	"log/slog"

	"weir/http7/forward"
	"weir/http7/selector"
	"weir/http7/serve"
	"weir/http7/sticky"
	"weir/internal/config"
	"weir/internal/deadline"
	"weir/internal/explain"
	"weir/lb"
)

// Offline is a config as it would serve, without a socket: it answers what would become of requests. Its
// endpoints are those that are written down, and nobody has used or probed them. It is safe for concurrent
// use.
type Offline struct {
	examiner
	notes []string
}

// NewOffline takes c over: it must not be prepared by a gateway, too.
func NewOffline(c *Compiled) (*Offline, error) {
	o := &Offline{examiner: newExaminer(c)}
	registry := lb.NewRegistry(nil)
	for _, name := range c.Config.UpstreamNames() {
		u, err := o.upstream(registry, name)
		if err != nil {
			return nil, err
		}
		for _, s := range c.sites {
			u.fillSite(s)
		}
	}
	return o, nil
}

// newExaminer returns one of a config that nobody serves.
func newExaminer(c *Compiled) examiner {
	return examiner{c, serve.NewShared(deadline.New(), nil, slog.New(slog.NewTextHandler(io.Discard, nil)))}
}

// upstream makes an upstream of the endpoints that are written down.
func (o *Offline) upstream(registry *lb.Registry, name string) (*upstream, error) {
	c := o.Config.Upstreams[name]
	if c.Discover != nil {
		o.notes = append(o.notes, "the endpoints of "+name+" are found when Weir runs; ask a running one with --admin")
	}
	balancer, err := registry.Adopt(name, balancing(o.Config, c, c.Discover != nil))
	if err != nil {
		return nil, err
	}
	transport, err := forward.New(&c.Forwarding, o.shared.Wheel)
	if err != nil {
		return nil, fmt.Errorf("upstream %s: %w", name, err)
	}
	u := &upstream{name: name, balancer: balancer, transport: transport}
	if u.hashOn, err = selector.New(c.HashOn); err == nil && c.Sticky != nil {
		u.sticky, err = o.stickTo(name, c)
	}
	return u, err
}

// stickTo reads no key: whatever cookie a question holds was sealed by a Weir that runs.
func (o *Offline) stickTo(name string, c *config.Upstream) (*sticky.Sticky, error) {
	keys := sticky.Keys{"a key that has never sealed a cookie"}
	s, err := sticky.New(name, c.Sticky, keys)
	if err != nil {
		return nil, fmt.Errorf("upstream %s: %w", name, err)
	}
	return s, nil
}

// fillSite gives the plans of a site that go to u what belongs to it.
func (u *upstream) fillSite(s *serve.Site) {
	for _, p := range s.Plans {
		switch {
		case p == nil:
		case p.Split != nil:
			for _, side := range p.Split.Sides {
				if side.Plan.UpstreamName == u.name {
					u.fill(side.Plan)
				}
			}
		case p.UpstreamName == u.name:
			u.fill(p)
		}
	}
}

// Explain says what would become of a request. The error says what is wrong with the question.
func (o *Offline) Explain(q explain.Question) (*explain.Report, error) {
	var doors []explain.Door
	for _, name := range o.Config.ListenerNames() {
		l := o.Config.Listeners[name]
		if l.Kind != config.KindHTTP {
			continue
		}
		d := explain.Door{Listener: name, TLS: l.TLS != nil}
		for _, a := range l.Address {
			d.Ports = append(d.Ports, a.Port())
		}
		doors = append(doors, d)
	}
	r, err := o.explain(&q, doors)
	if err == nil && len(r.Upstreams) > 0 {
		r.Notes = append(r.Notes, "nobody has used or probed the endpoints; ask a running Weir with --admin for their state")
		r.Notes = append(r.Notes, o.notes...)
	}
	return r, err
}

// Judge says in short what would become of a request at a listener. The error says that there is none of
// that name.
func (o *Offline) Judge(listener string, q *serve.Question) (serve.Decision, error) {
	site := o.sites[listener]
	if site == nil {
		return serve.Decision{}, fmt.Errorf("there is no http listener %q", listener)
	}
	return o.shared.Judge(site, q), nil
}
