package serve

import (
	"time"

	"weir/http7"
	"weir/lb"
)

// action is what send does next. Each one but keep and fail leads to the event that is given with it.
type action uint8

const (
	pick     action = iota // lease an endpoint and make the attempt: evHead, evFault, evDue, evNone
	acquire                // repeat it on the leased endpoint with a fresh connection: as pick
	await                  // wait on: evHead, evFault, evDue, evBeside
	askRetry               // ask the budget: evYes, evNo
	askHedge               // likewise
	hedge                  // make another attempt beside: evOut, evNo
	part                   // let go of the one beside and wait on: as await
	adopt                  // let go of the attempt; the one beside takes its place: evHead, evFault
	wait                   // until sending.until: evWaited, evEnded
	queue                  // line up before the upstream: evGranted, evShed, evEnded
	keep                   // the attempt's answer is the exchange's
	fail                   // the exchange ends with sending.fault
)

// event is what the last action came to.
type event struct {
	kind eventKind
	// reason is why no endpoint could be leased, for evNone.
	reason lb.Reason
	// replayable says that all of the body that was read is still at hand; for evHead, evFault, evDue.
	replayable bool
	// status is the answer's, for evHead and evBeside.
	status int
	// fault says what went wrong; for evFault, evEnded, and evBeside if it has no answer.
	fault *http7.Fault
	// now is the time on the wheel's clock.
	now int64
	// dice is drawn evenly from 0 to 1; for evFault, and evHead with a 5xx.
	dice float64
	// later is the time before which the endpoint wants no other request, 0 if it did not say; for
	// evHead.
	later int64
}

type eventKind uint8

const (
	evStart   eventKind = iota
	evNone              // no endpoint could be leased
	evFault             // the attempt failed before an answer's head
	evHead              // the head of a final answer is there
	evDue               // the attempt has been out for so long that it may get company
	evOut               // there is one beside now
	evBeside            // the one beside has its head, or failed
	evYes               // the budget allows it
	evNo                // it does not, or there was nobody to hedge with
	evWaited            // the wait is over
	evGranted           // an endpoint has room
	evShed              // the queue did not take the exchange, or dropped it
	evEnded             // the client left, or its time was up, during a wait
)

// sending is the state of send: how often it has tried and may try again. Its step does no I/O.
type sending struct {
	retry      *Retry
	limit      int64 // when the exchange must be over; 0: never
	repeatable bool  // the method may be sent twice
	left       int   // attempts left besides those made, hedges included
	retries    int   // how often another attempt was decided on

	fresh  bool // the next connection must be a new one
	staled bool // this attempt has been repeated on a fresh connection
	afresh bool // all were tried: the next pick is among all again
	queued bool // the next pick has stood in line
	held   bool // the last attempt has an answer, to be kept if no other can be had
	beside bool // another attempt is out
	hedged bool // one has been

	why    RetryOn // the last failure, as retry.on calls it
	asking action  // what the budget is asked for
	until  int64   // when the wait is over
	later  int64   // before that no endpoint that was tried is asked again
	fault  *http7.Fault
}

func newSending(r *Retry, method []byte, limit int64) sending {
	return sending{retry: r, limit: limit, repeatable: r.repeatable(method), left: r.Attempts}
}

// step says what to do after ev.
func (s *sending) step(ev event) action {
	switch ev.kind {
	case evNone:
		return s.nobody(&ev)
	case evHead:
		return s.headed(&ev)
	case evFault:
		return s.failed(&ev)
	case evDue:
		return s.due(&ev)
	case evOut:
		s.beside, s.hedged = true, true
		s.left--
		return await
	case evBeside:
		return s.overtaken(&ev)
	case evYes:
		return s.allowed()
	case evNo:
		if s.asking == hedge {
			return await
		}
		return s.settle(nil)
	case evShed:
		return s.settle(http7.Overloaded)
	case evEnded:
		s.fault = ev.fault
		return fail
	case evGranted:
		s.queued = true
	}
	return s.goOn(ev.now) // evStart, evWaited, evGranted
}

// goOn takes an endpoint if there is any time left for it.
func (s *sending) goOn(now int64) action {
	if !s.intime(now) {
		return s.settle(http7.RouteTimeout)
	}
	return pick
}

// settle ends the exchange with what the last attempt came to; with f if there was none.
func (s *sending) settle(f *http7.Fault) action {
	if s.held {
		return keep
	}
	if s.fault == nil {
		s.fault = f
	}
	return fail
}

// headed decides on an answer. A 5xx does not win over an attempt that is still out.
func (s *sending) headed(ev *event) action {
	s.fault, s.held = nil, true
	switch {
	case ev.status < 500:
		return keep
	case s.beside:
		s.beside, s.held = false, false
		return adopt
	}
	s.later = max(s.later, ev.later)
	return s.again(onStatus(ev.status), ev)
}

// failed decides on an attempt without an answer. A stale connection is repeated once on a fresh
// one, outside the count of attempts; every other failure costs one.
func (s *sending) failed(ev *event) action {
	s.fault, s.held = ev.fault, false
	on := onFault(ev.fault)
	switch {
	case s.beside && ev.fault.Side == http7.Upstream && ev.fault != http7.RouteTimeout:
		s.beside = false
		return adopt
	case ev.fault.Kind == http7.Stale && !s.staled && (s.repeatable || ev.fault.Retry) && ev.replayable:
		s.staled, s.fresh = true, true
		return acquire
	}
	return s.again(on, ev)
}

// again asks for another attempt after a failure of that sort, if it may be retried and the wait
// before it ends in time. Where no connection could be made another endpoint is asked without a
// wait, and where nobody has been burdened without a budget.
func (s *sending) again(on RetryOn, ev *event) action {
	if on&s.retry.On == 0 || s.left == 0 || !ev.replayable {
		return s.settle(nil)
	}
	if !s.repeatable && (ev.fault == nil || !ev.fault.Retry) {
		return s.settle(nil)
	}
	s.until = ev.now + int64(ev.dice*float64(backoff(s.retry.Backoff, s.retries)))
	s.why, s.asking = on, pick
	at := ev.now
	if on != OnConnect && s.until > at {
		at, s.asking = s.until, wait
	}
	if !s.intime(at) {
		return s.settle(nil)
	}
	if unburdened(ev.fault) {
		return s.allowed()
	}
	return askRetry
}

// unburdened reports whether the attempt has cost its endpoint nothing, so that no budget need protect it: the
// connection was refused, or there is no way. What did not answer a connect may be overloaded.
func unburdened(f *http7.Fault) bool {
	return f == http7.ConnectRefused || f == http7.ConnectFailed || f == http7.NameUnresolved
}

// intime reports whether the exchange has time left at a moment.
func (s *sending) intime(at int64) bool { return s.limit == 0 || at < s.limit }

// maxDoublings bounds how often the backoff doubles.
const maxDoublings = 4

// backoff is the longest wait before retry number n.
func backoff(base time.Duration, n int) time.Duration { return base << min(n, maxDoublings) }

// allowed goes on with what the budget was asked for.
func (s *sending) allowed() action {
	if s.asking != hedge {
		s.left--
		s.retries++
		s.fresh, s.staled, s.afresh, s.queued = false, false, false, false
	}
	return s.asking
}

// maxLater bounds how long an endpoint may ask to be left alone: beyond it, its answer stands.
const maxLater = 3 * time.Second

// nobody decides what to do without an endpoint. An exchange that holds an answer does not stand in
// line for a better one.
func (s *sending) nobody(ev *event) action {
	switch ev.reason {
	case lb.AllTried:
		if !s.afresh {
			return s.fromTheStart(ev.now)
		}
	case lb.AllFull:
		if s.held || !s.intime(ev.now) {
			return s.settle(http7.Overloaded)
		}
		return queue
	case lb.BreakerOpen:
		return s.settle(http7.BreakerOpen)
	}
	return s.settle(http7.NoEndpoints)
}

// fromTheStart picks among those that were tried, once they take requests again.
func (s *sending) fromTheStart(now int64) action {
	s.afresh = true
	at := max(s.until, s.later)
	switch {
	case at <= now:
		return s.goOn(now)
	case s.later-now > int64(maxLater) || !s.intime(at):
		return s.settle(nil)
	}
	s.until = at
	return wait
}

// due decides whether a slow attempt gets company.
func (s *sending) due(ev *event) action {
	if s.hedged || s.left == 0 || !s.repeatable || !ev.replayable || !s.intime(ev.now) {
		return await
	}
	s.asking = hedge
	return askHedge
}

// overtaken decides on what the attempt beside came to while the other is still out.
func (s *sending) overtaken(ev *event) action {
	s.beside = false
	if ev.fault != nil || ev.status >= 500 {
		return part
	}
	s.fault, s.held = outrun, false
	return adopt
}

// outrun is what the slower of two attempts came to. It is no failure of its endpoint, which has taken so long at
// least.
var outrun = &http7.Fault{Side: http7.Client, Kind: http7.Left, Name: "outrun"}

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
