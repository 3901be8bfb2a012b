package serve

import (
	"weir/http7"
	"weir/http7/forward"
	"weir/http7/wire"
	"weir/internal/deadline"
	"weir/lb"
)

// Sender sends requests that have no client: mirrors, revalidations, fills. It implements
// http7.Sender with the same attempts, pools and balancing as the engines.
// It is safe for concurrent use; whoever calls it bounds how often.
type Sender struct {
	via  string
	plan func(upstream string) *Plan
}

// NewSender returns a sender. plan finds an upstream of the present snapshot, nil if there is none
// of that name.
func NewSender(s *Shared, plan func(upstream string) *Plan) *Sender {
	return &Sender{via: s.via, plan: plan}
}

var _ http7.Sender = (*Sender)(nil)

// Send sends d and blocks until the answer's head is there. The caller must close the answer's
// Source, which also ends the lease; the answer is valid until then.
func (s *Sender) Send(d *http7.Detached) (*http7.Answer, *http7.Fault) {
	p := s.plan(d.Upstream)
	if p == nil {
		return nil, http7.NoEndpoints
	}
	var limit int64
	if !d.Deadline.IsZero() {
		limit = deadline.At(d.Deadline)
	}
	st, tried, ev := newSending(&p.Retry, d.Method), lb.Tried{}, event{kind: evStart}
	var a detachedAnswer
	for {
		switch st.step(ev) {
		case pick:
			lease, _ := p.Upstream.Pick(lb.Key{}, tried)
			if !lease.Ok() { // what the last attempt came to stands
				ev = event{kind: evNone, fault: http7.NoEndpoints}
				continue
			}
			a.end(st.fault)
			a.lease = lease
			tried.Add(a.lease.Endpoint())
			ev = s.attempt(p, d, &a, st.fresh, limit)
		case acquire:
			a.up.Cut()
			ev = s.attempt(p, d, &a, st.fresh, limit)
		case keep:
			kept := a
			a.up.Answer.Source = &kept
			return &a.up.Answer, nil
		case fail:
			a.end(st.fault)
			return nil, st.fault
		}
	}
}

// attempt makes one attempt on the leased endpoint.
func (s *Sender) attempt(p *Plan, d *http7.Detached, a *detachedAnswer, fresh bool, limit int64) event {
	for {
		up, f, _ := p.Transport.Acquire(a.lease.Endpoint(), fresh, limit)
		if f != nil {
			a.up = nil
			return event{kind: evFault, fault: f, replayable: true}
		}
		up.Begin(p.Transport, limit)
		a.up, a.began = up, deadline.Now()
		up.AwaitHead(a.began)
		if !up.Ask(s.appendRequest(nil, p, d, a), up.Reused()) {
			up.Cut()
			continue
		}
		for {
			if f, _ := up.ReadHead(d.Method); f != nil {
				return event{kind: evFault, fault: f, replayable: true}
			}
			if up.Answer.Status >= 200 {
				a.headAt = deadline.Now()
				return event{kind: evHead, status: up.Answer.Status, replayable: true}
			}
		}
	}
}

func (s *Sender) appendRequest(dst []byte, p *Plan, d *http7.Detached, a *detachedAnswer) []byte {
	dst = wire.AppendRequestLine(dst, d.Method, d.Target)
	skip := http7.HopByHop | http7.Names(http7.Expect, http7.ContentLength)
	name := p.Host.Name
	if p.Host.Endpoint || name == "" && !d.Header.Has(http7.Host) {
		name = hostOf(a.lease.Endpoint())
	}
	if name != "" {
		dst = append(append(append(dst, "Host: "...), name...), "\r\n"...)
		skip |= http7.Names(http7.Host)
	}
	dst = d.Header.AppendLines(dst, skip)
	if len(d.Body) > 0 {
		dst = appendLength(dst, int64(len(d.Body)))
	}
	dst = append(append(append(dst, "Via: 1.1 "...), s.via...), "\r\n\r\n"...)
	return append(dst, d.Body...)
}

// detachedAnswer is the body of an answer to a detached request: its connection and its lease.
type detachedAnswer struct {
	up            *forward.Conn
	lease         lb.Lease
	began, headAt int64
	cut           *http7.Fault
}

// Next returns the bytes at hand.
func (a *detachedAnswer) Next() ([]byte, http7.State, *http7.Fault) {
	chunk, s, f := a.up.Next()
	if s == http7.Failure {
		a.cut = f
	}
	return chunk, s, f
}

// Await blocks until Next has something to say.
func (a *detachedAnswer) Await() { a.up.Await() }

// Close ends the lease and gives the connection back.
func (a *detachedAnswer) Close() { a.end(a.cut) }

// end ends the attempt, if there is one; f is what went wrong with it.
func (a *detachedAnswer) end(f *http7.Fault) {
	status := 0
	if a.up != nil {
		status = a.up.Answer.Status
		a.up.Close()
		a.up = nil
	}
	o := lb.Outcome{Result: resultOf(f, status)}
	if a.headAt > a.began {
		o.FirstByte = deadline.Since(a.began, a.headAt)
	}
	a.lease.Done(o)
	a.lease, a.headAt = lb.Lease{}, 0
}
