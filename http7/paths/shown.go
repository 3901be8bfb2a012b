package paths

import "bytes"

// Shown returns the strictest rules that let a canonical path through: who changes a path may leave in
// it what it showed, and brings in nothing that its listener could have refused.
func Shown(canonical []byte) (r Rules) {
	if bytes.Contains(canonical, twoSlashes) || bytes.Contains(canonical, slashSemicolon) {
		r.EmptySegments = Keep
	}
	if bytes.IndexByte(canonical, ';') >= 0 {
		r.Parameters = Keep
	}
	if bytes.Contains(canonical, encodedSlash) {
		r.EncodedSlash = Keep
		if bytes.Contains(canonical, slashEncoded) || bytes.Contains(canonical, encodedBefore) {
			r.EmptySegments = Keep
		}
	}
	return r
}

var (
	twoSlashes     = []byte("//")
	slashSemicolon = []byte("/;")
	slashEncoded   = []byte("/%2F")
	encodedBefore  = []byte("%2F/")
)
