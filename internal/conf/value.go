package conf

import (
	"encoding"
	"fmt"
	"strings"
)

// Value is a config value written as one text. Its UnmarshalText returns a [*BadValue].
type Value interface {
	encoding.TextUnmarshaler
	// Wants describes a right value: what it is ("a duration") and the way out
	// (`write a number and a unit, such as "500ms" or "5s"`).
	Wants() (noun, hint string)
}

// IntegerValue is a [Value] that an operator may also write as a bare integer.
type IntegerValue interface {
	Value
	TakesInteger()
}

// BadValue says why a text is not a value of the wanted kind.
type BadValue struct {
	// Text is the trouble: `"5 secs" is not a duration`.
	Text string
	// Hint is the way out; may be empty.
	Hint string
}

// Error returns the trouble without the hint.
func (e *BadValue) Error() string { return e.Text }

// bad returns the error of a value whose text is none of its kind.
func bad(v Value, text []byte) error {
	noun, hint := v.Wants()
	return &BadValue{Text: fmt.Sprintf("%q is not %s", text, noun), Hint: hint}
}

// badBecause is bad with a reason and, when hint is not empty, a hint of its own.
func badBecause(v Value, text []byte, reason, hint string) error {
	noun, usual := v.Wants()
	if hint == "" {
		hint = usual
	}
	return &BadValue{Text: fmt.Sprintf("%q is not %s: %s", text, noun, reason), Hint: hint}
}

// split cuts a text into its leading decimal number and the unit behind it.
func split(s string) (number, unit string) {
	i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}
