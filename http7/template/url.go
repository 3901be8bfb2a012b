package template

import (
	"weir/http7"
)

// URL is a compiled text of a URL, or of what stands in one behind the host. It never changes and is
// safe for concurrent use.
type URL struct {
	path, query, fragment parts // path with scheme and host, if it has them
	hasQuery              bool
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

// Constant reports whether the text has no variable.
func (u *URL) Constant() bool {
	return u.path.constant() && u.query.constant() && u.fragment.constant()
}

// Reads is like [Template.Reads].
func (u *URL) Reads() []string { return u.reads }

// AppendPath appends what stands before the "?": the path, behind scheme and host if the text has them.
// f says why there is none: a host that would not be the one that the text names.
func (u *URL) AppendPath(dst []byte, x *http7.Exchange, m Match) (out []byte, f *http7.Fault) {
	return u.path.append(dst, x, m)
}

// AppendQuery appends what stands behind the "?".
func (u *URL) AppendQuery(dst []byte, x *http7.Exchange, m Match) []byte {
	dst, _ = u.query.append(dst, x, m)
	return dst
}

// AppendFragment appends what stands behind the "#", with it; nothing if the text has none.
func (u *URL) AppendFragment(dst []byte, x *http7.Exchange, m Match) []byte {
	dst, _ = u.fragment.append(dst, x, m)
	return dst
}

func (p parts) append(dst []byte, x *http7.Exchange, m Match) ([]byte, *http7.Fault) {
	for i := range p {
		part := &p[i]
		if part.of == literal {
			dst = append(dst, part.text...)
			continue
		}
		at := len(dst)
		dst = part.value(dst, x, m)
		var f *http7.Fault
		if dst, f = part.fit(dst, at); f != nil {
			return dst[:at], f
		}
	}
	return dst, nil
}
