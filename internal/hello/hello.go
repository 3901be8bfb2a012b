// Package hello reads the ClientHello that a TLS connection begins with (RFC 8446 §4.1.2), to learn
// the host that the client asks for and the protocols that it offers, before anybody has decided who
// speaks TLS with it.
//
// tcp4 calls it with bytes that it has peeked at. The package knows bytes alone: no socket, no time.
package hello

import (
	"encoding/binary"
	"errors"
)

// MaxLen is how many bytes from the start of a connection a hello may take up, record headers
// included. Hybrid post-quantum hellos have about 1.8 KiB; crypto/tls takes 64 KiB.
const MaxLen = 32 << 10

// The errors of Parse. ErrMore is no verdict: the bytes are the beginning of a hello, or could be.
var (
	ErrMore      = errors.New("hello: more bytes are needed")
	ErrNotTLS    = errors.New("hello: not TLS")
	ErrMalformed = errors.New("hello: malformed ClientHello")
	ErrTooLong   = errors.New("hello: ClientHello over the limit")
)

// Hello is what a ClientHello says that matters for routing.
type Hello struct {
	// ServerName is the host of server_name (RFC 6066 §3) in lower case; empty if the client does not say.
	ServerName string
	// ALPN lists the protocols that the client offers (RFC 7301), in its order of preference.
	ALPN []string
}

// Offers reports whether the client offers protocol.
func (h *Hello) Offers(protocol string) bool {
	for _, p := range h.ALPN {
		if p == protocol {
			return true
		}
	}
	return false
}

const (
	recordHead    = 5
	handshakeHead = 4
	handshake     = 22
	clientHello   = 1
	maxRecord     = 1 << 14

	extServerName = 0
	extALPN       = 16
)

// Parse reads the hello that b begins with. With ErrMore, need is how long b must be at least before
// another call can say more. The Hello refers to nothing in b.
func Parse(b []byte) (h Hello, need int, err error) {
	message, need, err := collect(b)
	if err != nil {
		return Hello{}, need, err
	}
	h, ok := parse(message)
	if !ok {
		return Hello{}, 0, ErrMalformed
	}
	return h, 0, nil
}

// collect returns the body of the handshake message that the records in b begin with. It lies in b
// if one record holds it, as nearly always, else in a copy.
func collect(b []byte) (message []byte, need int, err error) {
	var parts []byte // of the message, head included, from the records so far
	for at, first := 0, true; ; first = false {
		body, err := record(b[at:], first)
		if err == ErrMore {
			return more(b, at+recordHead)
		} else if err != nil {
			return nil, 0, err
		}
		at += recordHead
		have := b[at:min(len(b), at+body)]
		if parts = join(parts, have); len(parts) > 0 && parts[0] != clientHello {
			return nil, 0, ErrMalformed
		}
		total, known := length(parts)
		switch {
		case known && len(parts) >= total:
			return parts[handshakeHead:total], 0, nil
		case known && total > MaxLen:
			return nil, 0, ErrTooLong
		case len(have) < body: // of this record at least what the message still wants
			return more(b, at+min(body, len(have)+max(total, handshakeHead)-len(parts)))
		}
		at += body
	}
}

// record reads the head of a record and returns the length of its body.
func record(b []byte, first bool) (body int, err error) {
	switch {
	case len(b) > 0 && b[0] != handshake, len(b) > 1 && b[1] != 3:
		if first {
			return 0, ErrNotTLS
		}
		return 0, ErrMalformed
	case len(b) < recordHead:
		return 0, ErrMore
	}
	body = int(binary.BigEndian.Uint16(b[3:]))
	if body == 0 || body > maxRecord { // empty ones of this type are not allowed (RFC 8446 §5.1)
		return 0, ErrMalformed
	}
	return body, nil
}

// join appends have to parts, without a copy if that is all there is.
func join(parts, have []byte) []byte {
	if parts == nil {
		return have[:len(have):len(have)]
	}
	return append(parts, have...)
}

// length returns how long the message is that parts begin, its head included.
func length(parts []byte) (total int, known bool) {
	if len(parts) < handshakeHead {
		return 0, false
	}
	return handshakeHead + int(parts[1])<<16 + int(parts[2])<<8 + int(parts[3]), true
}

// more says that need bytes are wanted, if b may become so long.
func more(b []byte, need int) ([]byte, int, error) {
	if need > MaxLen {
		return nil, 0, ErrTooLong
	}
	return nil, max(need, len(b)+1), ErrMore
}

// Looks reports whether b, what a connection begins with, looks like TLS; three bytes tell.
func Looks(b []byte) bool { return len(b) >= 3 && b[0] == handshake && b[1] == 3 && b[2] <= 4 }

// Alerts for Alert (RFC 8446 §6).
const (
	UnexpectedMessage = 10
	DecodeError       = 50
	ProtocolVersion   = 70
	UnrecognizedName  = 112
)

// Alert returns a record with a fatal alert, for a client whose hello nobody takes.
func Alert(kind byte) []byte { return []byte{21, 3, 1, 0, 2, 2, kind} }
