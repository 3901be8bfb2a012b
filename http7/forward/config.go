package forward

import (
	"strconv"
	"strings"
	"time"

	"weir/internal/conf"
	"weir/internal/tlsto"
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
	// Protocol is what endpoints are spoken to in: "h1", "h2", "h2c" (HTTP/2 without TLS, which an
	// endpoint must know beforehand), or "auto": what the endpoint chooses by ALPN where there is tls,
	// else h1. Over h2 and h2c many requests share a connection. Default: "auto".
	Protocol string `toml:"protocol"`
	// TLS makes connections to endpoints speak TLS. Their certificates are verified. Default: absent,
	// plain text.
	TLS *tlsto.Config `toml:"tls"`
	// SendProxyProtocol tells endpoints who the client is by a PROXY protocol header of version "v1" or
	// "v2" before everything else on a connection. Such a connection serves one client's connection
	// alone, and no h2. Hazard: endpoints that don't expect it take it for a broken request.
	// Default: "", off.
	SendProxyProtocol string `toml:"send_proxy_protocol"`
}

// The values of Config.Protocol.
const (
	ProtocolAuto = "auto"
	ProtocolH1   = "h1"
	ProtocolH2   = "h2"
	ProtocolH2C  = "h2c"
)

// The values of Config.SendProxyProtocol, besides "".
const (
	ProxyV1 = "v1"
	ProxyV2 = "v2"
)

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
	// BetweenReads bounds the silence inside an answer's body; "off" for streams that may pause, such
	// as events and gRPC's. Default: 60s.
	BetweenReads conf.Duration `toml:"between_reads"`
	// TunnelIdle bounds how long no byte may pass either way in a tunnel, such as a WebSocket, once the
	// endpoint has agreed to it; both sides are reset then. "off" keeps tunnels whose ends have gone
	// without a word for as long as the operating system does. Default: 1h.
	TunnelIdle conf.Duration `toml:"tunnel_idle"`
}

// ConnectionsConfig says how many connections are kept, and for how long.
type ConnectionsConfig struct {
	// Idle is how many unused connections are kept per endpoint; "off" keeps none. Those of HTTP/2 are
	// not counted: each carries up to 256 requests at once, and there are 128 per endpoint at most.
	// Default: 256.
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
			TunnelIdle:   conf.Dur(time.Hour),
		},
		Connections: ConnectionsConfig{
			Idle:      conf.AtMost(256),
			KeepAlive: conf.Dur(55 * time.Second),
			MaxAge:    conf.OffDuration,
		},
		Retry:    defaultRetry(),
		Protocol: ProtocolAuto,
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
	t.Positive("tunnel_idle", c.Timeouts.TunnelIdle)
	k := p.In("connections")
	k.Positive("keep_alive", c.Connections.KeepAlive)
	k.Positive("max_age", c.Connections.MaxAge)
	c.checkProtocol(p)
	c.Retry.Check(p.In("retry"))
	if c.Hedge != nil {
		c.Hedge.Check(p.In("hedge"))
		if c.Retry.Attempts == 0 {
			p.In("hedge").AddKey("after", "no attempt may follow the first, and a hedge is one", "let retry.attempts be at least 1, or leave hedge out")
		}
	}
}

// checkProtocol refuses combinations that no endpoint can speak.
func (c *Config) checkProtocol(p *conf.Problems) {
	switch strings.ToLower(c.Protocol) {
	case "grpc":
		p.Add("protocol", strconv.Quote(c.Protocol)+" is not a protocol for endpoints", `gRPC is HTTP/2: write "h2" beside tls, "h2c" without`)
	case "h3", "http3", "http/3", "quic":
		p.Add("protocol", strconv.Quote(c.Protocol)+" is not a protocol for endpoints", `HTTP/3 is spoken to clients alone: write "auto", or leave it out`)
	default:
		p.OneOf("protocol", c.Protocol, "a protocol for endpoints", ProtocolAuto, ProtocolH1, ProtocolH2, ProtocolH2C)
	}
	if c.SendProxyProtocol != "" {
		p.OneOf("send_proxy_protocol", c.SendProxyProtocol, "a version of the PROXY protocol", ProxyV1, ProxyV2)
	}
	switch {
	case c.Protocol == ProtocolH2 && c.TLS == nil:
		p.Add("protocol", `"h2" is HTTP/2 over TLS, and the upstream has no tls`, `write "h2c" for HTTP/2 without TLS, or tls = {}`)
	case c.Protocol == ProtocolH2C && c.TLS != nil:
		p.Add("protocol", `"h2c" is HTTP/2 without TLS, and the upstream has tls`, `write "h2", or leave tls out`)
	}
	if c.SendProxyProtocol != "" && (c.Protocol == ProtocolH2 || c.Protocol == ProtocolH2C) {
		p.Add("send_proxy_protocol", "a connection of "+c.Protocol+" serves many clients, and its header could name one", `write protocol = "h1", or leave send_proxy_protocol out`)
	}
	if c.TLS != nil {
		c.TLS.Check(p.In("tls"))
	}
}
