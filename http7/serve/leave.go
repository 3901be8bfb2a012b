package serve

import (
	"weir/http7"
	"weir/http7/forward"
	"weir/internal/deadline"
)

// gone is called by the watcher when the client has left.
func (c *conn) gone() {
	if t := c.tunnelled; t != nil {
		if c.cut.Load() { // that ended the client's connection
			t.stop(http7.Stopping)
		} else {
			t.stop(http7.ClientLeft)
		}
		return
	}
	c.left.Store(true)
	if !c.x.Stays() {
		c.abandon()
	}
}

// unstayed is told that nobody but its client waits for the exchange's answer any more.
func (c *conn) unstayed() {
	if c.left.Load() {
		c.abandon()
	}
}

// abandon ends what the exchange waits for.
func (c *conn) abandon() {
	c.going.Lock()
	defer c.going.Unlock()
	if up := c.upstream.Load(); up != nil {
		up.S.Interrupt(forward.ClientGone)
	}
	http7.Interrupt(c.source)
	c.x.wake()
}

// lost reports whether nobody waits for x's answer any more.
func (c *conn) lost(x *exchange) bool { return c.left.Load() && !x.Stays() }

// hide makes x's attempt its owner's alone: when it has returned, nobody interrupts the attempt any more.
func (c *conn) hide(x *exchange) {
	c.upstream.Store(nil)
	c.enter(waiting, 0) // from here on the watcher does not know x.up
	c.unseen(x)
}

// unseen waits for who ended a stay of x and still knows its attempt.
func (c *conn) unseen(x *exchange) {
	if x.Stayed() {
		c.going.Lock()
		//lint:ignore SA2001 the lock is the wait
		c.going.Unlock()
	}
}

// setSource makes src what the exchange waits for; nil: nothing.
func (c *conn) setSource(src http7.Source) {
	c.going.Lock()
	c.source = src
	c.going.Unlock()
}

// look is called by the wheel when an exchange has waited for a while: it begins to watch the client. The wait for a
// Source of Weir's own it ends when the exchange's time is up. It returns when to look again; 0: never.
func (c *conn) look() int64 {
	at, over := c.expires()
	switch {
	case over:
	case c.st != nil:
		c.st.watch()
	default:
		c.watch = c.e.Watcher.Arm(&c.s, c.gone)
	}
	return at
}

// expires interrupts the Source that is waited for if the exchange's time is up; if not, it returns when that is.
func (c *conn) expires() (at int64, over bool) {
	c.going.Lock()
	defer c.going.Unlock()
	switch {
	case c.source == nil || c.x.limit == 0:
		return 0, false
	case deadline.Now() < c.x.limit:
		return c.x.limit, false
	}
	http7.Interrupt(c.source)
	return 0, true
}

// awaitSource waits for more of an answer, and for a client that leaves meanwhile. While a lent goroutine moves the
// request's body, that one sees the client's end.
func (c *conn) awaitSource(x *exchange, src http7.Source) *http7.Fault {
	switch {
	case c.pump.running && !c.joined():
	case x.up == nil:
		return c.awaitOwn(x, src)
	default:
		c.enter(waiting, deadline.Now()+int64(watchAfter))
	}
	src.Await()
	return nil
}

// awaitOwn waits for a Source that knows nothing of the client, nor of the exchange's time.
func (c *conn) awaitOwn(x *exchange, src http7.Source) *http7.Fault {
	c.setSource(src)
	at := deadline.Now() + int64(watchAfter)
	if x.limit != 0 {
		at = min(at, x.limit)
	}
	c.enter(waiting, at)
	if !c.cut.Load() && !c.lost(x) {
		src.Await()
	}
	c.enter(waiting, 0)
	c.setSource(nil)
	switch {
	case c.cut.Load():
		return http7.Stopping
	case c.lost(x):
		return http7.ClientLeft
	case x.limit != 0 && deadline.Now() >= x.limit:
		return http7.RouteTimeout
	}
	return nil
}
