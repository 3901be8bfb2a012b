package wire

import (
	"crypto/sha1"
	"encoding/base64"

	"weir/http7"
)

// Offer returns what a client's Upgrade field (RFC 9110 §7.8) offers and a tunnel may carry: value without what
// is malformed and without HTTP itself, h2c included, which would pass requests by those who judge them. It is a
// view of value if all of that may pass, else it is appended to room; nil if nothing may.
func Offer(room, value []byte) []byte {
	out, whole := room[:0], true
	for rest, more := value, true; more; {
		var e []byte
		e, rest, more = element(rest)
		if !isProtocol(e) || isHTTP(e) {
			whole = false
			continue
		}
		if len(out) > 0 {
			out = append(out, ", "...)
		}
		out = append(out, e...)
	}
	switch {
	case len(out) == 0:
		return nil
	case whole:
		return value
	}
	return out
}

// isProtocol reports whether e is a protocol's name with or without a version.
func isProtocol(e []byte) bool {
	name, version := cutVersion(e)
	return http7.IsToken(name) && (version == nil || http7.IsToken(version))
}

// isHTTP reports whether a protocol is HTTP in some version.
func isHTTP(e []byte) bool {
	name, _ := cutVersion(e)
	for _, own := range []string{"http", "h2c", "h2", "h3"} {
		if http7.EqualFold(name, own) {
			return true
		}
	}
	return false
}

func cutVersion(e []byte) (name, version []byte) {
	for i, c := range e {
		if c == '/' {
			return e[:i], e[i+1:]
		}
	}
	return e, nil
}

// Chosen reports whether the Upgrade field of a 101 names only what was offered, and anything at all: an endpoint
// must not switch to another protocol (RFC 9110 §7.8).
func Chosen(offer, value []byte) bool {
	if len(value) == 0 {
		return false
	}
	for more := true; more; {
		var e []byte
		if e, value, more = element(value); !offered(offer, e) {
			return false
		}
	}
	return true
}

func offered(offer, e []byte) bool {
	for more := true; more; {
		var one []byte
		if one, offer, more = element(offer); len(e) > 0 && http7.EqualFold(one, e) {
			return true
		}
	}
	return false
}

// IsWebSocket reports whether an Upgrade field offers WebSocket alone.
func IsWebSocket(value []byte) bool { return http7.EqualFold(value, "websocket") }

// AppendWebSocketKey appends the Sec-WebSocket-Key that stands for nonce (RFC 6455 §4.1).
func AppendWebSocketKey(dst []byte, nonce *[16]byte) []byte {
	return base64.StdEncoding.AppendEncode(dst, nonce[:])
}

// AppendWebSocketAccept appends the Sec-WebSocket-Accept that answers key (RFC 6455 §4.2.2).
func AppendWebSocketAccept(dst, key []byte) []byte {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum(append(append(make([]byte, 0, 64), key...), guid...))
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}
