package serve

import (
	"math/bits"
	"sync/atomic"

	"weir/http7/forward"
)

// Counters are what send has decided for one upstream. They survive reloads: see [Shared.Counters].
// Its methods are safe for concurrent use; on a nil one they do nothing.
type Counters struct {
	retried      [retryReasons]atomic.Uint64
	retryRefused atomic.Uint64
	hedged       [hedgeEnds]atomic.Uint64
	queued       atomic.Uint64
	shed         [shedReasons]atomic.Uint64
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

// shedReason is why an exchange was not served by a full upstream.
type shedReason uint8

const (
	shedAtOnce  shedReason = iota // there is no queue, or it is full
	shedQueue                     // the queue dropped it: others had stood in line for too long
	shedTimeout                   // it stood in line for as long as it may
	shedReasons
)

// Stats are Counters at one moment.
type Stats struct {
	// Retried is the number of retries by what they followed, in the words of retry.on.
	Retried map[string]uint64
	// RetryRefused is how many more there would have been within the budget.
	RetryRefused uint64
	// Hedges that won, lost, and were refused by the budget or for want of another endpoint.
	HedgesWon, HedgesLost, HedgesRefused uint64
	// Queued is how often a request has stood in line.
	Queued uint64
	// Shed is the number of requests refused by a full upstream: "full" at once, "queue" by CoDel,
	// "timeout" after queue.timeout.
	Shed map[string]uint64
}

// Stats returns what has been counted so far.
func (n *Counters) Stats() Stats {
	s := Stats{
		Retried: make(map[string]uint64, retryReasons), RetryRefused: n.retryRefused.Load(),
		HedgesWon: n.hedged[hedgeWon].Load(), HedgesLost: n.hedged[hedgeLost].Load(), HedgesRefused: n.hedged[hedgeRefused].Load(),
		Queued: n.queued.Load(), Shed: make(map[string]uint64, shedReasons),
	}
	for i, word := range [retryReasons]string{forward.OnConnect, forward.OnReset, forward.OnTimeout, forward.On502, forward.On503, forward.On504} {
		s.Retried[word] = n.retried[i].Load()
	}
	for i, word := range [shedReasons]string{"full", "queue", "timeout"} {
		s.Shed[word] = n.shed[i].Load()
	}
	return s
}

// retry counts an attempt behind a failure of that sort; 0 is the first attempt.
func (n *Counters) retry(why RetryOn) {
	if n != nil && why != 0 {
		n.retried[bits.TrailingZeros8(uint8(why))].Add(1)
	}
}

func (n *Counters) refuseRetry() {
	if n != nil {
		n.retryRefused.Add(1)
	}
}

func (n *Counters) hedge(e hedgeEnd) {
	if n != nil {
		n.hedged[e].Add(1)
	}
}

func (n *Counters) queue() {
	if n != nil {
		n.queued.Add(1)
	}
}

func (n *Counters) shedFor(r shedReason) {
	if n != nil {
		n.shed[r].Add(1)
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
