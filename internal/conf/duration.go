package conf

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time in a config: "1500ms", "5s", "1h30m", "7d", or "off".
// It is a struct because go-toml takes a bare integer for any type of integer kind.
// The zero Duration is "0s".
type Duration struct {
	d   time.Duration
	off bool
}

// Dur returns d as a config value.
func Dur(d time.Duration) Duration { return Duration{d: d} }

// OffDuration is the value "off".
var OffDuration = Duration{off: true}

// Value returns the span; 0 when off.
func (d Duration) Value() time.Duration { return d.d }

// IsOff reports whether the operator wrote "off".
func (d Duration) IsOff() bool { return d.off }

// Or returns the span, or instead when d is off.
func (d Duration) Or(instead time.Duration) time.Duration {
	if d.off {
		return instead
	}
	return d.d
}

// String returns the text that an operator would write.
func (d Duration) String() string {
	if d.off {
		return "off"
	}
	return formatDuration(d.d)
}

// MarshalText writes the value as an operator would.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Wants implements [Value].
func (Duration) Wants() (noun, hint string) {
	return "a duration", `write a number and a unit, such as "500ms", "5s" or "1h30m", or "off"`
}

// UnmarshalText reads "1500ms", "5s", "1h30m", "7d" or "off". Negative spans are refused.
func (d *Duration) UnmarshalText(b []byte) error {
	if string(b) == "off" {
		*d = OffDuration
		return nil
	}
	v, reason := parseDuration(string(b))
	switch {
	case reason != "":
		return badBecause(d, b, reason, "")
	case v < 0:
		return bad(d, b)
	}
	*d = Dur(v)
	return nil
}

// durationUnits are in falling order; formatDuration takes the first that divides the span.
var durationUnits = []struct {
	name string
	span time.Duration
}{
	{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second},
	{"ms", time.Millisecond}, {"us", time.Microsecond}, {"µs", time.Microsecond}, {"ns", time.Nanosecond},
}

func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	for _, u := range durationUnits {
		if d%u.span == 0 {
			return strconv.FormatInt(int64(d/u.span), 10) + u.name
		}
	}
	return d.String()
}

// parseDuration reads one or more numbers with units, largest unit first. It returns -1 for a
// text that is no duration at all, and a reason when one can be told.
func parseDuration(s string) (total time.Duration, reason string) {
	if s == "" {
		return -1, ""
	}
	last := time.Duration(math.MaxInt64)
	for s != "" {
		number, rest := split(s)
		unit, tail := durationUnit(rest)
		part, fits, ok := times(number, unit)
		switch {
		case !ok:
			return -1, ""
		case rest == "":
			return -1, "the unit is missing"
		case unit == 0:
			return -1, ""
		case unit >= last:
			return -1, "the larger unit comes first"
		case !fits || part > math.MaxInt64-total:
			return -1, "it is more than 292 years"
		}
		total += part
		last, s = unit, tail
	}
	return total, ""
}

// times returns a decimal number of units, exact but for the fraction. ok is false if number is
// none, fits if the product does.
func times(number string, unit time.Duration) (d time.Duration, fits, ok bool) {
	whole, fraction, dotted := strings.Cut(number, ".")
	if whole == "" || dotted && fraction == "" || strings.Contains(fraction, ".") {
		return 0, false, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || unit > 0 && n > int64(math.MaxInt64/unit)-1 {
		return 0, false, true
	}
	part, _ := strconv.ParseFloat("0."+fraction+"0", 64)
	return time.Duration(n)*unit + time.Duration(math.Round(part*float64(unit))), true, true
}

// durationUnit finds the unit that s begins with, and what follows it; 0 if there is none.
func durationUnit(s string) (unit time.Duration, tail string) {
	end := 0
	for end < len(s) && (s[end] < '0' || s[end] > '9') {
		end++
	}
	for _, u := range durationUnits {
		if u.name == s[:end] {
			return u.span, s[end:]
		}
	}
	return 0, s
}
