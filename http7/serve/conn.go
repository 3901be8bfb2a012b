package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/forward"
	"weir/http7/wire"
	"weir/internal/deadline"
	"weir/internal/sock"
)

// phase is what a connection's deadline means.
type phase uint8

const (
	idle       phase = iota // waiting for a request's first byte
	reading                 // waiting for the rest of a head, or for body bytes
	waiting                 // waiting for an endpoint or a policy: watch whether the client leaves
	writing                 // the client must take bytes
	leaving                 // lingering for the client to read the last answer
	tunnelling              // bytes pass both ways
)

// watchAfter is how long an exchange must have lasted before its client is watched. Most are over
// by then and cost nothing.
const watchAfter = 50 * time.Millisecond

// conn is one client connection. Its goroutine owns it; the wheel, the watcher and a lent
// goroutine reach it only through what is said to be theirs.
type conn struct {
	e    *Engine
	s    sock.Conn
	in   sock.Reader
	st   *stream // what it is of a connection that carries many; nil: a connection of HTTP/1
	info *http7.Conn
	site *Site // of the exchange under way, or of the last one
	// tail are the lines that every request on this connection is sent on with.
	tail []byte

	phase  phase         // written only while the timer is off
	idle   time.Duration // likewise: how long the client may be idle; 0: for ever
	unsent int           // the wheel's: bytes in the socket when it last looked
	still  int           // the wheel's: how often it has found them unchanged
	watch  uint64
	left   atomic.Bool // the client has gone, says the watcher
	cut    atomic.Bool // the engine cuts every connection
	since  atomic.Int64
	// upstream is the attempt that the exchange waits for.
	upstream atomic.Pointer[forward.Conn]
	going    sync.Mutex   // held while what the exchange waits for is interrupted
	source   http7.Source // guarded by going: the Source of Weir's own that the exchange waits for
	unstayFn func()
	blockFn  func(time.Duration) (context.Context, func())
	pump     pump
	// tunnelled is what the connection has become; set while the phase is tunnelling.
	tunnelled *tunnel
	x         *exchange
	clock     int64 // when the last exchange ended, on the wheel's clock
	turnFn    func() bool
	end       turnEnd // what the last turn of loop came to
	clean     bool    // the client has nothing unread to lose: no linger
	torn      bool    // the client must not take what it got for whole: reset the connection
}

// Serve serves the connection until it ends, and closes it.
func (e *Engine) Serve(nc net.Conn) {
	c := &conn{e: e, site: e.site(nil)}
	if err := c.s.Init(nc); err != nil {
		e.Log.Error("connection can't be served", "listener", e.listener, "error", err)
		_ = nc.Close() // unusable anyway
		return
	}
	c.in.Init(&c.s)
	c.turnFn, c.unstayFn, c.blockFn = c.turn, c.unstayed, c.block
	e.Wheel.Bind(&c.s.Timer, c.due)
	c.info = connInfo(e.listener, nc, &c.s)
	c.tail = appendTail(nil, c.info)
	if c.site.speaks(H2) && c.info.ALPN == "h2" {
		e.serveH2(nc, c.info, nil)
		return
	}
	e.add(c)
	defer e.remove(c)
	defer c.close()
	c.run()
}

// turnEnd is what a turn of the connection came to.
type turnEnd uint8

const (
	again      turnEnd = iota // the connection takes another request
	over                      // it does not
	unfinished                // the request needs more bytes than were at hand
)

// run serves requests until the connection is over. The first of them, and those that come in
// pieces, are waited for one by one; the others in loop.
func (c *conn) run() {
	for first := true; c.await(first); first = false {
		if first && c.prefaced() {
			c.handOver()
			return
		}
		if first && !c.site.speaks(H1) {
			c.refuseH1()
			return
		}
		if first && c.hailed() {
			return
		}
		end := c.serve(c.e.take(c))
		if end == again && c.in.Loops() && c.in.Buffered() == 0 {
			end = c.loop()
		}
		if end == over {
			c.linger()
			return
		}
	}
}

// loop serves requests that are whole when they come, all in one wait. It ends with over, or with
// again when requests must be waited for one by one.
func (c *conn) loop() turnEnd {
	c.rest(idle, c.site.Limits.IdleTimeout)
	err := c.in.Loop(c.site.Limits.Head.HeadBytes+headSlack, c.turnFn)
	c.since.Store(0)
	switch {
	case err != nil && !c.requestCame():
		c.clean = true
		return over
	case err != nil:
		return again
	case c.end == unfinished:
		return c.serve(c.x)
	}
	return c.end
}

// turn serves the requests whose bytes have come. It must not read from the connection.
func (c *conn) turn() bool {
	c.since.Store(0)
	for {
		x := c.e.take(c)
		if !c.parse(x) {
			c.x, c.end = x, unfinished
			return false
		}
		if c.end = c.carry(x); c.end != again {
			return false
		}
		if c.in.Buffered() == 0 {
			c.rest(idle, c.site.Limits.IdleTimeout)
			return true
		}
	}
}

// parse reads what is at hand and reports whether the request is there whole, or refused.
func (c *conn) parse(x *exchange) bool {
	n, f := x.parser.Parse(c.in.Head(), &c.site.Limits.Head, &x.head, &x.Request)
	if f != nil {
		x.Fault = f
		return true
	}
	if n == 0 {
		return false
	}
	c.in.Consume(n)
	x.adopt()
	x.parsed = true
	if x.Upgrade != nil { // a tunnel reads
		return false
	}
	return x.bodyDone || x.head.Frame.Kind == wire.Length && x.head.Frame.Length <= int64(c.in.Buffered())
}

// close ends the connection and gives back what it holds.
func (c *conn) close() {
	c.s.Timer.Set(0)
	c.unwatch()
	c.s.Close()
	c.in.Consume(c.in.Buffered())
	c.in.Release()
}

// enter moves the connection to a phase that lasts until at, on the wheel's clock; 0 is for ever.
// A deadline of the phase before that has just passed is forgiven.
func (c *conn) enter(p phase, at int64) {
	c.s.Timer.Set(0)
	c.unwatch()
	c.pardon()
	c.phase, c.unsent, c.still = p, -1, 0
	c.s.Timer.Set(at)
}

// pardon forgives a deadline that has just passed.
func (c *conn) pardon() {
	if c.s.Interrupted() == sock.DeadlinePassed {
		c.s.Resume()
	}
}

func (c *conn) unwatch() {
	if c.st != nil {
		c.st.unwatch()
		return
	}
	if c.watch != 0 {
		c.e.Watcher.Disarm(&c.s, c.watch)
		c.watch = 0
	}
}

// due is called by the wheel when the phase has lasted long enough.
func (c *conn) due() {
	switch c.phase {
	case waiting:
		if at := c.look(); at != 0 {
			c.s.Timer.Rearm(at) // last: from here on the timer may be set
		}
	case writing:
		if at := c.stalled(); at != 0 {
			c.s.Timer.Rearm(at)
			return
		}
		c.s.Interrupt(sock.DeadlinePassed)
	case idle:
		if at := c.idled(); at != 0 {
			c.s.Timer.Rearm(at)
		}
	case tunnelling:
		if at := c.tunnelled.due(deadline.Now()); at != 0 {
			c.s.Timer.Rearm(at)
		}
	default:
		c.s.InterruptRead(sock.DeadlinePassed) // an answer may be on its way beside the body
	}
}

// stallSteps is how often a blocked write is looked at before it has stalled.
const stallSteps = 4

// stalled returns when to look again at a write that blocks, 0 if the client has taken no byte for
// too long or the exchange's time is up. As long as the client takes bytes it may take them slowly.
func (c *conn) stalled() int64 {
	now := deadline.Now()
	n := c.s.Unsent()
	c.still++
	if n != c.unsent || n <= 0 { // 0: nothing is being held up
		c.unsent, c.still = n, 0
	}
	if limit := c.x.limit; c.still >= stallSteps || limit != 0 && now >= limit {
		return 0
	}
	return now + int64(c.site.Limits.WriteStall)/stallSteps
}

// after returns the time d behind now on the wheel's clock; 0 if d is off.
func after(now int64, d time.Duration) int64 {
	if d == 0 {
		return 0
	}
	return now + int64(d)
}

// serve reads the rest of x's head, waiting for it, and carries x to its end.
func (c *conn) serve(x *exchange) turnEnd {
	c.x = x
	if !x.parsed {
		if x.Fault = c.readHead(x); x.Fault == http7.ClientLeft {
			c.x, c.clean = nil, true
			c.e.release(x)
			return over
		}
	}
	return c.carry(x)
}

// carry takes an exchange whose head has been read, or refused, to its end.
func (c *conn) carry(x *exchange) (end turnEnd) {
	c.x, c.clean = x, false
	defer func() {
		if v := recover(); v != nil {
			c.panicked(v, debug.Stack())
			end = over
		}
		c.x = nil
		c.e.release(x)
	}()
	if f := x.Fault; f != nil {
		x.close = true
		x.refuseHead()
		http7.FaultAnswer(&x.Exchange, f)
		c.respond(x)
	} else {
		c.pass(x)
	}
	c.done(x)
	switch {
	case c.st != nil:
		c.torn = x.broken || !x.begun
		return over
	case x.broken:
		c.clean = true
		c.torn = x.frame == wire.UntilClose // an orderly end would make what came look whole
		return over
	case x.close:
		c.clean = x.clean
		return over
	}
	c.in.Release()
	return again
}

// panicked answers for a policy, or for Weir itself, that panicked: 500 if nothing has been sent.
func (c *conn) panicked(v any, stack []byte) {
	x := c.x
	if c.e.Panicked != nil {
		c.e.Panicked(v, stack)
	}
	c.stopPump()
	c.partRival(x, http7.ClientLeft)
	if x.up != nil {
		x.up.Cut()
	}
	x.endAttempt(http7.Panicked)
	x.Fault, x.close = http7.Panicked, true
	c.torn = x.begun
	if !x.begun {
		http7.FaultAnswer(&x.Exchange, http7.Panicked)
		x.plain = true
		c.respond(x)
	}
	c.done(x)
}

// readHead reads the head of a request into x.
func (c *conn) readHead(x *exchange) *http7.Fault {
	l := &c.site.Limits
	n, f := x.parser.Parse(c.in.Head(), &l.Head, &x.head, &x.Request)
	if c.s.Interrupted() == sock.DeadlinePassed && n == 0 { // it has had its time as half a preface
		c.s.Resume()
		return c.slow(slowHeader)
	}
	if n == 0 && f == nil {
		c.enter(reading, after(deadline.At(x.Arrival), l.HeaderTimeout))
	}
	for n == 0 && f == nil {
		if err := c.in.FillHead(l.Head.HeadBytes + headSlack); err != nil {
			return c.headFault(err)
		}
		n, f = x.parser.Parse(c.in.Head(), &l.Head, &x.head, &x.Request)
	}
	if f != nil {
		return f
	}
	c.in.Consume(n)
	x.adopt()
	return nil
}

// headFault says what ended a head before it was whole.
func (c *conn) headFault(err error) *http7.Fault {
	switch {
	case errors.Is(err, sock.ErrHeadFull):
		return http7.HeadTooLarge
	case c.s.Interrupted() == sock.DeadlinePassed:
		c.s.Resume()
		return c.slow(slowHeader)
	case errors.Is(err, io.EOF):
		return http7.ClientLeft
	}
	return http7.ClientLeft
}

// The bounds of what is done for a client whose request body is unread (architecture §8).
const (
	drainBytes = 64 << 10
	drainTime  = time.Second
	lingerTime = 2 * time.Second
)

// linger ends the connection so that the client sees the last answer: it half-closes and reads on
// for a while, since a close with bytes unread would be a reset that may overtake the answer. A torn
// connection is reset here and not in a turn: closing waits for all waits on the connection to end.
func (c *conn) linger() {
	if c.torn {
		c.s.Abort()
		return
	}
	if c.clean || c.s.CloseWrite() != nil {
		return
	}
	c.enter(leaving, deadline.Now()+int64(lingerTime))
	for {
		c.in.Consume(c.in.Buffered())
		if c.in.FillBody() != nil {
			return
		}
	}
}
