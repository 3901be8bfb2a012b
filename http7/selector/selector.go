package selector

import (
	"bytes"
	"fmt"
	"net/netip"

	"weir/http7"
	"weir/internal/conf"
)

// Selection is a compiled list of selectors, which select together. It never changes and is safe
// for concurrent use.
type Selection struct {
	parts []part
	// bare says that hosts count without port and final dot.
	bare bool
}

// part is one selector made ready.
type part struct {
	kind conf.Part
	name string     // of a cookie, a parameter or a claim
	head http7.Name // of a header
}

// New compiles list; an empty one gives nil. It fails on a header's name that is no token, and on the zero
// selector.
func New(list conf.Selectors) (*Selection, error) {
	if len(list) == 0 {
		return nil, nil
	}
	s := &Selection{parts: make([]part, len(list))}
	for i, l := range list {
		p := part{kind: l.Part(), name: l.Name()}
		ok := p.kind != conf.PartNone
		if p.kind == conf.PartHeader {
			p.head, ok = http7.NewName(l.Name())
		}
		if !ok {
			return nil, fmt.Errorf("selector: %q can't be selected", l)
		}
		s.parts[i] = p
	}
	return s, nil
}

// Hash returns the xxhash of what is selected of x: the same on every node and after a restart.
// ok is false if any of the parts is absent or empty: then there is nothing to place by, and the
// caller draws a number, lest all who lack it land in one place. It never allocates.
//
// xxhash only places: whoever must not confuse two clients compares the bytes of Append.
func (s *Selection) Hash(x *http7.Exchange) (hash uint64, ok bool) {
	var w writer
	w.digest.Reset()
	for i := range s.parts {
		if w.part(&s.parts[i], x); w.total == 0 {
			return 0, false
		}
	}
	return w.sum(), true
}

// Append appends to dst what is selected of x, in a form in which no two different requests look
// alike: every value, repeated ones included, is followed by its length, and every part by the
// number of its values. An absent part differs from an empty one.
func (s *Selection) Append(dst []byte, x *http7.Exchange) []byte {
	w := writer{kept: dst, keeps: true, bare: s.bare}
	for i := range s.parts {
		w.part(&s.parts[i], x)
	}
	return w.kept
}

// HashClient is Hash of the selector "client" for a use that has no exchange, such as a session.
// ok is false without an address, as on a unix socket.
func HashClient(client netip.Addr) (hash uint64, ok bool) {
	var w writer
	w.digest.Reset()
	w.client(client)
	w.endPart()
	return w.sum(), w.total > 0
}

// part writes one part.
func (w *writer) part(p *part, x *http7.Exchange) {
	w.values, w.total = 0, 0
	switch p.kind {
	case conf.PartClient:
		w.client(x.Client)
	case conf.PartConsumer:
		w.text(x.Consumer)
	case conf.PartHost:
		w.host(x)
	case conf.PartPath:
		w.whole(x.Path)
	case conf.PartMethod:
		w.whole(x.Method)
	case conf.PartRoute:
		if x.Route != nil {
			w.text(x.Route.Name)
		}
	case conf.PartHeader:
		w.header(&x.Request, p.head)
	case conf.PartCookie:
		w.cookies(&x.Request, p.name)
	case conf.PartQuery:
		w.query(x.Query, p.name)
	case conf.PartClaim:
		w.claims(x.Claims, p.name)
	}
	w.endPart()
}

// client writes an address: IPv4 in its own form, without a zone.
func (w *writer) client(a netip.Addr) {
	switch a = a.Unmap(); {
	case a.Is4():
		b := a.As4()
		w.whole(b[:])
	case a.IsValid():
		b := a.As16()
		w.whole(b[:])
	}
}

// host writes the authority in lower case, without the port that its scheme implies (RFC 3986
// §6.2.3). Any other port stays: what an endpoint answers may hang on it.
func (w *writer) host(x *http7.Exchange) {
	authority := cutDefaultPort(x.Authority, x.Secure)
	if w.bare {
		authority = bareHost(x.Authority)
	}
	if len(authority) == 0 {
		return
	}
	for _, c := range authority {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		w.byte(c)
	}
	w.endValue()
}

// bareHost returns authority without its port, whatever it is, and without one final dot.
func bareHost(authority []byte) []byte {
	host := authority
	if len(host) > 0 && host[0] == '[' {
		if end := bytes.IndexByte(host, ']'); end >= 0 {
			return host[:end+1]
		}
		return host
	}
	if end := bytes.IndexByte(host, ':'); end >= 0 {
		host = host[:end]
	}
	if n := len(host); n > 1 && host[n-1] == '.' {
		host = host[:n-1]
	}
	return host
}

func cutDefaultPort(authority []byte, secure bool) []byte {
	port := ":80"
	if secure {
		port = ":443"
	}
	n := len(authority)
	if n > 0 && authority[n-1] == ':' {
		return authority[:n-1]
	}
	if at := n - len(port); at > 0 && string(authority[at:]) == port {
		return authority[:at]
	}
	return authority
}

// header writes the values of all fields of that name. One field with a list differs from several
// fields here, though not to RFC 9110 §5.3: some endpoints tell them apart.
func (w *writer) header(h *http7.Header, n http7.Name) {
	for i := h.Find(n, 0); i >= 0; i = h.Find(n, i+1) {
		w.whole(h.Value(i))
	}
}

// cookies writes the values of all cookies of that name: which of them an endpoint takes is its
// own choice.
func (w *writer) cookies(h *http7.Header, name string) {
	for c := http7.Cookies(h, name); c.Next(); {
		w.whole(c.Value())
	}
}

// claims writes the values of all claims of that name: one that is a list stands there once for each element.
func (w *writer) claims(claims []http7.Claim, name string) {
	for i := range claims {
		if claims[i].Name == name {
			w.whole(claims[i].Value)
		}
	}
}
