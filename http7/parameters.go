package http7

import "bytes"

// Parameters returns a cursor over the parameters of a query called name, in their order:
//
//	for c := http7.Parameters(x.Query, "page"); c.Next(); { dst = c.Append(dst) }
//
// Names are compared decoded. Nothing is allocated.
func Parameters(query []byte, name string) ParameterCursor {
	return ParameterCursor{rest: query, name: name}
}

// ParameterCursor walks over the parameters of one name; see [Parameters].
type ParameterCursor struct {
	rest, value []byte
	name        string
}

// Next goes to the next parameter of the name and reports whether there is one.
func (c *ParameterCursor) Next() bool {
	for len(c.rest) > 0 {
		pair, rest, _ := bytes.Cut(c.rest, ampersand)
		key, value, _ := bytes.Cut(pair, equals)
		c.rest = rest
		if len(pair) > 0 && isName(key, c.name) {
			c.value = value
			return true
		}
	}
	return false
}

// Raw returns the value that Next found, not decoded: a view, valid until the hall releases x.
func (c *ParameterCursor) Raw() []byte { return c.value }

// Append appends the value that Next found, decoded as a form is.
func (c *ParameterCursor) Append(dst []byte) []byte {
	for value := c.value; len(value) > 0; {
		b, n := DecodeForm(value)
		dst = append(dst, b)
		value = value[n:]
	}
	return dst
}

var ampersand = []byte{'&'}

// isName reports whether key, decoded, is name.
func isName(key []byte, name string) bool {
	for len(key) > 0 && name != "" {
		c, n := DecodeForm(key)
		if c != name[0] {
			return false
		}
		key, name = key[n:], name[1:]
	}
	return len(key) == 0 && name == ""
}

// DecodeForm returns the first byte of b, which is not empty, decoded as a form is (WHATWG URL §5.1), and how
// many bytes it is written with: "+" is a blank, a "%" that begins no escape is itself.
func DecodeForm(b []byte) (c byte, n int) {
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
