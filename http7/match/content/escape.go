package content

import (
	"unicode/utf16"
)

// escapeLen returns how many bytes the escape that b begins with takes, 0 if it is none.
func escapeLen(b []byte) int {
	_, n := unescape(b)
	return n
}

// unescape returns the character that b begins with an escape of (RFC 8259 §7), and the length of the
// escape; 0 if it is none, which half of a surrogate pair is as well.
func unescape(b []byte) (c rune, n int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return unescapeUnit(b)
	}
	return 0, 0
}

func unescapeUnit(b []byte) (c rune, n int) {
	c, ok := unit(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(c) {
		return c, 6
	}
	low, ok := unit(b[6:])
	if c = utf16.DecodeRune(c, low); !ok || c == '\uFFFD' {
		return 0, 0
	}
	return c, 12
}

// unit reads a "\u" and the four digits behind it.
func unit(b []byte) (c rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, d := range b[2:6] {
		v, ok := hexDigit(d)
		if !ok {
			return 0, false
		}
		c = c<<4 | v
	}
	return c, true
}

func hexDigit(d byte) (rune, bool) {
	switch {
	case '0' <= d && d <= '9':
		return rune(d - '0'), true
	case 'a' <= d|0x20 && d|0x20 <= 'f':
		return rune(d|0x20-'a') + 10, true
	}
	return 0, false
}
