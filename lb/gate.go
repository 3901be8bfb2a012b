package lb

import (
	"sync/atomic"
	"time"

	"weir/internal/limit"
)

// Gate is what decides whether an upstream takes one more use: the budget of retries and hedges, the
// breaker, and the queue of those that found every endpoint full. There is one per upstream name;
// the snapshots of the name share it and it survives reloads, each of which configures it anew.
//
// All methods are safe for concurrent use and none allocates, save that a [Waiter] without a channel
// is given one by its first Enter. Only the queue has a lock.
type Gate struct {
	epoch time.Time
	room  atomic.Pointer[func() bool]
	// patience is QueueConfig.Timeout in nanoseconds.
	patience atomic.Int64

	budget    limit.Budget
	breaker   limit.Breaker
	latencies limit.Latencies
	queue     limit.Queue

	retries, retriesRefused atomic.Uint64
	hedges, hedgesRefused   atomic.Uint64
	timedOut, gone          atomic.Uint64
}

// gateSettings is what a snapshot wants of its gate.
type gateSettings struct {
	// budget is the share of the last 10 s' uses that may be retries and hedges. 0 stands for
	// defaultBudget.
	budget float64
	// queue is, if it is all zero, DefaultQueue.
	queue QueueConfig
	// breaker is nil where none is configured.
	breaker *BreakerConfig
	// room reports whether any candidate of the view could take one more use.
	room func() bool
}

const (
	// defaultBudget is the retry budget of an upstream that says nothing of one.
	defaultBudget = 0.2
	// typicalQuantile is the first-byte latency that waits in the queue are measured by: what a use
	// takes that is not among the slowest tenth.
	typicalQuantile = 0.9
	// grantsPerEnd is how many may be let in for one use that ends. With one, an endpoint whose limit
	// rises would never be filled up.
	grantsPerEnd = 2
	// grantsPerView is how many are let in when a view with room is published; each use of theirs that
	// ends lets in more.
	grantsPerView = 64
)

// newGate returns a gate without budget, queue and breaker. epoch is the registry's, and turned is told
// of each new phase of the breaker.
func newGate(epoch time.Time, turned func()) *Gate {
	g := &Gate{epoch: epoch}
	g.breaker.OnTurn(turned)
	return g
}

func (g *Gate) now() time.Duration { return time.Since(g.epoch) }

// configure lets the settings hold from now on. What was counted and who waits stays.
func (g *Gate) configure(s gateSettings) {
	if s.budget <= 0 {
		s.budget = defaultBudget
	}
	if s.queue == (QueueConfig{}) {
		s.queue = DefaultQueue()
	}
	g.budget.SetShare(s.budget)
	g.patience.Store(int64(s.queue.Timeout.Value()))
	g.queue.Resize(s.queue.Size)
	g.breaker.Configure(s.breaker.limits(), g.now())
	g.room.Store(&s.room)
	g.wake()
}

func (c *BreakerConfig) limits() *limit.BreakerConfig {
	if c == nil {
		return nil
	}
	return &limit.BreakerConfig{FailureRate: c.FailureRate.Value(), MinUses: c.MinRequests, Open: c.Open.Value()}
}

// Begin counts one use for the budget: an exchange or a session, once, however many attempts it
// takes.
func (g *Gate) Begin() { g.budget.Use(g.now()) }

// TakeRetry takes one retry from the budget; false says that it is spent. Retries and hedges together
// may be the configured share of the uses of the last 10 s, 20 % by default, and 30 if that is more.
func (g *Gate) TakeRetry() bool {
	return counted(g.budget.TakeRetry(g.now()), &g.retries, &g.retriesRefused)
}

// TakeHedge takes one hedge from the budget, of which hedges may have share of the uses, or one in 10 s
// if that is more; false says that either is spent.
func (g *Gate) TakeHedge(share float64) bool {
	return counted(g.budget.TakeHedge(share, g.now()), &g.hedges, &g.hedgesRefused)
}

func counted(ok bool, yes, no *atomic.Uint64) bool {
	if ok {
		yes.Add(1)
	} else {
		no.Add(1)
	}
	return ok
}

// Quantile returns the latency to the first byte below which the share q of the successful uses of
// the last minute lies, give or take 3.2 %; 0 while there are too few to say: fewer than 50, or than 5
// above the quantile. An answer may be a quarter of a second old.
func (g *Gate) Quantile(q float64) time.Duration { return g.latencies.Quantile(q, g.now()) }

// BreakerLeft returns how long the breaker refuses every use from now on; 0 if it does not, though it
// may still refuse most of them while it tries.
func (g *Gate) BreakerLeft() time.Duration { return g.breaker.Left(g.now()) }

// admit is the breaker's word on one use. The ticket goes to done, or to forgo if no endpoint was
// found.
func (g *Gate) admit() (ticket uint32, ok bool) {
	if !g.breaker.On() {
		return 0, true
	}
	return g.breaker.Allow(g.now())
}

// forgo gives back a ticket that led to no use.
func (g *Gate) forgo(ticket uint32) {
	if ticket != 0 {
		g.breaker.Forgo(ticket, g.now())
	}
}

// done accounts for the end of a use, after its endpoint counts it no more; now is the time since
// the epoch. It wakes who waits.
func (g *Gate) done(e *Endpoint, ticket uint32, o Outcome, now time.Duration) {
	switch {
	case o.Result == OK:
		if o.FirstByte > 0 {
			g.latencies.Observe(o.FirstByte, now)
		}
		g.breaker.Succeeded(ticket, now)
	case o.Result.Failed():
		g.breaker.Failed(ticket, now)
	case o.Result == Outrun: // it would have taken so long at least; without it hedges would lower what they go by
		if o.FirstByte > 0 {
			g.latencies.Observe(o.FirstByte, now)
		}
		g.breaker.Forgo(ticket, now)
	default:
		g.breaker.Forgo(ticket, now)
	}
	if g.queue.Len() > 0 {
		g.fill(e, now)
	}
}

// fill lets in who fits into e.
func (g *Gate) fill(e *Endpoint, now time.Duration) {
	room := int64(grantsPerEnd)
	if most := e.limiter.limit(); most != 0 {
		room = min(room, most-e.inFlight.Load())
	}
	typical := g.latencies.Quantile(typicalQuantile, now)
	for ; room > 0 && g.queue.Grant(now, typical); room-- {
	}
}

// wake lets those who wait look again: a view was rebuilt.
func (g *Gate) wake() {
	if g.queue.Len() == 0 || !g.hasRoom() {
		return
	}
	now := g.now()
	typical := g.latencies.Quantile(typicalQuantile, now)
	for n := 0; n < grantsPerView && g.queue.Grant(now, typical); n++ {
	}
}

func (g *Gate) hasRoom() bool {
	room := g.room.Load()
	return room != nil && *room != nil && (*room)()
}
