package template

import (
	"weir/http7"
)

// fit makes the value dst[at:] fit for the place where it stands.
func (p *part) fit(dst []byte, at int) ([]byte, *http7.Fault) {
	switch {
	case p.place == inHost:
		return p.fitHost(dst, at)
	case p.place == inPath && p.escaped():
		return dst, nil
	case p.place == inPath:
		return escapeFrom(dst, at, keptInPath), nil
	case p.of == query:
		return escapeFrom(dst, at, keptOfQuery), nil
	case p.escaped():
		return escapeFrom(dst, at, keptOfPath), nil
	}
	return escapeFrom(dst, at, keptInQuery), nil
}

// Bytes that a value keeps, by what it is and where it stands.
const (
	keptInPath  uint8 = 1 << iota // of raw text in a path: pchar (RFC 3986 §3.3) but ";" and "%"
	keptInQuery                   // of raw text in a query: unreserved
	keptOfPath                    // of a canonical path in a query: "%" as well, and "/"
	keptOfQuery                   // of a query in one: all that may stand there, "%" too
	keptInHost                    // of the request's host
	keptInLabel                   // of another value in the host: one label of a name
)

var kept = buildKept()

func buildKept() (t [256]uint8) {
	mark := func(bytes string, as uint8) {
		for i := range len(bytes) {
			t[bytes[i]] |= as
		}
	}
	const alnum = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mark(alnum+"-._~", keptInPath|keptInQuery|keptOfPath|keptOfQuery)
	mark("!$&'()*+,=:@", keptInPath)
	mark("%/:@", keptOfPath)
	mark("!$&'()*+,=:@;/?%[]|{}^`", keptOfQuery)
	mark(alnum+"-._", keptInHost)
	mark(alnum+"-", keptInLabel)
	return t
}

// escapeFrom escapes in dst[at:] each byte that is not of the kept ones.
func escapeFrom(dst []byte, at int, keep uint8) []byte {
	n := 0
	for _, c := range dst[at:] {
		if kept[c]&keep == 0 {
			n++
		}
	}
	if n == 0 {
		return dst
	}
	from := len(dst)
	for range n {
		dst = append(dst, 0, 0)
	}
	for to := len(dst); from > at; {
		from--
		c := dst[from]
		if kept[c]&keep != 0 {
			to--
			dst[to] = c
			continue
		}
		to -= 3
		dst[to], dst[to+1], dst[to+2] = '%', upperHex[c>>4], upperHex[c&15]
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

// fitHost judges a value that makes up a host or a part of one.
func (p *part) fitHost(dst []byte, at int) ([]byte, *http7.Fault) {
	v := dst[at:]
	keep := keptInLabel
	if p.of == host {
		keep = keptInHost
		if isIPv6(v) {
			return dst, nil
		}
	}
	for _, c := range v {
		if kept[c]&keep == 0 {
			return dst, http7.AmbiguousHost
		}
	}
	if len(v) == 0 || p.of != host && len(v) > maxLabel {
		return dst, http7.AmbiguousHost
	}
	return dst, nil
}

// maxLabel is the longest label of a name (RFC 1035 §2.3.4).
const maxLabel = 63

// isIPv6 reports whether v looks like an IPv6 address of an authority. The parser of requests has
// seen to the rest.
func isIPv6(v []byte) bool {
	if len(v) < 4 || v[0] != '[' || v[len(v)-1] != ']' {
		return false
	}
	for _, c := range v[1 : len(v)-1] {
		if c != ':' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
