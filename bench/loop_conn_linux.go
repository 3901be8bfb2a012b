package bench

import (
	"fmt"
	"io"
	"time"

	"weir/internal/evloop"
)

// conn is one of the generator's connections, whether it is made or not, with the request that it carries.
type conn struct {
	loop  *loop
	links [ways]link
	fd    int // none: not connected
	state state
	stale bool // the peer closed it while it was idle
	known bool // it has been dialled before

	// The request under way.
	slot     slot
	lag      time.Duration
	late     bool
	opened   bool
	reopened bool
	class    int
	expect   *Expect
	size     int64
	left     []byte // what is not sent yet
	own      []byte // where that is kept when the maker's bytes don't last

	began   time.Duration // when it was sent, or dialling began
	dialled time.Duration // when dialling this address began
	from    int           // the address that was tried first
	tried   int           // how many failed
	since   time.Duration // idle: the earliest time at which it may have become so
	freed   time.Duration // idle: when the loop saw it

	answers answerReader
}

// state is what a connection does.
type state uint8

const (
	waiting    state = iota // idle, connected or not
	connecting              // with a request that waits for it
	talking                 // with a request under way
)

const (
	none = -1
	// fair is how many blocks a connection may read before the others' turn.
	fair = 16
	// keepBody is how large a buffer of an idle connection may be.
	keepBody = 64 << 10

	interest = evloop.In | evloop.Out | evloop.PeerEnd | evloop.Edge
	ending   = evloop.PeerEnd | evloop.Broken
)

// begin sends the request of a slot, connecting first where there is no connection. c is idle.
func (c *conn) begin(s slot, now time.Duration) {
	l := c.loop
	r := &l.request
	l.maker.Fill(s.n, r)
	c.slot, c.began = s, now
	c.lag, c.late = -1, false
	if l.open {
		// It could have been sent once it was due and a connection known to be idle; all after that is our doing.
		c.lag = max(0, now-max(s.at, c.since))
		c.late = c.freed > s.at
	}
	c.class, c.expect = r.Class, r.Expect
	c.answers.begin(r.Method, r.Expect.WantsBody())
	c.left = r.Wire
	if c.left == nil {
		l.out = AppendRequest(l.out[:0], r, l.owner.to.authority)
		c.left = l.out
	}
	c.size = int64(len(c.left))
	l.idle.remove(c)
	l.underway.push(c)
	c.opened = c.fd == none
	c.reopened, c.stale = c.stale, false
	if c.opened {
		c.hold()
		c.dial(now)
		return
	}
	c.state = talking
	if c.write(); len(c.left) > 0 {
		c.hold()
	}
}

// hold keeps what is not sent yet beyond the maker's next Fill.
func (c *conn) hold() {
	if !c.loop.fixed {
		c.own = append(c.own[:0], c.left...)
		c.left = c.own
	}
}

// Ready serves the connection's events.
func (c *conn) Ready(e evloop.Events) {
	switch {
	case c.state == waiting:
		if e&(evloop.In|ending) != 0 {
			c.stale = true // closed, or it says what nobody asked for
			c.drop()
		}
	case c.state == connecting && e&(evloop.Out|evloop.Broken) != 0:
		c.connected()
	case c.state == talking && e&evloop.Out != 0 && len(c.left) > 0:
		c.write()
	}
	// An answer may be there with the connection.
	if c.state == talking && e&(evloop.In|ending) != 0 {
		c.read(e&ending != 0)
	}
}

// write sends what the socket takes; the rest goes when it takes more.
func (c *conn) write() {
	for len(c.left) > 0 {
		n, err := evloop.Write(c.fd, c.left)
		c.left = c.left[n:]
		if err == evloop.ErrAgain {
			return
		}
		if err != nil {
			// A target may refuse a request before it has read it all, and say why.
			c.size -= int64(len(c.left))
			c.left = nil
			if c.read(true); c.state == talking {
				c.fail(err)
			}
			return
		}
	}
}

// read takes in what the socket has. ends says that an end is there too.
func (c *conn) read(ends bool) {
	l := c.loop
	for range fair {
		n, err := evloop.Read(c.fd, l.block)
		if err == evloop.ErrAgain {
			return
		}
		if err == io.EOF {
			if err = c.answers.end(); err == nil {
				c.finish(false)
				return
			}
		}
		var spare []byte
		var done bool
		if err == nil {
			spare, done, err = c.answers.feed(l.block[:n])
		}
		switch {
		case err != nil:
			c.fail(err)
			return
		case done:
			c.done(len(spare) > 0 || len(c.left) > 0 || n == len(l.block) && c.more(), ends)
			return
		case n < len(l.block) && !ends:
			return // that was all: what comes later is an event of its own
		}
	}
	if err := l.poll.Set(c.fd, interest); err != nil {
		c.fail(err)
	}
}

// more reports whether the socket has bytes, or an end.
func (c *conn) more() bool {
	_, err := evloop.Read(c.fd, c.loop.block[:1])
	return err != evloop.ErrAgain
}

// done ends a request whose answer is complete. spoilt says that the connection is of no more use, ends that the
// peer has closed it.
func (c *conn) done(spoilt, ends bool) {
	keep := c.answers.got.keep && !spoilt && !c.loop.owner.to.fresh
	c.stale = keep && ends
	c.finish(keep && !ends)
}

// finish notes a complete answer and makes the connection idle.
func (c *conn) finish(keep bool) {
	got := &c.answers.got
	a := Answer{Status: got.status, Body: got.body}
	err := c.expect.judge(&a)
	c.note(err, got.status)
	if cap(got.body) > keepBody {
		got.body = nil
	}
	c.rest(keep, err != nil)
}

// fail notes that the request failed, and ends the connection.
func (c *conn) fail(err error) {
	if c.state == connecting {
		err = &ConnectError{err}
	}
	c.note(err, 0)
	c.rest(false, true)
}

// note takes down the request that ends now.
func (c *conn) note(err error, status int) {
	l := c.loop
	c.freed = l.owner.now()
	if c.slot.at < l.owner.cfg.Warmup {
		return
	}
	d := done{
		class: c.class, at: c.slot.at, took: c.freed - c.slot.at, lag: c.lag, late: c.late, status: status,
		in: c.answers.got.bytes, out: c.size - int64(len(c.left)), opened: c.opened, reopened: c.reopened,
	}
	if err != nil {
		d.failed, d.kind = true, KindOf(err)
		l.owner.ledger.explain(d.kind, err)
	}
	l.tally.note(&d)
}

// rest makes the connection idle, connected or not.
func (c *conn) rest(keep, failed bool) {
	l := c.loop
	l.underway.remove(c)
	l.trials.remove(c)
	c.since = l.since
	c.left, c.expect = nil, nil
	c.state = waiting
	if !keep {
		c.drop()
	}
	c.dialledOnce()
	if failed && !l.open {
		l.resting.push(c)
	} else {
		l.idle.push(c)
	}
}

// dialledOnce lets another connection begin, once this one's first attempt has ended.
func (c *conn) dialledOnce() {
	if !c.known {
		c.known = true
		c.loop.bear()
	}
}

// drop closes the connection, if there is one.
func (c *conn) drop() {
	if c.fd != none {
		c.loop.poll.Remove(c.fd)
		evloop.Close(c.fd)
		c.fd = none
	}
}

// dial begins to connect to the address whose turn it is, or to the next one that can be dialled at all.
func (c *conn) dial(now time.Duration) {
	c.state = connecting
	c.from, c.tried = c.loop.good, 0
	if lost := c.loop.engine.lost; lost != nil {
		c.fail(lost)
		return
	}
	c.attempt(now)
}

func (c *conn) attempt(now time.Duration) {
	l := c.loop
	fd, err := evloop.Dial(l.engine.addresses[c.address()])
	if err == nil {
		c.fd = fd
		err = l.poll.Add(fd, interest, c)
	}
	if err != nil {
		c.retry(err)
		return
	}
	c.dialled = now
	if c.tried < len(l.engine.addresses)-1 {
		l.trials.push(c)
	}
}

// address is the index of the address that is tried.
func (c *conn) address() int { return (c.from + c.tried) % len(c.loop.engine.addresses) }

// retry tries the next address after one that failed, or fails.
func (c *conn) retry(err error) {
	l := c.loop
	l.trials.remove(c)
	c.drop()
	if c.tried++; c.tried < len(l.engine.addresses) {
		c.attempt(l.owner.now())
		return
	}
	c.tried--
	c.fail(fmt.Errorf("%v: %w", l.engine.addresses[c.address()], err))
}

// connected ends an attempt, and sends the request if it came to a connection.
func (c *conn) connected() {
	if err := evloop.DialError(c.fd); err != nil {
		c.retry(err)
		return
	}
	c.loop.trials.remove(c)
	c.loop.good = c.address()
	c.dialledOnce()
	c.state = talking
	c.write()
}
