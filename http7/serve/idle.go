package serve

import (
	"time"

	"weir/internal/deadline"
	"weir/internal/sock"
)

// lookAfter is when an idle connection is looked at once. The end of a client's side that came
// together with a request shows no other way: a turn reads once, to save the read that finds nothing.
const lookAfter = 250 * time.Millisecond

// idled ends the wait for a request that has come, or has not come in time, and returns when to look
// again; 0 if the wait is over.
func (c *conn) idled() int64 {
	since, now := c.since.Load(), deadline.Now()
	if since == 0 { // a request is being served
		return 0
	}
	end := after(since, c.idle)
	if c.e.draining.Load() {
		end = since + int64(quiet)
	}
	if end != 0 && now >= end || c.s.TLS() == nil && c.s.Readable() {
		c.s.Interrupt(sock.DeadlinePassed)
		return 0
	}
	return end
}

// await blocks until the first bytes of a request are there; false means that none will come.
func (c *conn) await(first bool) bool {
	if c.in.Buffered() > 0 {
		return true
	}
	l := &c.site.Limits
	if first {
		c.clock = deadline.Now()
		c.rest(reading, l.HeaderTimeout)
	} else {
		c.rest(idle, l.IdleTimeout)
	}
	defer c.since.Store(0)
	for {
		err := c.in.FillHead(l.Head.HeadBytes + headSlack)
		if err == nil {
			return true
		}
		if !c.requestCame() {
			return false
		}
	}
}

// rest begins the wait for a request, which d bounds.
func (c *conn) rest(p phase, d time.Duration) {
	if p != idle || c.phase != idle || c.idle != d {
		c.enter(p, 0)
		c.idle = d
	}
	at := after(c.clock, d)
	if look := c.clock + int64(lookAfter); p == idle && (at == 0 || look < at) {
		at = look
	}
	c.since.Store(c.clock)
	c.s.Timer.Set(at)
	c.pardon()
	if c.e.draining.Load() {
		c.drain(c.clock)
	}
}

// requestCame tells, when the wait for a request has ended without one, whether there is one all
// the same: a deadline and a request may come at once, and the request wins.
func (c *conn) requestCame() bool {
	if c.s.Interrupted() != sock.DeadlinePassed || c.cut.Load() || !c.s.Readable() {
		return false
	}
	c.s.Resume()
	return true
}

// headSlack is room for the empty lines that may precede a request.
const headSlack = 8

// drain makes an idle connection end once it has been quiet long enough. Any goroutine may call it.
func (c *conn) drain(now int64) {
	if since := c.since.Load(); since != 0 {
		c.s.Timer.Set(max(since+int64(quiet), now))
	}
}
