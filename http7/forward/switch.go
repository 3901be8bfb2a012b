package forward

import (
	"weir/http7"
	"weir/http7/wire"
)

// MaySwitch lets the endpoint answer the attempt with 101, to a protocol of offer, an Upgrade field's value that
// stays valid until then. nil, which every attempt begins with, forbids it.
func (c *Conn) MaySwitch(offer []byte) { c.offer = offer }

// Upgrade returns the Upgrade field of a 101, or of a 426; nil for other answers. It is valid as long as the
// answer's head.
func (c *Conn) Upgrade() []byte { return c.head.Upgrade }

// Final reports whether the head that ReadHead has returned is the last: no other one follows a 101.
func (c *Conn) Final() bool { return c.Answer.Status >= 200 || c.Answer.Status == 101 }

// judgeSwitch refuses a change of protocol that nobody asked for, or to another one.
func (c *Conn) judgeSwitch() *http7.Fault {
	switch {
	case c.head.Status != 101:
		return nil
	case c.offer == nil:
		return http7.UnaskedUpgrade
	case !wire.Chosen(c.offer, c.head.Upgrade):
		return http7.BadUpgrade
	}
	c.head.KeepAlive = false // it is no connection for requests any more
	return nil
}

// Tunnel makes c one end of a tunnel: the head of its 101 is given back, its deadlines end. What has come behind
// the head is unread in In.
func (c *Conn) Tunnel() {
	c.Unbound()
	c.S.Timer.Set(0)
	c.In.Release()
	c.Answer.Header.Drop()
	c.Answer.Reason, c.head.Reason, c.head.Upgrade = nil, nil, nil
}

// Bound gives the rest of the attempt another limit, on the clock of deadline.Now; 0 means none.
func (c *Conn) Bound(limit int64) {
	c.limit = limit
	c.Pause()
}

// Unbound ends the limit of the attempt: what is left of it may take as long as it likes, but for the silence that
// between_reads bounds.
func (c *Conn) Unbound() { c.limit = 0 }
