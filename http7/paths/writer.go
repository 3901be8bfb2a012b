package paths

import (
	"bytes"
	"unicode/utf8"

	"weir/http7"
)

// writer writes the canonical form of one path, segment by segment.
type writer struct {
	rules   Rules
	out     []byte
	base    int  // where the path begins in out
	segment int  // where the segment under way begins in out
	encoded bool // it holds an encoded slash
}

// path writes a whole path.
func (w *writer) path(p []byte) *http7.Fault {
	if len(p) == 0 || p[0] != '/' {
		return http7.BadTarget
	}
	w.slash()
	for i := 1; i < len(p); i++ {
		c := p[i]
		switch {
		case class[c]&pchar != 0:
			w.out = append(w.out, c)
		case c == '/':
			if f := w.endSegment(false); f != nil {
				return f
			}
			w.slash()
		case c == '%':
			n, f := w.escape(p[i:])
			if f != nil {
				return f
			}
			i += n - 1
		case c == ';':
			if w.rules.Parameters != Keep {
				return http7.AmbiguousPath
			}
			w.out = append(w.out, c)
		case class[c]&browserRaw != 0:
			w.out = appendEscape(w.out, c)
		default:
			return http7.BadTarget
		}
	}
	return w.endSegment(true)
}

func (w *writer) slash() {
	w.out = append(w.out, '/')
	w.segment, w.encoded = len(w.out), false
}

// escape writes what the escapes that p begins with stand for, one byte or one rune, and returns how
// much of p that was.
func (w *writer) escape(p []byte) (n int, f *http7.Fault) {
	c, ok := escape(p)
	switch {
	case !ok:
		return 0, http7.BadTarget
	case c < ' ' || c == 0x7f || c == '\\':
		return 0, http7.AmbiguousPath
	case c >= utf8.RuneSelf:
		return w.rune(p)
	case c == '/':
		if w.rules.EncodedSlash != Keep {
			return 0, http7.AmbiguousPath
		}
		w.encoded = true
	case class[c]&pchar != 0:
		w.out = append(w.out, c)
		return 3, nil
	}
	w.out = appendEscape(w.out, c)
	return 3, nil
}

// rune writes the escapes of one rune, which are those of valid UTF-8 (RFC 3629 §4).
func (w *writer) rune(p []byte) (n int, f *http7.Fault) {
	var b [utf8.UTFMax]byte
	for n < len(b) {
		c, ok := escape(p[3*n:])
		if !ok {
			break
		}
		b[n] = c
		n++
	}
	r, size := utf8.DecodeRune(b[:n])
	if r == utf8.RuneError && size == 1 {
		return 0, http7.AmbiguousPath
	}
	for _, c := range b[:size] {
		w.out = appendEscape(w.out, c)
	}
	return 3 * size, nil
}

// endSegment judges the segment that out ends with. Unless it is the last, the caller writes a slash
// behind what is left.
func (w *writer) endSegment(last bool) *http7.Fault {
	s := w.out[w.segment:]
	switch {
	case w.encoded:
		return w.pieces(s, last)
	case nameless(s):
		return w.empty(len(s) == 0, last)
	case s[0] == '.':
		return w.dots(s, last)
	}
	return nil
}

// empty judges a segment without a name, which is nothing if it has no parameters. The last may always
// be so: that is a trailing slash.
func (w *writer) empty(nothing, last bool) *http7.Fault {
	switch rule := w.rules.EmptySegments; {
	case last || rule == Keep:
		return nil
	case rule == Merge && nothing:
		w.out = w.out[:w.segment-1]
		return nil
	}
	return http7.AmbiguousPath
}

// pieces judges a segment with encoded slashes: to who decodes them it must not show a dot segment,
// nor an empty one beside a true slash, where the rule for those does not keep it.
func (w *writer) pieces(s []byte, last bool) *http7.Fault {
	keep := w.rules.EmptySegments == Keep
	for first := true; ; first = false {
		piece, rest, more := bytes.Cut(s, encodedSlash)
		switch n, _ := countDots(piece); {
		case n > 0:
			return http7.AmbiguousPath
		case keep || !nameless(piece):
		case first, !more && !last:
			return http7.AmbiguousPath
		}
		if !more {
			return nil
		}
		s = rest
	}
}

var encodedSlash = []byte("%2F")

// dots judges a segment that begins with a dot, and resolves it if the rules say so.
func (w *writer) dots(s []byte, last bool) *http7.Fault {
	n, bare := countDots(s)
	switch {
	case n == 0:
		return nil
	case !bare || w.rules.DotSegments != Resolve:
		return http7.AmbiguousPath
	}
	end := w.segment - 1 // the slash before the segment
	if n == 2 {
		if end == w.base {
			return http7.AmbiguousPath // above the root
		}
		parent := bytes.LastIndexByte(w.out[w.base:end], '/') + w.base
		if !removable(w.out[parent+1 : end]) {
			return http7.AmbiguousPath
		}
		end = parent
	}
	if last {
		end++
	}
	w.out = w.out[:end]
	return nil
}

// removable reports whether ".." behind the segment s takes away the same to every reader: not where
// others see no segment, or more than one.
func removable(s []byte) bool {
	return len(s) > 0 && s[0] != ';' && !bytes.Contains(s, encodedSlash)
}

// countDots returns how many dots make up s, or what stands in s before a parameter, raw or escaped:
// 1 or 2 for a dot segment, else 0. bare says that there is nothing behind them.
func countDots(s []byte) (n int, bare bool) {
	for n < len(s) && n < 3 && s[n] == '.' {
		n++
	}
	switch rest := s[n:]; {
	case n == 3:
		return 0, false
	case len(rest) == 0:
		return n, true
	case rest[0] == ';', bytes.HasPrefix(rest, encodedSemicolon):
		return n, false
	}
	return 0, false
}

var encodedSemicolon = []byte("%3B")
