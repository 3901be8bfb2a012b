package gateway

import (
	"slices"

	"weir/http7"
	"weir/http7/serve"
	"weir/internal/certs"
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
	audit     *obs.AccessLogChange
	keepers   []*acmeKeeper          // of acme tables
	detached  map[string]*serve.Plan // for requests without a client, by upstream
	door      *door                  // the admin server, if it is a new one
}

// offer is a listener as one generation wants it.
type offer struct {
	*listener
	fresh     bool           // nothing served under this name and kind before
	bound     *tcp4.Listener // new sockets; nil: the listener's stay
	address   []string
	store     *certs.Store      // nil: no TLS
	keeper    *acmeKeeper       // nil: no acme
	site      *serve.Site       // of http
	protocols []string          // of http
	relay     tcp4.Handler      // of tcp: who gets what is inside; nil: nobody
	pass      *tcp4.Passthrough // nil: nothing is relayed as it is
	handler   tcp4.Handler
	limits    tcp4.Limits
	guards    []http7.Step      // who may have a session
	refusals  *obs.PolicySeries // of sessions
	audit     *obs.AuditLog     // of sessions; nil: off
	ports     []*udpPort        // of HTTP/3
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
		next.audit, err = g.audit.Prepare(c.Config.AuditLog)
	}
	if err == nil {
		next.door, err = g.openDoor(c.Config.Admin)
	}
	if err != nil {
		g.undo(next)
		return nil, err
	}
	next.answerChallenges()
	g.firstAnswers(next)
	return next, nil
}

// undo gives back what prepare has taken for a generation that is not published.
func (g *Gateway) undo(next *generation) {
	for _, o := range next.listeners {
		if o.bound != nil {
			o.bound.Close()
		}
		o.undoUDP()
		if o.fresh {
			o.series.Retire()
		}
	}
	if next.access != nil {
		next.access.Undo()
	}
	if next.audit != nil {
		next.audit.Undo()
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
	old.endTurn()
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
		if err == nil {
			err = g.openUDP(o, next.Config.Listeners[name], old)
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
	o = &offer{limits: connectionLimits(c), site: next.sites[name], protocols: c.Protocols}
	for _, a := range c.Address {
		o.address = append(o.address, a.String())
	}
	if o.listener = old.find(name, c.Kind); o.listener == nil {
		if o.listener, err = g.newListener(name, c.Kind); err != nil {
			return nil, err
		}
		o.fresh = true
	}
	g.openGuards(o, next)
	if err = g.openSessions(o, c, next); err == nil {
		err = g.openTLS(o, c, next)
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
		s.Refusals = g.catalogue.Policies()
		if !next.Config.AuditLog.Off() {
			s.AuditLog = g.audit
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
		s.Reads = serve.NewReads(reads, key, hiddenFields(s)...)
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
