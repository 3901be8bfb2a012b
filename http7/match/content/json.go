package content

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// reader reads JSON as RFC 8259 writes it, and stricter where readers are known to differ: text must be
// UTF-8 without a byte order mark and without halves of surrogates. Of members with the same
// name each is kept.
type reader struct {
	b []byte
	i int
	v *Values
}

func readJSON(root *step, body []byte, v *Values) bool {
	r := reader{b: body, v: v}
	s := v.root(root)
	ok := r.value(s, 0)
	r.space()
	return ok && r.i == len(r.b)
}

func (r *reader) space() {
	for r.i < len(r.b) {
		switch r.b[r.i] {
		case ' ', '\t', '\r', '\n':
			r.i++
		default:
			return
		}
	}
}

// next skips white space and returns the byte behind it, 0 at the end.
func (r *reader) next() byte {
	r.space()
	if r.i < len(r.b) {
		return r.b[r.i]
	}
	return 0
}

func (r *reader) value(s span, depth int) bool {
	switch c := r.next(); {
	case c == '{':
		return r.container(s, depth, '}')
	case c == '[':
		return r.container(s, depth, ']')
	case c == '"':
		return r.text(s)
	case c == '-' || '0' <= c && c <= '9':
		return r.number(s)
	case c == 't':
		return r.word(s, "true")
	case c == 'f':
		return r.word(s, "false")
	case c == 'n':
		return r.word(s, "null")
	}
	return false
}

// container reads an object or a list.
func (r *reader) container(s span, depth int, end byte) bool {
	if depth == MostDepth {
		return false
	}
	r.v.keep(s, nil, true)
	r.i++
	if r.next() == end {
		r.i++
		return true
	}
	for n := 0; ; n++ {
		inner, ok := r.enter(s, n, end)
		if !ok || !r.value(inner, depth+1) {
			return false
		}
		r.v.leave(inner)
		switch r.next() {
		case ',':
			r.i++
		case end:
			r.i++
			return true
		default:
			return false
		}
	}
}

// enter finds where element n of a list or the next member of an object leads, and reads its name.
func (r *reader) enter(s span, n int, end byte) (span, bool) {
	if end == ']' {
		if s.from == s.to {
			return s, true
		}
		var buf [20]byte
		return r.v.enter(s, strconv.AppendInt(buf[:0], int64(n), 10)), true
	}
	if r.next() != '"' {
		return s, false
	}
	raw, escaped, ok := r.quoted()
	if !ok || r.next() != ':' {
		return s, false
	}
	r.i++
	if s.from == s.to {
		return s, true
	}
	at := len(r.v.text)
	name := r.plain(raw, escaped)
	inner := r.v.enter(s, name)
	r.v.text = r.v.text[:at]
	return inner, true
}

func (r *reader) text(s span) bool {
	raw, escaped, ok := r.quoted()
	if at := len(r.v.text); ok && r.v.wanted(s) && !r.v.keep(s, r.plain(raw, escaped), false) {
		r.v.text = r.v.text[:at]
	}
	return ok
}

func (r *reader) word(s span, word string) bool {
	if !bytes.HasPrefix(r.b[r.i:], []byte(word)) {
		return false
	}
	r.v.keep(s, r.b[r.i:r.i+len(word)], false)
	r.i += len(word)
	return true
}

// number reads one (RFC 8259 §6): -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func (r *reader) number(s span) bool {
	from := r.i
	r.skip("-")
	if !r.skip("0") && !r.digits() {
		return false
	}
	if r.skip(".") && !r.digits() {
		return false
	}
	if r.skip("eE") {
		r.skip("+-")
		if !r.digits() {
			return false
		}
	}
	r.v.keep(s, r.b[from:r.i], false)
	return true
}

// skip passes one byte if it is in set.
func (r *reader) skip(set string) bool {
	if r.i == len(r.b) {
		return false
	}
	for j := range len(set) {
		if r.b[r.i] == set[j] {
			r.i++
			return true
		}
	}
	return false
}

func (r *reader) digits() bool {
	from := r.i
	for r.i < len(r.b) && '0' <= r.b[r.i] && r.b[r.i] <= '9' {
		r.i++
	}
	return r.i > from
}

// quoted passes a string and returns what stands between its quotes.
func (r *reader) quoted() (raw []byte, escaped, ok bool) {
	r.i++
	from, high := r.i, false
	for r.i < len(r.b) {
		switch c := r.b[r.i]; {
		case c == '"':
			raw = r.b[from:r.i]
			r.i++
			return raw, escaped, !high || utf8.Valid(raw)
		case c == '\\':
			n := escapeLen(r.b[r.i:])
			if n == 0 {
				return nil, false, false
			}
			r.i += n
			escaped = true
			continue
		case c < ' ':
			return nil, false, false
		case c >= utf8.RuneSelf:
			high = true
		}
		r.i++
	}
	return nil, false, false
}

// plain returns a string as it is meant.
func (r *reader) plain(raw []byte, escaped bool) []byte {
	if !escaped {
		return raw
	}
	at := len(r.v.text)
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			r.v.text = append(r.v.text, raw[i])
			i++
			continue
		}
		c, n := unescape(raw[i:])
		r.v.text = utf8.AppendRune(r.v.text, c)
		i += n
	}
	return r.v.text[at:]
}
