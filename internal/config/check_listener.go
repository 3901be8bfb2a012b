package config

import (
	"strconv"

	"weir/internal/conf"
)

func (c *Config) checkListener(p *conf.Problems, l *Listener) {
	p.OneOf("kind", l.Kind, "a kind of listener", KindHTTP, KindTCP)
	if len(l.Address) == 0 {
		p.Add("address", "the listener has no address", `write address = ":8080"`)
	}
	for i, a := range l.Address {
		checkBind(p.Index("address", i), a)
	}
	checkCount(p, "max_connections_per_client", l.MaxConnectionsPerClient)
	if l.MaxConnections != nil {
		checkCount(p, "max_connections", *l.MaxConnections)
	}
	l.checkProxied(p)
	c.checkPassthrough(p, l)
	c.checkListenersCache(p, l)
	if l.TLS != nil {
		l.TLS.Check(p.In("tls"))
	}
	c.checkChallenges(p, l)
	switch l.Kind {
	case KindHTTP:
		c.checkHTTPListener(p, l)
	case KindTCP:
		c.checkTCPListener(p, l)
	}
}

func checkCount(p *conf.Problems, key string, n conf.Limit) {
	if !n.IsOff() && n.Value() == 0 {
		p.Add(key, "0 would let nobody in", `write a number from 1, or "off" for no limit`)
	}
}

func checkBind(p *conf.Problems, a conf.Address) {
	switch {
	case a.IsZero():
		p.Add("", "an address is empty", `write ":8080"`)
	case a.IsOff():
		p.Add("", `"off" is not an address to listen on`, "leave the listener out")
	case a.IsName():
		p.Add("", strconv.Quote(a.Host())+" is a name; listeners bind IP addresses",
			"write "+strconv.Quote("127.0.0.1:"+strconv.Itoa(int(a.Port())))+" for this machine alone, or "+strconv.Quote(":"+strconv.Itoa(int(a.Port())))+" for all")
	}
}

func (c *Config) checkHTTPListener(p *conf.Problems, l *Listener) {
	if l.Upstream != "" {
		p.AddKey("upstream", "an http listener has routes, not an upstream", `write [[routes]] with upstream = `+strconv.Quote(l.Upstream)+`, or kind = "tcp" here`)
	}
	p.OneOf("forwarded", l.Forwarded, "a way to forward the client's address", ForwardedX, ForwardedRFC7239, ForwardedBoth, ForwardedOff)
	referAll(p, "policies", l.Policies, "policy", c.Policies)
	l.Limits.Check(p.In("limits"))
	l.Paths.Check(p.In("paths"))
	for i, b := range l.TrustedProxies {
		if b.Value().Bits() == 0 {
			p.Index("trusted_proxies", i).Warn("", "every client is trusted to say who it is", "write the addresses of your proxies")
		}
	}
	l.checkProtocols(p)
	c.checkHTTPSRedirect(p, l)
}

func (c *Config) checkTCPListener(p *conf.Problems, l *Listener) {
	switch {
	case l.Upstream != "":
		refer(p, "upstream", l.Upstream, "upstream", c.Upstreams)
	case len(l.Passthrough) == 0:
		p.Add("upstream", "a tcp listener needs an upstream", `write upstream = "name"`)
	case l.TLS != nil:
		p.Add("upstream", "it is not said who gets the sessions whose TLS ends here", `write upstream = "name", or leave tls out`)
	}
	p.In("limits").Positive("idle_timeout", l.Limits.IdleTimeout)
	c.checkSessionGuards(p, l)
}
