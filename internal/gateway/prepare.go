package gateway

import (
	"fmt"
	"slices"
	"strings"

	"weir/http7/serve"
	"weir/internal/certs"
	"weir/internal/config"
	"weir/internal/obs"
	"weir/tcp4"
)

// generation is one config that serves, has served or is about to, with what it must give back.
type generation struct {
	*Compiled
	pause     func() // while it is prepared and given back
	number    uint64
	upstreams map[string]*upstream
	routes    []*obs.RouteSeries
	listeners []*offer // by name
	access    *obs.AccessLogChange
	detached  map[string]*serve.Plan // for requests without a client, by upstream
	door      *door                  // the admin server, if it is a new one
}

// offer is a listener as one generation wants it.
type offer struct {
	*listener
	fresh   bool           // nothing served under this name and kind before
	bound   *tcp4.Listener // new sockets; nil: the listener's stay
	address []string
	store   *certs.Store // nil: no TLS
	version uint16
	site    *serve.Site // of http
	handler tcp4.Handler
	limits  tcp4.Limits
}

// prepare binds and opens what compiled names. On an error everything is undone.
// pause is called every now and then.
func (g *Gateway) prepare(c *Compiled, pause func()) (*generation, error) {
	next := &generation{Compiled: c, pause: pause, number: 1, upstreams: map[string]*upstream{}}
	old := g.current.Load()
	if old != nil {
		next.number = old.number + 1
	}
	err := g.adoptUpstreams(next, old)
	if err == nil {
		err = g.bind(next, old)
	}
	if err == nil {
		err = g.fillSites(next)
	}
	if err == nil {
		next.access, err = g.access.Prepare(c.Config.AccessLog)
	}
	if err == nil {
		next.door, err = g.openDoor(c.Config.Admin)
	}
	if err != nil {
		g.undo(next)
		return nil, err
	}
	g.firstAnswers(next)
	return next, nil
}

// undo gives back what prepare has taken for a generation that is not published.
func (g *Gateway) undo(next *generation) {
	for _, o := range next.listeners {
		if o.bound != nil {
			o.bound.Close()
		}
		if o.fresh {
			o.series.Retire()
		}
	}
	if next.access != nil {
		next.access.Undo()
	}
	if next.door != nil {
		next.door.server.Close()
	}
	g.giveBack(next)
}

// giveBack retires what a generation has taken from the registry and the catalogue.
func (g *Gateway) giveBack(old *generation) {
	for _, u := range old.upstreams {
		u.source.release(u.balancer)
		g.registry.Retire(u.balancer)
		u.series.Retire()
	}
	for _, s := range old.routes {
		s.Retire()
		old.pause()
	}
}

// bind makes the offers of all listeners: those that stay keep their sockets.
func (g *Gateway) bind(next, old *generation) error {
	var running []*tcp4.Listener
	if old != nil {
		for _, o := range old.listeners {
			running = append(running, o.sockets.Load())
		}
	}
	for _, name := range next.Config.ListenerNames() {
		o, err := g.offer(next, old, name)
		if o != nil {
			next.listeners = append(next.listeners, o)
		}
		if err == nil {
			err = g.bindOffer(o, running)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// offer returns the offer of one listener without sockets. It is not nil if there is something to
// undo.
func (g *Gateway) offer(next, old *generation, name string) (o *offer, err error) {
	c := next.Config.Listeners[name]
	o = &offer{limits: connectionLimits(c), site: next.sites[name]}
	for _, a := range c.Address {
		o.address = append(o.address, a.String())
	}
	if o.listener = old.find(name, c.Kind); o.listener == nil {
		if o.listener, err = g.newListener(name, c.Kind); err != nil {
			return nil, err
		}
		o.fresh = true
	}
	if c.Kind == config.KindTCP {
		o.handler, err = g.relay(o.listener, c, next)
	} else if c.TLS != nil {
		err = o.openTLS(c.TLS)
	}
	return o, err
}

// find returns the listener of that name and kind, nil if there is none.
func (gen *generation) find(name, kind string) *listener {
	if gen == nil {
		return nil
	}
	for _, o := range gen.listeners {
		if o.name == name && o.kind == kind {
			return o.listener
		}
	}
	return nil
}

func (g *Gateway) bindOffer(o *offer, running []*tcp4.Listener) (err error) {
	if !o.fresh && slices.Equal(o.address, o.addresses) {
		return nil
	}
	cfg := tcp4.Config{Name: o.name, Addresses: o.address, Limits: o.limits, Log: g.log.Logger}
	o.bound, err = tcp4.Listen(cfg, running...)
	return err
}

// openTLS reads the certificates.
func (o *offer) openTLS(c *config.TLS) (err error) {
	pairs := make([]certs.Pair, len(c.Certificates))
	for i, p := range c.Certificates {
		pairs[i] = certs.Pair{Cert: p.Cert, Key: p.Key}
	}
	if o.version, err = certs.Version(c.MinVersion); err == nil {
		o.store, err = certs.Load(pairs)
	}
	if err != nil {
		return fmt.Errorf("listener %s: %s", o.name, strings.TrimPrefix(err.Error(), "certs: "))
	}
	return nil
}

// fillSites gives the sites their live parts.
func (g *Gateway) fillSites(next *generation) error {
	for _, name := range next.Config.ListenerNames() {
		s := next.sites[name]
		if s == nil {
			continue
		}
		if err := g.fillLog(next, s); err != nil {
			return err
		}
		s.Unrouted = g.routeSeries(next, name, "")
		for _, p := range s.Plans {
			if p != nil {
				g.fillPlan(next, name, p)
				next.pause()
			}
		}
	}
	next.detached = next.detachedPlans()
	return nil
}

// fillLog gives a site its access log, if there is one.
func (g *Gateway) fillLog(next *generation, s *serve.Site) error {
	if next.Config.AccessLog.Off() {
		return nil
	}
	s.AccessLog = g.access
	reads := next.reads[s.Listener]
	if len(reads) == 0 {
		return nil
	}
	key, err := g.keyOfLog(next.Config)
	if err == nil {
		s.Reads = serve.NewReads(reads, key)
	}
	return err
}

func (g *Gateway) fillPlan(next *generation, listener string, p *serve.Plan) {
	p.Series = g.routeSeries(next, listener, p.Route.Name)
	next.upstreams[p.UpstreamName].fill(p)
	if p.Split == nil {
		return
	}
	for _, side := range p.Split.Sides {
		side.Plan.Series = p.Series
		next.upstreams[side.Plan.UpstreamName].fill(side.Plan)
	}
}

// fill gives a plan what belongs to its upstream; a nil u is that of a plan that has none.
func (u *upstream) fill(p *serve.Plan) {
	if u != nil {
		p.Upstream, p.Transport, p.UpstreamSeries = u.balancer, u.transport, u.series
		p.HashOn, p.Sticky, p.Counters = u.hashOn, u.sticky, u.counters
	}
}

// routeSeries takes series and notes that next has to give them back.
func (g *Gateway) routeSeries(next *generation, listener, route string) *obs.RouteSeries {
	s := g.catalogue.Route(listener, route)
	next.routes = append(next.routes, s)
	return s
}
