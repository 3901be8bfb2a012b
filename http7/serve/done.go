package serve

import (
	"strings"

	"weir/http7"
	"weir/internal/deadline"
	"weir/internal/obs"
)

// done ends the exchange: it pays what policies are owed, accounts for the attempt, counts and logs.
func (c *conn) done(x *exchange) {
	c.settle(x)
	c.s.Timer.Set(0)
	c.unwatch()
	x.endAttempt(x.Fault)
	x.decider.finish(x, c.e.Panicked)
	d := x.elapsed()
	c.clock = deadline.At(x.Arrival) + int64(d)
	if x.Fault != nil && x.Fault.Kind == http7.Left && !x.begun {
		x.status = x.Fault.Status
	}
	if x.plan != nil {
		x.plan.Series.Done(x.status, d, x.bytesIn, x.bytesOut)
	} else if x.site.Unrouted != nil {
		x.site.Unrouted.Done(x.status, d, x.bytesIn, x.bytesOut)
	}
	if x.Fault != nil {
		c.e.series.Fault(x.Fault.Name)
	}
	if log := x.site.AccessLog; log != nil {
		c.log(x, log)
	}
	c.finishSource(x)
}

// finishSource gives back the answer's source, and with it the attempt's connection.
func (c *conn) finishSource(x *exchange) {
	if a := x.Answer; a != nil && a.Local && a.Source != nil {
		a.Source.Close()
		a.Source = nil
	}
	x.Answer = nil // an attempt's answer goes with its connection
	if x.up == nil {
		return
	}
	c.upstream.Store(nil)
	if x.broken || c.cut.Load() { // what Engine.Cut may be interrupting must not serve others
		x.up.Cut()
	} else {
		x.up.Close()
	}
	x.up = nil
}

// log writes the exchange's line.
func (c *conn) log(x *exchange, log *obs.AccessLog) {
	r := &x.record
	r.Arrival, r.Client, r.Listener = x.Arrival, x.Client, c.info.Listener
	r.Proto, r.Method, r.Host, r.Target = x.Proto.String(), x.Method, x.Authority, x.Target
	if x.Route != nil {
		r.Route, r.Upstream = x.Route.Name, x.plan.upstreamName()
	}
	r.Status, r.BytesIn, r.BytesOut = x.status, x.bytesIn, x.bytesOut
	if x.Fault != nil {
		r.Fault = x.Fault.Name
	}
	r.Duration, r.FirstByte, r.Attempts = x.elapsed(), x.firstByte, x.attempts
	r.Consumer, r.RequestID = x.Consumer, x.RequestID
	for _, v := range x.Verdicts {
		policy, said, _ := strings.Cut(v, ":")
		x.verdicts = append(x.verdicts, obs.Verdict{Policy: policy, Said: said})
	}
	r.Verdicts = x.verdicts
	if reads := x.site.Reads; reads != nil {
		if !x.decider.matched { // refused before: another config may let it come to the match
			x.sights = reads.note(x.sights[:0], x)
		}
		x.matched = reads.record(x.matched, x)
		r.Match = x.matched
	}
	log.Write(r)
}
