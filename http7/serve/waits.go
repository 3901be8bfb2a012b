package serve

import (
	"time"

	"weir/http7"
	"weir/internal/deadline"
	"weir/lb"
)

// waitEnd is what ended a wait.
type waitEnd uint8

const (
	waitOver  waitEnd = iota // its time
	waitWoken                // the channel
	waitLeft                 // the client left, or its connection was cut
)

// doze blocks until a time on the wheel's clock, or until wake, which may be nil.
func (c *conn) doze(x *exchange, until int64, wake <-chan struct{}) waitEnd {
	c.enter(waiting, 0) // who watched the attempt may be making the channel too
	wakes := x.Wakes()  // makes the channel, which must be there before the watcher may use it
	now := deadline.Now()
	c.enter(waiting, now+int64(watchAfter))
	defer c.enter(waiting, 0)
	t := time.NewTimer(time.Duration(until - now))
	defer t.Stop()
	for {
		if c.lost(x) || c.cut.Load() {
			return waitLeft
		}
		select {
		case <-wake:
			return waitWoken
		case <-t.C:
			return waitOver
		case <-wakes: // the watcher's, or one that a policy's wait left behind
		case <-c.e.torn:
			return waitLeft
		}
	}
}

// wait is the backoff, or what an endpoint asked for.
func (c *conn) wait(x *exchange, st *sending) event {
	c.shelve(x, st)
	if c.doze(x, st.until, nil) == waitLeft {
		return event{kind: evEnded, fault: http7.ClientLeft}
	}
	return event{kind: evWaited, now: deadline.Now()}
}

// shelve prepares for a wait: an attempt that failed is over, an answer that is held may wait.
func (c *conn) shelve(x *exchange, st *sending) {
	if st.held {
		x.up.Pause()
		return
	}
	c.drop(x)
	x.endAttempt(st.fault)
}

// queue stands in line until an endpoint has room.
func (c *conn) queue(x *exchange, st *sending) event {
	c.shelve(x, st)
	l := &x.line
	if !l.enter(x.plan, x.limit, st.queued) {
		return event{kind: evShed}
	}
	return l.leave(x.plan, c.doze(x, l.until, l.waiter.Wake), x.limit)
}

// line is an exchange's place in the queue of its upstream.
type line struct {
	waiter lb.Waiter
	until  int64 // when it has waited for long enough; 0: it has not been in line
}

// forget makes l ready for another exchange, which must not be taken for one that waits again.
func (l *line) forget() {
	if l.until != 0 {
		*l = line{waiter: lb.Waiter{Wake: l.waiter.Wake}}
	}
}

// enter lines up; again says that the room which was granted went to somebody faster, so that the wait
// goes on. It reports false if the queue does not take the exchange.
func (l *line) enter(p *Plan, limit int64, again bool) bool {
	g := p.Upstream.Gate()
	if !g.Enter(&l.waiter) {
		return false
	}
	if !again {
		// Not before Enter: who leaves when its time is up must have been in line for that long in the
		// gate's eyes too, or it is taken for one that went by itself.
		l.until = deadline.Now() + int64(g.Patience())
		if limit != 0 {
			l.until = min(l.until, limit)
		}
	}
	return true
}

// leave says what the wait came to. A verdict that comes together with the wait's end counts.
func (l *line) leave(p *Plan, why waitEnd, limit int64) event {
	g := p.Upstream.Gate()
	if why != waitWoken && !g.Leave(&l.waiter) {
		if why == waitLeft {
			g.Decline(&l.waiter)
		} else {
			<-l.waiter.Wake
			why = waitWoken
		}
	}
	now := deadline.Now()
	switch {
	case why == waitLeft:
		return event{kind: evEnded, fault: http7.ClientLeft}
	case why == waitWoken && l.waiter.Verdict() == lb.Granted:
		return event{kind: evGranted, now: now}
	case why == waitWoken:
		return event{kind: evShed}
	case limit != 0 && now >= limit:
		return event{kind: evEnded, fault: http7.RouteTimeout}
	}
	return event{kind: evShed}
}

// decline passes on the room that an exchange was granted and does not use after all.
func (l *line) decline(p *Plan, st *sending, lease lb.Lease) {
	if st.queued && !lease.Ok() {
		p.Upstream.Gate().Decline(&l.waiter)
	}
}
