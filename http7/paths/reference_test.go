package paths

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// unit is one byte of a segment as a reader sees it: what an escape stands for differs from the raw
// byte only where that separates.
type unit struct {
	b       byte
	escaped bool
}

// reference is the obvious way to find the canonical form: take the path apart into segments of
// decoded bytes, judge these, write them again. Two paths with the same segments have the same form
// because nothing but the segments is written.
func reference(path string, rules Rules) (form string, fine bool) {
	if !strings.HasPrefix(path, "/") {
		return "", false
	}
	var segments [][]unit
	texts := strings.Split(path[1:], "/")
	for i, text := range texts {
		s, ok := decodeSegment(text, rules)
		if !ok {
			return "", false
		}
		if segments, ok = place(segments, s, i == len(texts)-1, rules); !ok {
			return "", false
		}
	}
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		for _, u := range s {
			writeUnit(&b, u)
		}
	}
	return b.String(), true
}

const rawBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,=:@"

func decodeSegment(text string, rules Rules) (s []unit, fine bool) {
	var decoded []byte
	for text != "" {
		u, n := unit{b: text[0]}, 1
		switch {
		case u.b == '%':
			if len(text) < 3 || !strings.ContainsRune(hexDigits, rune(text[1])) || !strings.ContainsRune(hexDigits, rune(text[2])) {
				return nil, false
			}
			u, n = unit{b: byte(strings.IndexByte(hexDigits, text[1])%16<<4 | strings.IndexByte(hexDigits, text[2])%16), escaped: true}, 3
		case u.b == ';':
			if rules.Parameters != Keep {
				return nil, false
			}
		case !strings.Contains(rawBytes+"[]|", string(rune(u.b))) || u.b >= utf8.RuneSelf:
			return nil, false
		}
		if u.b < ' ' || u.b == 0x7f || u.b == '\\' || u.b == '/' && rules.EncodedSlash != Keep {
			return nil, false
		}
		s, decoded, text = append(s, u), append(decoded, u.b), text[n:]
	}
	return s, utf8.Valid(decoded)
}

// the index of a digit is its value, but for 6.
const hexDigits = "0123456789abcdef0123456789ABCDEF"

func writeUnit(b *strings.Builder, u unit) {
	if strings.IndexByte(rawBytes, u.b) >= 0 || u.b == ';' && !u.escaped {
		b.WriteByte(u.b)
		return
	}
	b.WriteString("%" + strings.ToUpper(string(hexDigits[u.b>>4])+string(hexDigits[u.b&15])))
}

// place puts a segment behind the others, unless a rule drops or refuses it.
func place(before [][]unit, s []unit, last bool, rules Rules) (after [][]unit, fine bool) {
	name := nameOf(s)
	pieces := splitPieces(s)
	dotted := slices.ContainsFunc(pieces, func(p []unit) bool { n := nameOf(p); return n == "." || n == ".." })
	switch {
	case dotted && (len(pieces) > 1 || len(name) != len(s) || rules.DotSegments != Resolve):
		return nil, false
	case dotted && name == "..":
		if len(before) == 0 {
			return nil, false
		}
		gone := before[len(before)-1]
		if nameOf(gone) == "" && (len(gone) == 0 || !gone[0].escaped) || len(splitPieces(gone)) > 1 {
			return nil, false
		}
		before = before[:len(before)-1]
		fallthrough
	case dotted:
		if last {
			before = append(before, nil)
		}
		return before, true
	case len(pieces) > 1:
		ends := [][]unit{pieces[0]}
		if !last {
			ends = append(ends, pieces[len(pieces)-1])
		}
		if rules.EmptySegments != Keep && slices.ContainsFunc(ends, empty) {
			return nil, false
		}
	case !last && len(s) == 0 && rules.EmptySegments == Merge:
		return before, true
	case !last && empty(s) && rules.EmptySegments != Keep:
		return nil, false
	}
	return append(before, s), true
}

// empty reports whether a segment has no name, though perhaps parameters.
func empty(s []unit) bool { return len(s) == 0 || s[0] == unit{b: ';'} }

// nameOf returns what stands before a semicolon in any spelling.
func nameOf(s []unit) string {
	var name []byte
	for _, u := range s {
		if u.b == ';' {
			break
		}
		name = append(name, u.b)
	}
	return string(name)
}

// splitPieces cuts a segment at its encoded slashes.
func splitPieces(s []unit) (pieces [][]unit) {
	for {
		i := slices.IndexFunc(s, func(u unit) bool { return u.b == '/' })
		if i < 0 {
			return append(pieces, s)
		}
		pieces, s = append(pieces, s[:i]), s[i+1:]
	}
}
