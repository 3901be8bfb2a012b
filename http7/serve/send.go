package serve

import (
	"weir/http7"
)

// action is what send does next.
type action uint8

const (
	pick    action = iota // take a lease on another endpoint, then acquire
	acquire               // get a connection to the leased endpoint
	keep                  // the attempt's answer is the exchange's
	fail                  // the exchange ends with the step's fault
)

// event is what the last action came to.
type event struct {
	kind eventKind
	// fault says what went wrong; for evNone, and for evFault.
	fault *http7.Fault
	// status is the answer's, for evHead.
	status int
	// replayable says that all of the body that was read is still at hand.
	replayable bool
}

type eventKind uint8

const (
	evStart eventKind = iota
	evNone            // no endpoint could be leased
	evFault           // the attempt failed before an answer's head
	evHead            // the head of a final answer is there
)

// sending is the state of send: how often it has tried and may try again. Its step does no I/O.
type sending struct {
	retry      *Retry
	repeatable bool // the method may be sent twice
	left       int  // attempts left besides those made
	fresh      bool // the next connection must be a new one
	staled     bool // this attempt has been repeated on a fresh connection
	held       bool // the last attempt has an answer, to be kept if no other can be had
	fault      *http7.Fault
}

func newSending(r *Retry, method []byte) sending {
	return sending{retry: r, repeatable: r.repeatable(method), left: r.Attempts}
}

// step says what to do after ev. A stale connection is repeated once on a fresh one, outside the
// count of attempts; every other failure costs one.
func (s *sending) step(ev event) action {
	switch ev.kind {
	case evStart:
		return pick
	case evNone:
		if s.held {
			return keep
		}
		if s.fault == nil {
			s.fault = ev.fault
		}
		return fail
	case evHead:
		s.fault, s.held = nil, true
		if s.again(onStatus(ev.status), ev) {
			return pick
		}
		return keep
	}
	s.fault, s.held = ev.fault, false
	if ev.fault.Kind == http7.Stale && !s.staled && s.repeatable && ev.replayable {
		s.staled, s.fresh = true, true
		return acquire
	}
	if s.again(onFault(ev.fault), ev) {
		return pick
	}
	return fail
}

// again reports whether a failure of that sort leads to another attempt, and counts it.
func (s *sending) again(on RetryOn, ev event) bool {
	if on&s.retry.On == 0 || s.left == 0 || !ev.replayable {
		return false
	}
	if !s.repeatable && (ev.fault == nil || !ev.fault.Retry) {
		return false
	}
	s.left--
	s.fresh, s.staled = false, false
	return true
}

func onFault(f *http7.Fault) RetryOn {
	if f.Side != http7.Upstream || f == http7.RouteTimeout { // no time is left for another
		return 0
	}
	switch f.Kind {
	case http7.Connect:
		return OnConnect
	case http7.Stale, http7.Reset:
		return OnReset
	case http7.Timeout:
		return OnTimeout
	}
	return 0
}

func onStatus(status int) RetryOn {
	switch status {
	case 502:
		return On502
	case 503:
		return On503
	case 504:
		return On504
	}
	return 0
}
