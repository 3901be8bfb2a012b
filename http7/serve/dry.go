package serve

import (
	"math"
	"net/netip"
	"time"

	"weir/http7"
	"weir/http7/wire"
)

// Question is a request that might come: Judge and Explain say what would become of it.
type Question struct {
	// Head is an HTTP/1.1 head with its empty line, parsed as one from a client. Body is its content, without
	// the chunked coding; it is looked at only if Head says that there is one.
	Head, Body []byte
	// Peer is the other end of the connection.
	Peer netip.AddrPort
	// Client, if valid, is believed as it is, whatever proxies say of it.
	Client netip.Addr
	// TLS and SNI are the connection's.
	TLS bool
	SNI string
	// Recorded says what is known of a request that is read from a log; nil: everything.
	Recorded *http7.Recorded
	// BodyLength, if not 0, is the length of a body whose bytes are not known; -1 if that is not either.
	BodyLength int64
}

// Decision is what would become of a request, in short.
type Decision struct {
	// Route is the route found, nil if there is none.
	Route *http7.Route
	// Fault is why Weir would answer by itself; nil if it would not, or with an answer that is no refusal.
	Fault *http7.Fault
	// By is the step that would answer or refuse, "" if none would.
	By string
	// Status is that of Weir's own answer, 0 if an endpoint or a handler answers. Location is where it points.
	Status   int
	Location string
	// Upstreams are the names of those that may be asked: one, or the sides of a split.
	Upstreams []string
	// Verdicts are the remarks of policies: "name:what".
	Verdicts []string
	// Undecided says that a condition or a policy reads what the log has not written.
	Undecided bool
}

// Judge says what would become of q at site, by the code that serves. Nothing is consumed: no token is taken, no
// counter moved, no endpoint picked. It is safe for concurrent use.
func (s *Shared) Judge(site *Site, q *Question) Decision {
	r := s.rehearse(site, q, nil)
	defer r.end()
	x := r.x
	d := Decision{Route: x.Route, By: x.decider.by, Undecided: r.undecided()}
	d.Verdicts = append(d.Verdicts, x.Verdicts...)
	switch {
	case r.fault == undecided:
	case r.fault != nil:
		d.Fault, d.Status = r.fault, r.fault.Status
	case x.Answer != nil:
		d.Status, d.Location = x.Answer.Status, string(x.Answer.Header.Get(http7.Location))
	default:
		d.Upstreams = r.upstreams()
	}
	return d
}

// rehearsal is an exchange without a client: a connection that has no socket, and a request whose bytes are all
// there or will never be.
type rehearsal struct {
	c     *conn
	x     *exchange
	fault *http7.Fault
	// headless says that the head was refused.
	headless bool
}

// rehearse takes q as far as the hall goes without an endpoint. The caller must call end.
func (s *Shared) rehearse(site *Site, q *Question, t *trace) *rehearsal {
	c := &conn{e: &Engine{Shared: s, listener: site.Listener}, site: site}
	c.info = &http7.Conn{Listener: site.Listener, Peer: q.Peer, TLS: q.TLS, SNI: q.SNI}
	c.tail = appendTail(nil, c.info)
	r := &rehearsal{c: c, x: exchanges.Get().(*exchange)}
	r.x.begin(c, time.Now())
	r.x.Dry, r.x.Recorded, r.x.decider.trace = true, q.Recorded, t
	r.fault = r.run(q)
	return r
}

// run is what carry and pass do, up to the answer.
func (r *rehearsal) run(q *Question) (f *http7.Fault) {
	defer func() {
		if recover() != nil {
			f = http7.Panicked
		}
	}()
	c, x := r.c, r.x
	if f := r.read(q); f != nil {
		r.headless = true
		x.refuseHead()
		return f
	}
	f = c.admit(x)
	if q.Client.IsValid() {
		x.Client = q.Client
	}
	if f == nil && x.Answer == nil {
		f = c.decide(x)
	}
	switch {
	case f != nil || x.Answer != nil:
		return f
	case x.plan.Local != nil:
		return x.plan.Local.Act(&x.Exchange)
	}
	return r.send()
}

// read parses the head, and keeps the body for who asks for it.
func (r *rehearsal) read(q *Question) *http7.Fault {
	x := r.x
	n, f := x.parser.Parse(q.Head, &x.site.Limits.Head, &x.head, &x.Request)
	switch {
	case f != nil:
		return f
	case n == 0:
		return http7.RequestTimeout // what is missing never comes
	}
	x.adopt()
	switch {
	case q.BodyLength != 0:
		x.Body.Length, x.unknown = q.BodyLength, true
	case x.head.Frame.Body():
		x.given = q.Body
		if n := x.head.Frame.Length; x.head.Frame.Kind == wire.Length {
			x.given, x.unknown = q.Body[:min(int64(len(q.Body)), n)], n > int64(len(q.Body))
		}
	}
	x.continued = true
	return nil
}

// takeGiven is collect for a body that is there already.
func (x *exchange) takeGiven(limit int64) *http7.Fault {
	if int64(len(x.given)) > limit {
		return http7.BodyTooLarge
	}
	x.replay.buf, x.bytesIn = append(x.replay.buf, x.given...), x.bytesIn+int64(len(x.given))
	x.given, x.bodyDone = nil, true
	x.Body.Collected, x.Body.Whole = x.replay.buf, true
	return nil
}

// send finds out what only sending the body shows.
func (r *rehearsal) send() *http7.Fault {
	x := r.x
	switch {
	case !x.Body.Present() || x.unknown:
		return nil
	case x.plan.Route.Handler == nil && x.bodyLimit() == 0:
		return x.takeGiven(math.MaxInt64)
	}
	return r.c.collect(x, -1)
}

// undecided reports whether the decision hangs on what is not known.
func (r *rehearsal) undecided() bool {
	known := r.x.Recorded
	return r.fault == undecided || known != nil && len(known.Missed) > 0
}

// plans returns the plans that an endpoint may be asked by: the route's, or those of the sides.
func (r *rehearsal) plans() []*Plan {
	p := r.x.plan
	switch {
	case p.Split != nil:
		var all []*Plan
		for _, side := range p.Split.Sides {
			if side.Weight > 0 {
				all = append(all, side.Plan)
			}
		}
		return all
	case p.upstreamName() == "":
		return nil
	}
	return []*Plan{p}
}

func (r *rehearsal) upstreams() (names []string) {
	for _, p := range r.plans() {
		names = append(names, p.upstreamName())
	}
	return names
}

// end pays the Ends that are owed and gives everything back.
func (r *rehearsal) end() {
	x := r.x
	x.decider.finish(x, nil)
	if a := x.Answer; a != nil && a.Source != nil {
		a.Source.Close()
		a.Source = nil
	}
	x.Answer = nil
	r.c.e.release(x)
}
