package serve

import (
	"bytes"
	"errors"
	"math"
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
	if f == nil && c.fakesTunnel(x) {
		f = http7.UpgradeRefused
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

const (
	methodConnect = "CONNECT"
	methodTrace   = "TRACE"
	methodOptions = "OPTIONS"
)

var askedMethod, _ = http7.NewName("Access-Control-Request-Method")

// admit applies what holds for every request, before any policy.
func (c *conn) admit(x *exchange) *http7.Fault {
	c.identify(x)
	if fields := x.site.Identity; fields != nil {
		fields.Strip(&x.Request)
	}
	if string(x.Method) == methodConnect || string(x.Method) == methodTrace {
		return http7.MethodRefused
	}
	if f := x.settlePath(); f != nil {
		return f
	}
	if bytes.IndexByte(x.Authority, '%') >= 0 { // what an endpoint decodes, match does not
		return http7.AmbiguousHost
	}
	if c.looped(x) {
		return http7.LoopDetected
	}
	if len(x.head.Scheme) == len("https") && !x.Secure {
		return http7.Misdirected // RFC 9110 §7.4
	}
	if !x.covered(c.info) {
		return http7.Misdirected
	}
	if c.extended(x) && x.Upgrade == nil {
		return http7.UpgradeRefused
	}
	if string(x.Method) == methodOptions {
		c.options(x)
	}
	return x.challenged()
}

// settlePath brings the path into its canonical form: what is matched is what is forwarded. Target
// stays as received.
func (x *exchange) settlePath() *http7.Fault {
	path, changed, f := x.site.Rules.Canonical(x.out[:0], x.Path)
	if f != nil || !changed {
		return f
	}
	out := append(x.Room(len(path)+1+len(x.Query)), path...)
	if x.Query != nil {
		out = append(append(out, '?'), x.Query...)
	}
	x.Path, x.Out = out[:len(path):len(path)], out
	return nil
}

// options sees to what OPTIONS alone knows: Max-Forwards, and CORS preflights
// (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
func (c *conn) options(x *exchange) {
	if x.Request.Has(http7.MaxForwards) {
		c.countHops(x)
	}
	if x.Recorded != nil {
		if !x.site.offers() {
			return // nobody would answer a preflight, so what it asks for decides nothing
		}
		x.Lacks("header:origin")
		x.Lacks("header:access-control-request-method")
	}
	if !x.Request.Has(http7.Origin) || x.head.Asterisk {
		return
	}
	at := x.Request.Find(askedMethod, 0)
	if at < 0 || x.Request.Find(askedMethod, at+1) >= 0 {
		return
	}
	if method := x.Request.Value(at); http7.IsToken(method) {
		x.Preflight = method
	}
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
	return c.follow(x, x.decider.start(x))
}

// follow goes on with what a step asks for, until no step asks any more.
func (c *conn) follow(x *exchange, act http7.Act) *http7.Fault {
	d := &x.decider
	for {
		switch act {
		case http7.Go:
			return nil
		case http7.Reply:
			return c.unheard(x, d.stop.Fault)
		case http7.Need:
			if x.unknown {
				x.Lacks("body")
				return undecided
			}
			if f := c.collect(x, d.stop.Bytes); f != nil {
				return f
			}
			act = d.resume(x, http7.BodyReady)
		case http7.Wait:
			if x.Dry { // takes every wait as granted
				act = d.resume(x, http7.Woken)
				continue
			}
			why := c.park(x, d.stop.Until)
			switch {
			case c.severed():
				return http7.Stopping
			case c.lost(x):
				return http7.ClientLeft
			case x.limit != 0 && deadline.Now() >= x.limit:
				return http7.RouteTimeout
			}
			act = d.resume(x, why)
		}
	}
}

// park blocks until the exchange is woken, until has come, the exchange's time is up or the engine is cut.
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
	if c.lost(x) { // who waited for it as well has said so before there was anything to wake
		return http7.Woken
	}
	select {
	case <-wakes:
		return http7.Woken
	case <-expired:
		return http7.Expired
	case <-c.e.torn:
		return http7.Woken
	}
}

// severed reports whether the engine has cut its connections.
func (c *conn) severed() bool { return c.cut.Load() || c.e.isTorn() }

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

// bodyLimit returns the bound of the request's body; 0 is none.
func (x *exchange) bodyLimit() int64 {
	if x.asked > 0 {
		return x.asked
	}
	if x.plan != nil && x.Route.BodyLimit > 0 {
		return x.Route.BodyLimit
	}
	return x.site.Limits.BodyBytes
}
