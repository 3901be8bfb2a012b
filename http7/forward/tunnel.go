package forward

import (
	"net"

	"weir/http7"
	"weir/lb"
)

// AcquireTunnel is Acquire for an attempt that may switch protocols. Where the endpoint has chosen HTTP/2 and takes no
// extended CONNECT (RFC 8441 §3), it is spoken to in HTTP/1 if the protocol is for it to choose, on a connection that
// offers nothing else by ALPN. An endpoint that does not speak that either is [http7.NoUpgrade].
func (t *Transport) AcquireTunnel(e *lb.Endpoint, fresh bool, limit int64, from *http7.Conn) (*Conn, *http7.Fault, error) {
	c, f, cause := t.Acquire(e, fresh, limit, from)
	if f != nil || c.lane == nil || c.lane.TakesConnect() {
		return c, f, cause
	}
	c.shut()
	if t.way.protocol != ProtocolAuto {
		return nil, http7.NoUpgrade, errNoTunnels
	}
	p := t.poolOf(e)
	if !fresh {
		if c = p.take(t, ""); c != nil {
			return c, nil, nil
		}
	}
	one := *t
	one.alone = true
	nc, f, cause := one.dial(p, "", limit)
	switch {
	case f != nil && alert(cause) == noApplicationProtocol:
		return nil, http7.NoUpgrade, errNoTunnels
	case f != nil:
		return nil, f, cause
	case chosen(nc) != alpnH1: // it would take the request for frames
		closeAtOnce(nc)
		return nil, http7.NoUpgrade, errNoTunnels
	}
	return t.single(p, nc, "")
}

// noApplicationProtocol is the alert of an endpoint that speaks nothing of what it was offered (RFC 7301 §3.2).
const noApplicationProtocol = 120

// closeAtOnce closes a connection that was not used.
func closeAtOnce(nc net.Conn) {
	if tc, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = tc.NetConn()
	}
	_ = nc.Close() // as above
}
