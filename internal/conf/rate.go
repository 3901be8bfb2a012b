package conf

import (
	"strconv"
	"strings"
)

// ByteRate is an amount of bytes per time in a config: "240B/s", "1MiB/m", or "off".
// The zero ByteRate is "0B/s".
type ByteRate struct {
	n   int64
	per byte // one of "smh", 0 for s
	off bool
}

// BytesPerSecond returns n bytes a second as a config value.
func BytesPerSecond(n int64) ByteRate { return ByteRate{n: n, per: 's'} }

// OffByteRate is the value "off".
var OffByteRate = ByteRate{off: true}

// PerSecond returns the bytes per second; 0 when off.
func (r ByteRate) PerSecond() float64 {
	switch r.per {
	case 'm':
		return float64(r.n) / 60
	case 'h':
		return float64(r.n) / 3600
	}
	return float64(r.n)
}

// IsOff reports whether the operator wrote "off".
func (r ByteRate) IsOff() bool { return r.off }

// String returns the text that an operator would write.
func (r ByteRate) String() string {
	switch {
	case r.off:
		return "off"
	case r.per == 0:
		return formatBytes(r.n) + "/s"
	}
	return formatBytes(r.n) + "/" + string(rune(r.per))
}

// MarshalText writes the value as an operator would.
func (r ByteRate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Wants implements [Value].
func (ByteRate) Wants() (noun, hint string) {
	return "a rate of bytes", `write a size per second, minute or hour, such as "240B/s" or "1MiB/m", or "off"`
}

// UnmarshalText reads a size, a slash and one of s, m, h; or "off".
func (r *ByteRate) UnmarshalText(b []byte) error {
	if string(b) == "off" {
		*r = OffByteRate
		return nil
	}
	amount, per, found := strings.Cut(string(b), "/")
	if !found || len(per) != 1 || !strings.Contains("smh", per) {
		return bad(r, b)
	}
	n, reason := parseBytes(amount)
	switch {
	case reason != "":
		return badBecause(r, b, reason, "")
	case n < 0:
		return bad(r, b)
	}
	*r = ByteRate{n: n, per: per[0]}
	return nil
}

// Share is a part of a whole in a config: "20%", "0.5%". The zero Share is "0%".
type Share struct{ percent float64 }

// Percent returns p percent as a config value.
func Percent(p float64) Share { return Share{p} }

// Value returns the share as a number from 0 to 1.
func (s Share) Value() float64 { return s.percent / 100 }

// String returns the text that an operator would write.
func (s Share) String() string { return strconv.FormatFloat(s.percent, 'f', -1, 64) + "%" }

// MarshalText writes the value as an operator would.
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Wants implements [Value].
func (Share) Wants() (noun, hint string) {
	return "a share", `write a percentage from "0%" to "100%", such as "20%", or "off" for none`
}

// UnmarshalText reads a percentage from "0%" to "100%"; "off" is "0%".
func (s *Share) UnmarshalText(b []byte) error {
	if string(b) == "off" {
		*s = Share{}
		return nil
	}
	number, unit := split(string(b))
	p, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil || unit != "%" && unit != "":
		return bad(s, b)
	case unit == "":
		return badBecause(s, b, "the % is missing", "")
	case p > 100:
		return badBecause(s, b, "it is more than the whole", "")
	}
	*s = Share{p}
	return nil
}
