package ratelimit

import (
	"strconv"
	"strings"
	"time"

	"weir/http7/selector"
	"weir/internal/conf"
	"weir/internal/gcra"
)

// Config is one limit: how often requests with the same key may come.
type Config struct {
	// Mode is "enforce", "observe" (count, and record what would be refused or delayed) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Name stands for the limit in the answer's fields, problem bodies, metrics and logs: visible ASCII characters. Default: what key says,
	// with a number behind it if another limit of the list has that name.
	Name string `toml:"name"`
	// Key is what requests are counted by: "client", "consumer", "route", "host", "path", "method", "header:X-Name",
	// "cookie:name", "query:name", "claim:name", or a list of these together. Requests that lack a part of it have one key
	// in common. Default: "client".
	Key conf.Selectors `toml:"key"`
	// Rate is how many requests may come in the long run: a count and a unit (s, m, h, d), such as "100/s". Required.
	Rate conf.Rate `toml:"rate"`
	// Burst is how many may come at once after a pause. Default: one second's worth of rate, at least 1.
	Burst int `toml:"burst"`
	// Cost is how many of rate and burst a request takes, at most burst. Default: 1.
	Cost int `toml:"cost"`
	// OnExcess is "reject" (429) or "delay": requests wait for their turn, in the order in which they came, and are refused
	// if they would wait for longer than max_delay. Default: "reject".
	OnExcess string `toml:"on_excess"`
	// MaxDelay is how long a request waits at most, with on_excess = "delay". Default: 1s.
	MaxDelay conf.Duration `toml:"max_delay"`
	// MaxWaiting is how many requests wait at most, of all keys together; more are refused. Each holds its connection and
	// some kilobytes. Default: 1000.
	MaxWaiting int `toml:"max_waiting"`
	// OwnLimits lets consumers have limits of their own: the claims "rate" and "burst", which api_key sets from its keys_file,
	// stand in place of rate and burst. Hazard: so do those of a token, if its issuer uses these names. Default: false.
	OwnLimits bool `toml:"own_limits"`
	// IPv6Prefix is how many bits of a client's IPv6 address count, from 32 to 128. Default: 64, the block that one
	// subscriber has.
	IPv6Prefix int `toml:"ipv6_prefix"`
	// Keys is how many keys are told apart, from 1 to 100000000. It takes up to 60 bytes for each, as they come. When all
	// are in use, new ones share one limit. Default: 1000000.
	Keys int `toml:"keys"`
	// Scope is "local" (every node counts for itself) or "shared" (all nodes count together, in what [shared] names).
	// Default: "local".
	Scope string `toml:"scope"`
	// Fields tells clients the limit and what is left of it in RateLimit-Policy and RateLimit. Retry-After is sent
	// anyway. Default: true.
	Fields bool `toml:"fields"`
}

// The choices.
const (
	onReject    = "reject"
	onDelay     = "delay"
	scopeLocal  = "local"
	scopeShared = "shared"
)

// Default returns the values of absent keys.
func Default() Config {
	return Config{
		Cost: 1, OnExcess: onReject, MaxDelay: conf.Dur(time.Second), MaxWaiting: 1000, IPv6Prefix: 64, Keys: 1_000_000,
		Scope: scopeLocal, Fields: true,
	}
}

const (
	mostKeys    = 100_000_000
	mostBurst   = 1_000_000_000
	mostWaiting = 1_000_000
	mostDelay   = time.Hour
	mostLimits  = 15
	longestName = 64
)

// List is a bundle's limits. All of them must admit a request.
type List []Config

// Check notes what is wrong with the limits at key.
func (l List) Check(p *conf.Problems, key string) {
	if len(l) > mostLimits {
		p.Add(key, strconv.Itoa(len(l))+" limits are too many", "write "+strconv.Itoa(mostLimits)+" at most")
	}
	names := map[string]bool{}
	for i := range l {
		at := p.Index(key, i)
		if n := l[i].Name; n != "" && names[n] {
			at.Add("name", strconv.Quote(n)+" is the name of another limit too", "give each a name of its own")
		}
		names[l[i].Name] = true
		l[i].Check(at)
	}
}

// Shared reports whether a limit needs the [shared] table.
func (l List) Shared() bool {
	for i := range l {
		if l[i].Scope == scopeShared && l[i].Mode != conf.ModeOff {
			return true
		}
	}
	return false
}

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	selector.CheckKey(p, "key", c.Key)
	if len(c.Name) > longestName || strings.ContainsFunc(c.Name, notNaming) {
		p.Add("name", strconv.Quote(c.Name)+" is not a name", "write up to 64 visible ASCII characters, without \\ and quotes")
	}
	c.checkRate(p)
	p.OneOf("on_excess", c.OnExcess, "what to do with too many", onReject, onDelay)
	c.checkDelay(p)
	p.Between("ipv6_prefix", c.IPv6Prefix, 32, 128)
	p.Between("keys", c.Keys, 1, mostKeys)
	p.OneOf("scope", c.Scope, "a scope", scopeLocal, scopeShared)
	if c.Scope == scopeShared && c.OnExcess == onDelay {
		p.Add("on_excess", "nodes that share a limit have no order to wait in", `write on_excess = "reject" with scope = "shared"`)
	}
	if c.Scope == scopeShared && c.OwnLimits {
		p.Add("own_limits", "nodes that share a limit have one for all keys", `leave own_limits out with scope = "shared"`)
	}
}

func (c *Config) checkDelay(p *conf.Problems) {
	if d := c.MaxDelay; d.IsOff() || d.Value() < time.Millisecond || d.Value() > mostDelay {
		p.Add("max_delay", strconv.Quote(d.String())+" is out of range", `write a time from "1ms" to "1h"`)
	} else if c.OnExcess == onReject && d.Value() != Default().MaxDelay.Value() {
		p.Warn("max_delay", "no request waits, so that this does nothing", `write on_excess = "delay" as well, or leave it out`)
	}
	p.Between("max_waiting", c.MaxWaiting, 1, mostWaiting)
	if n := c.MaxWaiting; c.OnExcess == onReject && n > 0 && n <= mostWaiting && n != Default().MaxWaiting {
		p.Warn("max_waiting", "no request waits, so that this does nothing", `write on_excess = "delay" as well, or leave it out`)
	}
}

func notNaming(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }

func (c *Config) checkRate(p *conf.Problems) {
	if c.Rate.IsZero() {
		p.Add("rate", "there is no rate", `write a count and a unit, such as "100/s" or "6000/m"`)
		return
	}
	p.Between("burst", c.Burst, 0, mostBurst)
	if c.Burst < 0 || c.Burst > mostBurst {
		return
	}
	l := c.limit()
	if !l.Fits() {
		p.Add("burst", strconv.Itoa(c.Burst)+" take more than five years to come back", "write a smaller burst, or a larger rate")
	}
	p.Between("cost", c.Cost, 1, int(l.Burst))
}

// limit returns rate and burst.
func (c *Config) limit() gcra.Limit { return limitOf(c.Rate, int64(c.Burst)) }

// limitOf returns the limit of a rate and a burst; without a burst, one second's worth.
func limitOf(r conf.Rate, burst int64) gcra.Limit {
	if burst <= 0 {
		burst = max(1, int64(float64(r.Count())/r.Span().Seconds()))
	}
	return gcra.NewLimit(r.Count(), r.Span(), burst)
}
