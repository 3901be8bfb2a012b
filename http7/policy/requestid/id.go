package requestid

import (
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// idLetters is the length of a UUID as text.
const idLetters = 36

// appendID appends a new UUID of version 7 for a request that arrived at t: 48 bits of milliseconds, 12 of
// their fraction (RFC 9562 §6.2, method 3), so that ids sort as requests arrived, and 62 random ones. It is
// no secret: who sees one learns when its request came. It takes no lock: the runtime has a ChaCha8 for
// each thread behind rand.Uint64. Without a time it is now.
func appendID(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		t = time.Now()
	}
	ns := uint64(t.UnixNano())
	ms, fraction := ns/1e6, ns%1e6<<12/1e6
	return appendUUID(dst, ms<<16|7<<12|fraction, 2<<62|rand.Uint64()>>2)
}

// appendUUID appends a UUID in its text form (RFC 9562 §4).
func appendUUID(dst []byte, hi, lo uint64) []byte {
	b := [16]byte{
		byte(hi >> 56), byte(hi >> 48), byte(hi >> 40), byte(hi >> 32), byte(hi >> 24), byte(hi >> 16), byte(hi >> 8), byte(hi),
		byte(lo >> 56), byte(lo >> 48), byte(lo >> 40), byte(lo >> 32), byte(lo >> 24), byte(lo >> 16), byte(lo >> 8), byte(lo),
	}
	dst = append(hex.AppendEncode(dst, b[:4]), '-')
	dst = append(hex.AppendEncode(dst, b[4:6]), '-')
	dst = append(hex.AppendEncode(dst, b[6:8]), '-')
	dst = append(hex.AppendEncode(dst, b[8:10]), '-')
	return hex.AppendEncode(dst, b[10:])
}
