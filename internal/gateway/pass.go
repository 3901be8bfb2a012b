package gateway

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"weir/internal/conf"
	"weir/internal/config"
	"weir/tcp4"
)

// openSessions makes what takes the sessions of a listener: to its upstream, or as their hellos say.
func (g *Gateway) openSessions(o *offer, c *config.Listener, next *generation) (err error) {
	if o.limits.Proxies, err = g.proxies(o.listener, c); err != nil {
		return err
	}
	if c.Kind == config.KindTCP && c.Upstream != "" {
		r, err := g.relay(o, c.Upstream, c.Limits.IdleTimeout.Or(tcp4.Off), next)
		if err != nil {
			return err
		}
		o.relay = r.Serve
	}
	o.pass, err = g.passthrough(o, c, next)
	return err
}

// passthrough returns who decides by their hello which of a listener's connections are relayed as they are; nil if
// none is.
func (g *Gateway) passthrough(o *offer, c *config.Listener, next *generation) (*tcp4.Passthrough, error) {
	if len(c.Passthrough) == 0 {
		return nil, nil
	}
	cfg := tcp4.PassthroughConfig{Listener: o.name, TLS: o.tls, Log: g.log.Logger, Defended: o.series.Defended}
	for i := range c.Passthrough {
		e := &c.Passthrough[i]
		r, err := g.relay(o, e.Upstream, silence(c, next.Config.Upstreams[e.Upstream]), next)
		if err != nil {
			return nil, err
		}
		cfg.Entries = append(cfg.Entries, tcp4.PassthroughEntry{SNI: lower(e.SNI), ALPN: e.ALPN, Serve: o.relayed(o.passed(r.ServeHello))})
	}
	return tcp4.NewPassthrough(cfg)
}

// silence is how long a session of a passthrough may be silent: what the listener says where it is one of sessions,
// else what the upstream says of tunnels.
func silence(c *config.Listener, u *config.Upstream) time.Duration {
	if c.Kind == config.KindTCP {
		return c.Limits.IdleTimeout.Or(tcp4.Off)
	}
	return u.Timeouts.TunnelIdle.Or(tcp4.Off)
}

// lower puts names in the form in which hellos are compared.
func lower(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToLower(strings.TrimSuffix(n, "."))
	}
	return out
}

// proxies returns who takes PROXY headers off a listener's connections; nil if nobody sends any.
func (g *Gateway) proxies(l *listener, c *config.Listener) (*tcp4.Proxies, error) {
	from := c.AcceptProxyProtocol
	if len(from) == 0 {
		return nil, nil
	}
	return tcp4.NewProxies(tcp4.ProxiesConfig{
		Listener: l.name, Log: g.log.Logger, Defended: l.series.Defended,
		From: func(a netip.Addr) bool {
			return slices.ContainsFunc(from, func(p conf.Prefix) bool { return p.Contains(a) })
		},
	})
}
