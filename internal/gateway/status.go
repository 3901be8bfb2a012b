package gateway

import (
	"io"
	"net"
	"strings"
	"time"

	"weir/http7/forward"
	"weir/internal/admin"
	"weir/internal/obs"
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
	why := g.reasons()
	for _, name := range now.Config.UpstreamNames() {
		s.Upstreams = append(s.Upstreams, upstreamStatus(now.upstreams[name].balancer, now.Config.Upstreams[name].Balance, why))
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
	s := admin.ListenerStatus{Name: o.name, Kind: o.kind, TLS: o.store != nil, Connections: o.series.Active()}
	if l := o.sockets.Load(); l != nil {
		for _, a := range l.Addrs() {
			s.Addresses = append(s.Addresses, a.String())
		}
	}
	return s
}

// reasons returns why endpoints are not well: what their probes say, else what dials met.
func (g *Gateway) reasons() func(*lb.Endpoint) string {
	probes := map[*lb.Endpoint]error{}
	for _, r := range g.monitor.Report() {
		probes[r.Endpoint] = r.Err
	}
	return func(e *lb.Endpoint) string {
		if err := probes[e]; err != nil {
			return err.Error()
		}
		return g.reach.why(e)
	}
}

func upstreamStatus(u *lb.Upstream, balance string, why func(*lb.Endpoint) string) admin.UpstreamStatus {
	view := u.View()
	s := admin.UpstreamStatus{Name: u.Name(), Balance: balance, Ready: view.Ready()}
	for _, m := range view.Members() {
		e := m.Endpoint
		_, idle := forward.Stats(e)
		s.Endpoints = append(s.Endpoints, admin.EndpointStatus{
			Address: e.Address(), Weight: m.Weight, State: e.State().String(), Since: e.StateSince(),
			Why: why(e), InFlight: e.InFlight(), Idle: idle,
		})
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

// readings yields every endpoint as a scrape wants it.
func (g *Gateway) readings(yield func(obs.EndpointReading) bool) {
	for _, e := range g.registry.Endpoints() {
		_, idle := forward.Stats(e)
		r := obs.EndpointReading{Upstream: e.Upstream(), Endpoint: e.Address(), State: e.State().String(), InFlight: e.InFlight(), Idle: idle}
		if !yield(r) {
			return
		}
	}
}

// stateNames lists every state that an endpoint may be in.
func stateNames() []string {
	var names []string
	for s := lb.Unknown; s <= lb.Maintenance; s++ {
		names = append(names, s.String())
	}
	return names
}
