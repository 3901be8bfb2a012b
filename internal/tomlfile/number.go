package tomlfile

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

var errNumber = errors.New("not a number")

// parseNumber reads the literal of an Integer or Float as TOML 1.0 does: an int64 or a float64.
func parseNumber(n *Node) (any, error) {
	s := n.Text
	digits := strings.TrimLeft(s, "+-")
	if badUnderscores(s) {
		return nil, errNumber
	}
	s = strings.ReplaceAll(s, "_", "")
	if n.Kind == Integer {
		return parseInteger(s, digits)
	}
	whole, _, _ := strings.Cut(strings.ToLower(digits), "e")
	whole, fraction, dotted := strings.Cut(whole, ".")
	if leadingZero(whole) || dotted && fraction == "" {
		return nil, errNumber
	}
	if digits == "nan" {
		return math.NaN(), nil // strconv takes no sign before it, TOML does
	}
	return strconv.ParseFloat(s, 64)
}

func parseInteger(s, digits string) (any, error) {
	base := 10
	if len(digits) > 1 && digits[0] == '0' {
		base = map[byte]int{'x': 16, 'o': 8, 'b': 2}[digits[1]]
		if base == 0 || s[0] == '+' || s[0] == '-' {
			return nil, errNumber
		}
		s = s[2:]
	}
	return strconv.ParseInt(s, base, 64)
}

func leadingZero(digits string) bool {
	return len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9'
}

// badUnderscores reports an underscore that has no digit on one of its sides.
func badUnderscores(s string) bool {
	for i := range len(s) {
		if s[i] == '_' && (i == 0 || i == len(s)-1 || !isHex(s[i-1]) || !isHex(s[i+1])) {
			return true
		}
	}
	return false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}
