package serve

import (
	"time"

	"weir/http7"
	"weir/http7/forward"
	"weir/http7/wire"
	"weir/internal/deadline"
	"weir/lb"
)

// Sender sends requests that have no client: mirrors, revalidations, fills. It implements
// http7.Sender with the same step, budget, queue, pools and balancing as the engines; it makes no
// hedges.
// It is safe for concurrent use; whoever calls it bounds how often.
type Sender struct {
	shared *Shared
	plan   func(upstream string) *Plan
}

// NewSender returns a sender. plan finds an upstream of the present snapshot, nil if there is none
// of that name.
func NewSender(s *Shared, plan func(upstream string) *Plan) *Sender {
	return &Sender{shared: s, plan: plan}
}

var _ http7.Sender = (*Sender)(nil)

// errand is one detached request under way.
type errand struct {
	shared *Shared
	plan   *Plan
	d      *http7.Detached
	limit  int64
	st     sending
	tried  lb.Tried
	line   line
	a      detachedAnswer
}

// Send sends d and blocks until the answer's head is there. The caller must close the answer's
// Source, which also ends the lease; the answer is valid until then.
func (s *Sender) Send(d *http7.Detached) (*http7.Answer, *http7.Fault) {
	p := s.plan(d.Upstream)
	if p == nil {
		return nil, http7.NoEndpoints
	}
	e := errand{shared: s.shared, plan: p, d: d}
	if !d.Deadline.IsZero() {
		e.limit = deadline.At(d.Deadline)
	}
	e.st = newSending(&p.Retry, d.Method, e.limit)
	e.a.plan = p
	p.Upstream.Gate().Begin()
	return e.send()
}

func (e *errand) send() (*http7.Answer, *http7.Fault) {
	ev := event{kind: evStart, now: deadline.Now()}
	for {
		switch e.st.step(ev) {
		case pick:
			ev = e.pick()
		case acquire:
			e.a.up.Cut()
			ev = e.attempt()
		case askRetry:
			ev = e.plan.askRetry()
		case wait:
			e.shelve()
			doze(e.st.until, nil)
			ev = event{kind: evWaited, now: deadline.Now()}
		case queue:
			ev = e.queue()
		case keep:
			kept := e.a
			kept.up.Answer.Source = &kept
			return &kept.up.Answer, nil
		case fail:
			e.line.decline(e.plan, &e.st, e.a.lease)
			e.a.drop(e.st.fault)
			return nil, e.st.fault
		}
	}
}

// pick leases an endpoint and makes the attempt. Without one, what the last attempt came to stands.
func (e *errand) pick() event {
	if e.st.afresh {
		e.tried = lb.Tried{}
	}
	lease, reason := e.plan.pick(lb.Key{}, e.tried, e.st.queued)
	if !lease.Ok() {
		return event{kind: evNone, reason: reason, now: deadline.Now()}
	}
	e.a.drop(e.st.fault)
	e.a.lease = lease
	e.tried.Add(lease.Endpoint())
	e.plan.Counters.retry(e.st.why)
	return e.attempt()
}

// attempt makes one attempt on the leased endpoint.
func (e *errand) attempt() event {
	a := &e.a
	for {
		a.up = nil
		if f, _ := a.connect(e.shared, e.st.fresh, e.limit); f != nil {
			return faultEvent(f, true)
		}
		fine, f, _ := a.exchangeHeads(e.appendRequest(nil), e.d.Method)
		switch {
		case !fine:
			a.up.Cut()
		case f != nil && f.Kind == http7.Timeout && e.limit != 0 && deadline.Now() >= e.limit:
			return faultEvent(http7.RouteTimeout, true)
		case f != nil:
			return faultEvent(f, true)
		default:
			return headEvent(&a.up.Answer, true)
		}
	}
}

// queue stands in line until an endpoint has room.
func (e *errand) queue() event {
	e.shelve()
	if !e.line.enter(e.plan, e.limit, e.st.queued) {
		return event{kind: evShed}
	}
	return e.line.leave(e.plan, doze(e.line.until, e.line.waiter.Wake), e.limit)
}

// shelve prepares for a wait: an attempt that failed is over, an answer that is held may wait.
func (e *errand) shelve() {
	if e.st.held {
		e.a.up.Pause()
		return
	}
	e.a.drop(e.st.fault)
}

// doze blocks until a time on the wheel's clock, or until wake, which may be nil.
func doze(until int64, wake <-chan struct{}) waitEnd {
	t := time.NewTimer(time.Duration(until - deadline.Now()))
	defer t.Stop()
	select {
	case <-wake:
		return waitWoken
	case <-t.C:
		return waitOver
	}
}

func (e *errand) appendRequest(dst []byte) []byte {
	d, host := e.d, &e.plan.Host
	dst = wire.AppendRequestLine(dst, d.Method, d.Target)
	skip := http7.HopByHop | http7.Names(http7.Expect, http7.ContentLength, http7.XTimeoutMs)
	name := host.Name
	if host.Endpoint || name == "" && !d.Header.Has(http7.Host) {
		name = hostOf(e.a.lease.Endpoint())
	}
	if name != "" {
		dst = append(append(append(dst, "Host: "...), name...), "\r\n"...)
		skip |= http7.Names(http7.Host)
	}
	if e.limit != 0 {
		dst = appendTimeoutMs(dst, time.Duration(max(e.limit-deadline.Now(), 0)))
	}
	dst = d.Header.AppendLines(dst, skip)
	if len(d.Body) > 0 || d.Header.Has(http7.ContentLength) || d.Header.Has(http7.TransferEncoding) { // RFC 9110 §8.6: a POST says 0
		dst = appendLength(dst, int64(len(d.Body)))
	}
	dst = append(append(append(dst, "Via: 1.1 "...), e.shared.via...), "\r\n\r\n"...)
	return append(dst, d.Body...)
}

// detachedAnswer is the body of an answer to a detached request: its connection and its lease.
type detachedAnswer struct {
	apart
	cut *http7.Fault
}

// Next returns the bytes at hand.
func (a *detachedAnswer) Next() ([]byte, http7.State, *http7.Fault) {
	chunk, s, f := a.up.Next()
	if s == http7.Failure {
		a.cut = f
	}
	return chunk, s, f
}

// Await blocks until Next has something to say. The endpoint's time does not run on while its reader is busy.
func (a *detachedAnswer) Await() {
	a.up.Await()
	a.up.Pause()
}

// Interrupt implements [http7.Interrupter]: whoever reads a taken answer may have a client that leaves.
func (a *detachedAnswer) Interrupt() { a.up.S.Interrupt(forward.ClientGone) }

// Close ends the lease and gives the connection back.
func (a *detachedAnswer) Close() {
	if a.up == nil {
		return
	}
	status := a.up.Answer.Status
	a.up.Close()
	a.up = nil
	a.end(status, a.cut)
}

// drop ends an attempt whose answer is not kept, if there is one; f is what went wrong with it.
func (a *detachedAnswer) drop(f *http7.Fault) {
	status := 0
	if a.up != nil {
		status = a.up.Answer.Status
		a.up.Discard()
		a.up = nil
	}
	a.end(status, f)
}
