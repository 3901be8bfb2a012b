package lb

import (
	"bytes"
	"strconv"
	"time"

	"weir/internal/conf"
)

// The words of max_in_flight that are not numbers.
const (
	maxInFlightOff      = "off"
	maxInFlightAdaptive = "adaptive"
)

// MaxInFlight is how many uses one endpoint may have at once: a number, "off" for no limit, or
// "adaptive" for a limit that Weir finds by measuring. The zero value is "off".
type MaxInFlight struct {
	n        int // 0: off, unless adaptive
	adaptive bool
}

// AtMost returns the limit n, which must be at least 1.
func AtMost(n int) MaxInFlight { return MaxInFlight{n: n} }

// Adaptive returns the limit that is found by measuring.
func Adaptive() MaxInFlight { return MaxInFlight{adaptive: true} }

// IsOff reports that there is no limit.
func (m MaxInFlight) IsOff() bool { return m == MaxInFlight{} }

// IsAdaptive reports that the limit is found by measuring.
func (m MaxInFlight) IsAdaptive() bool { return m.adaptive }

// Value returns the number, 0 if it is "off" or "adaptive".
func (m MaxInFlight) Value() int { return m.n }

// String returns the form that the config uses.
func (m MaxInFlight) String() string {
	switch {
	case m.adaptive:
		return maxInFlightAdaptive
	case m.n == 0:
		return maxInFlightOff
	}
	return strconv.Itoa(m.n)
}

// MarshalText implements [encoding.TextMarshaler].
func (m MaxInFlight) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// TakesInteger implements [conf.IntegerValue].
func (MaxInFlight) TakesInteger() {}

// Wants implements [conf.Value].
func (MaxInFlight) Wants() (noun, hint string) {
	return "a limit of uses in flight", `write a number such as 200, "adaptive", or "off"`
}

// UnmarshalText reads the form that the config uses.
func (m *MaxInFlight) UnmarshalText(b []byte) error {
	switch text := string(bytes.TrimSpace(b)); text {
	case maxInFlightOff:
		*m = MaxInFlight{}
	case maxInFlightAdaptive:
		*m = Adaptive()
	default:
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxInFlight {
			noun, hint := m.Wants()
			return &conf.BadValue{Text: strconv.Quote(text) + " is not " + noun, Hint: hint}
		}
		*m = AtMost(n)
	}
	return nil
}

// maxInFlight is the highest number that may be configured.
const maxInFlight = 1_000_000

// QueueConfig is the line of those that found every endpoint full. It matters only where
// max_in_flight is set.
type QueueConfig struct {
	// Size is how many may wait, in the whole upstream; who comes then is answered 503 at once.
	// 0 is no queue. Default: 1000.
	Size int `toml:"size"`
	// Timeout is the longest that one waits before it is answered 503; what is left of the
	// exchange's own time shortens it. Default: "500ms".
	Timeout conf.Duration `toml:"timeout"`
}

// DefaultQueue returns the values of absent keys.
func DefaultQueue() QueueConfig {
	return QueueConfig{Size: 1000, Timeout: conf.Dur(500 * time.Millisecond)}
}

// Check notes what is wrong with c.
func (c *QueueConfig) Check(p *conf.Problems) {
	p.Between("size", c.Size, 0, maxInFlight)
	if c.Timeout.IsOff() {
		p.Add("timeout", `"off" would let one wait for ever`, `write a duration such as "500ms", or size = 0 for no queue`)
		return
	}
	p.Positive("timeout", c.Timeout)
}

// BreakerConfig is when an upstream is left alone because it fails.
type BreakerConfig struct {
	// FailureRate is the share of failed uses in the last 10 s from which the breaker opens: then
	// every use is refused for Open, and after that a few are let through to see. Default: "50%".
	FailureRate conf.Share `toml:"failure_rate"`
	// MinRequests is how many uses of the last 10 s it takes to judge. Default: 20.
	MinRequests int `toml:"min_requests"`
	// Open is how long all uses are refused before the trial. Default: "10s".
	Open conf.Duration `toml:"open"`
}

// DefaultBreaker returns the values of absent keys of a breaker that is configured.
func DefaultBreaker() BreakerConfig {
	return BreakerConfig{FailureRate: conf.Percent(50), MinRequests: 20, Open: conf.Dur(10 * time.Second)}
}

// Check notes what is wrong with c.
func (c *BreakerConfig) Check(p *conf.Problems) {
	if v := c.FailureRate.Value(); v <= 0 || v > 1 {
		p.Add("failure_rate", c.FailureRate.String()+" is not a rate at which a breaker can open", `write more than "0%" and at most "100%"`)
	}
	p.Between("min_requests", c.MinRequests, 1, maxInFlight)
	if c.Open.IsOff() {
		p.Add("open", `"off" would never open`, "leave the breaker out")
		return
	}
	p.Positive("open", c.Open)
}
