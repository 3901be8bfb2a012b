package quota

import (
	"strconv"
	"strings"

	"weir/http7/selector"
	"weir/internal/conf"
	"weir/internal/tally"
)

// Config says how many requests with the same key may come within an hour, a day or a month of the calendar.
type Config struct {
	// Mode is "enforce", "observe" (count, and record what would be refused) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Name stands for the quota in the answer's fields, problem bodies and metrics: visible ASCII characters. Default: what
	// key and per say, such as "client-month".
	Name string `toml:"name"`
	// Key is what requests are counted by: "client", "consumer", "route", "host", "path", "method", "header:X-Name",
	// "cookie:name", "query:name", "claim:name", or a list of these together. Requests that lack a part of it have one key
	// in common. Default: "client".
	Key conf.Selectors `toml:"key"`
	// Limit is how many requests a key has in each period. Required.
	Limit int `toml:"limit"`
	// Per is the period: "hour", "day" or "month", of the calendar in UTC. Default: "month".
	Per string `toml:"per"`
	// Cost is how many of limit a request takes. Default: 1.
	Cost int `toml:"cost"`
	// IPv6Prefix is how many bits of a client's IPv6 address count, from 32 to 128. Default: 64, the block that one
	// subscriber has.
	IPv6Prefix int `toml:"ipv6_prefix"`
	// Keys is how many keys are told apart, from 1 to 100000000. It takes up to 60 bytes for each, as they come. When all
	// are in use, new ones share one quota. Default: 1000000.
	Keys int `toml:"keys"`
	// Scope is "local" (every node counts for itself, in a file below state_dir that outlasts restarts) or "shared" (all
	// nodes count together, in what [shared] names). Default: "local".
	Scope string `toml:"scope"`
	// Fields tells clients the quota and what is left of it in RateLimit-Policy and RateLimit. Retry-After is sent
	// anyway. Default: true.
	Fields bool `toml:"fields"`
}

// The choices of Scope.
const (
	scopeLocal  = "local"
	scopeShared = "shared"
)

var pers = []string{tally.Hour.String(), tally.Day.String(), tally.Month.String()}

// Default returns the values of absent keys.
func Default() Config {
	return Config{Per: tally.Month.String(), Cost: 1, IPv6Prefix: 64, Keys: 1_000_000, Scope: scopeLocal, Fields: true}
}

const (
	mostKeys    = 100_000_000
	longestName = 64
)

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	selector.CheckKey(p, "key", c.Key)
	if len(c.Name) > longestName || strings.ContainsFunc(c.Name, notNaming) {
		p.Add("name", strconv.Quote(c.Name)+" is not a name", "write up to 64 visible ASCII characters, without \\ and quotes")
	}
	if c.Limit < 1 || c.Limit > tally.MostLimit {
		p.Add("limit", strconv.Itoa(c.Limit)+" is no number of requests", "write a whole number from 1 on, such as 1000000")
	} else {
		p.Between("cost", c.Cost, 1, c.Limit)
	}
	p.OneOf("per", c.Per, "a period", pers...)
	p.Between("ipv6_prefix", c.IPv6Prefix, 32, 128)
	p.Between("keys", c.Keys, 1, mostKeys)
	p.OneOf("scope", c.Scope, "a scope", scopeLocal, scopeShared)
}

func notNaming(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }

// Shared reports whether the quota needs the [shared] table.
func (c *Config) Shared() bool { return c.Scope == scopeShared && c.Mode != conf.ModeOff }
