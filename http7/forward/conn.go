package forward

import (
	"errors"
	"io"
	"os"
	"sync/atomic"

	"weir/http7"
	"weir/http7/wire"
	"weir/internal/deadline"
	"weir/internal/sock"
)

// answerLimits bound the head of an answer.
var answerLimits = wire.Limits{HeadBytes: 64 << 10, Fields: 256}

// Conn is a connection to an endpoint and the attempt that it is used for: the block, header,
// trailers and framer of one answer. One exchange owns it from Acquire to Close; it is also the
// Source of the answer's body.
type Conn struct {
	S  sock.Conn
	In sock.Reader
	// Answer is the answer of the attempt, valid until Close.
	Answer http7.Answer

	pool   *Pool
	inPool bool // guarded by pool.mu
	born   int64
	uses   int
	way    way
	proxy  string // the PROXY header that the connection began with
	lane   *lane  // the stream that takes the place of a connection of its own; nil: none
	left   int64  // of a stream: bytes of the body that must come yet; -1: nobody knows

	parser wire.ResponseParser
	framer wire.Framer
	head   wire.Response

	t        *Transport
	limit    int64       // no deadline goes beyond it; 0: none
	headed   atomic.Bool // the final head is there: the timer is the reader's
	soft     bool        // NudgeAt has set nudge
	nudge    int64       // the timer's, while it runs: when to nudge; 0: no more
	hard     int64       // the deadline behind nudge
	ended    error       // what the last read of the body came to
	complete bool        // the answer's body was whole
	sent     bool        // the request was sent whole
	offer    []byte      // the protocols that the endpoint may change to
	done     bool
}

// Begin makes c ready for one attempt that must end by limit, on the clock of deadline.Now; 0 means
// no limit.
func (c *Conn) Begin(t *Transport, limit int64) {
	c.t, c.limit = t, limit
	c.uses++
	c.ended, c.complete, c.sent, c.done = nil, false, false, false
	c.headed.Store(false)
	c.soft, c.nudge, c.offer = false, 0, nil
	c.parser.Reset()
	c.Answer.Reset()
}

// Reused reports whether c has served another attempt before.
func (c *Conn) Reused() bool { return c.uses > 1 }

// RequestSent says that the request has been written whole. Until then the connection can't be
// reused.
func (c *Conn) RequestSent() { c.sent = true }

// Nudge is what ReadHead returns when its wait was interrupted so that the attempt's owner may do
// something beside it. It is no fault: calling ReadHead again goes on with the wait.
var Nudge = &http7.Fault{Name: "nudge"}

// NudgeAt makes ReadHead return [Nudge] once if the head is not there at that time. It holds for the
// AwaitHead that follows. It is not for a request whose body another goroutine writes.
func (c *Conn) NudgeAt(at int64) { c.soft, c.nudge = true, at }

// Nudge makes ReadHead return [Nudge], now or when it is next called. Any goroutine may call it while
// the attempt lasts; the owner calls Calm when that can no longer happen.
func (c *Conn) Nudge() { c.S.InterruptRead(Nudged) }

// Calm forgets a nudge that came too late.
func (c *Conn) Calm() {
	if c.S.Interrupted() == Nudged {
		c.S.Resume()
	}
}

// calmTimer takes a nudge back that has not come.
func (c *Conn) calmTimer() {
	if c.soft {
		c.S.Timer.Set(0) // waits for one that is just coming
		c.soft, c.nudge = false, 0
		c.Calm()
	}
}

// AwaitHead starts the clock of the response timeout at now, unless the answer's head is there. It
// may be called by the goroutine that writes the request's body.
func (c *Conn) AwaitHead(now int64) {
	if c.headed.Load() {
		return
	}
	at := c.within(now, int64(c.t.Response))
	if c.soft {
		c.hard = at
		c.arm()
		return
	}
	c.S.Timer.Set(at)
}

// arm starts the clock of the nudge, or of the deadline behind it if that is earlier.
func (c *Conn) arm() {
	at := c.nudge
	if c.hard != 0 && c.hard <= at {
		c.nudge, at = 0, c.hard
	}
	c.S.Timer.Set(at)
}

// AwaitBody stops the clock of the response timeout: it is the client who owes bytes. It may be
// called by the goroutine that writes the request's body.
func (c *Conn) AwaitBody() {
	if !c.headed.Load() {
		c.S.Timer.Set(c.limit)
	}
}

// Headed reports whether the head of the final answer is there. It may be called by the goroutine
// that writes the request's body.
func (c *Conn) Headed() bool { return c.headed.Load() }

// within returns the deadline d nanoseconds after now, or the attempt's limit if that is earlier;
// 0 if there is neither.
func (c *Conn) within(now, d int64) int64 {
	if d == 0 {
		return c.limit
	}
	at := now + d
	if c.limit != 0 && c.limit < at {
		return c.limit
	}
	return at
}

// due is called by the wheel when c's deadline has passed.
func (c *Conn) due() {
	if c.pool.drop(c) {
		c.pool.open.Add(-1)
		_ = c.S.Net().Close() // an idle connection has nothing to tell
		return
	}
	if c.nudge != 0 {
		c.nudge = 0
		c.Nudge()
		c.S.Timer.Rearm(c.hard)
		return
	}
	c.S.Interrupt(sock.DeadlinePassed)
}

// Ask sends a whole request and reads the first bytes of the answer, which ReadHead then parses.
// With check, fine is false if the connection turned out to have ended, or to hold an answer that
// nobody asked for, before anything was sent: take another.
// An endpoint that did not take the request may still have answered it: ReadHead tells.
func (c *Conn) Ask(request []byte, check bool) (fine bool) {
	if c.lane != nil {
		return c.askLane(request)
	}
	stale, sent, err := c.In.Ask(request, answerLimits.HeadBytes+1, check)
	for err != nil && !c.In.Wrote() && c.S.Interrupted() == Nudged { // before there was anything to wait for
		c.S.Timer.Set(0)
		c.Calm()
		c.NudgeAt(deadline.Now() + int64(deadline.Tick))
		c.arm()
		stale, sent, err = c.In.Ask(request, answerLimits.HeadBytes+1, check)
	}
	if c.sent = sent; sent {
		c.ended = err
	}
	return !stale
}

// Idle reports whether a reused connection is as it was left: open, and nothing has come on it.
func (c *Conn) Idle() bool {
	if c.lane != nil {
		return !c.Reused() || c.lane.Sound()
	}
	return !c.Reused() || !c.S.Readable()
}

// ReadHead blocks until the head of an answer to a request with that method is whole and makes it
// c.Answer. It returns 1xx heads too; call it again for the next.
// The cause of a fault is for the log.
func (c *Conn) ReadHead(method []byte) (f *http7.Fault, cause error) {
	if c.lane != nil {
		return c.readLaneHead(method)
	}
	if c.Answer.Status != 0 { // a 1xx came before
		c.In.Release()
		c.parser.Reset()
	}
	for {
		if c.In.Buffered() > 0 {
			n, f := c.parser.Parse(c.In.Head(), &answerLimits, method, &c.head, &c.Answer.Header)
			if f != nil {
				return f, nil
			}
			if n > 0 {
				c.In.Consume(n)
				return c.accept(), nil
			}
		}
		err := c.ended // of Ask
		if err == nil {
			err = c.In.FillHead(answerLimits.HeadBytes + 1)
		}
		if err != nil {
			return c.headFault(err), err
		}
	}
}

// accept takes the head that was parsed for the answer's.
func (c *Conn) accept() *http7.Fault {
	if f := c.judgeSwitch(); f != nil {
		return f
	}
	c.ended = nil
	c.Answer.Status, c.Answer.Reason = c.head.Status, c.head.Reason
	c.Answer.Source = c
	if c.Final() {
		c.headed.Store(true)
		c.calmTimer()
	}
	c.framer.Reset(c.head.Frame, &c.Answer.Trailer, http7.Upstream)
	switch c.head.Frame.Kind {
	case wire.None:
		c.Answer.Length = 0
	case wire.Length:
		c.Answer.Length = c.head.Frame.Length
	default:
		c.Answer.Length = -1
	}
	return nil
}

// headFault says what an error means that came before the head was whole.
func (c *Conn) headFault(err error) *http7.Fault {
	switch why := c.S.Interrupted(); {
	case why == ClientGone:
		return http7.ClientLeft
	case why == BodyFailed:
		return http7.BodyCut
	case why == Cutting:
		return http7.Stopping
	case why == Nudged && errors.Is(err, os.ErrDeadlineExceeded):
		c.ended = nil
		c.S.Resume()
		c.S.Timer.Set(c.hard) // it may have passed meanwhile, without anybody to tell
		return Nudge
	case why == Nudged:
		c.S.Resume()
		return c.headFault(err)
	case why != sock.NotInterrupted:
		return http7.UpstreamTimeout
	case err == sock.ErrHeadFull:
		return http7.AnswerTooLarge
	case c.S.TLS() != nil && alerted(err):
		return http7.UpstreamTLS
	case c.Reused() && c.Answer.Status == 0 && c.In.Buffered() == 0:
		return http7.UpstreamStale
	}
	return http7.UpstreamReset
}

// Next returns the bytes of the answer's body that are at hand.
func (c *Conn) Next() ([]byte, http7.State, *http7.Fault) {
	if c.lane != nil {
		return c.nextOfLane()
	}
	chunk, n, s, f := c.framer.Next(c.In.Window())
	c.In.Consume(n)
	switch {
	case s == http7.End:
		c.complete = true
	case s == http7.Parked && c.ended != nil:
		return c.cut()
	}
	return chunk, s, f
}

// cut says what the end of the connection means for the body.
func (c *Conn) cut() ([]byte, http7.State, *http7.Fault) {
	if c.ended == io.EOF {
		if f := c.framer.Finish(); f != nil {
			return nil, http7.Failure, f
		}
		return nil, http7.End, nil
	}
	switch c.S.Interrupted() {
	case sock.NotInterrupted:
		return nil, http7.Failure, http7.UpstreamCut
	case ClientGone:
		return nil, http7.Failure, http7.ClientLeft
	case BodyFailed:
		return nil, http7.Failure, http7.BodyCut
	case Cutting:
		return nil, http7.Failure, http7.Stopping
	}
	if c.limit != 0 && deadline.Now() >= c.limit {
		return nil, http7.Failure, http7.RouteTimeout
	}
	return nil, http7.Failure, http7.UpstreamStalled
}

// Await blocks until bytes, the end or a deadline come.
func (c *Conn) Await() {
	c.S.Timer.Set(c.within(deadline.Now(), int64(c.t.BetweenReads)))
	if c.lane != nil {
		c.ended = c.lane.Await()
		return
	}
	c.In.FreeIdle()
	c.ended = c.In.FillBody()
}

// Pause stops the clock while the body waits for a slow reader.
func (c *Conn) Pause() { c.S.Timer.Set(c.limit) }

// Cut ends the attempt without keeping the connection, whatever has come of it.
func (c *Conn) Cut() {
	c.complete = false
	c.Close()
}

// Discard ends an attempt whose answer is not wanted. The connection is kept, as by Close, if the rest
// of the answer is at hand; it is not waited for.
func (c *Conn) Discard() {
	for s := http7.Chunk; s == http7.Chunk && c.headed.Load(); {
		_, s, _ = c.Next()
	}
	c.Close()
}

// Close ends the attempt: the connection is kept if both messages were whole, the endpoint keeps it
// and nothing follows the answer; else it is closed. Views of the answer are dead from here on.
func (c *Conn) Close() {
	if c.done {
		return
	}
	c.done = true
	c.S.Timer.Set(0)
	keep := c.lane == nil && c.complete && c.sent && c.head.KeepAlive && c.In.Buffered() == 0 &&
		c.S.Interrupted() == sock.NotInterrupted && c.head.Frame.Kind != wire.UntilClose
	if !keep {
		c.shut()
		return
	}
	c.In.Release()
	c.Answer.Reset()
	c.pool.put(c, &c.t.pool)
}

// shut closes the connection.
func (c *Conn) shut() {
	if c.lane == nil {
		c.pool.open.Add(-1)
	}
	c.hangUp()
	c.In.Consume(c.In.Buffered())
	c.In.Release()
	c.Answer.Reset()
}

// hangUp closes the connection, or ends the stream. In the midst of something there is nobody to tell: TLS
// would wait for an endpoint that takes no bytes.
func (c *Conn) hangUp() {
	if tc := c.S.TLS(); tc != nil && !c.complete {
		_ = tc.NetConn().Close() // as above
	}
	c.S.Close()
}
