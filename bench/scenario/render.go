package scenario

import (
	"math/bits"
	"strconv"
)

const (
	hexDigits    = "0123456789abcdef"
	upperDigits  = "0123456789ABCDEF"
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	golden       = 0x9e3779b97f4a7c15 // 2^64 / φ: the step of SplitMix64
)

// mix is the output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every bit of the result hangs on
// every bit of x.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// draw returns the random bits of one site in one turn. They hang on nothing else, so whoever makes the turn's
// request makes the same one.
func draw(seed, turn, site uint64) uint64 {
	return mix(mix(mix(seed+golden)+turn*golden) + site*golden)
}

// spread turns random bits into a number below n; 0 stands for 2^64. The error of not rejecting is n/2^64.
func spread(x, n uint64) uint64 {
	if n == 0 {
		return x
	}
	high, _ := bits.Mul64(x, n)
	return high
}

// turn is what the values of one request are made from.
type turn struct {
	seed uint64
	n    int64
	ms   func() int64 // the time in milliseconds since 1970
}

// draw returns the random bits of a site in this turn.
func (t *turn) draw(site uint64) uint64 { return draw(t.seed, uint64(t.n), site) }

// appendPieces appends what a template comes to.
func (t *turn) appendPieces(dst []byte, pieces []piece) []byte {
	for i := range pieces {
		dst = t.appendPiece(dst, &pieces[i])
	}
	return dst
}

func (t *turn) appendPiece(dst []byte, p *piece) []byte {
	switch p.kind {
	case literal:
		return append(dst, p.text...)
	case counter:
		return strconv.AppendInt(dst, p.low+t.n, 10)
	case random:
		return strconv.AppendInt(dst, int64(uint64(p.low)+spread(t.draw(p.site), p.span)), 10)
	case letters:
		return appendDrawn(dst, t.draw(p.site), int(p.span), alphanumeric)
	case hexadecimal:
		return appendDrawn(dst, t.draw(p.site), int(p.span), hexDigits)
	case uuid:
		return appendUUID(dst, t.draw(p.site))
	case choice:
		return append(dst, p.words[spread(t.draw(p.site), uint64(len(p.words)))]...)
	case clock:
		return strconv.AppendInt(dst, t.ms(), 10)
	}
	return appendEncoded(dst, p.encode, p.data.value(t.row(p.data), p.column))
}

// row returns the row of a data table that the turn's columns are of.
func (t *turn) row(d *table) int {
	if d.random {
		return int(spread(t.draw(d.site), uint64(d.rows)))
	}
	return int(uint64(t.n) % uint64(d.rows))
}

// appendDrawn appends n characters of an alphabet.
func appendDrawn(dst []byte, x uint64, n int, alphabet string) []byte {
	// Ten characters of 62 use up 60 of the 64 bits.
	const each = 10
	rest := x
	for i := range n {
		if i%each == 0 {
			x += golden
			rest = mix(x)
		}
		dst = append(dst, alphabet[rest%uint64(len(alphabet))])
		rest /= uint64(len(alphabet))
	}
	return dst
}

// appendUUID appends a UUID of version 4 (RFC 9562 §5.4).
func appendUUID(dst []byte, x uint64) []byte {
	high := mix(x + golden)
	low := mix(high ^ x)
	high = high&^0xf000 | 0x4000
	low = low&^(3<<62) | 2<<62
	for i := range 32 {
		switch i {
		case 8, 12, 16, 20:
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[high>>60])
		high = high<<4 | low>>60
		low <<= 4
	}
	return dst
}

// appendEncoded appends a value the way that its place needs.
func appendEncoded(dst []byte, e encoding, value string) []byte {
	switch e {
	case inPath:
		return appendPercent(dst, value)
	case inJSON:
		return appendJSON(dst, value)
	}
	return append(dst, value...)
}

// appendPercent escapes all but the unreserved characters (RFC 3986 §2.3), so that a value is one segment of a path,
// or one value of a query.
func appendPercent(dst []byte, value string) []byte {
	for i := range len(value) {
		c := value[i]
		if unreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperDigits[c>>4], upperDigits[c&15])
		}
	}
	return dst
}

func unreserved(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// appendJSON escapes what may not stand as it is between the quotes of a JSON string (RFC 8259 §7).
func appendJSON(dst []byte, value string) []byte {
	for i := range len(value) {
		switch c := value[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
