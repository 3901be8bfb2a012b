package match

import (
	"bytes"

	"weir/http7"
	"weir/http7/selector"
)

func (c *condition) onCookie(h *http7.Header) bool {
	there := false
	for cookie := selector.Cookies(h, c.is.Name); cookie.Next(); {
		if there = true; !c.meets(cookie.Value()) {
			return false
		}
	}
	return c.total(there)
}

// onQuery judges the parameters of the query, decoded as those of a form (WHATWG URL §5.1), the way
// [selector.Selection] reads them.
func (q *query) onQuery(c *condition) bool {
	there := false
	for rest := q.x.Query; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, ampersand)
		key, value, _ := bytes.Cut(pair, equalSign)
		if len(pair) == 0 || !decodesTo(key, c.is.Name) {
			continue
		}
		if there = true; !q.meetsDecoded(c, value) {
			return false
		}
	}
	return c.total(there)
}

func (q *query) meetsDecoded(c *condition, value []byte) bool {
	switch {
	case c.is.Test == http7.Equals:
		return decodesTo(value, c.value)
	case c.is.Test == http7.Matches && bytes.ContainsAny(value, "%+"):
		s := q.needScratch()
		s.text = appendDecoded(s.text[:0], value)
		return c.meets(s.text)
	}
	return c.meets(value)
}

var (
	ampersand = []byte{'&'}
	equalSign = []byte{'='}
)

// decodesTo reports whether b, decoded, is text.
func decodesTo(b []byte, text string) bool {
	for len(b) > 0 && text != "" {
		c, n := decode(b)
		if c != text[0] {
			return false
		}
		b, text = b[n:], text[1:]
	}
	return len(b) == 0 && text == ""
}

func appendDecoded(dst, b []byte) []byte {
	for len(b) > 0 {
		c, n := decode(b)
		dst, b = append(dst, c), b[n:]
	}
	return dst
}

// decode returns the first byte of b, which is not empty, and how many bytes it is written with. A "%"
// that begins no escape is itself.
func decode(b []byte) (c byte, n int) {
	switch c = b[0]; {
	case c == '+':
		return ' ', 1
	case c == '%' && len(b) >= 3:
		high, low := unhex(b[1]), unhex(b[2])
		if high|low < 16 {
			return high<<4 | low, 3
		}
	}
	return c, 1
}

// unhex returns the value of a hexadecimal digit, 16 for any other byte.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}
