package serve

import (
	"io"
	"runtime/debug"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/forward"
	"weir/http7/wire"
	"weir/internal/deadline"
	"weir/internal/sock"
)

// pump moves a request's body to an endpoint beside the answer, on a lent goroutine. While it runs
// it owns the client connection's reading side, its timer, and the exchange's body and replay; the
// connection's goroutine waits for done before it touches any of them.
type pump struct {
	running  bool
	done     chan struct{}
	complete bool
	ending   atomic.Bool  // done is about to come
	fault    *http7.Fault // why the client's body can't be completed
}

// startPump lends the goroutine.
func (c *conn) startPump(x *exchange, up *forward.Conn) {
	p := &c.pump
	if p.done == nil {
		p.done = make(chan struct{}, 1)
	}
	p.running, p.complete, p.fault = true, false, nil
	p.ending.Store(false)
	go c.runPump(x, up)
}

// runPump is the body of the goroutine "pump": it ends with the body, when either side fails, or
// when stopPump interrupts both.
func (c *conn) runPump(x *exchange, up *forward.Conn) {
	p := &c.pump
	if p.fault = c.moveBodySafely(x, up); p.fault != nil {
		// An answer that the client does not take must not wait on. The endpoint's side comes second: whoever it wakes
		// tells by the client's that the fault is not of its own making.
		c.s.Interrupt(sock.DeadlinePassed)
		up.S.Interrupt(forward.BodyFailed)
	}
	p.done <- struct{}{}
}

// moveBodySafely is moveBody with a fault for a panic of a filter or of a policy that edits trailers.
func (c *conn) moveBodySafely(x *exchange, up *forward.Conn) (f *http7.Fault) {
	defer func() {
		if v := recover(); v != nil {
			if f = http7.Panicked; c.e.Panicked != nil {
				c.e.Panicked(v, debug.Stack())
			}
		}
	}()
	return c.moveBody(x, up)
}

// moveBody returns nil also if the endpoint takes no more: what it has to say comes as an answer.
func (c *conn) moveBody(x *exchange, up *forward.Conn) *http7.Fault {
	credit := rateGrace
	for {
		chunk, s, f := x.nextBody(&c.in)
		switch s {
		case http7.Failure:
			return f
		case http7.End:
			x.chunk = x.replay.appendEnd(x.chunk[:0], &x.Trailer)
			if len(x.chunk) > 0 { // an empty write would fail if the answer has overtaken us and stops the pump
				if _, err := up.S.Write(x.chunk); err != nil {
					return nil
				}
			}
			c.bodySent(x, up)
			return nil
		case http7.Parked:
			if f := c.awaitBody(x, &credit); f != nil {
				return f
			}
		case http7.Chunk:
			if c.forwardChunk(x, up, chunk) != nil {
				return nil
			}
		}
	}
}

// bodySent hands over to the wait for the answer.
func (c *conn) bodySent(x *exchange, up *forward.Conn) {
	now := deadline.Now()
	c.pump.complete = true
	c.pump.ending.Store(true)
	if up.Headed() { // the answer is under way: what may hold it up now is the client
		c.enter(writing, c.writeLimit(x, now))
		return
	}
	x.began = x.elapsed()
	up.AwaitHead(now)
	c.enter(waiting, now+int64(watchAfter))
}

func (c *conn) forwardChunk(x *exchange, up *forward.Conn, chunk []byte) error {
	now := deadline.Now()
	up.AwaitHead(now)                      // the endpoint must take bytes within the response timeout
	c.enter(writing, c.writeLimit(x, now)) // and it is not the client who is slow
	if !x.replay.chunked {
		_, err := up.S.Write(chunk)
		return err
	}
	x.chunk = wire.AppendChunk(x.chunk[:0], chunk)
	_, err := up.S.Write(x.chunk)
	return err
}

// rateGrace is how long a client may send nothing, and how much waiting its bytes can earn.
const rateGrace = 5 * time.Second

// awaitBody waits for more of the client's body. Each byte buys the client 1/MinBodyRate seconds of
// waiting, up to the grace. Once the answer is under way the two may be talking, as on gRPC's streams, and pause:
// on a stream, which holds up nothing else.
func (c *conn) awaitBody(x *exchange, credit *time.Duration) *http7.Fault {
	now := deadline.Now()
	until := int64(0)
	rate := c.site.Limits.BodyRate
	talking := c.talks(x)
	if talking {
		rate = 0
	}
	if rate > 0 {
		until = now + int64(*credit)
	}
	if x.limit != 0 && (until == 0 || x.limit < until) {
		until = x.limit
	}
	if x.up != nil {
		x.up.AwaitBody()
	}
	if until != 0 {
		c.enter(reading, until)
	} else { // for ever, unless there is an answer that the client does not take
		c.enter(writing, c.writeLimit(x, now))
	}
	c.in.FreeIdle()
	before, hidden := c.in.Buffered(), c.hidden()
	err := c.in.FillBody()
	if err != nil && c.st != nil && err == io.EOF {
		return x.endBody(c.st.r.Trailer)
	}
	came := int64(c.in.Buffered() - before)
	if err != nil {
		came = c.hidden() - hidden
	}
	if rate > 0 {
		earned := time.Duration(float64(came) / rate * float64(time.Second))
		*credit = min(*credit-time.Duration(deadline.Now()-now)+earned, rateGrace)
	}
	begun := !talking && c.talks(x) // since it has waited
	if err != nil && (!begun && (came <= 0 || *credit <= 0) || !c.forgive(x)) {
		return c.bodyFault(err, x)
	}
	return nil
}

// talks reports whether x is a stream whose answer is under way beside its body.
func (c *conn) talks(x *exchange) bool { return c.st != nil && x.up != nil && x.up.Headed() }

// hidden returns how many bytes have come of a piece of a body that the library shows only when it is whole.
func (c *conn) hidden() int64 {
	if c.st == nil || c.st.k.hidden == nil {
		return 0
	}
	return c.st.k.hidden()
}

// forgive lets the wait for a body go on although its time has passed.
func (c *conn) forgive(x *exchange) bool {
	if c.s.Interrupted() != sock.DeadlinePassed || x.limit != 0 && deadline.Now() >= x.limit {
		return false
	}
	c.s.Resume()
	return true
}

// bodyFault says what ended a request body before it was whole.
func (c *conn) bodyFault(err error, x *exchange) *http7.Fault {
	switch c.s.Interrupted() {
	case sock.DeadlinePassed: // a write that it woke must find it: the next phase forgives it
		if x.limit != 0 && deadline.Now() >= x.limit {
			return http7.RouteTimeout
		}
		return c.slow(slowBody)
	case sock.NotInterrupted:
		if err != io.EOF && (c.st == nil || !c.st.short(x.bytesIn)) {
			return http7.ClientLeft
		}
		return http7.BodyCut
	case cutting:
		return http7.Stopping
	}
	return http7.ClientLeft
}

// stopPump ends the lent goroutine, if there is one, and takes back what it owned.
func (c *conn) stopPump() {
	if !c.pump.running {
		return
	}
	if c.joined() {
		return
	}
	up := c.upstream.Load()
	up.S.Interrupt(forward.Stopped) // first, or the pump may take the client's for a failure
	c.s.Interrupt(forward.Stopped)
	<-c.pump.done
	c.pump.running = false
	if c.s.Interrupted() == forward.Stopped {
		c.s.Resume()
		c.pump.fault = nil // it was ours: the client's body goes on where it was
	}
	if up.S.Interrupted() == forward.Stopped {
		up.S.Resume()
	}
	if c.pump.complete {
		up.RequestSent()
	}
	c.x.close = c.x.close || c.pump.fault != nil
}

// joined takes back what the lent goroutine owned if it has ended by itself.
func (c *conn) joined() bool {
	if c.pump.ending.Load() {
		<-c.pump.done
	} else {
		select {
		case <-c.pump.done:
		default:
			return false
		}
	}
	c.pump.running = false
	if c.pump.complete {
		c.upstream.Load().RequestSent()
	}
	c.x.close = c.x.close || c.pump.fault != nil
	return true
}

// collect reads n bytes of the body, or all of a shorter one; -1 reads all.
func (c *conn) collect(x *exchange, n int64) *http7.Fault {
	r, credit := &x.replay, rateGrace
	limit := x.bodyLimit()
	if limit == 0 {
		limit = maxCollected
	}
	if x.Dry {
		return x.takeGiven(limit)
	}
	if max(x.Body.Length, int64(len(r.buf))) > limit && n < 0 {
		return http7.BodyTooLarge
	}
	for !x.bodyDone && (n < 0 || int64(len(r.buf)) < n) {
		chunk, s, f := x.nextRaw(&c.in)
		switch s {
		case http7.Failure:
			return f
		case http7.Parked:
			c.sendContinue(x)
			if f := c.awaitBody(x, &credit); f != nil {
				return f
			}
		case http7.Chunk:
			if int64(len(r.buf)+len(chunk)) > limit {
				return http7.BodyTooLarge
			}
			r.grow(len(chunk))
			r.buf = append(r.buf, chunk...)
		}
	}
	x.Body.Collected, x.Body.Whole = r.buf, x.bodyDone
	x.began = x.elapsed()
	return nil
}

// maxCollected bounds a body that must be held in memory where the config sets no limit.
const maxCollected = 8 << 20
