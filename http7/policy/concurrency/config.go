package concurrency

import (
	"strconv"

	"weir/http7/selector"
	"weir/internal/conf"
)

// Config says how many requests with the same key may be under way at once.
type Config struct {
	// Mode is "enforce", "observe" (count, and record what would be refused) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Limit is how many may be under way, such as 100, or "adaptive": found by what the answers' latency shows, from 8 to
	// 10000. Required.
	Limit Limit `toml:"limit"`
	// Key is what requests are counted by: "client", "consumer", "route", "host", "path", "method", "header:X-Name",
	// "cookie:name", "query:name", "claim:name", or a list of these together. Requests that lack a part of it have one key
	// in common. Default: "route".
	Key conf.Selectors `toml:"key"`
	// IPv6Prefix is how many bits of a client's IPv6 address count, from 32 to 128. Default: 64, the block that one
	// subscriber has.
	IPv6Prefix int `toml:"ipv6_prefix"`
	// Keys is how many keys with requests under way are told apart, from 1 to 100000000. It takes up to 60 bytes for each,
	// as they come; with "adaptive" some hundred, and 10000 keys are the most. When all are in use, new ones share one limit. Default: 10000.
	Keys int `toml:"keys"`
}

// Limit is a number of requests, or "adaptive". The zero Limit is none.
type Limit struct {
	n        int
	adaptive bool
}

// AtMost returns the limit n as a config value, Adaptive the one that is found.
func AtMost(n int) Limit { return Limit{n: n} }

// Adaptive is the limit that is found by the latency of answers.
var Adaptive = Limit{adaptive: true}

// IsZero reports whether l is none.
func (l Limit) IsZero() bool { return l == Limit{} }

const adaptiveWord = "adaptive"

// String returns the text that an operator would write.
func (l Limit) String() string {
	if l.adaptive {
		return adaptiveWord
	}
	return strconv.Itoa(l.n)
}

// MarshalText writes the value as an operator would.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// TakesInteger implements [conf.IntegerValue].
func (Limit) TakesInteger() {}

// Wants implements [conf.Value].
func (Limit) Wants() (noun, hint string) {
	return "a limit", `write a whole number from 1 on, such as 100, or "adaptive"`
}

// UnmarshalText reads a whole number from 1 on, or "adaptive".
func (l *Limit) UnmarshalText(b []byte) error {
	if string(b) == adaptiveWord {
		*l = Adaptive
		return nil
	}
	n, err := strconv.ParseUint(string(b), 10, 31)
	if err != nil || n == 0 {
		noun, hint := l.Wants()
		return &conf.BadValue{Text: strconv.Quote(string(b)) + " is not " + noun, Hint: hint}
	}
	*l = AtMost(int(n))
	return nil
}

const (
	mostKeys         = 100_000_000
	mostAdaptiveKeys = 10_000
)

// Default returns the values of absent keys.
func Default() Config {
	var route conf.Selector
	_ = route.UnmarshalText([]byte("route")) // it is one
	return Config{Key: conf.Selectors{route}, IPv6Prefix: 64, Keys: mostAdaptiveKeys}
}

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	selector.CheckKey(p, "key", c.Key)
	if c.Limit.IsZero() {
		_, hint := c.Limit.Wants()
		p.Add("limit", "there is no limit", hint)
	}
	p.Between("ipv6_prefix", c.IPv6Prefix, 32, 128)
	if c.Limit.adaptive {
		p.Between("keys", c.Keys, 1, mostAdaptiveKeys)
	} else {
		p.Between("keys", c.Keys, 1, mostKeys)
	}
}
