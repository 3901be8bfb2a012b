package wire

import (
	"bytes"

	"weir/http7"
)

// Bounds of a trailer section; over them: HeadTooLarge or AnswerTooLarge.
const (
	maxTrailerBytes  = 16 << 10
	maxTrailerFields = 100
)

// trailers takes bytes of the trailer section (RFC 9112 §7.1.2). Lines that are not whole are kept.
func (fr *Framer) trailers(b []byte) (n int, s http7.State, f *http7.Fault) {
	for n < len(b) {
		if fr.chunk.state == lastLF {
			if b[n] != '\n' {
				return fr.fail(http7.BadTrailer, http7.BadAnswerChunk)
			}
			fr.end()
			return n + 1, http7.End, nil
		}
		if len(fr.section) == 0 && b[n] == '\r' {
			fr.chunk.state = lastLF
			n++
			continue
		}
		part := b[n:]
		whole := bytes.IndexByte(part, '\n')
		if whole >= 0 {
			part = part[:whole+1]
		}
		if fr.bytes += len(part); fr.bytes > maxTrailerBytes {
			return fr.fail(http7.HeadTooLarge, http7.AnswerTooLarge)
		}
		n += len(part)
		fr.section = append(fr.section, part...)
		if whole >= 0 && !fr.trailerLine() {
			return fr.fail(http7.BadTrailer, http7.BadAnswerChunk)
		}
		if fr.fields > maxTrailerFields {
			return fr.fail(http7.HeadTooLarge, http7.AnswerTooLarge)
		}
	}
	return n, http7.Parked, nil
}

// end marks the body complete. A large buffer isn't kept for a connection that may idle.
func (fr *Framer) end() {
	fr.kind = None
	if cap(fr.section) > 512 {
		fr.section = nil
	}
}

// trailerLine adds the field whose line is whole to the trailer, unless it has no place there.
func (fr *Framer) trailerLine() bool {
	var l line
	b := fr.section
	if end, f := l.scan(b); end == 0 || f != nil {
		return false
	}
	fr.section = b[:0]
	fr.fields++
	name := b[:l.colon]
	if fr.trailer == nil || !fr.mayTrail(name, l.marks) {
		return true
	}
	from, to := l.value(b)
	fr.trailer.AddRaw(name, b[from:to])
	return true
}

// mayTrail reports whether a field may be part of a trailer section that is passed on.
func (fr *Framer) mayTrail(name []byte, marks uint8) bool {
	if marks&underscore != 0 && fr.side == http7.Client {
		return false
	}
	id := http7.LookupID(name)
	if fr.strip != nil && fr.strip.has(id, name) {
		return false
	}
	return mayTrail(id, name)
}

// Trails reports whether a field of that name may be part of a trailer section that is passed on; see
// [Framer.Reset].
func Trails(name []byte) bool { return mayTrail(http7.LookupID(name), name) }

func mayTrail(id http7.ID, name []byte) bool {
	if id != http7.Unlisted {
		return trailing.Has(id)
	}
	return !forbidden(name)
}

// trailing are the known names that are of use, and harmless, in trailers (RFC 9110 §8.8.3,
// RFC 9530 §2, RFC 9209 §2). All other known names frame, route, modify, authenticate or control,
// or say who is asking (RFC 9110 §6.5.1).
var trailing = http7.Names(http7.ETag, http7.ContentDigest, http7.ReprDigest, http7.ProxyStatus)

// forbidden reports whether RFC 9110 §6.5.1 bars a name without ID from trailers, as a field for
// processing the content, a condition, authentication or control data.
func forbidden(name []byte) bool {
	for _, p := range [...]string{"content-", "if-", "proxy-", "x-forwarded-", "access-control-", "sec-"} {
		if len(name) >= len(p) && http7.EqualFold(name[:len(p)], p) {
			return true
		}
	}
	for _, n := range [...]string{"www-authenticate", "expires", "pragma", "retry-after", "warning", "allow", "last-modified"} {
		if http7.EqualFold(name, n) {
			return true
		}
	}
	return false
}
