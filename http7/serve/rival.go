package serve

import (
	"sync"
	"time"

	"weir/http7"
	"weir/http7/forward"
	"weir/internal/deadline"
)

// rival is a hedge: an attempt beside the exchange's own. A lent goroutine makes it; it knows a copy
// of the request and nothing of the exchange, and outlives it if it loses while it connects.
type rival struct {
	apart
	shared          *Shared
	method, request []byte
	limit           int64
	done            chan struct{} // closed when it is over and the exchange still wants it

	mu     sync.Mutex
	first  *forward.Conn // the attempt to nudge when this one is over
	shown  *forward.Conn // this one's, while it may be interrupted
	parted *http7.Fault  // why the exchange does not want it any more; nil while it does
	over   bool          // it has an answer's head, or failed
	fault  *http7.Fault
	cause  error
}

// maxRivals bounds how many hedges are out at once in the process.
const maxRivals = 4096

// hedge makes another attempt beside the one that is out.
func (c *conn) hedge(x *exchange) event {
	r := c.newRival(x)
	if r == nil {
		x.plan.Counters.hedge(hedgeRefused)
		return event{kind: evNo}
	}
	x.hedgeAfter = 0
	x.attempts++
	x.rival = r
	go r.run() // the goroutine "hedge": ends with its answer's head, or when it is parted with
	return event{kind: evOut}
}

// newRival leases another endpoint and copies the request; nil if either can't be done.
func (c *conn) newRival(x *exchange) *rival {
	if c.e.rivals.Add(1) > maxRivals {
		c.e.rivals.Add(-1)
		return nil
	}
	k := c.key(x)
	lease, _ := x.plan.pick(k, x.tried, false)
	if !lease.Ok() {
		c.e.rivals.Add(-1)
		return nil
	}
	from := *x.Conn
	r := &rival{
		apart:  apart{plan: x.plan, lease: lease, route: k.Route, from: &from},
		shared: c.e.Shared, method: append([]byte(nil), x.Method...), limit: x.limit,
		done: make(chan struct{}), first: x.up,
	}
	x.tried.Add(lease.Endpoint())
	x.replay.at = 0
	x.out = c.appendRequest(x.out[:0], x, lease.Endpoint(), deadline.Now())
	if whole, f := c.appendAtHand(x); !whole || f != nil {
		r.finish(http7.ClientLeft) // nothing was sent: it says nothing about the endpoint
		return nil
	}
	r.request = append([]byte(nil), x.out...)
	return r
}

// run makes the attempt.
func (r *rival) run() {
	for fresh := false; ; {
		f, cause := r.connect(r.shared, fresh, r.limit)
		if f == nil {
			if !r.show(r.up) {
				break
			}
			var fine bool
			fine, f, cause = r.exchangeHeads(r.request, r.method)
			if !fine || f == http7.UpstreamStale && !fresh {
				fresh = f != nil
				r.show(nil)
				r.up.Cut()
				r.up = nil
				continue
			}
		}
		r.fault, r.cause = f, cause
		break
	}
	r.report()
}

// show lets the exchange interrupt up from here on. It reports false if that has parted already.
func (r *rival) show(up *forward.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown = up
	return r.parted == nil
}

// report ends the attempt: the exchange takes it over, or it ends by itself if nobody wants it.
func (r *rival) report() {
	r.mu.Lock()
	r.over, r.shown = true, nil
	parted := r.parted
	if parted == nil {
		close(r.done)
	}
	if r.first != nil {
		r.first.Nudge()
	}
	r.mu.Unlock()
	if parted != nil {
		r.finish(parted)
	}
}

// finish lets go of the attempt; f is what it came to.
func (r *rival) finish(f *http7.Fault) {
	status := 0
	if r.up != nil {
		status = r.up.Answer.Status
		r.up.Discard()
	}
	r.end(status, r.plan.blame(f, r.limit, r.began))
	r.shared.rivals.Add(-1)
}

// alone makes the rival forget the attempt that it runs beside, which is nudged no more. It reports
// whether the rival is over.
func (r *rival) alone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.first = nil
	return r.over
}

// part makes an end of the rival; why is what it comes to if it is not over. It does not wait for one that
// is still connecting.
func (r *rival) part(why *http7.Fault) {
	r.mu.Lock()
	r.parted, r.first = why, nil
	over := r.over
	if r.shown != nil {
		r.shown.S.Interrupt(forward.Stopped)
	}
	r.mu.Unlock()
	if over {
		r.finish(r.fault)
	}
}

// nudged says what there is to do beside the wait.
func (c *conn) nudged(x *exchange) event {
	r := x.rival
	switch {
	case c.lost(x) || c.cut.Load(): // the nudge may have hidden their interrupt
		return faultEvent(http7.ClientLeft, false)
	case r == nil:
		return event{kind: evDue, replayable: x.replay.whole(), now: deadline.Now()}
	}
	select {
	case <-r.done:
	default:
		return c.awaitHead(x)
	}
	ev := event{kind: evBeside, fault: r.fault}
	if r.fault == nil {
		ev.status = r.up.Answer.Status
	}
	return ev
}

// partRival lets go of the attempt beside, if there is one. why is outrun if an answer is kept.
func (c *conn) partRival(x *exchange, why *http7.Fault) {
	if x.rival == nil {
		return
	}
	x.rival.part(why)
	x.rival = nil
	x.plan.Counters.hedge(hedgeLost)
	if x.up != nil {
		x.up.Calm()
	}
}

// adopt lets the attempt beside take the place of the exchange's own, which failed or was outrun, and
// waits for it if it is not over.
func (c *conn) adopt(x *exchange, st *sending) event {
	r := x.rival
	r.alone()
	c.drop(x)
	x.endAttempt(st.fault)
	x.Answer, x.status = nil, 0
	if !c.joinRival(x, r) {
		c.partRival(x, http7.ClientLeft)
		return faultEvent(http7.ClientLeft, false)
	}
	x.rival = nil
	c.e.rivals.Add(-1)
	arrival := deadline.At(x.Arrival)
	x.lease, x.up, x.began = r.lease, r.up, time.Duration(r.began-arrival)
	f := r.fault
	if f == nil {
		x.headAt = time.Duration(r.headAt - arrival)
		f = c.show(x.up)
	}
	ev := c.came(x, f, r.cause)
	if ev.kind == evHead && ev.status < 500 {
		x.plan.Counters.hedge(hedgeWon)
	} else {
		x.plan.Counters.hedge(hedgeLost)
	}
	return ev
}

// joinRival waits until r is over. It reports false if the client leaves meanwhile.
func (c *conn) joinRival(x *exchange, r *rival) bool {
	wakes := x.Wakes()
	c.enter(waiting, deadline.Now()+int64(watchAfter))
	for {
		select {
		case <-r.done:
			return true
		case <-wakes: // the watcher's, or one that a policy's wait left behind
			if c.lost(x) {
				return false
			}
		case <-c.e.torn:
			return false
		}
	}
}
