// Package paths brings request paths into the one form that everything behind sees, or refuses them.
//
// The hall asks it before anything else looks at a path; match reads what operators write with it, and
// rewrite proves with it that what leaves is fit to leave. It knows no route and no policy.
//
// The canonical form. Every segment reads in one way only:
//
//   - escapes of what a segment may hold raw (RFC 3986 §3.3: pchar) are decoded, but that of ";";
//     "%61" is "a", "%40" is "@";
//   - other escapes stay, with upper-case digits: "%20", "%25", "%3B", the bytes of UTF-8;
//   - "[", "]" and "|", which browsers send raw, are escaped.
//
// What no rule relaxes: escapes of control bytes, of a backslash, and those that don't make up UTF-8
// are refused, and so is a dot segment that hides behind an encoded slash or before a parameter.
// "%25" is never decoded: what an endpoint decodes twice is its own affair, and so are the case of
// letters and the normal forms of Unicode.
package paths

import (
	"bytes"

	"weir/http7"
)

// Rule is what is done with one kind of ambiguous path.
type Rule uint8

// The rules. Not every kind knows every rule; see [Config].
const (
	Refuse Rule = iota
	Merge
	Resolve
	Keep
)

// Rules are those of one listener. The zero value refuses whatever is ambiguous. They never change
// after Compile and are safe for concurrent use.
type Rules struct {
	EmptySegments, DotSegments, EncodedSlash, Parameters Rule
}

// Canonical returns the canonical form of a path, which has no query. A path that is in that form
// already is returned as it is, and changed is false; so is "*", the target of OPTIONS. Otherwise the
// form is written behind dst and returned alone, with what room dst has left behind it:
// 3 × len(path) bytes always suffice, and nothing is allocated then.
//
// f is [http7.AmbiguousPath] for what two readers could see differently, [http7.BadTarget] for what is
// no path at all (RFC 3986 §3.3); there is no canonical form then.
func (r *Rules) Canonical(dst []byte, path []byte) (canonical []byte, changed bool, f *http7.Fault) {
	if plain(path) {
		return path, false, nil
	}
	if string(path) == "*" {
		return path, false, nil
	}
	w := writer{rules: *r, out: dst, base: len(dst)}
	if f := w.path(path); f != nil {
		return nil, false, f
	}
	canonical = w.out[w.base:]
	if bytes.Equal(canonical, path) {
		return path, false, nil
	}
	return canonical, true, nil
}

// plain reports whether the path is canonical by a look at each byte and the one behind it. It may say
// no to one that is.
func plain(path []byte) bool {
	if len(path) == 0 || path[0] != '/' {
		return false
	}
	last := byte(0)
	for _, c := range path {
		if class[c]&plainByte == 0 {
			if c != '/' && c != '.' || last == '/' {
				return false
			}
		}
		last = c
	}
	return true
}
