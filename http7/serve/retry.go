package serve

import (
	"time"

	"weir/http7/forward"
	"weir/lb"
)

// Retry is the compiled form of forward.RetryConfig.
type Retry struct {
	Attempts int
	On       RetryOn
	Methods  []string
	Replay   int64
	Backoff  time.Duration
}

// RetryOn is a set of failures.
type RetryOn uint8

// The failures that may be retried.
const (
	OnConnect RetryOn = 1 << iota
	OnReset
	OnTimeout
	On502
	On503
	On504
)

// NewRetry compiles c.
func NewRetry(c *forward.RetryConfig) Retry {
	r := Retry{Attempts: c.Attempts, Methods: c.Methods, Replay: c.Replay.Value(), Backoff: c.Backoff.Value()}
	for _, on := range c.On {
		r.On |= map[string]RetryOn{
			forward.OnConnect: OnConnect, forward.OnReset: OnReset, forward.OnTimeout: OnTimeout,
			forward.On502: On502, forward.On503: On503, forward.On504: On504,
		}[on]
	}
	return r
}

// repeatable reports whether a request with that method may be sent twice.
func (r *Retry) repeatable(method []byte) bool {
	for _, m := range r.Methods {
		if string(method) == m {
			return true
		}
	}
	return false
}

// Hedge is the compiled form of forward.HedgeConfig; the zero value makes no hedges.
type Hedge struct {
	// Quantile of the upstream's time to the first byte, or else Fixed, is when a hedge is made.
	Quantile float64
	Fixed    time.Duration
	// Budget is the share of requests that may be hedged.
	Budget float64
}

// NewHedge compiles c, which may be nil.
func NewHedge(c *forward.HedgeConfig) Hedge {
	if c == nil {
		return Hedge{}
	}
	return Hedge{Quantile: c.After.Quantile(), Fixed: c.After.Fixed(), Budget: c.Budget.Value()}
}

// after returns when an attempt gets company, since its start; 0 is never.
func (h *Hedge) after(g *lb.Gate) time.Duration {
	if h.Quantile == 0 {
		return h.Fixed
	}
	return g.Quantile(h.Quantile)
}
