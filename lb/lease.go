package lb

// Lease is one use of one endpoint. The zero Lease is no lease.
type Lease struct {
	endpoint *Endpoint
	ticket   uint32 // of the gate
}

// Ok reports whether the lease holds an endpoint.
func (l Lease) Ok() bool { return l.endpoint != nil }

// Endpoint returns the leased endpoint, nil for the zero Lease. It stays valid after Done.
func (l Lease) Endpoint() *Endpoint { return l.endpoint }

// Done ends the use and accounts for it: results, tally, latency, and the gate of the upstream. The
// holder calls it exactly once, when the use is over: after the last byte, not after the first. On
// the zero Lease it does nothing. It never blocks or allocates.
func (l Lease) Done(o Outcome) {
	e := l.endpoint
	if e == nil {
		return
	}
	now := e.now()
	e.limiter.done(o, e.inFlight.Load(), now)
	e.inFlight.Add(-1)
	switch {
	case o.Result.Failed():
		e.latency.charge(o.FirstByte, now)
	case o.Result == OK && o.FirstByte > 0:
		e.latency.observe(o.FirstByte, now)
	case o.Result == Outrun:
		e.latency.atLeast(o.FirstByte, now)
	}
	e.count(o.Result, o.Route)
	e.group.gate.done(e, l.ticket, o, now)
}
