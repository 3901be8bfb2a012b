package conf

import "strconv"

// Limit is a largest count in a config: 200, or "off". The zero Limit is 0.
type Limit struct {
	n   int
	off bool
}

// AtMost returns the limit n as a config value.
func AtMost(n int) Limit { return Limit{n: n} }

// OffLimit is the value "off".
var OffLimit = Limit{off: true}

// Value returns the count; 0 when off.
func (l Limit) Value() int { return l.n }

// IsOff reports whether the operator wrote "off".
func (l Limit) IsOff() bool { return l.off }

// Or returns the count, or instead when l is off.
func (l Limit) Or(instead int) int {
	if l.off {
		return instead
	}
	return l.n
}

// String returns the text that an operator would write.
func (l Limit) String() string {
	if l.off {
		return "off"
	}
	return strconv.Itoa(l.n)
}

// MarshalText writes the value as an operator would.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// TakesInteger implements [IntegerValue].
func (Limit) TakesInteger() {}

// Wants implements [Value].
func (Limit) Wants() (noun, hint string) {
	return "a limit", `write a whole number, such as 200, or "off"`
}

// UnmarshalText reads a whole number that is not negative, or "off".
func (l *Limit) UnmarshalText(b []byte) error {
	if string(b) == "off" {
		*l = OffLimit
		return nil
	}
	n, err := strconv.ParseUint(string(b), 10, 31)
	if err != nil {
		return bad(l, b)
	}
	*l = AtMost(int(n))
	return nil
}
