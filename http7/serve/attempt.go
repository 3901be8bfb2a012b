package serve

import (
	"weir/http7"
	"weir/http7/forward"
	"weir/http7/wire"
	"weir/internal/deadline"
	"weir/internal/sock"
	"weir/lb"
)

// send takes the exchange to an endpoint, again while step says so. Without a fault x.Answer is the
// attempt's that was kept.
func (c *conn) send(x *exchange) *http7.Fault {
	st := newSending(&x.plan.Retry, x.Method)
	x.filterRequest(&c.in)
	x.replay.begin(x, st.repeatable)
	ev := event{kind: evStart}
	for {
		switch st.step(ev) {
		case pick:
			ev = c.pick(x, &st)
		case acquire:
			c.drop(x)
			ev = c.attempt(x, &st)
		case keep:
			return nil
		case fail:
			c.drop(x)
			x.endAttempt(st.fault)
			return st.fault
		}
	}
}

// pick leases an endpoint that has not been tried and makes the attempt. Without one, what the last
// attempt came to stands.
func (c *conn) pick(x *exchange, st *sending) event {
	if c.left.Load() {
		return event{kind: evFault, fault: http7.ClientLeft}
	}
	lease, _ := x.plan.Upstream.Pick(c.key(x), x.tried)
	if !lease.Ok() {
		return event{kind: evNone, fault: http7.NoEndpoints}
	}
	c.drop(x)
	x.endAttempt(st.fault)
	x.Answer = nil
	x.lease = lease
	x.tried.Add(lease.Endpoint())
	x.attempts++
	if x.attempts > 1 {
		x.began, x.status = x.elapsed(), 0
	}
	return c.attempt(x, st)
}

// drop ends the attempt's connection, whose answer was not kept.
func (c *conn) drop(x *exchange) {
	c.stopPump()
	if x.up != nil {
		c.upstream.Store(nil)
		c.enter(waiting, 0) // from here on the watcher does not know x.up
		x.up.Cut()
		x.up = nil
	}
}

// endAttempt accounts for the lease, if there is one. f is nil for an answer that was kept whole.
func (x *exchange) endAttempt(f *http7.Fault) {
	if !x.lease.Ok() {
		return
	}
	o := lb.Outcome{Result: resultOf(f, x.status), Route: x.placing.key.Route}
	switch {
	case x.headAt > x.began:
		o.FirstByte = x.headAt - x.began
	case o.Result.Failed():
		o.FirstByte = max(x.elapsed()-x.began, 1)
	}
	x.lease.Done(o)
	x.record.Endpoint = x.lease.Endpoint().Address()
	if f != nil {
		x.plan.UpstreamSeries.Attempt(o.Result.String(), 0)
	} else {
		x.plan.UpstreamSeries.Attempt(o.Result.String(), o.FirstByte)
	}
	x.lease = lb.Lease{}
	x.headAt = 0
}

func resultOf(f *http7.Fault, status int) lb.Result {
	switch {
	case f == nil && status >= 500:
		return lb.Status5xx
	case f == nil:
		return lb.OK
	case f.Side != http7.Upstream:
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

// attempt makes one attempt on the leased endpoint. An idle connection that turns out to be of no
// use before anything was sent on it is put away for the next one.
func (c *conn) attempt(x *exchange, st *sending) event {
	for {
		if f := c.connect(x, st); f != nil {
			return event{kind: evFault, fault: f, replayable: x.replay.whole()}
		}
		fine, f, cause := c.exchangeHeads(x, x.up)
		if !fine {
			c.drop(x)
			continue
		}
		if f != nil {
			x.Cause = cause
			f = c.verdictOn(x, f)
			return event{kind: evFault, fault: f, replayable: x.replay.whole()}
		}
		x.Answer = &x.up.Answer
		x.status = x.Answer.Status
		return event{kind: evHead, status: x.status, replayable: !c.pump.running && x.replay.whole()}
	}
}

// connect gets the attempt a connection.
func (c *conn) connect(x *exchange, st *sending) *http7.Fault {
	tr, e := x.plan.Transport, x.lease.Endpoint()
	up, f, cause := tr.Acquire(e, st.fresh, x.limit)
	if f != nil {
		x.Cause = cause
		if x.limit != 0 && deadline.Now() >= x.limit { // that alone does not make e unreachable
			return http7.RouteTimeout
		}
		if c.e.Unreachable != nil {
			c.e.Unreachable(e, cause)
		}
		return f
	}
	up.Begin(tr, x.limit)
	if !up.Reused() {
		x.began = x.elapsed() // making the connection took its time
		if c.e.Reached != nil {
			c.e.Reached(e)
		}
	}
	x.up = up
	c.upstream.Store(up)
	if c.cut.Load() { // perhaps just before the engine could see up
		return http7.ClientLeft
	}
	return nil
}

// verdictOn refines the fault of an attempt by what the lent goroutine and the clock know.
func (c *conn) verdictOn(x *exchange, f *http7.Fault) *http7.Fault {
	c.stopPump()
	switch {
	case f == http7.BodyCut && c.pump.fault != nil:
		return c.pump.fault
	case f.Kind == http7.Timeout && x.limit != 0 && deadline.Now() >= x.limit:
		return http7.RouteTimeout
	}
	return f
}

// exchangeHeads sends the request, or begins to, and reads the head of the final answer. It is not
// fine if the connection is of no use; nothing has been sent then, nor taken from the client.
func (c *conn) exchangeHeads(x *exchange, up *forward.Conn) (fine bool, f *http7.Fault, cause error) {
	hasBody := x.Body.Present()
	if hasBody && !up.Idle() {
		return false, nil, nil
	}
	x.replay.at = 0
	x.out = c.appendRequest(x.out[:0], x)
	whole, f := c.appendAtHand(x)
	if f != nil {
		c.pump.fault = f
		return true, f, nil
	}
	now := deadline.At(x.Arrival) + int64(x.began)
	up.AwaitHead(now)
	if whole {
		c.enter(waiting, now+int64(watchAfter))
		if !up.Ask(x.out, !hasBody && up.Reused()) {
			return false, nil, nil
		}
	} else {
		c.sendContinue(x)
		if _, cause = up.S.Write(x.out); cause == nil {
			c.startPump(x, up)
		}
	}
	f, err := c.readFinalHead(x, up)
	if err != nil {
		cause = err
	}
	return true, f, cause
}

// readFinalHead passes 1xx heads on and returns with the final one.
func (c *conn) readFinalHead(x *exchange, up *forward.Conn) (*http7.Fault, error) {
	for {
		if f, cause := up.ReadHead(x.Method); f != nil {
			return f, cause
		}
		if up.Answer.Status >= 200 {
			x.headAt = x.elapsed()
			return nil, nil
		}
		if up.Answer.Status != 100 && x.Proto == http7.HTTP11 {
			if f := c.passInterim(x, &up.Answer); f != nil {
				return f, nil
			}
		}
	}
}

// passInterim sends a 1xx on. A body may be on its way in meanwhile; x.out is not its own then.
func (c *conn) passInterim(x *exchange, a *http7.Answer) *http7.Fault {
	b := wire.AppendStatusLine(nil, a.Status, a.Reason)
	b = a.Header.AppendLines(b, http7.HopByHop)
	b = append(b, "\r\n"...)
	if c.pump.running && !c.joined() {
		_, err := c.s.Write(b) // bounded by the rate at which the client must send its body
		if c.s.Interrupted() != sock.NotInterrupted {
			return nil // what the pump came to shows next
		}
		return leftBy(err)
	}
	now := deadline.Now()
	c.enter(writing, c.writeLimit(x, now))
	_, err := c.s.Write(b)
	c.enter(waiting, now+int64(watchAfter))
	return leftBy(err)
}

// leftBy is the fault of a write to the client that failed.
func leftBy(err error) *http7.Fault {
	if err != nil {
		return http7.ClientLeft
	}
	return nil
}

// sendContinue asks a client that waits for it for the body.
func (c *conn) sendContinue(x *exchange) {
	if x.continued {
		return
	}
	x.continued = true
	if c.in.Buffered() == 0 {
		c.enter(writing, c.writeLimit(x, deadline.Now()))
		_, _ = c.s.Write(continueLine) // a client that has gone shows when the body is read
	}
}

var continueLine = []byte("HTTP/1.1 100 Continue\r\n\r\n")
