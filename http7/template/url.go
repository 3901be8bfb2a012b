package template

import (
	"weir/http7"
)

// URL is a compiled text of a URL, or of what stands in one behind the host. It never changes and is
// safe for concurrent use.
type URL struct {
	path, query, fragment parts // path with scheme and host, if it has them
	hasQuery              bool
	bare                  bool // for a client, and without a host
	reads                 []string
}

// place is where in a URL a part stands: it says how a value is escaped.
type place uint8

const (
	inField place = iota
	inHost
	inPath
	inQuery // or fragment
)

// HasQuery reports whether the text has a "?".
func (u *URL) HasQuery() bool { return u.hasQuery }

// Reads is like [Template.Reads].
func (u *URL) Reads() []string { return u.reads }

// AppendPath appends what stands before the "?": the path, behind scheme and host if the text has them.
// f is [http7.AmbiguousHost] if a value can't stand in the host, lest it be another than the one that the
// text names. A path without host begins with one slash alone: browsers take two, which an absent
// value or a listener that keeps empty segments could make, for the beginning of a host.
func (u *URL) AppendPath(dst []byte, x *http7.Exchange, m Match) (out []byte, f *http7.Fault) {
	at := len(dst)
	for i := range u.path {
		p := &u.path[i]
		if p.of == literal {
			dst = append(dst, p.text...)
			continue
		}
		from := len(dst)
		dst = p.value(dst, x, m)
		switch p.place {
		case inHost:
			f = p.fitHost(dst[from:])
		case inPath:
			dst = p.fitPath(dst, from)
		}
		if f != nil {
			return dst[:at], f
		}
	}
	if u.bare {
		dst = oneSlash(dst, at)
	}
	return dst, nil
}

// oneSlash drops all but one of the slashes that dst[at:] begins with.
func oneSlash(dst []byte, at int) []byte {
	n := 0
	for at+n < len(dst) && dst[at+n] == '/' {
		n++
	}
	if n < 2 {
		return dst
	}
	return append(dst[:at+1], dst[at+n:]...)
}

// AppendQuery appends what stands behind the "?". A URL for a client without one of its own has the
// client's.
func (u *URL) AppendQuery(dst []byte, x *http7.Exchange, m Match) []byte {
	return u.query.append(dst, x, m)
}

// AppendFragment appends what stands behind the "#", with it; nothing if the text has none.
func (u *URL) AppendFragment(dst []byte, x *http7.Exchange) []byte {
	return u.fragment.append(dst, x, Match{})
}

// append appends a query or a fragment. An empty {query} takes the "&" before it along.
func (p parts) append(dst []byte, x *http7.Exchange, m Match) []byte {
	start := len(dst)
	for i := range p {
		if p[i].of == literal {
			dst = append(dst, p[i].text...)
			continue
		}
		at := len(dst)
		dst = p[i].value(dst, x, m)
		if p[i].of == query && len(dst) == at && at > start && dst[at-1] == '&' {
			dst = dst[:at-1]
			continue
		}
		dst = escapeFrom(dst, at, p[i].keptBehind())
	}
	return dst
}
