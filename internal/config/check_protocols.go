package config

import (
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// Speaks reports whether an http listener speaks one of the protocols.
func (l *Listener) Speaks(protocol string) bool { return slices.Contains(l.Protocols, protocol) }

// spelt is how else the versions of HTTP are written.
var spelt = map[string]string{
	"http1": ProtocolH1, "http/1": ProtocolH1, "http/1.1": ProtocolH1, "http1.1": ProtocolH1, "1.1": ProtocolH1,
	"http2": ProtocolH2, "http/2": ProtocolH2, "http/2.0": ProtocolH2, "h2c": ProtocolH2, "grpc": ProtocolH2, "2": ProtocolH2,
	"http3": ProtocolH3, "http/3": ProtocolH3, "quic": ProtocolH3, "3": ProtocolH3,
}

// checkProtocols notes what is wrong with the protocols of an http listener, on their own and beside its other keys.
func (l *Listener) checkProtocols(p *conf.Problems) {
	if len(l.Protocols) == 0 {
		p.Add("protocols", "an empty list speaks with nobody", `write protocols = ["h1", "h2"], or leave it out`)
	}
	for i, v := range l.Protocols {
		if meant := spelt[strings.ToLower(v)]; meant != "" {
			p.Index("protocols", i).Add("", strconv.Quote(v)+" is not how a version of HTTP is written here", "write "+strconv.Quote(meant))
			continue
		}
		p.Index("protocols", i).OneOf("", v, "a version of HTTP", ProtocolH1, ProtocolH2, ProtocolH3)
		if slices.Contains(l.Protocols[:i], v) {
			p.Index("protocols", i).Add("", strconv.Quote(v)+" is written twice", "leave one out")
		}
	}
	if l.Speaks(ProtocolH3) {
		l.checkH3(p)
	}
}

func (l *Listener) checkH3(p *conf.Problems) {
	switch {
	case l.TLS == nil:
		p.Add("protocols", "h3 is never without TLS, and this listener has none", "write tls, or leave h3 out")
	case len(l.Protocols) == 1:
		p.Add("protocols", "clients learn of h3 from an answer over TCP, and nobody would answer there", `write protocols = ["h1", "h2", "h3"]`)
	case !slices.ContainsFunc(l.Address, func(a conf.Address) bool { return !a.IsUnix() }):
		p.Add("protocols", "h3 is spoken over UDP, and this listener has only sockets in the file system", "give it an address with a port, or leave h3 out")
	case len(l.AcceptProxyProtocol) > 0:
		p.Warn("protocols", "a PROXY protocol header comes over TCP alone: requests over h3 show the address that their packets come from",
			"let clients reach the UDP port themselves, or leave h3 out")
	}
}

// checkProxied warns of senders of PROXY headers that can be anybody.
func (l *Listener) checkProxied(p *conf.Problems) {
	for i, b := range l.AcceptProxyProtocol {
		if b.Value().Bits() == 0 {
			p.Index("accept_proxy_protocol", i).Warn("", "every client says by itself who it is, and none gets in that does not", "write the addresses of your load balancers")
		}
	}
}

// checkHTTPSRedirect notes what a listener that redirects has beside, and one that leads nowhere.
func (c *Config) checkHTTPSRedirect(p *conf.Problems, l *Listener) {
	if !l.RedirectToHTTPS {
		return
	}
	if l.TLS != nil {
		p.Add("redirect_to_https", "the listener speaks https itself, so that a client would go round in circles", "leave it out here, and write it on a plain listener")
		return
	}
	ports := c.httpsPorts()
	switch {
	case len(ports) == 0:
		p.Warn("redirect_to_https", "no listener of this file speaks https; clients are sent to port 443", `write a listener with address = ":443" and tls`)
	case len(ports) > 1 && !slices.Contains(ports, defaultHTTPS):
		p.Warn("redirect_to_https", "listeners speak https on several ports; clients are sent to "+strconv.Itoa(int(c.HTTPSPort())),
			`write a route with redirect = { to = "https://{host}:port{path}" } in its place for another`)
	}
}

const defaultHTTPS = 443

// HTTPSPort returns the port that clients are sent to for https: 443 if an http listener with TLS has it or none
// has any, else the lowest of theirs.
func (c *Config) HTTPSPort() uint16 {
	ports := c.httpsPorts()
	if len(ports) == 0 || slices.Contains(ports, defaultHTTPS) {
		return defaultHTTPS
	}
	return ports[0]
}

// httpsPorts lists the ports of http listeners with TLS, in order.
func (c *Config) httpsPorts() (ports []uint16) {
	for _, l := range c.Listeners {
		if l.Kind != KindHTTP || l.TLS == nil {
			continue
		}
		for _, a := range l.Address {
			if a.Port() != 0 {
				ports = append(ports, a.Port())
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
