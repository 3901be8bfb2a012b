package serve

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
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
	idle    phase = iota // waiting for a request's first byte
	reading              // waiting for the rest of a head, or for body bytes
	waiting              // waiting for an endpoint or a policy: watch whether the client leaves
	writing              // the client must take bytes
	leaving              // lingering for the client to read the last answer
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
	info http7.Conn
	site *Site // of the exchange under way, or of the last one
	// tail are the lines that every request on this connection is sent on with.
	tail []byte

	phase  phase // written only while the timer is off
	unsent int   // the wheel's: bytes in the socket when it last looked
	still  int   // the wheel's: how often it has found them unchanged
	watch  uint64
	left   atomic.Bool // the client has gone, says the watcher
	cut    atomic.Bool // the engine cuts every connection
	since  atomic.Int64
	// upstream is the attempt that the exchange waits for.
	upstream atomic.Pointer[forward.Conn]
	pump     pump
	x        *exchange
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
	e.Wheel.Bind(&c.s.Timer, c.due)
	c.info = connInfo(e.listener, nc, &c.s)
	c.tail = appendTail(nil, c)
	e.add(c)
	defer e.remove(c)
	defer c.close()
	first := true
	for c.await(first) {
		first = false
		if !c.serve() {
			return
		}
	}
}

func connInfo(listener string, nc net.Conn, s *sock.Conn) http7.Conn {
	info := http7.Conn{Listener: listener, Peer: addrPort(nc.RemoteAddr()), Local: addrPort(nc.LocalAddr())}
	if t := s.TLS(); t != nil {
		info.TLS = true
		info.SNI = t.ConnectionState().ServerName
	}
	return info
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
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
	if c.s.Interrupted() == sock.DeadlinePassed {
		c.s.Resume()
	}
	c.phase, c.unsent, c.still = p, -1, 0
	c.s.Timer.Set(at)
}

func (c *conn) unwatch() {
	if c.watch != 0 {
		c.e.Watcher.Disarm(&c.s, c.watch)
		c.watch = 0
	}
}

// due is called by the wheel when the phase has lasted long enough.
func (c *conn) due() {
	switch c.phase {
	case waiting:
		c.watch = c.e.Watcher.Arm(&c.s, c.gone)
	case writing:
		if at := c.stalled(); at != 0 {
			c.s.Timer.Rearm(at)
			return
		}
		c.s.Interrupt(sock.DeadlinePassed)
	default:
		c.s.Interrupt(sock.DeadlinePassed)
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
	if n != c.unsent || n < 0 {
		c.unsent, c.still = n, 0
	}
	if limit := c.x.limit; c.still >= stallSteps || limit != 0 && now >= limit {
		return 0
	}
	return now + int64(c.site.Limits.WriteStall)/stallSteps
}

// gone is called by the watcher when the client has left.
func (c *conn) gone() {
	c.left.Store(true)
	c.x.Interrupt()
	if up := c.upstream.Load(); up != nil {
		up.S.Interrupt(forward.ClientGone)
	}
	c.x.wake()
}

// after returns the time d behind now on the wheel's clock; 0 if d is off.
func after(now int64, d time.Duration) int64 {
	if d == 0 {
		return 0
	}
	return now + int64(d)
}

// await blocks until the first bytes of a request are there; false means that none will come.
func (c *conn) await(first bool) bool {
	if c.in.Buffered() > 0 {
		return true
	}
	now := deadline.Now()
	l := &c.site.Limits
	if first {
		c.enter(reading, after(now, l.HeaderTimeout))
	} else {
		c.enter(idle, after(now, l.IdleTimeout))
	}
	c.since.Store(now)
	defer c.since.Store(0)
	if c.e.draining.Load() {
		c.drain(now)
	}
	for {
		err := c.in.FillHead(l.Head.HeadBytes + headSlack)
		if err == nil {
			return true
		}
		// A deadline and a request may come at once: the request wins.
		if c.s.Interrupted() != sock.DeadlinePassed || c.cut.Load() || !c.s.Readable() {
			return false
		}
		c.s.Resume()
	}
}

// headSlack is room for the empty lines that may precede a request.
const headSlack = 8

// drain makes an idle connection end once it has been quiet long enough. Any goroutine may call it.
func (c *conn) drain(now int64) {
	if since := c.since.Load(); since != 0 {
		c.s.Timer.Set(max(since+int64(quiet), now))
	}
}

// serve carries one exchange from its first byte to its end and reports whether the connection
// takes another.
func (c *conn) serve() (again bool) {
	x := c.e.take(c)
	c.x = x
	defer func() {
		if v := recover(); v != nil {
			c.panicked(v, debug.Stack())
			again = false
		}
		c.x = nil
		c.e.release(x)
	}()
	if f := c.readHead(x); f != nil {
		if f == http7.ClientLeft {
			return false
		}
		x.Fault, x.close = f, true
		x.Proto, x.Method, x.Target = x.head.Proto, x.head.Method, x.head.Target
		http7.FaultAnswer(&x.Exchange, f)
		c.respond(x)
	} else {
		c.pass(x)
	}
	c.done(x)
	if x.broken {
		if x.frame == wire.UntilClose {
			c.s.Abort() // an orderly end would make what came look whole
		}
		return false
	}
	if !x.close {
		c.in.Release()
		return true
	}
	c.linger(x)
	return false
}

// panicked answers for a policy, or for Weir itself, that panicked: 500 if nothing has been sent.
func (c *conn) panicked(v any, stack []byte) {
	x := c.x
	if c.e.Panicked != nil {
		c.e.Panicked(v, stack)
	}
	c.stopPump()
	if x.up != nil {
		x.up.Cut()
	}
	x.endAttempt(http7.Panicked)
	x.Fault, x.close = http7.Panicked, true
	if x.begun {
		c.s.Abort()
	} else {
		http7.FaultAnswer(&x.Exchange, http7.Panicked)
		x.plain = true
		c.respond(x)
	}
	c.done(x)
	if !x.begun {
		c.linger(x)
	}
}

// readHead reads the head of a request into x.
func (c *conn) readHead(x *exchange) *http7.Fault {
	l := &c.site.Limits
	n, f := x.parser.Parse(c.in.Head(), &l.Head, &x.head, &x.Request)
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
		return http7.RequestTimeout
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
// for a while, since a close with bytes unread would be a reset that may overtake the answer.
func (c *conn) linger(x *exchange) {
	if x.clean || c.s.CloseWrite() != nil {
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
