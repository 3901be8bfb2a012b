package selector

import (
	"bytes"
)

// query writes the values of all parameters called name, decoded as a form is (WHATWG URL §5.1):
// "+" is a blank, "%41" a letter, a "%" that begins no escape is itself. A parameter without "=" is
// there with an empty value. Which of several an endpoint takes is its own choice.
func (w *writer) query(query []byte, name string) {
	for len(query) > 0 {
		pair, rest, _ := bytes.Cut(query, ampersand)
		query = rest
		key, value, _ := bytes.Cut(pair, equals)
		if len(pair) == 0 || !isName(key, name) {
			continue
		}
		for len(value) > 0 {
			c, n := decode(value)
			w.byte(c)
			value = value[n:]
		}
		w.endValue()
	}
}

var ampersand = []byte{'&'}

// isName reports whether key, decoded, is name.
func isName(key []byte, name string) bool {
	for len(key) > 0 && name != "" {
		c, n := decode(key)
		if c != name[0] {
			return false
		}
		key, name = key[n:], name[1:]
	}
	return len(key) == 0 && name == ""
}

// decode returns the first byte of b, which is not empty, and how many bytes it is written with.
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
