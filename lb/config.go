package lb

import (
	"weir/internal/conf"
)

// The names of the balancers.
const (
	EWMA          = "ewma"
	LeastRequests = "least_requests"
	RoundRobin    = "round_robin"
	Random        = "random"
	Maglev        = "maglev"
	Ring          = "ring"
)

// Config says which endpoints an upstream has and how one of them is chosen.
type Config struct {
	// Endpoints are where the upstream is reached: "host:port", "unix:/path", or a table with
	// address, weight, zone and backup. A host name means all its addresses, looked up again as
	// its records expire. There is no default; an upstream needs either endpoints or discover.
	Endpoints []EndpointConfig `toml:"endpoints"`
	// Balance is how the endpoint for a use is chosen: "ewma" prefers endpoints that have
	// answered quickly and have little in flight, "least_requests" the one with the least in
	// flight, "round_robin" takes turns, "random" draws; "maglev" and "ring" place equal keys
	// (hash_on) on equal endpoints, and move few of them when endpoints come or go. All respect
	// weights. Default: "ewma".
	Balance string `toml:"balance"`
	// HashOn is what "maglev" and "ring" place by: one selector such as "client" or
	// "header:X-User", or a list of them that counts together. Required for these two; the
	// others make no use of it.
	HashOn conf.Selectors `toml:"hash_on"`
	// MaxInFlight is how many uses one endpoint serves at a time: a number, "adaptive" for a limit
	// found from the latency (Gradient2), or "off". An endpoint at its limit is passed over; when
	// all are, uses wait in the queue. Each Weir instance counts for itself. Default: "off".
	MaxInFlight MaxInFlight `toml:"max_in_flight"`
	// Queue is where uses wait while all endpoints are at max_in_flight. Absent: the defaults of
	// its keys; size = 0: uses are refused at once with 503.
	Queue *QueueConfig `toml:"queue"`
	// SlowStart is how long an endpoint that becomes ready takes to reach its full share, from a
	// tenth of it. Endpoints of an upstream that is new as a whole start at once; "maglev" and
	// "ring" know no slow start, because it would move keys. Default: "off".
	SlowStart conf.Duration `toml:"slow_start"`
	// Breaker cuts an upstream off while too much of it fails. Absent: never.
	Breaker *BreakerConfig `toml:"breaker"`

	// Discovered says that the membership comes from [Upstream.Update]: there may be no Endpoints.
	Discovered bool `toml:"-"`
	// Zone is where this node is; "": zones count for nothing.
	Zone string `toml:"-"`
	// Panic is the share of not ejected endpoints, among those that are neither down nor in
	// maintenance, below which ejection is ignored. 0: never.
	Panic conf.Share `toml:"-"`
	// Streak is after how many failures in a row [Registry.OnStreak] is told. 0: never.
	Streak int `toml:"-"`
	// RetryBudget is the part of the uses that may be retries and hedges.
	RetryBudget conf.Share `toml:"-"`
}

// EndpointConfig is one endpoint of an upstream. The text form "host:port" stands for
// { address = "host:port" }.
type EndpointConfig struct {
	// Address is "host:port", "[v6]:port" or "unix:/path". Required.
	Address conf.Address `toml:"address"`
	// Weight is the endpoint's share of the traffic relative to the others, from 1 to 1000.
	// Default: 1.
	Weight int `toml:"weight"`
	// Zone is where the endpoint is. Traffic stays in this node's zone, which the key zone at the
	// top of the configuration names, while at least 1/1.4 of its endpoints are fit; below, it
	// spills over to the other zones in proportion. "maglev" and "ring" place keys whatever the
	// zone. Default: none.
	Zone string `toml:"zone"`
	// Backup keeps the endpoint for when none of those without it is ready, and for retries that
	// have tried all of them. Overload does not spill over to it. Default: false.
	Backup bool `toml:"backup"`
}

// Default returns the values of absent keys.
func Default() Config {
	return Config{Balance: EWMA, SlowStart: conf.OffDuration}
}

// DefaultEndpoint returns the values of absent keys of one endpoint.
func DefaultEndpoint() EndpointConfig { return EndpointConfig{Weight: 1} }

// hashing reports whether the balancer places keys.
func (c *Config) hashing() bool { return c.Balance == Maglev || c.Balance == Ring }

// UnmarshalText reads the text form of an endpoint: its address alone.
func (e *EndpointConfig) UnmarshalText(b []byte) error {
	*e = DefaultEndpoint()
	return e.Address.UnmarshalText(b)
}

// Wants implements [conf.Value].
func (EndpointConfig) Wants() (noun, hint string) {
	return "an endpoint", `write "host:port", or { address = "host:port", weight = 2 }`
}
