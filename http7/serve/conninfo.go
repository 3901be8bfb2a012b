package serve

import (
	"net"
	"net/netip"
	"strings"

	"weir/http7"
	"weir/internal/proxyproto"
	"weir/internal/sock"
)

// connInfo says what is true of all exchanges of a connection.
func connInfo(listener string, nc net.Conn, s *sock.Conn) *http7.Conn {
	info := &http7.Conn{Listener: listener, Peer: addrPort(nc.RemoteAddr()), Local: addrPort(nc.LocalAddr())}
	if t := s.TLS(); t != nil {
		state := t.ConnectionState()
		info.FillTLS(&state)
	} else if p, ok := nc.(proxied); ok {
		fillProxied(info, p.Header())
	}
	return info
}

// proxied is a connection that began with a PROXY header that is believed; its addresses are the header's.
type proxied interface{ Header() *proxyproto.Header }

// fillProxied notes what a PROXY header says of the TLS that ended before Weir. That a certificate was shown there
// makes nobody's identity here.
func fillProxied(info *http7.Conn, h *proxyproto.Header) {
	info.TLS = h.TLS != nil
	info.SNI = strings.ToLower(strings.TrimSuffix(h.Authority, "."))
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
