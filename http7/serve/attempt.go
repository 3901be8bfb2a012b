package serve

import (
	"weir/http7"
	"weir/http7/forward"
	"weir/http7/wire"
	"weir/internal/deadline"
	"weir/internal/sock"
	"weir/lb"
)

// attempt makes one attempt on the leased endpoint. An idle connection that turns out to be of no
// use before anything was sent on it is put away for the next one.
func (c *conn) attempt(x *exchange, st *sending) event {
	for {
		if f := c.connect(x, st.fresh); f != nil {
			return faultEvent(f, x.replay.whole())
		}
		fine, f, cause := c.exchangeHeads(x, x.up)
		if !fine {
			c.drop(x)
			continue
		}
		return c.came(x, f, cause)
	}
}

// awaitHead waits on for the head of the answer.
func (c *conn) awaitHead(x *exchange) event {
	f, cause := c.readFinalHead(x, x.up)
	return c.came(x, f, cause)
}

// came says what the wait for an answer's head has ended with.
func (c *conn) came(x *exchange, f *http7.Fault, cause error) event {
	switch {
	case f == forward.Nudge:
		return c.nudged(x)
	case f == nil:
		f = c.judgeUpgrade(x)
	}
	if f != nil {
		x.Cause = cause
		return faultEvent(c.verdictOn(x, f), x.replay.whole())
	}
	x.Answer = &x.up.Answer
	x.status = x.Answer.Status
	if x.status >= 500 { // it may be followed by another attempt, and nobody wants the rest of the body here
		c.stopPump()
	}
	return headEvent(x.Answer, !c.pump.running && c.pump.fault == nil && x.replay.whole())
}

// connect gets the attempt a connection.
func (c *conn) connect(x *exchange, fresh bool) *http7.Fault {
	up, f, cause := c.e.connect(x.plan, x.lease.Endpoint(), fresh, x.limit, x.Conn, x.Upgrade != nil)
	if f != nil {
		x.Cause = cause
		return f
	}
	if !up.Reused() {
		x.began = x.elapsed() // making the connection took its time
	}
	x.up = up
	return c.show(up)
}

// show lets the watcher and Engine.Cut know which connection the exchange waits for.
func (c *conn) show(up *forward.Conn) *http7.Fault {
	c.upstream.Store(up)
	if c.cut.Load() { // perhaps just before the engine could see up
		return http7.ClientLeft
	}
	return nil
}

// connect returns a connection that is ready for one attempt for the client at from, which must end by
// limit and may become a tunnel.
func (s *Shared) connect(p *Plan, e *lb.Endpoint, fresh bool, limit int64, from *http7.Conn, tunnel bool) (*forward.Conn, *http7.Fault, error) {
	acquire := p.Transport.Acquire
	if tunnel {
		acquire = p.Transport.AcquireTunnel
	}
	up, f, cause := acquire(e, fresh, limit, from)
	switch {
	case f == http7.NoUpgrade: // it was reached
		return nil, f, cause
	case f != nil:
		if limit != 0 && deadline.Now() >= limit { // that alone does not make e unreachable
			return nil, http7.RouteTimeout, cause
		}
		if s.Unreachable != nil {
			s.Unreachable(e, cause)
		}
		return nil, f, cause
	}
	up.Begin(p.Transport, limit)
	if !up.Reused() && s.Reached != nil {
		s.Reached(e)
	}
	return up, nil, nil
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
	now := x.wheel(x.began)
	x.out = c.appendRequest(x.out[:0], x, x.lease.Endpoint(), now)
	whole, f := c.appendAtHand(x)
	if f != nil {
		c.pump.fault = f
		return true, f, nil
	}
	if whole && x.hedgeAfter > 0 && !x.bound() {
		x.Wakes() // the watcher may need the channel while there is a rival
		up.NudgeAt(now + int64(x.hedgeAfter))
	}
	up.MaySwitch(x.Upgrade)
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
		if up.Final() {
			x.headAt = x.elapsed()
			return nil, nil
		}
		if up.Answer.Status != 100 && x.Proto >= http7.HTTP11 && x.rival == nil {
			if f := c.passInterim(x, &up.Answer); f != nil {
				return f, nil
			}
		}
	}
}

// passInterim sends a 1xx on. A body may be on its way in meanwhile; x.out is not its own then.
func (c *conn) passInterim(x *exchange, a *http7.Answer) *http7.Fault {
	if c.st != nil {
		return c.st.interim(a)
	}
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
	if c.st != nil {
		if c.st.k.proto == http7.HTTP3 && c.in.Buffered() == 0 {
			c.st.w.WriteHeader(100)
		}
		return // that of HTTP/2 sends it when the body is first read
	}
	if c.in.Buffered() == 0 {
		c.enter(writing, c.writeLimit(x, deadline.Now()))
		_, _ = c.s.Write(continueLine) // a client that has gone shows when the body is read
	}
}

var continueLine = []byte("HTTP/1.1 100 Continue\r\n\r\n")
