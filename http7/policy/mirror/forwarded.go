package mirror

import (
	"weir/http7"
)

var (
	xForwardedFor   = http7.Known(http7.XForwardedFor)
	xForwardedHost  = http7.Known(http7.XForwardedHost)
	xForwardedProto = http7.Known(http7.XForwardedProto)
	forwarded       = http7.Known(http7.Forwarded)
)

// tell writes into the copy's header the fields that tell about the client, as the endpoint of the route is told:
// there the hall writes them with each attempt. What a peer that is not trusted said of itself is gone already.
func (m *mirror) tell(x *http7.Exchange, h *http7.Header) {
	if m.needs.ForwardedX {
		tellX(x, h)
	}
	if m.needs.Forwarded7239 {
		tell7239(x, h)
	}
}

func tellX(x *http7.Exchange, h *http7.Header) {
	h.Set(xForwardedFor, appendPeer(appendList(x.Room(256), h, xForwardedFor), x))
	if !h.Has(http7.XForwardedProto) {
		h.Add(xForwardedProto, proto(x.Secure))
	}
	if !h.Has(http7.XForwardedHost) && len(x.Authority) > 0 {
		h.Add(xForwardedHost, x.Authority)
	}
}

// tell7239 adds this hop's element (RFC 7239 §4).
func tell7239(x *http7.Exchange, h *http7.Header) {
	b := append(appendList(x.Room(256), h, forwarded), "for="...)
	if x.Conn.Peer.Addr().Is6() {
		b = append(appendPeer(append(b, `"[`...), x), `]"`...)
	} else {
		b = appendPeer(b, x)
	}
	if len(x.Authority) > 0 {
		b = append(append(append(b, `;host="`...), x.Authority...), '"')
	}
	h.Set(forwarded, append(append(b, ";proto="...), proto(x.Conn.TLS)...))
}

// appendList appends the values of a field, each with a comma behind it.
func appendList(dst []byte, h *http7.Header, n http7.Name) []byte {
	for i := h.Find(n, 0); i >= 0; i = h.Find(n, i+1) {
		dst = append(append(dst, h.Value(i)...), ", "...)
	}
	return dst
}

func appendPeer(dst []byte, x *http7.Exchange) []byte {
	if a := x.Conn.Peer.Addr(); a.IsValid() {
		return a.AppendTo(dst)
	}
	return append(dst, "unknown"...)
}

func proto(secure bool) []byte {
	if secure {
		return https
	}
	return https[:len("http")]
}

var https = []byte("https")
