package http7

import (
	"strconv"
	"time"

	"weir/internal/conf"
)

// LimitsConfig bounds what one client may ask of a listener.
type LimitsConfig struct {
	// HeaderBytes bounds a request's line and fields together; a longer one is answered 431, a
	// longer line 414. Default: 16KiB.
	HeaderBytes conf.Size `toml:"header_bytes"`
	// HeaderCount bounds the number of fields; more are answered 431. Default: 100.
	HeaderCount conf.Limit `toml:"header_count"`
	// BodyBytes bounds a request's body; a longer one is answered 413. A route may set its own.
	// Default: off.
	BodyBytes conf.Size `toml:"body_bytes"`
	// HeaderTimeout bounds the time from a request's first byte, or a connection's start, to the
	// end of its head; then 408. "off" lets idle clients hold connections. Default: 10s.
	HeaderTimeout conf.Duration `toml:"header_timeout"`
	// IdleTimeout is how long a connection may wait for its next request; on a tcp listener, how
	// long a session may be silent both ways. Default: 75s, and 1h on tcp listeners.
	IdleTimeout conf.Duration `toml:"idle_timeout"`
	// MinBodyRate is how slowly a client may send a body, on average, after the first 5 s; then
	// 408. Default: 240B/s.
	MinBodyRate conf.ByteRate `toml:"min_body_rate"`
	// WriteStall is how long a client may take no byte of an answer before it is cut. Default: 60s.
	WriteStall conf.Duration `toml:"write_stall"`
	// H2Streams is how many requests one client may have under way on one connection of h2 or h3;
	// further ones are refused and may be sent again. Default: 250.
	H2Streams conf.Limit `toml:"h2_streams"`
}

// DefaultLimits returns the values of absent keys of an http listener.
func DefaultLimits() LimitsConfig {
	return LimitsConfig{
		HeaderBytes:   conf.Bytes(16 << 10),
		HeaderCount:   conf.AtMost(100),
		BodyBytes:     conf.OffSize,
		HeaderTimeout: conf.Dur(10 * time.Second),
		IdleTimeout:   conf.Dur(75 * time.Second),
		MinBodyRate:   conf.BytesPerSecond(240),
		WriteStall:    conf.Dur(60 * time.Second),
		H2Streams:     conf.AtMost(250),
	}
}

const (
	minHeaderBytes = 1 << 10
	maxHeaderBytes = 1 << 20
	maxHeaderCount = 10_000
	maxH2Streams   = 100_000
)

// Check notes what is wrong with c, the limits of an http listener.
func (c *LimitsConfig) Check(p *conf.Problems) {
	n := c.HeaderBytes
	if n.IsOff() || n.Value() < minHeaderBytes || n.Value() > maxHeaderBytes {
		p.Add("header_bytes", strconv.Quote(n.String())+" is out of range", `a head is held in memory: write a size from "1KiB" to "1MiB"`)
	}
	if c.HeaderCount.IsOff() || c.HeaderCount.Value() < 1 || c.HeaderCount.Value() > maxHeaderCount {
		p.Add("header_count", c.HeaderCount.String()+" is out of range", "write a number from 1 to "+strconv.Itoa(maxHeaderCount))
	}
	if c.H2Streams.IsOff() || c.H2Streams.Value() < 1 || c.H2Streams.Value() > maxH2Streams {
		p.Add("h2_streams", c.H2Streams.String()+" is out of range", "each has memory of its own: write a number from 1 to "+strconv.Itoa(maxH2Streams))
	}
	p.Positive("header_timeout", c.HeaderTimeout)
	p.Positive("idle_timeout", c.IdleTimeout)
	p.Positive("write_stall", c.WriteStall)
}
