package serve

import (
	"math/bits"
	"sync/atomic"

	"weir/http7/forward"
)

// Counters are what send has decided for one upstream; what its lb.Gate decides, that counts: the
// retries that the budget refuses, waits in line and their ends. They survive reloads: see [Shared.Counters].
// Its methods are safe for concurrent use; on a nil one they do nothing.
type Counters struct {
	retried [retryReasons]atomic.Uint64
	hedged  [hedgeEnds]atomic.Uint64
}

// retryReasons is how many bits RetryOn has.
const retryReasons = 6

// hedgeEnd is what became of a hedge.
type hedgeEnd uint8

const (
	hedgeWon     hedgeEnd = iota // its answer was kept
	hedgeLost                    // the first attempt's was, or it failed
	hedgeRefused                 // the budget did not allow it, or there was nobody to ask
	hedgeEnds
)

// Stats are Counters at one moment.
type Stats struct {
	// Retried is the number of retries by what they followed, in the words of retry.on.
	Retried map[string]uint64
	// Hedges that won, lost, and were refused by the budget or for want of another endpoint.
	HedgesWon, HedgesLost, HedgesRefused uint64
}

// Stats returns what has been counted so far.
func (n *Counters) Stats() Stats {
	s := Stats{
		Retried:   make(map[string]uint64, retryReasons),
		HedgesWon: n.hedged[hedgeWon].Load(), HedgesLost: n.hedged[hedgeLost].Load(), HedgesRefused: n.hedged[hedgeRefused].Load(),
	}
	for i, word := range [retryReasons]string{forward.OnConnect, forward.OnReset, forward.OnTimeout, forward.On502, forward.On503, forward.On504} {
		s.Retried[word] = n.retried[i].Load()
	}
	return s
}

// retry counts an attempt behind a failure of that sort; 0 is the first attempt.
func (n *Counters) retry(why RetryOn) {
	if n != nil && why != 0 {
		n.retried[bits.TrailingZeros8(uint8(why))].Add(1)
	}
}

func (n *Counters) hedge(e hedgeEnd) {
	if n != nil {
		n.hedged[e].Add(1)
	}
}

// Counters returns those of an upstream, by its name; the first call makes them.
func (s *Shared) Counters(upstream string) *Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.counters[upstream]
	if n == nil {
		n = new(Counters)
		s.counters[upstream] = n
	}
	return n
}
