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
	if c.phase != idle { // what the wheel does to an idle connection touches no exchange
		c.s.Timer.Set(0)
		c.unwatch()
	}
	x.endAttempt(x.Fault)
	x.decider.finish(x, c.e.Panicked)
	d := x.elapsed()
	c.clock = deadline.At(x.Arrival) + int64(d)
	if x.begun && x.firstByte == 0 {
		x.firstByte = d
	}
	if x.Fault != nil && x.Fault.Kind == http7.Left && !x.begun {
		x.status = x.Fault.Status
	}
	if x.status == 101 { // of a tunnel's life, what is comparable is how it began
		d = x.firstByte
	}
	if x.plan != nil {
		x.plan.Series.Done(x.status, d, x.bytesIn, x.bytesOut)
		x.plan.Series.Cached(x.Cached)
	} else if x.site.Unrouted != nil {
		x.site.Unrouted.Done(x.status, d, x.bytesIn, x.bytesOut)
	}
	if x.Fault != nil {
		c.e.series.Fault(x.Fault.Name)
		c.defend(x)
	}
	if x.site.Refusals != nil && (x.decider.by != "" || len(x.decider.seen) > 0 || len(x.Refused) > 0) {
		c.audit(x)
	}
	if log := x.site.AccessLog; log != nil {
		c.log(x, log)
	}
	c.finishSource(x)
}

// audit counts and tells what policies have refused, or would have.
func (c *conn) audit(x *exchange) {
	d := &x.decider
	for i := range d.seen {
		c.refused(x, d.seen[i].step.Name, &d.seen[i], observed)
	}
	// Who answers in words of its own refuses nobody: a preflight, a sign-in that has ended.
	if d.said.fault != nil {
		c.refused(x, d.said.step.Name, &d.said, enforced)
	}
	for _, r := range x.Refused {
		mode := enforced
		if r.Mode == http7.Observe {
			mode = observed
		}
		c.refused(x, r.Step, &refusal{fault: r.Fault, cause: r.Cause}, mode)
	}
}

// The values of the label mode, and of the audit log's.
const (
	enforced = "enforce"
	observed = "observe"
)

// refused counts and tells one refusal of a policy's.
func (c *conn) refused(x *exchange, policy string, r *refusal, mode string) {
	x.site.Refusals.Refused(policy, r.fault.Name, mode)
	log := x.site.AuditLog
	if log == nil {
		return
	}
	a := obs.Refusal{
		Arrival: x.Arrival, Client: x.Client, Listener: c.info.Listener, Policy: policy, Mode: mode, Fault: r.fault.Name, Status: r.fault.Status,
		Consumer: x.Consumer, Scheme: x.Scheme, Method: x.Method, Host: x.Authority, Path: x.Path, RequestID: x.RequestID,
	}
	if x.Route != nil {
		a.Route = x.Route.Name
	}
	if r.cause != nil {
		a.Reason = r.cause.Error()
	}
	log.Write(&a)
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
	c.unseen(x)
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
	if x.Shown != nil {
		r.Target = x.Shown
	}
	r.Target = x.site.Hidden.Mask(&x.Exchange, r.Target)
	if x.Route != nil {
		r.Route, r.Upstream = x.Route.Name, x.plan.upstreamName()
	}
	r.Status, r.BytesIn, r.BytesOut = x.status, x.bytesIn, x.bytesOut
	if x.Fault != nil {
		r.Fault = x.Fault.Name
	}
	r.Duration, r.FirstByte, r.Attempts = x.elapsed(), x.firstByte, x.attempts
	r.Consumer, r.RequestID, r.Cache = x.Consumer, x.RequestID, x.Cached
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
