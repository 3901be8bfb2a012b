package serve

import (
	"errors"
	"math"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"weir/http7"
	"weir/internal/deadline"
)

// pass takes the exchange through the hall: decide, send, answer.
func (c *conn) pass(x *exchange) {
	f := c.admit(x)
	if f == nil && x.Answer == nil {
		f = c.decide(x)
	}
	if f == nil && x.Answer == nil {
		f = c.act(x)
	}
	if f != nil {
		c.fail(x, f)
	}
	if x.Answer == nil { // the client has gone
		x.close, x.clean = true, true
		return
	}
	c.respond(x)
}

// fail makes f the exchange's answer.
func (c *conn) fail(x *exchange, f *http7.Fault) {
	x.Fault = f
	x.close = x.close || f.Close
	if f.Kind == http7.Left {
		x.Answer = nil
		return
	}
	http7.FaultAnswer(&x.Exchange, f)
	if f == http7.BreakerOpen {
		x.comeBack(x.plan.Upstream.Gate().BreakerLeft())
	}
}

// comeBack says after which time, in whole seconds and at least one, the client may ask again (RFC
// 9110 §10.2.3).
func (x *exchange) comeBack(after time.Duration) {
	var text [20]byte
	seconds := max(1, int64((after+time.Second-1)/time.Second))
	x.Answer.Header.Add(retryAfterField, strconv.AppendInt(text[:0], seconds, 10))
}

var retryAfterField = http7.Known(http7.RetryAfter)

var (
	methodConnect = "CONNECT"
	methodTrace   = "TRACE"
)

// admit applies what holds for every request, before any policy.
func (c *conn) admit(x *exchange) *http7.Fault {
	if string(x.Method) == methodConnect || string(x.Method) == methodTrace {
		return http7.MethodRefused
	}
	if c.looped(x) {
		return http7.LoopDetected
	}
	c.identify(x)
	if len(x.head.Scheme) == len("https") && !x.Secure {
		return http7.Misdirected // RFC 9110 §7.4
	}
	if string(x.Method) == "OPTIONS" && x.Request.Has(http7.MaxForwards) {
		c.countHops(x)
	}
	return nil
}

// countHops applies Max-Forwards (RFC 9110 §7.6.2): the last hop that it allows answers itself.
func (c *conn) countHops(x *exchange) {
	n, err := strconv.ParseUint(string(x.Request.Get(http7.MaxForwards)), 10, 31)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange): // what is no number counts nothing
	case n == 0:
		x.LocalAnswer(204)
	default:
		x.Request.Set(http7.Known(http7.MaxForwards), strconv.AppendUint(nil, n-1, 10))
	}
}

// act carries out the route's action.
func (c *conn) act(x *exchange) *http7.Fault {
	x.takeSide()
	p := x.plan
	switch {
	case p.Upstream != nil:
		return c.send(x)
	case p.Local != nil:
		return p.Local.Act(&x.Exchange)
	}
	if f := c.collect(x, -1); f != nil {
		return f
	}
	f := http7.Serve(p.Route.Handler, &x.Exchange)
	if thrown, ok := x.Cause.(*http7.PanicError); ok && f == http7.Panicked && c.e.Panicked != nil {
		c.e.Panicked(thrown.Value, thrown.Stack)
	}
	return f
}

// decide runs Decide to its end, collecting and parking for policies that ask.
func (c *conn) decide(x *exchange) *http7.Fault {
	d := &x.decider
	v := d.start(x)
	for {
		switch v.Act {
		case http7.Go:
			return nil
		case http7.Reply:
			return v.Fault
		case http7.Need:
			if f := c.collect(x, v.Bytes); f != nil {
				return f
			}
			v = d.resume(x, http7.BodyReady)
		case http7.Wait:
			why := http7.Woken // a dry run takes every wait as granted
			if !x.Dry {
				why = c.park(x, v.Until)
			}
			switch {
			case c.left.Load():
				return http7.ClientLeft
			case x.limit != 0 && deadline.Now() >= x.limit:
				return http7.RouteTimeout
			}
			v = d.resume(x, why)
		}
	}
}

// park blocks until the exchange is woken, until has come or the exchange's time is up.
func (c *conn) park(x *exchange, until time.Time) http7.Event {
	wakes := x.Wakes() // makes the channel, which must be there before the watcher may use it
	c.enter(waiting, deadline.Now()+int64(watchAfter))
	defer func() {
		c.enter(waiting, 0)
		x.began = x.elapsed()
	}()
	var expired <-chan time.Time
	if wait := x.within(until); wait < forever {
		t := time.NewTimer(wait)
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-wakes:
		return http7.Woken
	case <-expired:
		return http7.Expired
	}
}

const forever = time.Duration(math.MaxInt64)

// within returns how long it is to until, or to the exchange's limit if that is earlier.
func (x *exchange) within(until time.Time) time.Duration {
	wait := forever
	if !until.IsZero() {
		wait = time.Until(until)
	}
	if x.limit != 0 {
		wait = min(wait, time.Duration(x.limit-deadline.Now()))
	}
	return wait
}

// decider runs the steps of an exchange: the listener's early ones, the match, the route's. It does
// no I/O; it is resumed, never restarted.
type decider struct {
	steps   []http7.Step
	at      int
	matched bool
	held    []refusal // before the match
	ends    []ending
	// open says that the last of ends is of a step that has not come to its verdict.
	open bool
}

// refusal is what an early step of a bundle said; it stands unless the route opts out.
type refusal struct {
	bundle string
	fault  *http7.Fault
}

// ending is an End that is owed.
type ending struct {
	end  http7.Ender
	word uint64
}

func (d *decider) reset() {
	clear(d.ends)
	clear(d.held)
	*d = decider{ends: d.ends[:0], held: d.held[:0]}
}

// start decides from the beginning.
func (d *decider) start(x *exchange) http7.Verdict {
	d.steps = x.site.Early
	return d.run(x)
}

// resume goes on behind the step that stopped.
func (d *decider) resume(x *exchange, why http7.Event) http7.Verdict {
	s := &d.steps[d.at]
	d.open = s.End != nil
	v := s.Request.(http7.Resumer).Resume(&x.Exchange, why)
	if stop := d.take(x, s, v); stop.Act != http7.Go {
		return stop
	}
	d.at++
	return d.run(x)
}

// run takes the steps from d.at on, and the match between the early ones and the route's.
func (d *decider) run(x *exchange) http7.Verdict {
	for {
		for ; d.at < len(d.steps); d.at++ {
			s := &d.steps[d.at]
			if s.Request == nil {
				continue
			}
			x.Word = 0
			d.owe(s)
			v := s.Request.Request(&x.Exchange)
			if stop := d.take(x, s, v); stop.Act != http7.Go {
				return stop
			}
		}
		if d.matched {
			return http7.Continue
		}
		if f := d.match(x); f != nil {
			return http7.Refuse(f)
		}
	}
}

// owe notes that s is about to be called: its End is due whatever comes of it, a panic included.
func (d *decider) owe(s *http7.Step) {
	if d.open = s.End != nil; d.open {
		d.ends = append(d.ends, ending{end: s.End})
	}
}

// close keeps the word of the step called last for its End.
func (d *decider) close(x *exchange) {
	if d.open {
		d.ends[len(d.ends)-1].word = x.Word
		d.open = false
	}
}

// take notes what a step says. Before the match a refusal is held.
func (d *decider) take(x *exchange, s *http7.Step, v http7.Verdict) http7.Verdict {
	d.close(x)
	if v.Act == http7.Need || v.Act == http7.Wait {
		return v
	}
	if v.Act == http7.Reply && v.Fault != nil && !d.matched {
		d.held = append(d.held, refusal{s.Bundle, v.Fault})
		return http7.Continue
	}
	return v
}

// match finds the route and its plan, and the refusal that stands.
func (d *decider) match(x *exchange) *http7.Fault {
	d.matched = true
	if reads := x.site.Reads; reads != nil {
		x.sights = reads.note(x.sights, x)
	}
	r := x.site.Table.Find(&x.Exchange, x.Method).Route
	if r == nil {
		if len(d.held) > 0 {
			return d.held[0].fault
		}
		return http7.NoRoute
	}
	x.Route, x.plan = r, x.site.Plans[r.ID]
	for i := range d.held {
		if !slices.Contains(x.plan.Without, d.held[i].bundle) {
			return d.held[i].fault
		}
	}
	if r.Timeout > 0 {
		x.limit = deadline.At(x.Arrival) + int64(r.Timeout)
	}
	if limit := x.bodyLimit(); limit > 0 && x.Body.Length > limit {
		return http7.BodyTooLarge
	}
	d.steps, d.at = r.Steps, 0
	return nil
}

// finish pays the Ends that are owed, the last step's first. One that panics takes none of the
// others with it.
func (d *decider) finish(x *exchange, panicked func(value any, stack []byte)) {
	d.close(x)
	for len(d.ends) > 0 {
		d.pay(x, panicked)
	}
}

func (d *decider) pay(x *exchange, panicked func(value any, stack []byte)) {
	defer func() {
		if v := recover(); v != nil && panicked != nil {
			panicked(v, debug.Stack())
		}
	}()
	for n := len(d.ends) - 1; n >= 0; n-- {
		e := d.ends[n]
		d.ends = d.ends[:n]
		e.end.End(&x.Exchange, e.word)
	}
}

// bodyLimit returns the bound of the request's body; 0 is none.
func (x *exchange) bodyLimit() int64 {
	if x.plan != nil && x.Route.BodyLimit > 0 {
		return x.Route.BodyLimit
	}
	return x.site.Limits.BodyBytes
}
