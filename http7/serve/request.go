package serve

import (
	"bytes"
	"strings"

	"weir/http7"
	"weir/lb"
)

// appendRequest appends the head of x's request as endpoint e gets it at now.
func (c *conn) appendRequest(dst []byte, x *exchange, e *lb.Endpoint, now int64) []byte {
	h := &x.Request
	dst = append(append(dst, x.Method...), ' ')
	dst = append(x.appendTarget(dst), " HTTP/1.1\r\n"...)
	skip := http7.HopByHop | http7.Names(http7.Expect)
	dst, skip = appendHost(dst, x, e, skip)
	dst, skip = x.appendTimeLeft(dst, skip, now)
	x.replay.chunked = x.Body.Length < 0
	dst, skip = c.appendForwarded(dst, x, skip)
	dst = h.AppendLines(dst, skip|x.Outgoing.Skip)
	dst = append(dst, x.Outgoing.Lines...)
	if x.replay.chunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
		dst = x.appendTrailer(dst)
	}
	switch {
	case x.Upgrade != nil:
		dst = x.appendUpgrade(dst)
	case x.head.Trailers, x.GRPCWeb != nil: // the trailers of what is made gRPC are wanted here
		dst = append(dst, "TE: trailers\r\nConnection: TE\r\n"...)
	}
	dst = append(append(dst, "Via: "...), versions[x.Proto]...)
	dst = append(dst, c.e.via...)
	return append(dst, "\r\n\r\n"...)
}

// appendTrailer announces the trailers that the client has announced, to endpoints that may speak HTTP/2: many
// libraries there drop what was not announced.
func (x *exchange) appendTrailer(dst []byte) []byte {
	if x.head.Announced == nil || !x.plan.Transport.Shares() {
		return dst
	}
	return append(append(append(dst, "Trailer: "...), x.head.Announced...), "\r\n"...)
}

// versions are the received-protocols of Via (RFC 9110 §7.6.3).
var versions = [...]string{http7.HTTP10: "1.0 ", http7.HTTP11: "1.1 ", http7.HTTP2: "2 ", http7.HTTP3: "3 "}

// appendTarget appends the target that the endpoint gets, never in absolute-form.
func (x *exchange) appendTarget(dst []byte) []byte {
	switch {
	case x.Out != nil:
		return append(dst, x.Out...)
	case !x.head.Absolute:
		return append(dst, x.Target...)
	}
	dst = append(dst, x.Path...)
	if x.Query != nil {
		dst = append(append(dst, '?'), x.Query...)
	}
	return dst
}

// appendHost writes the Host field first, unless the client's own goes as it is.
func appendHost(dst []byte, x *exchange, e *lb.Endpoint, skip http7.IDSet) ([]byte, http7.IDSet) {
	rule := &x.plan.Host
	name := rule.Name
	if rule.Endpoint || name == "" && !x.Request.Has(http7.Host) {
		name = hostOf(e)
	}
	if name == "" {
		return dst, skip
	}
	dst = append(append(dst, "Host: "...), name...)
	return append(dst, "\r\n"...), skip | http7.Names(http7.Host)
}

// hostOf returns what an endpoint is called in Host: its address with its port, which is not
// optional where it is not 80 (RFC 9110 §7.2). A socket has no name of its own.
func hostOf(e *lb.Endpoint) string {
	if name := e.Address(); !strings.HasPrefix(name, "unix:") {
		return name
	}
	return "localhost"
}

// appendAtHand appends the bytes of the body that are here already. It reports whether that is all
// of it, trailers included.
func (c *conn) appendAtHand(x *exchange) (whole bool, f *http7.Fault) {
	if !x.Body.Present() {
		return true, nil
	}
	for len(x.out) < maxAtHand {
		chunk, s, f := x.nextBody(&c.in)
		switch s {
		case http7.Chunk:
			x.out = x.replay.append(x.out, chunk)
		case http7.Parked:
			return false, nil
		case http7.End:
			x.out = x.replay.appendEnd(x.out, &x.Trailer)
			return true, nil
		case http7.Failure:
			return false, f
		}
	}
	return false, nil
}

// maxAtHand bounds how much of a body goes out in one write with the head.
const maxAtHand = 32 << 10

// looped reports whether the request has been here before (RFC 9110 §7.6.3).
func (c *conn) looped(x *exchange) bool {
	if !x.Request.Has(http7.Via) {
		return false
	}
	for v := range x.Request.Each(http7.Known(http7.Via)) {
		if bytes.Contains(v, []byte(c.e.via)) {
			return true
		}
	}
	return false
}

func appendLength(dst []byte, n int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = appendInt(dst, n)
	return append(dst, "\r\n"...)
}
