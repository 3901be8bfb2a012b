package wire

import (
	"encoding/binary"
	"math/bits"
)

// Classes of bytes.
const (
	tokenByte  uint8 = 1 << iota // RFC 9110 §5.6.2
	underscore                   // "_", which is also a token byte
	pathByte                     // of a path but "%" (RFC 3986 §3.3), and what browsers leave raw
	queryByte                    // of a query, "%" included (RFC 3986 §3.4), and what browsers leave raw
	hostByte                     // of a reg-name but "%" and "," (RFC 3986 §3.2.2)
	printByte                    // visible ASCII but "#"
	hexByte                      // HEXDIG, either case
)

const (
	alnum      = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	unreserved = alnum + "-._~"
	subDelims  = "!$&'()*+;=" // but the comma, which has no place in a host
)

// class has the classes of every byte.
//
// The grammar of RFC 3986 has no brackets, braces, bars and the like, yet browsers send them raw
// (https://url.spec.whatwg.org/#path-percent-encode-set); they mean nothing there, so they pass.
// A backslash in a path does mean something to some servers, and is refused.
var class = buildClass()

func buildClass() (t [256]uint8) {
	mark := func(bytes string, c uint8) {
		for i := range len(bytes) {
			t[bytes[i]] |= c
		}
	}
	mark("!#$%&'*+-.^_`|~"+alnum, tokenByte)
	mark("_", underscore)
	mark(unreserved+subDelims+",:@/"+"[]|", pathByte)
	mark(unreserved+subDelims+",:@/"+"?%[]|{}^`\\", queryByte)
	mark(unreserved+subDelims, hostByte)
	mark("0123456789abcdefABCDEF", hexByte)
	for c := '!'; c <= '~'; c++ {
		if c != '#' {
			t[c] |= printByte
		}
	}
	return t
}

const (
	ones = 0x0101010101010101
	high = 0x8080808080808080
)

// valueEnd returns the index at or after i of the first byte that can't stand in a field value: a
// control byte other than tab (RFC 9110 §5.5). It is len(b) if there is none.
func valueEnd(b []byte, i int) int {
	for {
		i = controlByte(b, i)
		if i == len(b) || b[i] != '\t' {
			return i
		}
		i++
	}
}

// controlByte returns the index at or after i of the first control byte, len(b) without one.
func controlByte(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		del := w ^ ones*0x7f
		// A borrow can mark bytes behind a true mark, never before it: the lowest mark is exact.
		if m := ((w-ones*0x20)&^w | (del-ones)&^del) & high; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < 0x20 || c == 0x7f {
			return i
		}
	}
	return i
}

// span returns the index at or after i of the first byte outside the given class.
func span(b []byte, i int, c uint8) int {
	for i < len(b) && class[b[i]]&c != 0 {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isOWS(c byte) bool { return c == ' ' || c == '\t' }

// trim returns b without the spaces and tabs at its ends (OWS, RFC 9110 §5.6.3).
func trim(b []byte) []byte {
	for len(b) > 0 && isOWS(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isOWS(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// element cuts the first element off a comma-separated list, without the space around it. It
// knows no quoted strings.
func element(list []byte) (elem, rest []byte, more bool) {
	for i, c := range list {
		if c == ',' {
			return trim(list[:i]), list[i+1:], true
		}
	}
	return trim(list), nil, false
}
