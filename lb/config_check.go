package lb

import (
	"slices"
	"strconv"
	"time"

	"weir/internal/conf"
)

// longestSlowStart bounds slow_start: who warms up for longer is not new any more.
const longestSlowStart = time.Hour

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	p.OneOf("balance", c.Balance, "a balancer", EWMA, LeastRequests, RoundRobin, Random, Maglev, Ring)
	c.checkEndpoints(p)
	c.checkHash(p)
	if c.SlowStart.Value() > longestSlowStart {
		p.Add("slow_start", strconv.Quote(c.SlowStart.String())+" is too long", `write at most "1h"`)
	}
	if c.Queue != nil {
		c.Queue.Check(p.In("queue"))
		if c.MaxInFlight.IsOff() {
			p.Warn("queue", "nobody ever waits here, because max_in_flight is off", `write max_in_flight = 200, or "adaptive"`)
		}
	}
	if c.Breaker != nil {
		c.Breaker.Check(p.In("breaker"))
	}
}

// checkHash sees to it that a key is named where keys are placed. Elsewhere it waits for a balancer that has a use for it.
func (c *Config) checkHash(p *conf.Problems) {
	c.HashOn.Check(p, "hash_on")
	switch {
	case c.hashing() && len(c.HashOn) == 0:
		p.AddNeeds("balance", strconv.Quote(c.Balance)+" places by a key, and hash_on names none",
			`write hash_on = "client", or a header or cookie such as "header:X-User"`, append(p.Path(), "hash_on")...)
	case len(c.HashOn) > 0 && slices.Contains([]string{EWMA, LeastRequests, RoundRobin, Random}, c.Balance):
		p.Warn("hash_on", "balance = "+strconv.Quote(c.Balance)+" places by no key",
			`write balance = "maglev" or "ring", or leave hash_on out`)
	}
}

func (c *Config) checkEndpoints(p *conf.Problems) {
	if len(c.Endpoints) == 0 {
		if !c.Discovered {
			p.Add("endpoints", "the upstream has no endpoint", `write endpoints = ["host:port"]`)
		}
		return
	}
	seen := make(map[conf.Address]int, len(c.Endpoints))
	first := false // there is one of the first choice
	for i := range c.Endpoints {
		e := &c.Endpoints[i]
		at := p.Index("endpoints", i)
		e.check(at)
		first = first || !e.Backup
		if before, twice := seen[e.Address]; twice && !e.Address.IsZero() {
			at.Add("", "endpoint "+strconv.Quote(e.Address.String())+" is written twice",
				"it is also endpoint "+strconv.Itoa(before+1)+" of this upstream; give it a weight instead")
			continue
		}
		seen[e.Address] = i
	}
	if !first {
		p.Add("endpoints", "every endpoint is a backup, so there is nothing to back up", "leave backup = true out of those that serve normally")
	}
}

func (e *EndpointConfig) check(p *conf.Problems) {
	a := e.Address
	switch {
	case a.IsZero():
		p.Add("", "the endpoint has no address", `write address = "host:port"`)
	case a.IsOff():
		p.Add("address", `"off" is not an endpoint`, "leave the endpoint out")
	case a.IsUnix():
	case a.Host() == "":
		p.Add("address", strconv.Quote(a.String())+" does not say which host", `write "host:port", such as "127.0.0.1`+a.String()+`"`)
	case a.IP().IsUnspecified():
		p.Add("address", strconv.Quote(a.String())+" can be listened on, not connected to", "write the address of one host, such as 127.0.0.1")
	case a.Port() == 0:
		p.Add("address", strconv.Quote(a.String())+" has port 0, which can't be connected to", "write the port that the endpoint listens on")
	}
	p.Between("weight", e.Weight, 1, 1000)
}
