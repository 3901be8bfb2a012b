package paths

import "bytes"

// Shown returns the strictest rules that let a canonical path through: who changes a path may leave in
// it what it showed, and brings in nothing that its listener could have refused. It allocates nothing.
func Shown(canonical []byte) (r Rules) {
	if bytes.IndexByte(canonical, ';') >= 0 {
		r.Parameters = Keep
	}
	if bytes.Contains(canonical, encodedSlash) {
		r.EncodedSlash = Keep
	}
	_, rest, more := bytes.Cut(canonical, slash)
	for more {
		var s []byte
		if s, rest, more = bytes.Cut(rest, slash); lacksName(s, !more) {
			r.EmptySegments = Keep
		}
	}
	return r
}

var slash = []byte{'/'}

// lacksName reports whether the segment s is one that the rule for empty ones is about.
func lacksName(s []byte, last bool) bool {
	i := bytes.Index(s, encodedSlash)
	if i < 0 {
		return !last && nameless(s)
	}
	return nameless(s[:i]) || !last && nameless(s[bytes.LastIndex(s, encodedSlash)+len(encodedSlash):])
}

func nameless(piece []byte) bool { return len(piece) == 0 || piece[0] == ';' }
