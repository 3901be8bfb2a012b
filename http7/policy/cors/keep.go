package cors

import (
	"encoding/binary"

	"weir/http7"
)

// allows returns what Access-Control-Allow-Origin says to x, nil if its origin is not allowed. Without exactly
// one Origin nobody can be named. It reads x.Request.
func (p *policy) allows(x *http7.Exchange) []byte {
	if p.all {
		return everyone
	}
	if sent, ok := originOf(x); ok && p.origins.has(sent) {
		return sent
	}
	return nil
}

func originOf(x *http7.Exchange) (sent []byte, ok bool) {
	i := x.Request.Find(originField, 0)
	if i < 0 || x.Request.Find(originField, i+1) >= 0 {
		return nil, false
	}
	return x.Request.Value(i), true
}

// keeper remembers at stage present what the answer will say: stage rewrite may edit Origin for the endpoint,
// and what it writes there allows nobody.
type keeper struct{ *policy }

// Request implements [http7.Policy].
func (p keeper) Request(x *http7.Exchange) http7.Verdict {
	if !p.all {
		x.Keep(p.policy, copyOf(x, p.allows(x)))
	}
	return http7.Continue
}

// kept returns what the keeper has found. If it has not run, nor has stage rewrite.
func (p *policy) kept(x *http7.Exchange) []byte {
	if told, ok := x.Kept(p).(*told); ok {
		return told.origin()
	}
	return p.allows(x)
}

// told is an origin in x's room, behind its length: what an exchange keeps is a pointer.
type told [2 + mostOrigin]byte

// mostOrigin is the longest origin that is allowed: a scheme, the longest name (253) and a port.
const mostOrigin = 318

// nobody is what is kept of those who are not allowed.
var nobody = new(told)

func copyOf(x *http7.Exchange, origin []byte) *told {
	if origin == nil {
		return nobody
	}
	t := (*told)(x.Room(len(told{}))[:len(told{})])
	binary.BigEndian.PutUint16(t[:], uint16(copy(t[2:], origin)))
	return t
}

func (t *told) origin() []byte {
	n := binary.BigEndian.Uint16(t[:])
	if n == 0 {
		return nil
	}
	return t[2 : 2+n]
}
