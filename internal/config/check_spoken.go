package config

import (
	"slices"
	"strconv"

	"weir/http7/forward"
	"weir/internal/certs/acme"
	"weir/internal/conf"
)

// checkSpoken warns of upstreams whose endpoints, by all signs, speak something else than is spoken to them.
// routed are those that requests go to.
func (c *Config) checkSpoken(p *conf.Problems, routed map[string]bool) {
	for _, name := range c.UpstreamNames() {
		u := c.Upstreams[name]
		if !routed[name] || u.Forwarding.TLS != nil {
			continue
		}
		h1 := u.Forwarding.Protocol == forward.ProtocolAuto || u.Forwarding.Protocol == forward.ProtocolH1
		if h := u.Health; h1 && h != nil && h.GRPC != nil && h.TLS == nil {
			p.At(u.Path).In("health").Warn("grpc", "the probe speaks gRPC, which is HTTP/2, and requests are sent by HTTP/1", `write protocol = "h2c"`)
		}
		for i := range u.Endpoints {
			if u.Endpoints[i].Address.Port() == defaultHTTPS {
				p.At(u.Path).Index("endpoints", i).Warn("", "port 443 is that of https, and requests are sent without TLS", "write tls = {}")
				break
			}
		}
	}
}

// checkChallenges warns of an authority that asks where nobody answers.
func (c *Config) checkChallenges(p *conf.Problems, l *Listener) {
	if l.TLS == nil || l.TLS.ACME == nil {
		return
	}
	at := slices.Index(l.TLS.ACME.Challenges, acme.HTTP01)
	for _, other := range c.Listeners {
		if at < 0 || other.Kind == KindHTTP && other.TLS == nil {
			return
		}
	}
	p.In("tls", "acme").Index("challenges", at).Warn("", "the authority asks for "+strconv.Quote(acme.HTTP01)+" without TLS, and every http listener of this file has tls",
		`write a listener with address = ":80" and redirect_to_https = true, or leave `+strconv.Quote(acme.HTTP01)+" out")
}
