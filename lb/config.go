package lb

import (
	"strconv"

	"weir/internal/conf"
)

// The names of the balancers.
const (
	EWMA          = "ewma"
	LeastRequests = "least_requests"
	RoundRobin    = "round_robin"
)

// Config says which endpoints an upstream has and how one of them is chosen.
type Config struct {
	// Endpoints are where the upstream is reached: "host:port", "unix:/path", or a table with
	// address and weight. A host name is one endpoint; it is looked up at each new connection.
	// There is no default; an upstream without endpoints is refused.
	Endpoints []EndpointConfig `toml:"endpoints"`
	// Balance is how the endpoint for a use is chosen: "ewma" prefers endpoints that have
	// answered quickly and have little in flight, "least_requests" the one with the least in
	// flight, "round_robin" takes turns. All respect weights. Default: "ewma".
	Balance string `toml:"balance"`
}

// EndpointConfig is one endpoint of an upstream. The text form "host:port" stands for
// { address = "host:port" }.
type EndpointConfig struct {
	// Address is "host:port", "[v6]:port" or "unix:/path". Required.
	Address conf.Address `toml:"address"`
	// Weight is the endpoint's share of the traffic relative to the others, from 1 to 1000.
	// Default: 1.
	Weight int `toml:"weight"`
}

// Default returns the values of absent keys.
func Default() Config { return Config{Balance: EWMA} }

// DefaultEndpoint returns the values of absent keys of one endpoint.
func DefaultEndpoint() EndpointConfig { return EndpointConfig{Weight: 1} }

// UnmarshalText reads the text form of an endpoint: its address alone.
func (e *EndpointConfig) UnmarshalText(b []byte) error {
	*e = DefaultEndpoint()
	return e.Address.UnmarshalText(b)
}

// Wants implements [conf.Value].
func (EndpointConfig) Wants() (noun, hint string) {
	return "an endpoint", `write "host:port", or { address = "host:port", weight = 2 }`
}

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	p.OneOf("balance", c.Balance, "a balancer", EWMA, LeastRequests, RoundRobin)
	if len(c.Endpoints) == 0 {
		p.Add("endpoints", "the upstream has no endpoint", `write endpoints = ["host:port"]`)
	}
	seen := make(map[conf.Address]int, len(c.Endpoints))
	for i := range c.Endpoints {
		e := &c.Endpoints[i]
		at := p.Index("endpoints", i)
		e.check(at)
		if first, twice := seen[e.Address]; twice && !e.Address.IsZero() {
			at.Add("", "endpoint "+strconv.Quote(e.Address.String())+" is written twice",
				"it is also endpoint "+strconv.Itoa(first+1)+" of this upstream; give it a weight instead")
			continue
		}
		seen[e.Address] = i
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
