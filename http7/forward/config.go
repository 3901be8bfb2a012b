package forward

import (
	"slices"
	"strconv"
	"strings"
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
}

// TimeoutsConfig bounds the steps of one attempt.
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

// The conditions of RetryConfig.On.
const (
	OnConnect = "connect"
	OnReset   = "reset"
	OnTimeout = "timeout"
	On502     = "502"
	On503     = "503"
	On504     = "504"
)

// RetryConfig says when a failed attempt is followed by another, on another endpoint if there is
// one.
type RetryConfig struct {
	// Attempts is how many may follow the first; 0 is none. Default: 2.
	Attempts int `toml:"attempts"`
	// On are the failures that are retried: "connect" (no connection could be made), "reset" (the
	// connection ended before the answer's head), "timeout" (no head in time), and the statuses
	// "502", "503" and "504". Default: "connect".
	On []string `toml:"on"`
	// Methods are those that may be repeated once a request has been sent; others are repeated only
	// when the connection could not be made. Hazard: a method that changes something twice.
	// Default: GET, HEAD, OPTIONS, PUT, DELETE.
	Methods []string `toml:"methods"`
	// Replay is how much of a request's body is kept to send it again; a longer body is not
	// retried. It costs up to this much memory per exchange with a body. Default: 64KiB.
	Replay conf.Size `toml:"replay"`
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
		Retry: RetryConfig{
			Attempts: 2,
			On:       []string{OnConnect},
			Methods:  []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"},
			Replay:   conf.Bytes(64 << 10),
		},
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
}

// maxReplay bounds what one exchange may hold in memory.
const maxReplay = 64 << 20

// Check notes what is wrong with r.
func (r *RetryConfig) Check(p *conf.Problems) {
	p.Between("attempts", r.Attempts, 0, 10)
	if r.Replay.Value() > maxReplay {
		p.Add("replay", strconv.Quote(r.Replay.String())+" would be held in memory for every exchange", `write at most "64MiB"`)
	}
	for i, on := range r.On {
		at := p.In("on", "["+strconv.Itoa(i)+"]")
		at.OneOf("", on, "a failure that can be retried", OnConnect, OnReset, OnTimeout, On502, On503, On504)
		if slices.Contains(r.On[:i], on) {
			at.Add("", strconv.Quote(on)+" is written twice", "leave one out")
		}
	}
	for i, m := range r.Methods {
		if m == "" || strings.ToUpper(m) != m || strings.ContainsAny(m, " \t,") {
			p.In("methods").Add("["+strconv.Itoa(i)+"]", strconv.Quote(m)+" is not a method", `methods are written in capitals, such as "GET"`)
		}
	}
}
