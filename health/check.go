package health

import (
	"fmt"
	"math/rand/v2"
	"time"

	"weir/lb"
)

const (
	// firstQuiet and lastQuiet bound the pause between two log lines about the reasons of an
	// endpoint that stays down. Each pause is twice the one before.
	firstQuiet = time.Minute
	lastQuiet  = time.Hour
)

// check is what the monitor knows of one endpoint. The monitor's mutex guards it; method and
// probe are replaced as a whole on a reload, the rest goes on.
type check struct {
	endpoint *lb.Endpoint
	method   *method
	probe    *probe

	due     time.Time
	second  time.Time // when the second probe is due
	index   int       // in the queue; -1 while a probe runs or the check is gone
	running bool      // one probe at a time
	gone    bool      // dropped by a reload; a probe under way says nothing any more
	first   bool      // no probe has been started yet
	hurries bool      // it is probed faster

	inRow   int // successes in a row if positive, failures if negative
	good    uint64
	bad     uint64
	changes uint64
	late    uint64
	ended   time.Time // of the last probe
	failed  time.Time // of the last probe that failed
	err     error     // of the last probe

	told   string        // the error that the endpoint is down for, as operators read it
	logged string        // the one that the log has
	spoke  time.Time     // when the log was told
	quiet  time.Duration // how long it is not told of another
}

func newCheck(e *lb.Endpoint, by *method) *check {
	return &check{endpoint: e, method: by, probe: newProbe(e, by), first: true}
}

// verdict counts the result of a probe and returns the state that follows from it, as the probe's
// word; change is false unless enough results in a row call for another word than the present.
//
// The first success of an Unknown endpoint makes it Ready, whatever rise says: it has nothing to
// recover from.
func (c *check) verdict(err error, now time.Time) (next lb.State, change bool) {
	c.count(err, now)
	s := c.endpoint.Says(lb.ByProbe)
	next = c.calledFor(s)
	switch {
	case next == s:
	case next == lb.Ready:
		change = s == lb.Unknown || c.inRow >= c.method.config.Rise
	default:
		change = -c.inRow >= c.method.config.Fall
	}
	if !change {
		next = s
	}
	return next, change
}

// calledFor returns what the last results call for, against s or for it.
func (c *check) calledFor(s lb.State) lb.State {
	switch {
	case s != lb.Ready && c.inRow > 0:
		return lb.Ready
	case s != lb.Down && c.inRow < 0:
		return lb.Down
	}
	return s
}

// between reports whether the last results call for a change that they are too few for: of the
// probe's word, or of an ejection that [check.recovered] may end.
func (c *check) between() bool {
	s := c.endpoint.Says(lb.ByProbe)
	recovers := c.inRow > 0 && c.inRow < c.method.config.Rise && !c.failed.IsZero()
	return c.calledFor(s) != s || recovers && c.endpoint.Says(lb.ByTraffic) == lb.Ejected
}

// recovered reports whether the last result was the one that is enough to believe in a recovery.
func (c *check) recovered() bool {
	return c.inRow == c.method.config.Rise && !c.failed.IsZero()
}

// pause is the time from the end of a probe to the next. The second probe has a turn of its own,
// see [Monitor.schedule].
func (c *check) pause() time.Duration {
	interval := float64(c.method.config.Interval.Value())
	switch wait := time.Until(c.second); {
	case c.hurries:
		interval /= hurry
	case c.first:
		c.first = false
		if wait > 0 {
			return wait
		}
	}
	return time.Duration(interval * (1 + c.method.config.Jitter.Value()*(2*rand.Float64()-1)))
}

func (c *check) count(err error, now time.Time) {
	c.ended, c.err = now, err
	if err != nil {
		c.failed = now
		c.bad++
		c.inRow = min(c.inRow, 0) - 1
		return
	}
	c.good++
	c.inRow = max(c.inRow, 0) + 1
}

// why is the reason for a change to s; "" for Ready.
func (c *check) why(s lb.State) string {
	if s != lb.Down {
		return ""
	}
	return fmt.Sprintf("%v (%d of %d probes failed)", c.err, -c.inRow, -c.inRow)
}

// fell takes down why the endpoint is down from now on. Another reason goes to the log at once.
func (c *check) fell() {
	c.told = c.err.Error()
	c.logged, c.quiet = c.told, 0
}

// news reports whether the last probe failed for another reason than operators read of an endpoint
// that stays down, and whether the log is to say so as well. Texts may carry numbers, so that no two are the same: the
// log gets the first other one at once, the next a minute later at the earliest, and then ever fewer.
func (c *check) news(now time.Time) (other, log bool) {
	if c.err == nil {
		return false, false
	}
	text := c.err.Error()
	other = text != c.told
	c.told = text
	if log = text != c.logged && now.Sub(c.spoke) >= c.quiet; log {
		c.logged, c.spoke = text, now
		c.quiet = min(max(2*c.quiet, firstQuiet), lastQuiet)
	}
	return other, log
}

// message is the log line for a change to s.
func (c *check) message(s lb.State) string {
	if s == lb.Down {
		return fmt.Sprintf("endpoint %s down: %s", c.endpoint, c.why(s))
	}
	return fmt.Sprintf("endpoint %s %v (%d of %d probes succeeded)", c.endpoint, s, c.inRow, c.inRow)
}

// queue is a heap of the checks that wait, by when they are due.
type queue []*check

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements [container/heap.Interface].
func (q *queue) Push(x any) {
	c := x.(*check)
	c.index = len(*q)
	*q = append(*q, c)
}

// Pop implements [container/heap.Interface].
func (q *queue) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	c.index = -1
	return c
}
