package paths

// Classes of bytes in a path.
const (
	plainByte  uint8 = 1 << iota // means itself wherever it stands
	pchar                        // may stand raw in a segment (RFC 3986 §3.3), so that its escape is decoded; never ";"
	browserRaw                   // may not, and browsers send it raw (https://url.spec.whatwg.org/#path-percent-encode-set)
)

const unreserved = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~"

var class = buildClass()

func buildClass() (t [256]uint8) {
	for _, c := range unreserved + "!$&'()*+,=:@" {
		t[c] = pchar | plainByte
	}
	t['.'] = pchar // unless it makes a dot segment
	for _, c := range "[]|" {
		t[c] = browserRaw
	}
	return t
}

const upperHex = "0123456789ABCDEF"

// appendEscape appends c as "%41".
func appendEscape(dst []byte, c byte) []byte {
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

// escape returns the byte that b begins with an escape of.
func escape(b []byte) (c byte, ok bool) {
	if len(b) < 3 || b[0] != '%' {
		return 0, false
	}
	high, low := unhex(b[1]), unhex(b[2])
	return high<<4 | low, high|low < 16
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
