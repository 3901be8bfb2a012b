package conf

import (
	"math"
	"strconv"
	"strings"
)

// Size is an amount of bytes in a config: "16KiB", "10MiB", "512B", or "off".
// The zero Size is "0B".
type Size struct {
	n   int64
	off bool
}

// Bytes returns n bytes as a config value.
func Bytes(n int64) Size { return Size{n: n} }

// OffSize is the value "off".
var OffSize = Size{off: true}

// Value returns the amount in bytes; 0 when off.
func (s Size) Value() int64 { return s.n }

// IsOff reports whether the operator wrote "off".
func (s Size) IsOff() bool { return s.off }

// Or returns the amount in bytes, or instead when s is off.
func (s Size) Or(instead int64) int64 {
	if s.off {
		return instead
	}
	return s.n
}

// String returns the text that an operator would write.
func (s Size) String() string {
	if s.off {
		return "off"
	}
	return formatBytes(s.n)
}

// MarshalText writes the value as an operator would.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Wants implements [Value].
func (Size) Wants() (noun, hint string) {
	return "a size", `write a number and B, KiB, MiB, GiB or TiB, such as "16KiB", or "off"`
}

// UnmarshalText reads a whole number with a unit of 1024, or "off". Units of 1000 ("16KB")
// are refused, because half of their readers mean 1024.
func (s *Size) UnmarshalText(b []byte) error {
	if string(b) == "off" {
		*s = OffSize
		return nil
	}
	n, reason := parseBytes(string(b))
	switch {
	case reason != "":
		return badBecause(s, b, reason, "")
	case n < 0:
		return bad(s, b)
	}
	*s = Bytes(n)
	return nil
}

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func formatBytes(n int64) string {
	for _, u := range sizeUnits {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

// parseBytes returns -1 for a text that is no size, and a reason when one can be told.
func parseBytes(s string) (n int64, reason string) {
	number, unit := split(s)
	n, err := strconv.ParseInt(number, 10, 64)
	switch {
	case number == "" || strings.Contains(number, "."):
		return -1, ""
	case err != nil:
		return -1, "it is too large"
	case unit == "":
		return -1, "the unit is missing"
	case len(unit) == 2 && strings.ContainsAny(unit[:1], "kKMGT") && unit[1] == 'B':
		return -1, unit + " may mean 1000 or 1024"
	}
	for _, u := range sizeUnits {
		if u.name != unit {
			continue
		}
		if n > math.MaxInt64/u.bytes {
			return -1, "it is too large"
		}
		return n * u.bytes, ""
	}
	return -1, ""
}
