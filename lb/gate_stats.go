package lb

import (
	"time"

	"weir/internal/limit"
)

// GateStats is what a [Gate] shows to metrics and the admin API. Numbers that are not said to be of
// the present count for as long as the upstream's name is in use.
type GateStats struct {
	// Retries and Hedges were taken from the budget, RetriesRefused and HedgesRefused were not.
	Retries, RetriesRefused, Hedges, HedgesRefused uint64
	// BudgetLeft is how many retries could be taken now.
	BudgetLeft int

	// Waiting is how many are in the queue now; Standing says that the line is served from its new
	// end and thinned by CoDel now.
	Waiting  int
	Standing bool
	// Queued have entered the queue. ShedFull were turned away at its door, ShedStanding were sent
	// away by CoDel, ShedTimeout have waited for as long as is allowed. Gone left before: their
	// client, or their time, was gone.
	Queued, ShedFull, ShedStanding, ShedTimeout, Gone uint64

	// Breaker is what the breaker does now: "off", "closed", "open" or "half_open", and BreakerSince
	// when that began; it is zero for "off". BreakerUses and BreakerFailures are what it has counted
	// in the last 10 s while closed. BreakerOpened and BreakerRefused count openings and refused uses.
	Breaker                      string
	BreakerSince                 time.Time
	BreakerUses, BreakerFailures uint64
	// BreakerOpenedUses and BreakerOpenedFailures are what it had counted when it last opened, and
	// BreakerLeft is [Gate.BreakerLeft].
	BreakerOpened, BreakerRefused            uint64
	BreakerOpenedUses, BreakerOpenedFailures uint64
	BreakerLeft                              time.Duration
	// BreakerOpen is how long it stays open at a time, as configured.
	BreakerOpen time.Duration
}

// breakerOff is the word for an upstream without a breaker.
const breakerOff = "off"

// BreakerStates returns the words that [GateStats].Breaker can be besides "off".
func BreakerStates() []string {
	return []string{limit.Closed.String(), limit.Open.String(), limit.HalfOpen.String()}
}

// Stats returns what the gate shows now. It is for a scrape, not for the path of a request.
func (g *Gate) Stats() GateStats {
	now := g.now()
	s := GateStats{
		Retries: g.retries.Load(), RetriesRefused: g.retriesRefused.Load(),
		Hedges: g.hedges.Load(), HedgesRefused: g.hedgesRefused.Load(),
		BudgetLeft:  g.budget.Left(now),
		ShedTimeout: g.timedOut.Load(), Gone: g.gone.Load(),
	}
	s.addQueue(g.queue.Stats())
	s.Breaker = breakerOff
	if g.breaker.On() {
		b := g.breaker.Stats(now)
		s.Breaker, s.BreakerSince = b.State.String(), g.epoch.Add(b.Since)
		s.BreakerUses, s.BreakerFailures = b.Uses, b.Failures
		s.BreakerOpen = b.Open
		s.BreakerOpened, s.BreakerRefused = b.Opened, b.Refused
		s.BreakerOpenedUses, s.BreakerOpenedFailures, s.BreakerLeft = b.OpenedUses, b.OpenedFailures, g.breaker.Left(now)
	}
	return s
}

func (s *GateStats) addQueue(q limit.QueueStats) {
	s.Waiting, s.Standing = q.Waiting, q.Standing
	s.Queued, s.ShedFull, s.ShedStanding = q.Entered, q.Full, q.Shed
}
