package config

import (
	"strconv"

	"weir/http7/forward"
	"weir/internal/conf"
)

// checkTranslate warns of a translation into gRPC for endpoints that are spoken to over HTTP/1, which has no gRPC.
func (c *Config) checkTranslate(p *conf.Problems, r *Route) {
	for i, name := range r.Policies {
		b := c.Policies[name]
		if b == nil || b.Translate == nil || b.Translate.Mode != conf.Enforce {
			continue
		}
		for _, upstream := range r.Upstreams() {
			if u := c.Upstreams[upstream]; u != nil && u.speaksHTTP1() {
				p.Index("policies", i).Warn("", "the translate of "+strconv.Quote(name)+" makes gRPC of requests, and upstreams."+upstream+" is spoken to over HTTP/1, which can't carry it",
					`write upstreams.`+upstream+`.protocol = "h2c", or tls and protocol = "h2"`)
			}
		}
	}
}

// speaksHTTP1 reports whether endpoints are never spoken to in HTTP/2.
func (u *Upstream) speaksHTTP1() bool {
	return u.Protocol == forward.ProtocolH1 || u.Protocol == forward.ProtocolAuto && u.TLS == nil
}
