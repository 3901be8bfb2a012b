package forward

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/conf"
)

// The conditions of RetryConfig.On.
const (
	OnConnect = "connect"
	OnReset   = "reset"
	OnTimeout = "timeout"
	On502     = "502"
	On503     = "503"
	On504     = "504"
)

// RetryConfig says when a failed attempt is followed by another: on an endpoint that has not been
// tried, or, once all have been, on any. Nothing is retried once a byte of the answer has left for
// the client, or more of the request's body than fits Replay for the endpoint.
type RetryConfig struct {
	// Attempts is how many may follow the first, a hedge included; 0 is none. Default: 2.
	Attempts int `toml:"attempts"`
	// On are the failures that are retried: "connect" (no connection could be made), "reset" (the
	// connection ended before the answer's head), "timeout" (no head in time), and the statuses
	// "502", "503" and "504". Default: all six.
	On []string `toml:"on"`
	// Methods are those that may be repeated once a request has been sent; others are repeated only
	// when the connection could not be made. Hazard: a method that changes something twice.
	// Default: GET, HEAD, OPTIONS, PUT, DELETE.
	Methods []string `toml:"methods"`
	// Replay is how much of a request's body is kept to send it again; a longer body is not
	// retried. It costs up to this much memory per exchange with a body. Default: 64KiB.
	Replay conf.Size `toml:"replay"`
	// Budget is how many retries and hedges there may be, as a share of the requests of the last
	// 10 s, and always 3 a second. It is one for all routes to the upstream: set it there. Beyond
	// it the last answer or failure stands, so that retries can't multiply the load on endpoints
	// that fail under it. A retry
	// after a connection that was refused takes nothing from it, since nobody was burdened. Default: 20%.
	Budget conf.Share `toml:"budget"`
	// Backoff is the longest wait before the first retry, which doubles with each further one, to
	// sixteen times at most; the wait is drawn evenly from 0 to that (full jitter). Another endpoint
	// is asked at once when the connection could not be made. Retry-After of a 502, 503 or 504
	// stands in place of a shorter wait before an endpoint that was tried; if it asks for more than
	// 3 s, or than the exchange has left, the answer stands. "off" waits for nothing but that.
	// Default: 25ms.
	Backoff conf.Duration `toml:"backoff"`
}

func defaultRetry() RetryConfig {
	return RetryConfig{
		Attempts: 2,
		On:       []string{OnConnect, OnReset, OnTimeout, On502, On503, On504},
		Methods:  []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"},
		Replay:   conf.Bytes(64 << 10),
		Budget:   conf.Percent(20),
		Backoff:  conf.Dur(25 * time.Millisecond),
	}
}

const (
	// maxReplay bounds what one exchange may hold in memory.
	maxReplay = 64 << 20
	// maxBackoff bounds the first wait.
	maxBackoff = 10 * time.Second
)

// Check notes what is wrong with r.
func (r *RetryConfig) Check(p *conf.Problems) {
	p.Between("attempts", r.Attempts, 0, 10)
	if r.Replay.Value() > maxReplay {
		p.Add("replay", strconv.Quote(r.Replay.String())+" would be held in memory for every exchange", `write at most "64MiB"`)
	}
	if r.Backoff.Value() > maxBackoff {
		p.Add("backoff", strconv.Quote(r.Backoff.String())+" is longer than any client waits", `write at most "10s"`)
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
