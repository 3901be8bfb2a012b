package serve

import (
	"bytes"
	"net/netip"
	"strings"

	"weir/http7"
)

// told are the fields in which a hop before this one speaks of the client.
var told = []http7.ID{http7.XForwardedFor, http7.XForwardedHost, http7.XForwardedProto, http7.XForwardedPort, http7.XRealIP, http7.Forwarded}

var toldNames = http7.Names(told...)

// identify finds out whose request this is. What a peer that is not trusted says of it is removed.
func (c *conn) identify(x *exchange) {
	x.Client, x.Secure = c.info.Peer.Addr(), c.info.TLS
	if !x.site.trusts(x.Client) {
		if x.Request.HasAny(toldNames) {
			for _, id := range told {
				x.Request.DelID(id)
			}
		}
		return
	}
	if a, ok := x.site.clientOf(&x.Request); ok {
		x.Client = a
	}
	if proto := x.Request.Get(http7.XForwardedProto); proto != nil {
		x.Secure = http7.EqualFold(proto, "https")
	}
}

func (s *Site) trusts(a netip.Addr) bool {
	for _, p := range s.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// clientOf returns the last address that no trusted proxy stands at, from X-Forwarded-For or, if it
// is absent, Forwarded (RFC 7239). An entry that is no address ends the search: what stands before
// it was said by somebody unknown.
func (s *Site) clientOf(h *http7.Header) (client netip.Addr, ok bool) {
	list, node := joined(h, http7.XForwardedFor), parseAddr
	if list == nil {
		list, node = joined(h, http7.Forwarded), parseForwarded
	}
	for len(list) > 0 {
		before, last := cutLast(list, ',')
		a, valid := node(last)
		if !valid {
			return client, ok
		}
		client, ok = a, true
		if !s.trusts(a) {
			return client, true
		}
		list = before
	}
	return client, ok
}

// cutLast splits list at its last sep that no quoted string holds: a client may choose what stands
// in one, a host for example. It reads backwards, so that only what the last hop wrote can count.
func cutLast(list []byte, sep byte) (before, last []byte) {
	quoted := false
	for i := len(list) - 1; i >= 0; i-- {
		switch {
		case list[i] == '"' && !escaped(list[:i]):
			quoted = !quoted
		case list[i] == sep && !quoted:
			return list[:i], bytes.Trim(list[i+1:], " \t")
		}
	}
	return nil, bytes.Trim(list, " \t")
}

// escaped reports whether what follows b is escaped by a backslash.
func escaped(b []byte) bool {
	return (len(b)-len(bytes.TrimRight(b, `\`)))%2 == 1
}

// joined returns the values of a list field as one list. It copies only if there are several.
func joined(h *http7.Header, id http7.ID) (list []byte) {
	for v := range h.Each(http7.Known(id)) {
		if list == nil {
			list = v
			continue
		}
		list = append(append(bytes.Clone(list), ','), v...)
	}
	return list
}

// parseAddr reads "192.0.2.1", "192.0.2.1:80", "2001:db8::1" or "[2001:db8::1]:80".
func parseAddr(b []byte) (netip.Addr, bool) {
	s := string(b)
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return a.Unmap().WithZone(""), err == nil
}

// parseForwarded reads the for parameter of one element of Forwarded.
func parseForwarded(b []byte) (netip.Addr, bool) {
	for len(b) > 0 {
		var pair []byte
		b, pair = cutLast(b, ';')
		name, value, _ := bytes.Cut(pair, []byte("="))
		if http7.EqualFold(name, "for") {
			return parseAddr(bytes.Trim(value, `"`))
		}
	}
	return netip.Addr{}, false
}

// appendTail appends the lines about the client that are the same for every request on a connection.
func appendTail(dst []byte, info *http7.Conn) []byte {
	dst = append(dst, "X-Forwarded-For: "...)
	dst = appendPeer(dst, info)
	dst = append(dst, "\r\n"...)
	return appendProto(dst, info.TLS)
}

func appendProto(dst []byte, secure bool) []byte {
	if secure {
		return append(dst, "X-Forwarded-Proto: https\r\n"...)
	}
	return append(dst, "X-Forwarded-Proto: http\r\n"...)
}

func appendPeer(dst []byte, info *http7.Conn) []byte {
	if a := info.Peer.Addr(); a.IsValid() {
		return a.AppendTo(dst)
	}
	return append(dst, "unknown"...)
}

// appendForwarded appends the fields that tell the endpoint about the client, and returns which of
// the request's own they replace.
func (c *conn) appendForwarded(dst []byte, x *exchange, skip http7.IDSet) ([]byte, http7.IDSet) {
	mode := x.site.Forwarded
	if mode == ForwardedX || mode == ForwardedBoth {
		dst, skip = c.appendX(dst, x, skip)
	}
	if mode == Forwarded7239 || mode == ForwardedBoth {
		dst, skip = c.append7239(dst, x, skip)
	}
	return dst, skip
}

func (c *conn) appendX(dst []byte, x *exchange, skip http7.IDSet) ([]byte, http7.IDSet) {
	h := &x.Request
	before := joined(h, http7.XForwardedFor)
	if before == nil && !h.Has(http7.XForwardedProto) {
		dst = append(dst, c.tail...)
	} else {
		dst = append(dst, "X-Forwarded-For: "...)
		if before != nil {
			dst = append(append(dst, before...), ", "...)
		}
		dst = append(appendPeer(dst, c.info), "\r\n"...)
		skip |= http7.Names(http7.XForwardedFor)
		if !h.Has(http7.XForwardedProto) {
			dst = appendProto(dst, x.Secure)
		}
	}
	if !h.Has(http7.XForwardedHost) && len(x.Authority) > 0 {
		dst = append(append(append(dst, "X-Forwarded-Host: "...), x.Authority...), "\r\n"...)
	}
	return dst, skip
}

func (c *conn) append7239(dst []byte, x *exchange, skip http7.IDSet) ([]byte, http7.IDSet) {
	dst = append(dst, "Forwarded: "...)
	if before := joined(&x.Request, http7.Forwarded); before != nil {
		dst = append(append(dst, before...), ", "...)
		skip |= http7.Names(http7.Forwarded)
	}
	dst = append(dst, "for="...)
	switch a := c.info.Peer.Addr(); {
	case a.Is6():
		dst = append(append(a.AppendTo(append(dst, `"[`...)), `]"`...), ';')
	default:
		dst = append(appendPeer(dst, c.info), ';')
	}
	if len(x.Authority) > 0 {
		dst = append(append(append(dst, `host="`...), x.Authority...), `";`...)
	}
	dst = append(dst, "proto=http"...)
	if c.info.TLS {
		dst = append(dst, 's')
	}
	return append(dst, "\r\n"...), skip
}
