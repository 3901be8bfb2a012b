package template

import (
	"weir/http7"
)

// fitPath makes the value dst[at:] fit for a path. Parts of a canonical path are; the whole of one
// begins with a slash, but for the "*" of OPTIONS.
func (p *part) fitPath(dst []byte, at int) []byte {
	switch {
	case p.of == path && (len(dst) == at || dst[at] != '/'):
		return append(dst[:at], '/')
	case p.escaped():
		return dst
	}
	return escapeFrom(dst, at, keptInPath)
}

// keptBehind is what the variable's value keeps behind a "?".
func (p *part) keptBehind() uint8 {
	switch {
	case p.of == query:
		return keptOfQuery
	case p.escaped():
		return keptOfPath
	}
	return keptInQuery
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
func (p *part) fitHost(v []byte) *http7.Fault {
	keep, most := keptInLabel, maxLabel
	if p.of == host {
		if isIPv6(v) {
			return nil
		}
		keep, most = keptInHost, maxName
	}
	for _, c := range v {
		if kept[c]&keep == 0 {
			return http7.AmbiguousHost
		}
	}
	if len(v) == 0 || len(v) > most {
		return http7.AmbiguousHost
	}
	return nil
}

// The longest label and the longest name (RFC 1035 §2.3.4).
const (
	maxLabel = 63
	maxName  = 255
)

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
