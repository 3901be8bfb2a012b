package http7

import "bytes"

// Cookies returns a cursor over the cookies called name, in the order in which the request has
// them, over all its Cookie fields (HTTP/2 may split them, RFC 9113 §8.2.3):
//
//	for c := http7.Cookies(h, "uid"); c.Next(); { use(c.Value()) }
//
// Names are compared byte by byte. What is no pair of name and value is passed over; a value
// stays as it is, quotes included (RFC 6265 §5.4 gives them no meaning). Nothing is allocated.
func Cookies(h *Header, name string) CookieCursor { return CookieCursor{h: h, name: name} }

// CookieCursor walks over the cookies of one name; see [Cookies].
type CookieCursor struct {
	h     *Header
	name  string
	field int    // to be looked at next
	rest  []byte // of the field under way
	value []byte
}

// Next goes to the next cookie of the name and reports whether there is one.
func (c *CookieCursor) Next() bool {
	for {
		for len(c.rest) > 0 {
			pair, rest, _ := bytes.Cut(c.rest, semicolon)
			c.rest = rest
			name, value, ok := cutPair(pair)
			if ok && string(name) == c.name {
				c.value = value
				return true
			}
		}
		i := c.h.Find(cookieName, c.field)
		if i < 0 {
			return false
		}
		c.field, c.rest = i+1, c.h.Value(i)
	}
}

// Value returns the value of the cookie that Next found: a view, valid until the hall releases x.
func (c *CookieCursor) Value() []byte { return c.value }

var (
	cookieName = Known(Cookie)
	semicolon  = []byte{';'}
	equals     = []byte{'='}
)

// cutPair splits "name=value" with blanks around either dropped (RFC 6265 §5.2 does so, and
// servers agree).
func cutPair(pair []byte) (name, value []byte, ok bool) {
	name, value, ok = bytes.Cut(pair, equals)
	return trim(name), trim(value), ok
}

func trim(b []byte) []byte {
	for len(b) > 0 && blank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && blank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func blank(c byte) bool { return c == ' ' || c == '\t' }
