package cache

import (
	"errors"
	"strconv"
	"time"

	"weir/internal/conf"
)

// TTL is how long answers are fresh that don't say so: a duration such as "60s", or "origin" for not at all.
// The zero TTL is "0s".
type TTL struct {
	d      time.Duration
	origin bool
}

// Origin is the value "origin".
var Origin = TTL{origin: true}

// For returns d as a config value.
func For(d time.Duration) TTL { return TTL{d: d} }

// IsOrigin reports whether only the origin's word counts.
func (t TTL) IsOrigin() bool { return t.origin }

// Value returns the duration; 0 for "origin".
func (t TTL) Value() time.Duration { return t.d }

// String returns the text that an operator would write.
func (t TTL) String() string {
	if t.origin {
		return "origin"
	}
	return conf.Dur(t.d).String()
}

// MarshalText writes the value as an operator would.
func (t TTL) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Wants implements [conf.Value].
func (TTL) Wants() (noun, hint string) {
	return "a time to live", `write "origin", or a duration such as "60s"`
}

// UnmarshalText reads "origin" or a duration.
func (t *TTL) UnmarshalText(b []byte) error {
	if string(b) == "origin" {
		*t = Origin
		return nil
	}
	var d conf.Duration
	err := d.UnmarshalText(b)
	if err == nil && !d.IsOff() {
		*t = For(d.Value())
		return nil
	}
	_, hint := t.Wants()
	text := strconv.Quote(string(b)) + " is not a time to live"
	if why := (*conf.BadValue)(nil); errors.As(err, &why) && string(b) != "" && b[0] >= '0' && b[0] <= '9' {
		text = why.Text
	}
	return &conf.BadValue{Text: text, Hint: hint}
}
