package serve

import (
	"math/rand/v2"
	"time"

	"weir/http7"
	"weir/internal/deadline"
	"weir/internal/sock"
	"weir/lb"
)

// send takes the exchange to an endpoint, again while step says so. Without a fault x.Answer is the
// attempt's that was kept.
func (c *conn) send(x *exchange) *http7.Fault {
	st := x.beginSend(&c.in)
	ev := event{kind: evStart, now: x.wheel(x.began)}
	for {
		switch st.step(ev) {
		case pick:
			ev = c.pick(x, &st)
		case acquire:
			c.drop(x)
			ev = c.attempt(x, &st)
		case await:
			ev = c.awaitHead(x)
		case askRetry:
			ev = x.plan.askRetry()
		case askHedge:
			ev = x.plan.askHedge()
		case hedge:
			ev = c.hedge(x)
		case part:
			c.partRival(x, outrun)
			ev = c.awaitHead(x)
		case adopt:
			ev = c.adopt(x, &st)
		case wait:
			ev = c.wait(x, &st)
		case queue:
			ev = c.queue(x, &st)
		case keep:
			c.partRival(x, outrun)
			return nil
		case fail:
			c.partRival(x, http7.ClientLeft)
			x.line.decline(x.plan, &st, x.lease)
			c.drop(x)
			x.endAttempt(st.fault)
			return st.fault
		}
	}
}

// beginSend freezes the request.
func (x *exchange) beginSend(in *sock.Reader) sending {
	p := x.plan
	x.freeze(in)
	st := newSending(&p.Retry, x.Method, x.limit)
	x.replay.begin(x, st.repeatable)
	g := p.Upstream.Gate()
	g.Begin()
	if p.Hedge != (Hedge{}) && st.repeatable && st.left > 0 && x.Upgrade == nil {
		x.hedgeAfter = p.Hedge.after(g)
	}
	return st
}

// freeze fixes what is sent: from here on nobody edits the request.
func (x *exchange) freeze(in *sock.Reader) {
	x.filterRequest(in)
	x.heedTimeout()
}

// wheel returns the time on the wheel's clock that is since behind x's arrival.
func (x *exchange) wheel(since time.Duration) int64 { return deadline.At(x.Arrival) + int64(since) }

// pick leases an endpoint, one that has not been tried unless all have been, and makes the attempt.
// Without one, what the last attempt came to stands.
func (c *conn) pick(x *exchange, st *sending) event {
	if c.lost(x) {
		return event{kind: evFault, fault: http7.ClientLeft}
	}
	if st.afresh {
		x.tried = lb.Tried{}
	}
	lease, reason := x.plan.pick(c.key(x), x.tried, st.queued)
	if !lease.Ok() {
		return event{kind: evNone, reason: reason, now: deadline.Now()}
	}
	c.drop(x)
	x.endAttempt(st.fault)
	x.Answer = nil
	x.lease = lease
	x.tried.Add(lease.Endpoint())
	x.plan.Counters.retry(st.why)
	x.attempts++
	if x.attempts > 1 || st.queued {
		x.began, x.status = x.elapsed(), 0
	}
	return c.attempt(x, st)
}

// pick leases an endpoint. Who has not stood in line lines up behind those who do.
func (p *Plan) pick(k lb.Key, tried lb.Tried, queued bool) (lb.Lease, lb.Reason) {
	if !queued && p.Upstream.Gate().Queued() {
		return lb.Lease{}, lb.AllFull
	}
	return p.Upstream.Pick(k, tried)
}

// askRetry asks the budget for a retry.
func (p *Plan) askRetry() event {
	if p.Upstream.Gate().TakeRetry() {
		return event{kind: evYes}
	}
	return event{kind: evNo}
}

// askHedge asks the budget for a hedge, if there may be an endpoint for it.
func (p *Plan) askHedge() event {
	if len(p.Upstream.View().Candidates()) > 1 && p.Upstream.Gate().TakeHedge(p.Hedge.Budget) {
		return event{kind: evYes}
	}
	p.Counters.hedge(hedgeRefused)
	return event{kind: evNo}
}

// drop ends the attempt, whose answer was not kept.
func (c *conn) drop(x *exchange) {
	c.stopPump()
	if x.up != nil {
		c.hide(x)
		if c.cut.Load() { // what Engine.Cut may be interrupting must not serve others
			x.up.Cut()
		} else {
			x.up.Discard()
		}
		x.up = nil
	}
}

// endAttempt accounts for the lease, if there is one. f is nil for an answer that was kept whole.
func (x *exchange) endAttempt(f *http7.Fault) {
	if !x.lease.Ok() {
		return
	}
	f = x.plan.blame(f, x.limit, x.wheel(x.began))
	o := lb.Outcome{Result: resultOf(f, x.status), Route: x.placing.key.Route}
	switch {
	case x.headAt > x.began:
		o.FirstByte = x.headAt - x.began
	case o.Result.Failed() || o.Result == lb.Outrun: // so long there was no byte
		o.FirstByte = max(x.elapsed()-x.began, 1)
	}
	x.record.Endpoint = x.lease.Endpoint().Address()
	x.plan.endLease(x.lease, o, f)
	x.lease = lb.Lease{}
	x.headAt = 0
}

// endLease tells lb and the metrics what an attempt came to.
func (p *Plan) endLease(lease lb.Lease, o lb.Outcome, f *http7.Fault) {
	lease.Done(o)
	if f != nil {
		o.FirstByte = 0 // of the metrics' latency, failures are no part
	}
	p.UpstreamSeries.Attempt(o.Result.String(), o.FirstByte)
}

// hasty is the fault of an attempt whose exchange's time was up too early to say anything about the endpoint.
var hasty = &http7.Fault{Side: http7.Client, Kind: http7.Timeout, Name: "hasty"}

// blame returns f as the endpoint is to be judged by: what ended because the exchange's time was up, after less
// than half of the route's timeout, did so because the client was in a hurry or because waits and other
// attempts had taken the rest. limit, of the exchange, and began, of the attempt, are on the wheel's clock.
func (p *Plan) blame(f *http7.Fault, limit, began int64) *http7.Fault {
	if f == nil || limit == 0 || f.Side != http7.Upstream || f.Kind != http7.Timeout {
		return f
	}
	now, whole := deadline.Now(), p.Route.Timeout
	if f != http7.RouteTimeout && now < limit || whole > 0 && 2*time.Duration(now-began) >= whole {
		return f
	}
	return hasty
}

func resultOf(f *http7.Fault, status int) lb.Result {
	switch {
	case f == outrun:
		return lb.Outrun
	case f == nil && status >= 500:
		return lb.Status5xx
	case f == nil:
		return lb.OK
	case f.Side != http7.Upstream, f == http7.NoUpgrade, f == http7.BadUpgrade: // who takes no tunnels is well
		return lb.Cancelled
	}
	switch f.Kind {
	case http7.Connect:
		return lb.ConnectFailed
	case http7.Timeout:
		return lb.Timeout
	case http7.BadAnswer:
		return lb.BadAnswer
	}
	return lb.Reset
}

// headEvent is the event of a final answer's head. The clock is read only for an answer that may be
// followed by another attempt.
func headEvent(a *http7.Answer, replayable bool) event {
	ev := event{kind: evHead, status: a.Status, replayable: replayable}
	if a.Status < 500 {
		return ev
	}
	ev.now, ev.dice = deadline.Now(), rand.Float64()
	if later := retryAfter(&a.Header, time.Now()); later > 0 {
		ev.later = ev.now + int64(later)
	}
	return ev
}

// faultEvent is the event of an attempt that failed.
func faultEvent(f *http7.Fault, replayable bool) event {
	return event{kind: evFault, fault: f, replayable: replayable, now: deadline.Now(), dice: rand.Float64()}
}
