package serve

import (
	"slices"

	"weir/http7"
	"weir/http7/wire"
	"weir/internal/deadline"
)

// respond writes x's answer to the client, body and all, and decides whether the connection goes on.
func (c *conn) respond(x *exchange) {
	c.tellAltSvc(x) // before the policies, which may say otherwise
	c.responsePolicies(x)
	if x.Answer.Local { // perhaps theirs, in place of the one that had it
		c.tellAltSvc(x)
	}
	x.stick()
	a := x.Answer
	if a.Local {
		c.dropForLocal(x)
	}
	x.status = a.Status
	if c.pump.running && !c.joined() && (a.Status >= 300 || a.Local) {
		c.stopPump()
	}
	switch {
	case x.switches():
		c.tunnel(x)
		return
	case !c.pump.running && eventStream(a):
		x.unbound()
	}
	c.compose(x)
	f := c.stream(x, x.frame == wire.Chunked)
	if f == nil {
		f = c.finishBody(x)
	}
	switch {
	case f == nil:
	case x.begun && c.endCall(x, f):
	case x.begun || a.Local && f.Side != http7.Upstream:
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
	if c.st != nil {
		x.out, c.st.owes = x.out[:0], true
		return
	}
	x.out = c.appendHead(x.out[:0], x, x.frame)
	x.headBytes, x.uploading = len(x.out), c.pump.running
}

// dropForLocal lets go of an attempt whose answer was not kept, or was replaced.
func (c *conn) dropForLocal(x *exchange) {
	if x.up != nil {
		c.drop(x)
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
				x.refuseAnswer(&steps[i], v.Fault)
			}
		}
	}
}

// refuseAnswer puts f, which s says of x's answer, in its place, unless s only observes.
func (x *exchange) refuseAnswer(s *http7.Step, f *http7.Fault) {
	r := forget(x, s, f)
	if s.Mode == http7.Observe {
		x.decider.remark(x, &r)
		return
	}
	x.decider.by, x.decider.said = s.Name, r
	x.Problem, x.Cause = r.problem, r.cause
	http7.FaultAnswer(&x.Exchange, f)
}

// trailRequest lets policies edit the trailers of the request, in its order.
func (x *exchange) trailRequest() {
	if x.Trailer.Len() == 0 {
		return
	}
	if fields := x.site.Identity; fields != nil {
		fields.Strip(&x.Trailer)
	}
	early, late := x.site.Early, x.late()
	for i := range early {
		x.trail(&early[i], x.without(), &x.Trailer)
	}
	for i := range late {
		x.trail(&late[i], nil, &x.Trailer)
	}
}

// trailAnswer lets policies edit the trailers of the answer, the last stage's first, once.
func (x *exchange) trailAnswer() {
	trailer := &x.Answer.Trailer
	if x.plain || x.tailed || trailer.Len() == 0 {
		return
	}
	x.tailed = true
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
	case a.Length >= 0 && c.st == nil && x.Proto == http7.HTTP11 && !a.Local && x.up != nil && x.up.Trails():
		a.Header.DelID(http7.ContentLength) // it would leave no room for the trailers
	case a.Length >= 0:
		kind = wire.Length
	case c.st != nil || x.Proto == http7.HTTP10:
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
	switch {
	case a.Local && a.Length >= 0 && a.Status != 204 && (kind == wire.Length || a.Length > 0):
		dst = appendLength(dst, a.Length)
	case kind == wire.Length && !a.Local && !a.Header.Has(http7.ContentLength): // an endpoint of h2 need not say it
		dst = appendLength(dst, a.Length)
	}
	if kind == wire.Chunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if !a.Header.Has(http7.Date) {
		dst = appendDate(dst)
	}
	if a.Status == 426 {
		dst = x.appendWanted(dst)
	}
	switch {
	case x.close:
		dst = append(dst, []byte("Connection: close\r\n")...)
	case x.Proto == http7.HTTP10:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, "\r\n"...)
}

var altSvc, _ = http7.NewName("Alt-Svc")

// tellAltSvc tells where else the client finds this, in place of what an endpoint says of itself.
func (c *conn) tellAltSvc(x *exchange) {
	if len(x.site.AltSvc) == 0 || !c.info.TLS || x.Proto == http7.HTTP3 {
		return
	}
	if h := &x.Answer.Header; !x.Answer.Local || h.Find(altSvc, 0) < 0 {
		h.Set(altSvc, x.site.AltSvc)
	}
}

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
			if !x.held() {
				f = c.push(x)
			}
			if f == nil {
				f = c.awaitSource(x, src)
			}
		case http7.End:
			x.ending = true
			c.settle(x)
			if c.st != nil {
				return c.endStream(x)
			}
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

// held reports whether a filter holds back the answer, of which nothing has left.
func (x *exchange) held() bool {
	if x.begun {
		return false
	}
	for _, f := range x.Answer.Filters {
		if h, ok := f.(http7.Holder); ok && h.Holds() {
			return true
		}
	}
	return false
}

// finishEmpty writes an answer that has no body, whatever its source says.
func (c *conn) finishEmpty(x *exchange, src http7.Source) *http7.Fault {
	if src != nil {
		if _, s, f := src.Next(); s == http7.Failure {
			return f
		}
	}
	x.ending = true
	c.settle(x)
	return c.flush(x)
}

// settle joins the lent goroutine when the answer is complete: an unfinished upload ends here. Its head has left open
// whether that would be: a client that may go on with the connection must be able to, or be told (RFC 9112 §9.3).
func (c *conn) settle(x *exchange) {
	if c.pump.running {
		c.stopPump()
	}
	if x.uploading && !x.begun && !c.willFinish(x) {
		x.close = true
		x.out = slices.Insert(x.out, x.headBytes-len("\r\n"), []byte("Connection: close\r\n")...)
	}
}

// cutBy marks the answer as cut short.
func (x *exchange) cutBy(f *http7.Fault) {
	x.Fault, x.close, x.broken = f, true, true
}

// finishBody gets a request body that nobody wanted out of the way, as willFinish has promised, or a head that left
// before; a client that takes too long over it has missed its next request.
func (c *conn) finishBody(x *exchange) *http7.Fault {
	if c.st != nil {
		return c.passOverStream(x)
	}
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
