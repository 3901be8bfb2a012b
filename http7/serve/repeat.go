package serve

import (
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/wire"
	"weir/internal/deadline"
)

// repeats counts the exchanges without a client, of all engines of a process.
type repeats struct {
	underWay atomic.Int64
	refused  atomic.Uint64
}

// maxRepeats bounds how many there are at once.
const maxRepeats = 256

// Repeats returns how many exchanges are under way without a client, and how many were refused because as many as may
// be were.
func (s *Shared) Repeats() (underWay int64, refused uint64) {
	return s.repeats.underWay.Load(), s.repeats.refused.Load()
}

// begin takes a place for one more.
func (r *repeats) begin() bool {
	if r.underWay.Add(1) <= maxRepeats {
		return true
	}
	r.underWay.Add(-1)
	r.refused.Add(1)
	return false
}

// Repeat implements [http7.Backstage]. The new exchange has a copy of x's facts, of its Outgoing and of p's word; its time
// begins now. Nobody waits for it: it has no line in the log, a drain does not wait for it, and none begins during one. Nor
// does one for somebody in particular: what policies tell the endpoint of who asks they keep with x alone.
func (c *conn) Repeat(_ *http7.Exchange, p http7.Policy, what any) bool {
	x := c.x
	at := x.decider.asking(p)
	if at < 0 || x.Dry || x.Identified() || x.Body.Present() || x.Upgrade != nil || c.e.draining.Load() || !c.e.repeats.begin() {
		return false
	}
	r := c.e.repeat(c, x, at)
	r.x.Keep(p, what)
	go r.run(at) // the goroutine "repeat": ends with the exchange
	return true
}

// asking returns which step of the route is p, which is being asked; -1 if it is not.
func (d *decider) asking(p http7.Policy) int {
	if d.place != behind || d.at >= d.end || d.steps[d.at].Request != p {
		return -1
	}
	return d.at
}

// repeated is an exchange on a connection that has nobody at its other end.
type repeated struct {
	c *conn
	x *exchange
}

// noClient is that other end.
type noClient struct{ net.Conn }

// SetDeadline has nobody to wake.
func (noClient) SetDeadline(time.Time) error { return nil }

// SetReadDeadline has nobody to wake.
func (noClient) SetReadDeadline(time.Time) error { return nil }

// repeat returns x once more, from behind the step at, which has begun.
func (e *Engine) repeat(from *conn, x *exchange, at int) repeated {
	c := &conn{e: e, site: x.site, info: from.info, tail: from.tail}
	c.s.InitAny(noClient{})
	c.in.Init(&c.s)
	e.Wheel.Bind(&c.s.Timer, func() {}) // an attempt has a timer of its own
	y := exchanges.Get().(*exchange)
	y.begin(c, time.Now())
	y.Backstage = c
	y.copyOf(x)
	d := &y.decider
	d.place, d.matched = behind, true
	d.steps, d.at, d.end = x.decider.steps, at+1, x.decider.end
	if end := d.steps[at].End; end != nil {
		d.ends = append(d.ends, ending{end, x.Word})
	}
	c.x = y
	e.mu.Lock()
	e.repeating[c] = struct{}{}
	e.mu.Unlock()
	if e.isTorn() {
		c.sever()
	}
	return repeated{c, y}
}

// run takes the exchange to its end.
func (r repeated) run(at int) {
	defer r.end()
	defer func() {
		if v := recover(); v != nil {
			r.panicked(v, debug.Stack())
		}
	}()
	c, x := r.c, r.x
	f := c.follow(x, x.decider.run(x))
	if f == nil && x.Answer == nil {
		f = c.act(x)
	}
	if f != nil {
		c.fail(x, f)
	}
	if x.Answer != nil {
		answerPolicies(x, x.Route.Steps[at:], nil)
	}
	c.dropForLocal(x) // what nobody has taken
}

// panicked ends the attempt of an exchange whose policy panicked.
func (r repeated) panicked(v any, stack []byte) {
	c, x := r.c, r.x
	if c.e.Panicked != nil {
		c.e.Panicked(v, stack)
	}
	c.partRival(x, http7.ClientLeft)
	if x.up != nil {
		c.hide(x)
		x.up.Cut()
		x.up = nil
	}
	x.endAttempt(http7.Panicked)
	x.Fault = http7.Panicked
}

// end pays what policies are owed and gives everything back.
func (r repeated) end() {
	c, x, e := r.c, r.x, r.c.e
	x.decider.finish(x, e.Panicked)
	e.mu.Lock()
	delete(e.repeating, c)
	e.mu.Unlock()
	c.s.Timer.Remove()
	c.x = nil
	e.release(x)
	e.repeats.underWay.Add(-1)
}

// copyOf makes x what of is behind its match: nothing of it refers to of's blocks.
func (x *exchange) copyOf(of *exchange) {
	kept := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		return append(x.Room(max(len(b), 1)), b...)
	}
	x.Proto, x.Client, x.Secure, x.Country, x.Consumer = of.Proto, of.Client, of.Secure, of.Country, of.Consumer
	x.Method, x.Target, x.Authority = kept(of.Method), kept(of.Target), kept(of.Authority)
	x.Path, x.Query, x.Out, x.RequestID = kept(of.Path), kept(of.Query), kept(of.Out), kept(of.RequestID)
	x.Captures = of.Captures
	for i := range x.Captures.Len() {
		_, value := of.Captures.At(i)
		x.Captures.Set(i, kept(value))
	}
	for _, claim := range of.Claims {
		x.Claims = append(x.Claims, http7.Claim{Name: claim.Name, Value: kept(claim.Value)})
	}
	x.Request.CopyFrom(&of.Request)
	x.Outgoing = http7.Outgoing{Skip: of.Outgoing.Skip, Lines: kept(of.Outgoing.Lines)}
	x.head = wire.Request{Absolute: of.head.Absolute, Trailers: of.head.Trailers}
	x.Body.Whole, x.bodyDone, x.parsed, x.continued, x.close = true, true, true, true, true
	x.Route, x.plan = of.Route, of.plan
	x.limit = after(deadline.Now(), of.Route.Timeout)
}
