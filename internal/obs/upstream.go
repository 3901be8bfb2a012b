package obs

import (
	"sync/atomic"
	"time"
)

// UpstreamSeries counts the attempts on one upstream. Its series appear in the export with the
// first attempt and go with [UpstreamSeries.Retire].
type UpstreamSeries struct {
	tenure
	name     string
	outcomes fan
	duration atomic.Pointer[Histogram]
}

// Upstream returns the series of an upstream. Each call must be paired with one Retire.
func (c *Catalogue) Upstream(name string) *UpstreamSeries {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.upstreams[name]
	if u == nil {
		u = &UpstreamSeries{name: name}
		u.tenure = tenure{cat: c, drop: func() { delete(c.upstreams, name) }}
		u.outcomes = fan{family: attemptsTotal, labels: []string{"upstream", name}, label: "outcome"}
		c.upstreams[name] = u
	}
	u.holders++
	return u
}

// Attempt counts one attempt that has ended. outcome is a word of a small fixed set ("ok",
// "timeout", "outrun" …, see lb.Result); firstByte is the time from the attempt's begin to the first byte of
// the answer, 0 or less if none came: then only the outcome counts.
// It allocates only when an outcome comes for the first time and is safe for concurrent use.
func (u *UpstreamSeries) Attempt(outcome string, firstByte time.Duration) {
	u.outcomes.get(&u.tenure, outcome).Inc()
	if firstByte <= 0 {
		return
	}
	h := u.duration.Load()
	if h == nil {
		h = u.begin()
	}
	h.Observe(firstByte)
}

func (u *UpstreamSeries) begin() *Histogram {
	u.cat.mu.Lock()
	defer u.cat.mu.Unlock()
	if h := u.duration.Load(); h != nil {
		return h
	}
	h := u.histogram(series(upstreamDuration, "upstream", u.name))
	u.duration.Store(h)
	return h
}

// Retire gives the series back. With the last holder they leave the export.
func (u *UpstreamSeries) Retire() { u.retire() }
