package serve

import (
	"slices"

	"weir/http7"
	"weir/http7/wire"
	"weir/internal/deadline"
	"weir/internal/sock"
)

// respond writes x's answer to the client, body and all, and decides whether the connection goes on.
func (c *conn) respond(x *exchange) {
	c.responsePolicies(x)
	x.stick()
	a := x.Answer
	if a.Local {
		c.dropForLocal(x)
	}
	x.status = a.Status
	if c.pump.running && !c.joined() && (a.Status >= 300 || a.Local) {
		c.stopPump()
	}
	c.compose(x)
	f := c.stream(x, x.frame == wire.Chunked)
	if f == nil {
		f = c.finishBody(x)
	}
	switch {
	case f == nil:
	case x.begun || a.Local:
		x.cutBy(f)
	default: // nothing of it has left
		c.fail(x, f)
		x.bytesOut = 0
		if x.plain = true; x.Answer != nil {
			c.respond(x)
		}
	}
}

// compose makes the head of x's answer, once everybody has had a say.
func (c *conn) compose(x *exchange) {
	x.filterAnswer()
	x.frame = c.frame(x)
	x.out = c.appendHead(x.out[:0], x, x.frame)
}

// dropForLocal lets go of an attempt whose answer was not kept, or was replaced.
func (c *conn) dropForLocal(x *exchange) {
	if x.up != nil {
		c.stopPump()
		c.upstream.Store(nil)
		x.up.Cut()
		x.up = nil
		f := x.Fault
		if f != nil && f.Side != http7.Upstream { // a policy's: the endpoint has answered
			f = nil
		}
		x.endAttempt(f)
	}
}

// late returns the steps that see x's answer besides those that ran before the match: the route's or, without
// one, the listener's.
func (x *exchange) late() []http7.Step {
	if x.Route != nil {
		return x.Route.Steps
	}
	return x.site.Late
}

// responsePolicies runs the response steps, the last stage's first.
func (c *conn) responsePolicies(x *exchange) {
	if x.plain {
		return
	}
	answerPolicies(x, x.late(), nil)
	answerPolicies(x, x.site.Early, x.without())
}

// without returns the bundles that x's route opts out of.
func (x *exchange) without() []string {
	if x.plan == nil {
		return nil
	}
	return x.plan.Without
}

// answerPolicies runs the response steps of bundles that are not in without. Of a preflight that nobody has answered
// those say nothing who might have: the route that takes it as OPTIONS is not asked for leave to another's method.
func answerPolicies(x *exchange, steps []http7.Step, without []string) {
	for i := len(steps) - 1; i >= 0; i-- {
		if x.decider.flown && offering(steps[i]) {
			continue
		}
		if p := steps[i].Response; p != nil && !slices.Contains(without, steps[i].Bundle) {
			if v := p.Response(&x.Exchange); v.Act == http7.Reply && v.Fault != nil {
				http7.FaultAnswer(&x.Exchange, v.Fault)
			}
		}
	}
}

// trailRequest lets policies edit the trailers of the request, in its order.
func (x *exchange) trailRequest() {
	if x.Trailer.Len() == 0 {
		return
	}
	early, late := x.site.Early, x.late()
	for i := range early {
		x.trail(&early[i], x.without(), &x.Trailer)
	}
	for i := range late {
		x.trail(&late[i], nil, &x.Trailer)
	}
}

// trailAnswer lets policies edit the trailers of the answer, the last stage's first.
func (x *exchange) trailAnswer() {
	trailer := &x.Answer.Trailer
	if x.plain || trailer.Len() == 0 {
		return
	}
	early, late := x.site.Early, x.late()
	for i := len(late) - 1; i >= 0; i-- {
		x.trail(&late[i], nil, trailer)
	}
	for i := len(early) - 1; i >= 0; i-- {
		x.trail(&early[i], x.without(), trailer)
	}
}

// trail shows trailers to a step, unless its bundle is in without.
func (x *exchange) trail(s *http7.Step, without []string, trailer *http7.Header) {
	if s.Trailer != nil && !slices.Contains(without, s.Bundle) {
		s.Trailer.Trailer(&x.Exchange, trailer)
	}
}

// frame decides how the client sees the end of the answer, and whether its connection lives on.
func (c *conn) frame(x *exchange) wire.FrameKind {
	a := x.Answer
	kind := wire.Chunked
	switch {
	case bodiless(x):
		kind = wire.None
	case a.Length >= 0:
		kind = wire.Length
	case x.Proto == http7.HTTP10:
		kind = wire.UntilClose
	}
	x.close = x.close || kind == wire.UntilClose || c.e.draining.Load() || !c.willFinish(x)
	return kind
}

func bodiless(x *exchange) bool {
	s := x.Answer.Status
	return s == 204 || s == 304 || s < 200 || string(x.Method) == "HEAD"
}

// willFinish reports whether the rest of the request's body is, or soon will be, out of the way. Of one whose
// length is not known nobody can say, unless its end is at hand.
func (c *conn) willFinish(x *exchange) bool {
	if x.close || c.pump.running || x.bodyDone {
		return true
	}
	left := x.framer.Remaining()
	if left < 0 {
		return c.passOver(x)
	}
	return left <= drainBytes && (x.continued || left <= int64(c.in.Buffered()))
}

// passOver takes what has come of a chunked body that nobody wants, and reports whether that was all of it.
func (c *conn) passOver(x *exchange) bool {
	c.enter(reading, deadline.Now()+int64(drainTime))
	for budget := drainBytes; budget >= 0; {
		chunk, s, _ := x.nextFramed(&c.in)
		budget -= len(chunk)
		switch {
		case s == http7.End:
			return true
		case s == http7.Failure, s == http7.Parked && !c.fillAtHand():
			return false
		}
	}
	return false
}

// fillAtHand reads if there is something to read, without waiting. What there is of TLS may be half a record.
func (c *conn) fillAtHand() bool {
	return c.s.TLS() == nil && c.s.Readable() && c.in.FillBody() == nil
}

// local are the fields of a local answer that the engine writes itself.
var local = http7.HopByHop | http7.Names(http7.ContentLength)

// appendHead appends the head of x's answer.
func (c *conn) appendHead(dst []byte, x *exchange, kind wire.FrameKind) []byte {
	a := x.Answer
	dst = wire.AppendStatusLine(dst, a.Status, a.Reason)
	skip := http7.HopByHop
	if a.Local || a.Status == 204 { // RFC 9110 §8.6: no Content-Length in a 204
		skip = local
	}
	dst = a.Header.AppendLines(dst, skip)
	if a.Local && a.Length >= 0 && a.Status != 204 && (kind == wire.Length || a.Length > 0) {
		dst = appendLength(dst, a.Length)
	}
	if kind == wire.Chunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if !a.Header.Has(http7.Date) {
		dst = appendDate(dst)
	}
	switch {
	case x.close:
		dst = append(dst, "Connection: close\r\n"...)
	case x.Proto == http7.HTTP10:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// maxJoined is how much of a body is copied behind what is written before it, to save a write.
const maxJoined = 16 << 10

// stream writes x.out and the answer's body. A fault says that the client must not take what it
// got for a whole answer.
func (c *conn) stream(x *exchange, chunked bool) *http7.Fault {
	src := x.Answer.Source
	if src == nil || bodiless(x) {
		return c.finishEmpty(x, src)
	}
	for {
		chunk, s, f := src.Next()
		switch s {
		case http7.Chunk:
			f = c.writeChunk(x, chunk, chunked)
		case http7.Parked:
			if f = c.flush(x); f == nil {
				src.Await()
			}
		case http7.End:
			c.settle(x)
			if chunked {
				x.trailAnswer()
				x.out = wire.AppendLastChunk(x.out, &x.Answer.Trailer)
			}
			return c.flush(x)
		case http7.Failure:
			if x.begun {
				_ = c.flush(x) // what came is the client's; that it is cut shows by the connection
			}
			return f
		}
		if f != nil {
			return f
		}
	}
}

// finishEmpty writes an answer that has no body, whatever its source says.
func (c *conn) finishEmpty(x *exchange, src http7.Source) *http7.Fault {
	if src != nil {
		if _, s, f := src.Next(); s == http7.Failure {
			return f
		}
	}
	c.settle(x)
	return c.flush(x)
}

// settle joins the lent goroutine when the answer is complete: an unfinished upload ends here.
func (c *conn) settle(x *exchange) {
	if c.pump.running {
		c.stopPump()
	}
}

// writeChunk appends a chunk to what is written next, or writes it at once if it is large.
func (c *conn) writeChunk(x *exchange, chunk []byte, chunked bool) *http7.Fault {
	x.bytesOut += int64(len(chunk))
	if chunked {
		x.out = wire.AppendChunkHead(x.out, len(chunk))
	}
	if len(x.out)+len(chunk) > maxJoined {
		if f := c.flush(x); f != nil {
			return f
		}
		if f := c.write(x, chunk); f != nil {
			return f
		}
	} else {
		x.out = append(x.out, chunk...)
	}
	if chunked {
		x.out = append(x.out, "\r\n"...)
	}
	return nil
}

// flush writes what has been appended.
func (c *conn) flush(x *exchange) *http7.Fault {
	if len(x.out) == 0 {
		return nil
	}
	f := c.write(x, x.out)
	x.out = x.out[:0]
	return f
}

// write writes b to the client, who must take bytes within the write stall.
func (c *conn) write(x *exchange, b []byte) *http7.Fault {
	now := x.writesAt()
	if x.up != nil {
		x.up.Pause()
	}
	if !c.pump.running || c.joined() {
		c.enter(writing, c.writeLimit(x, now))
	}
	if _, err := c.s.Write(b); err != nil {
		x.Cause = err
		if c.s.Interrupted() != sock.NotInterrupted {
			return http7.ClientStalled
		}
		return http7.ClientLeft
	}
	return nil
}

// writesAt returns the time on the wheel's clock, and notes that of the first byte.
func (x *exchange) writesAt() int64 {
	if x.begun {
		return deadline.Now()
	}
	x.begun = true
	if x.firstByte = x.headAt; x.firstByte == 0 || x.up == nil { // else the head came just now
		x.firstByte = x.elapsed()
	}
	return deadline.At(x.Arrival) + int64(x.firstByte)
}

// writeLimit returns when the wheel looks at a write that starts now.
func (c *conn) writeLimit(x *exchange, now int64) int64 {
	at := after(now, c.site.Limits.WriteStall/stallSteps)
	if x.limit != 0 && (at == 0 || x.limit < at) {
		return x.limit
	}
	return at
}

// cutBy marks the answer as cut short.
func (x *exchange) cutBy(f *http7.Fault) {
	x.Fault, x.close, x.broken = f, true, true
}

// finishBody gets a request body that nobody wanted out of the way, as willFinish has promised; a client that
// takes too long over it has missed its next request.
func (c *conn) finishBody(x *exchange) *http7.Fault {
	if x.bodyDone || x.close {
		// A client that did not ask for the end may be sending its next request.
		x.clean = x.bodyDone && x.Fault == nil && !x.head.KeepAlive
		return nil
	}
	c.enter(reading, deadline.Now()+int64(drainTime))
	for {
		switch _, s, _ := x.nextFramed(&c.in); {
		case s == http7.End:
			return nil
		case s == http7.Failure || s == http7.Parked && c.in.FillBody() != nil:
			x.close = true
			c.s.Resume()
			return nil
		}
	}
}
