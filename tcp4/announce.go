package tcp4

import (
	"crypto/tls"
	"crypto/x509"
	"net"

	"weir/internal/hello"
	"weir/internal/proxyproto"
)

// serverName returns the host that a client asked for: in its hello h, in the TLS that ended here, or
// in what the sender of its PROXY header says of either.
func serverName(client net.Conn, h *hello.Hello) string {
	if h != nil {
		return h.ServerName
	}
	switch c := client.(type) {
	case *tls.Conn:
		return c.ConnectionState().ServerName
	case *Proxied:
		return c.header.Authority
	}
	return ""
}

// announcement is what an endpoint is told about client. A sender's own connection stays nobody's.
func announcement(client net.Conn, host string) *proxyproto.Header {
	h := &proxyproto.Header{Authority: host}
	if p := proxiedBelow(client); p != nil {
		// What the last sender of a header knows, and we can't.
		h.TLS, h.ALPN, h.UniqueID = p.header.TLS, p.header.ALPN, p.header.UniqueID
	}
	h.Set(client.RemoteAddr(), client.LocalAddr())
	if c, ok := client.(*tls.Conn); ok {
		state := c.ConnectionState()
		h.ALPN, h.TLS = state.NegotiatedProtocol, terminated(&state)
	}
	return h
}

// proxiedBelow returns the Proxied that conn is or lies upon; nil without one.
func proxiedBelow(conn net.Conn) *Proxied {
	p, _ := lowest(conn).(*Proxied)
	return p
}

// terminated says what we know about TLS that ended here.
func terminated(state *tls.ConnectionState) *proxyproto.TLS {
	var cert *x509.Certificate
	if len(state.PeerCertificates) > 0 {
		cert = state.PeerCertificates[0]
	}
	return proxyproto.Ended(state.Version, state.CipherSuite, state.DidResume, cert, len(state.VerifiedChains) > 0)
}
