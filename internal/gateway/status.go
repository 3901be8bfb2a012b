package gateway

import (
	"cmp"
	"io"
	"net"
	"strings"
	"time"

	"weir/health"
	"weir/http7/forward"
	"weir/internal/admin"
	"weir/internal/config"
	"weir/lb"
)

// Addr returns where a listener accepts, with the port that the system chose for port 0: its
// first address if it has several. It is nil if there is no such listener.
func (g *Gateway) Addr(name string) net.Addr {
	now := g.current.Load()
	if now == nil {
		return nil
	}
	for _, o := range now.listeners {
		if o.name != name {
			continue
		}
		l := o.sockets.Load()
		if l == nil {
			l = o.bound
		}
		if addrs := l.Addrs(); len(addrs) > 0 {
			return addrs[0]
		}
	}
	return nil
}

// AdminAddr returns where the admin server listens; nil if it is off.
func (g *Gateway) AdminAddr() net.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := g.door
	if now := g.current.Load(); d == nil && now != nil {
		d = now.door
	}
	if d == nil {
		return nil
	}
	return d.server.Addr()
}

// Ready reports whether Weir takes traffic; if not, why says what it waits for.
func (g *Gateway) Ready() (ok bool, why string) {
	if why := g.phase.Load(); why != nil {
		return false, *why
	}
	return true, ""
}

// generation returns the number of the config that serves; 0 before the first.
func (g *Gateway) generation() uint64 {
	if s := g.snap.Load(); s != nil {
		return s.Generation
	}
	return 0
}

// Status describes what runs.
func (g *Gateway) Status() admin.Status {
	now := g.current.Load()
	s := admin.Status{
		Version: g.options.Build.Version, Commit: g.options.Build.Commit,
		Generation: g.generation(), Config: now.File,
		Started: g.started, UptimeS: time.Since(g.started).Seconds(),
	}
	s.Ready, s.Why = g.Ready()
	for _, o := range now.listeners {
		s.Listeners = append(s.Listeners, o.status())
	}
	s.Cache = g.cacheStatus()
	ejections := g.ejections()
	for _, name := range now.Config.UpstreamNames() {
		s.Upstreams = append(s.Upstreams, g.upstreamStatus(now.upstreams[name], now.Config.Upstreams[name], ejections))
	}
	return s
}

// addresses returns where the listeners accept, the admin server's first, as text for the log.
func (g *Gateway) addresses() []string {
	var out []string
	if a := g.AdminAddr(); a != nil {
		out = append(out, "admin "+a.String())
	}
	for _, o := range g.current.Load().listeners {
		s := o.status()
		out = append(out, s.Name+" "+strings.Join(s.Addresses, " "))
	}
	return out
}

func (o *offer) status() admin.ListenerStatus {
	s := admin.ListenerStatus{
		Name: o.name, Kind: o.kind, TLS: o.store != nil, Protocols: o.protocols, Connections: o.series.Active(),
		Certificates: o.certificateStatus(),
	}
	if l := o.sockets.Load(); l != nil {
		for _, a := range l.Addrs() {
			s.Addresses = append(s.Addresses, a.String())
		}
	}
	return s
}

// ejections returns the ejections that last.
func (g *Gateway) ejections() map[*lb.Endpoint]health.Ejection {
	out := map[*lb.Endpoint]health.Ejection{}
	for _, e := range g.outliers.Ejections() {
		out[e.Endpoint] = e
	}
	return out
}

func (g *Gateway) upstreamStatus(u *upstream, c *config.Upstream, ejections map[*lb.Endpoint]health.Ejection) admin.UpstreamStatus {
	view, gate := u.balancer.View(), u.balancer.Gate().Stats()
	s := admin.UpstreamStatus{
		Name: u.balancer.Name(), Balance: c.Balance, Panic: view.Panic(), Source: u.source.status(),
		Breaker: breakerWord(&gate), BreakerSince: gate.BreakerSince, Queued: gate.Waiting,
	}
	s.Orders = g.orders.absent(s.Name, view.Members())
	for _, m := range view.Members() {
		e := g.endpointStatus(&m)
		if x, ok := ejections[m.Endpoint]; ok {
			e.Ejections, e.Until = x.Times, x.Until
		}
		s.Endpoints = append(s.Endpoints, e)
		if m.Endpoint.State() == lb.Ready {
			s.Ready++
		}
	}
	return s
}

func (g *Gateway) endpointStatus(m *lb.Member) admin.EndpointStatus {
	e := m.Endpoint
	_, idle := forward.Stats(e)
	s := admin.EndpointStatus{
		Address: e.Address(), Zone: m.Zone, Backup: m.Tier, Weight: m.Weight,
		State: e.State().String(), Since: e.StateSince(), Why: cmp.Or(e.Why(), g.reach.why(e)),
		InFlight: e.InFlight(), Limit: e.Limit(), LatencyUS: e.Latency().Microseconds(), Picked: e.Picked(), Idle: idle,
	}
	if e.Name() != e.Address() {
		s.Name = e.Name()
	}
	if by := e.Says(lb.ByOperator); by != lb.Ready {
		s.Operator = by.String()
	}
	return s
}

// metrics writes all series.
func (g *Gateway) metrics(w io.Writer) {
	for _, o := range g.current.Load().listeners {
		g.tell(o.listener)
	}
	g.catalogue.WritePrometheus(w)
}
