package lb

import (
	"time"
)

// Gate is what decides whether an upstream takes one more use: the budget of retries and hedges, the
// breaker, and the queue of those that found every endpoint full. There is one per upstream name;
// the snapshots of the name share it and it survives reloads, each of which configures it anew.
//
// All methods are safe for concurrent use and none allocates.
type Gate struct {
	epoch time.Time
}

// gateSettings is what a snapshot wants of its gate.
type gateSettings struct {
	// budget is the share of the last 10 s' uses that may be retries and hedges.
	budget float64
	queue  QueueConfig
	// breaker is nil where none is configured.
	breaker *BreakerConfig
	// room reports whether any candidate of the view could take one more use.
	room func() bool
}

// newGate returns a gate without budget, queue and breaker. epoch is the registry's.
func newGate(epoch time.Time) *Gate { return &Gate{epoch: epoch} }

// configure lets the settings hold from now on. What was counted and who waits stays.
func (g *Gate) configure(s gateSettings) {}

// Begin counts one use for the budget: an exchange or a session, once, however many attempts it
// takes.
func (g *Gate) Begin() {}

// TakeRetry takes one retry from the budget; false says that it is spent.
func (g *Gate) TakeRetry() bool { return true }

// TakeHedge takes one hedge from the budget, of which hedges may have share of the uses; false says
// that either is spent.
func (g *Gate) TakeHedge(share float64) bool { return true }

// Quantile returns the latency to the first byte below which the share q of the successful uses of
// the last minute lies; 0 while there are too few to say.
func (g *Gate) Quantile(q float64) time.Duration { return 0 }

// Queued reports whether anybody waits, so that newcomers line up behind.
func (g *Gate) Queued() bool { return false }

// Enter lines w up; false says that there is no queue or that it is full. w must not be in a queue.
// Who enters again after a grant that led to no endpoint is first in the line.
func (g *Gate) Enter(w *Waiter) bool { return false }

// Leave takes w out, because it has waited long enough or its client has gone. It reports false if
// there was nothing to take out: the verdict was faster, and lies in Wake.
func (g *Gate) Leave(w *Waiter) bool { return false }

// Verdict is what became of a wait.
type Verdict uint8

const (
	// Waiting: nothing yet.
	Waiting Verdict = iota
	// Granted: an endpoint has room; pick again, whoever else waits. Somebody may be faster.
	Granted
	// Shed: the wait has become pointless, because others stand in line for too long already.
	Shed
)

// Waiter is one place in the queue. It lies in the exchange or session, which makes Wake once with
// room for one value; it may be used again after its verdict was received or Leave took it out.
type Waiter struct {
	// Wake receives one value per verdict. It needs a buffer of one.
	Wake chan struct{}

	verdict Verdict
}

// Verdict returns what the wait came to. It is valid once Wake has been received from.
func (w *Waiter) Verdict() Verdict { return w.verdict }

// admit is the breaker's word on one use. The ticket goes to done, or to forgo if no endpoint was
// found.
func (g *Gate) admit() (ticket uint32, ok bool) { return 0, true }

// forgo gives back a ticket that led to no use.
func (g *Gate) forgo(ticket uint32) {}

// done accounts for the end of a use, after its endpoint counts it no more; now is the time since
// the epoch. It wakes who waits.
func (g *Gate) done(e *Endpoint, ticket uint32, o Outcome, now time.Duration) {}

// wake lets those who wait look again: a view was rebuilt.
func (g *Gate) wake() {}
