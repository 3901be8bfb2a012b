package config

import (
	"slices"
	"strings"
)

// Passes returns the upstream that takes a TLS connection as it is whose hello asks for a name ("" for none) and offers
// protocols; ok is false if the connection is not passed through. It decides as tcp4.Passthrough does.
func (l *Listener) Passes(sni string, alpn ...string) (upstream string, ok bool) {
	best := -1
	for i := range l.Passthrough {
		e := &l.Passthrough[i]
		offered := slices.ContainsFunc(e.ALPN, func(p string) bool { return slices.Contains(alpn, p) })
		if len(e.ALPN) > 0 && !offered {
			continue
		}
		rank := 2 * e.exactness(sni)
		if offered {
			rank++
		}
		if rank > best && rank >= 0 {
			best, upstream = rank, e.Upstream
		}
	}
	return upstream, best >= 0
}

// PassesHTTP reports whether an entry takes connections of HTTP over TCP because of their server name, in lower case.
// Such a name is no longer the listener's own: over QUIC, which has no passthrough, nobody serves it.
func (l *Listener) PassesHTTP(sni string) bool {
	for i := range l.Passthrough {
		e := &l.Passthrough[i]
		http := len(e.ALPN) == 0 || slices.Contains(e.ALPN, "h2") || slices.Contains(e.ALPN, "http/1.1")
		if http && e.exactness(sni) > 0 {
			return true
		}
	}
	return false
}

// exactly is more than the length of any name.
const exactly = 1 << 10

// exactness says how well the entry's names fit one: exactly, by how much of its end, 0 where any name does, and -1 where
// none does.
func (e *Passthrough) exactness(sni string) int {
	if len(e.SNI) == 0 {
		return 0
	}
	best := -1
	for _, name := range e.SNI {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		end, wild := strings.CutPrefix(name, "*")
		switch {
		case !wild && name == sni:
			best = exactly
		case wild && len(sni) > len(end) && strings.HasSuffix(sni, end):
			best = max(best, len(end))
		}
	}
	return best
}
