package forward

import (
	"time"

	"weir/internal/conf"
)

// Config says how one upstream's endpoints are talked to.
type Config struct {
	// Timeouts bound the steps of one attempt.
	Timeouts TimeoutsConfig `toml:"timeouts"`
	// Connections says how many are kept, and for how long.
	Connections ConnectionsConfig `toml:"connections"`
	// Retry says when a failed attempt is followed by another. A route may override any key.
	Retry RetryConfig `toml:"retry"`
	// Hedge says when an attempt that is slow gets company. Absent: never.
	Hedge *HedgeConfig `toml:"hedge"`
}

// TimeoutsConfig bounds the steps of one attempt. A route's timeout bounds them all together, waits
// included. What is left of it is told to the endpoint: in grpc-timeout for gRPC, never more than the
// client's own, and in X-Timeout-Ms, whole milliseconds, for others. A client's X-Timeout-Ms never
// passes.
type TimeoutsConfig struct {
	// Connect bounds making a connection, TLS included. Default: 1s.
	Connect conf.Duration `toml:"connect"`
	// Response bounds the time from the end of the request to the head of the answer; "off" waits
	// as long as the client does. Default: 30s.
	Response conf.Duration `toml:"response"`
	// BetweenReads bounds the silence inside an answer's body; "off" for streams that may pause.
	// Default: 60s.
	BetweenReads conf.Duration `toml:"between_reads"`
}

// ConnectionsConfig says how many connections are kept, and for how long.
type ConnectionsConfig struct {
	// Idle is how many unused connections are kept per endpoint; "off" keeps none. Default: 256.
	Idle conf.Limit `toml:"idle"`
	// KeepAlive is how long an unused connection is kept. Keep it below the endpoint's own idle
	// timeout, or requests meet connections that are just closing. Default: 55s.
	KeepAlive conf.Duration `toml:"keep_alive"`
	// MaxAge is the age at which a connection is no longer reused. Default: off.
	MaxAge conf.Duration `toml:"max_age"`
}

// Default returns the values of absent keys.
func Default() Config {
	return Config{
		Timeouts: TimeoutsConfig{
			Connect:      conf.Dur(time.Second),
			Response:     conf.Dur(30 * time.Second),
			BetweenReads: conf.Dur(60 * time.Second),
		},
		Connections: ConnectionsConfig{
			Idle:      conf.AtMost(256),
			KeepAlive: conf.Dur(55 * time.Second),
			MaxAge:    conf.OffDuration,
		},
		Retry: defaultRetry(),
	}
}

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	t := p.In("timeouts")
	if c.Timeouts.Connect.IsOff() {
		t.Add("connect", `"off" would wait for ever for an endpoint that is gone`, `write a time, such as "1s"`)
	}
	t.Positive("connect", c.Timeouts.Connect)
	t.Positive("response", c.Timeouts.Response)
	t.Positive("between_reads", c.Timeouts.BetweenReads)
	k := p.In("connections")
	k.Positive("keep_alive", c.Connections.KeepAlive)
	k.Positive("max_age", c.Connections.MaxAge)
	c.Retry.Check(p.In("retry"))
	if c.Hedge != nil {
		c.Hedge.Check(p.In("hedge"))
		if c.Retry.Attempts == 0 {
			p.In("hedge").AddKey("after", "no attempt may follow the first, and a hedge is one", "let retry.attempts be at least 1, or leave hedge out")
		}
	}
}
