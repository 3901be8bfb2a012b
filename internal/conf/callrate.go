package conf

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Rate is how often something may happen in a config: "100/s", "6000/m", "20/h", "1000/d". The zero Rate is none.
type Rate struct {
	n   int64
	per byte // one of "smhd"
}

// MostRate is the largest count of a rate per second.
const MostRate = 1_000_000

// PerSecond returns n times a second as a config value.
func PerSecond(n int64) Rate { return Rate{n: n, per: 's'} }

// RateOf reads what an operator would write. It allocates nothing.
func RateOf[T []byte | string](text T) (r Rate, ok bool) {
	n := len(text) - 2
	if n < 1 || n > mostDigits || text[n] != '/' {
		return r, false
	}
	var count int64
	for i := range n {
		if text[i] < '0' || text[i] > '9' {
			return r, false
		}
		count = 10*count + int64(text[i]-'0')
	}
	r = Rate{n: count, per: text[n+1]}
	span := r.Span()
	if count == 0 || span == 0 || count > MostRate*int64(span/time.Second) {
		return Rate{}, false
	}
	return r, true
}

// mostDigits is how many digits a count may have; the largest that is allowed has 11.
const mostDigits = 15

// Count returns how often it may happen in each [Rate.Span].
func (r Rate) Count() int64 { return r.n }

// Span returns the time that Count is for; 0 for the zero Rate.
func (r Rate) Span() time.Duration {
	switch r.per {
	case 's':
		return time.Second
	case 'm':
		return time.Minute
	case 'h':
		return time.Hour
	case 'd':
		return 24 * time.Hour
	}
	return 0
}

// IsZero reports whether r is none.
func (r Rate) IsZero() bool { return r.n == 0 }

// String returns the text that an operator would write; "" for the zero Rate.
func (r Rate) String() string {
	if r.IsZero() {
		return ""
	}
	return strconv.FormatInt(r.n, 10) + "/" + string(rune(r.per))
}

// MarshalText writes the value as an operator would.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Wants implements [Value].
func (Rate) Wants() (noun, hint string) {
	return "a rate", `write a count and a unit (s, m, h or d), such as "100/s" or "6000/m"`
}

// UnmarshalText reads a whole number, a slash and one of s, m, h, d.
func (r *Rate) UnmarshalText(b []byte) error {
	rate, ok := RateOf(b)
	if ok {
		*r = rate
		return nil
	}
	count, per, found := strings.Cut(string(b), "/")
	if !found || len(per) != 1 || !strings.Contains("smhd", per) {
		return bad(r, b)
	}
	switch n, err := strconv.ParseUint(count, 10, 63); {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return bad(r, b)
	case n == 0:
		return badBecause(r, b, "it is none at all", "")
	}
	return badBecause(r, b, "it is more than "+strconv.Itoa(MostRate)+"/s", "")
}
