package rule

import (
	"strconv"
	"time"

	"weir/http7"
)

// Forward is why a request went on to an endpoint (RFC 9211 §2.2).
type Forward uint8

// The reasons; NotForwarded is a hit, Withheld neither that nor forwarded.
const (
	NotForwarded Forward = iota
	FwdBypass            // the cache was not asked
	FwdMethod            // the method is never answered from the cache
	FwdURIMiss           // nothing is stored for the URI
	FwdVaryMiss          // nothing for this variant
	FwdMiss              // nothing, and it isn't known which of both
	FwdRequest           // the request's own directives forbid the stored answer
	FwdStale             // the stored answer must be validated
	FwdPartial           // only a part is stored
	Withheld             // none: nothing stored answers it, and it must not go on
)

var forwards = [...]string{"", "bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial", ""}

// String returns the reason as the field writes it.
func (f Forward) String() string { return forwards[f] }

// Status is one member of a Cache-Status field (RFC 9211).
type Status struct {
	// Forward is why the request went on; its zero value says hit.
	Forward Forward
	// Code is the status that came back, if it is not the answer's; 0 is not written.
	Code int
	// Stored: the answer that came back was stored. Collapsed: this request waited for another's.
	Stored, Collapsed bool
	// HasTTL says that TTL is known: how long the answer stays fresh, negative when it is stale, rounded to seconds.
	HasTTL bool
	TTL    time.Duration
	// Detail is a token of Weir's own, or text that is quoted.
	Detail string
}

// Append appends the member; name is Weir's, a token. It allocates nothing while dst has room.
func (s *Status) Append(dst []byte, name string) []byte {
	dst = append(dst, name...)
	switch s.Forward {
	case NotForwarded:
		dst = append(dst, "; hit"...)
	case Withheld:
	default:
		dst = append(append(dst, "; fwd="...), forwards[s.Forward]...)
	}
	if s.Code != 0 {
		dst = strconv.AppendInt(append(dst, "; fwd-status="...), int64(s.Code), 10)
	}
	if s.HasTTL {
		dst = strconv.AppendInt(append(dst, "; ttl="...), s.seconds(), 10)
	}
	if s.Stored {
		dst = append(dst, "; stored"...)
	}
	if s.Collapsed {
		dst = append(dst, "; collapsed"...)
	}
	return appendDetail(dst, s.Detail)
}

// seconds rounds down, so that a stale answer never says 0.
func (s *Status) seconds() int64 {
	n := int64(s.TTL / time.Second)
	if s.TTL < 0 && s.TTL%time.Second != 0 {
		n--
	}
	return n
}

func appendDetail(dst []byte, detail string) []byte {
	if detail == "" {
		return dst
	}
	dst = append(dst, "; detail="...)
	if c := lower(detail[0]); 'a' <= c && c <= 'z' && isToken(detail) {
		return append(dst, detail...)
	}
	dst = append(dst, '"')
	for i := range len(detail) {
		switch c := detail[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c > '~':
			dst = append(dst, '?')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

func isToken(s string) bool {
	for i := range len(s) {
		if !tokenBytes[s[i]] {
			return false
		}
	}
	return true
}

// SetAge gives h the Age field of a stored answer (RFC 9111 §5.1).
func SetAge(h *http7.Header, f *Facts, now int64) {
	var b [20]byte
	h.Set(http7.Known(http7.Age), strconv.AppendInt(b[:0], toSeconds(f.Age(now)), 10))
}
