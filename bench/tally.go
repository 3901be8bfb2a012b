package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// done is one request that has ended.
type done struct {
	class  int
	at     time.Duration // when its slot was due
	took   time.Duration // since then
	lag    time.Duration // the generator's own part of it; negative: not known
	late   bool          // the slot found every connection busy
	status int
	in     int64
	out    int64
	opened bool
	// reopened: the connection replaced one that the peer had closed while it was idle.
	reopened bool
	failed   bool
	kind     Kind // where it failed
}

// tally takes down the requests of one worker or loop. Its lock is contended once a second, when the seconds turn.
type tally struct {
	maxLag time.Duration

	mu      sync.Mutex
	cur     *interval
	old     *interval    // empty, for the next turn
	classes []classTally // nil where there is one class
}

// interval is what a tally counts in one second.
type interval struct {
	count Second
	out   int64
	late  int64
	// distorted requests were sent so late by the generator that it shows in their latency.
	distorted int64
	opened    int64
	reopened  int64
	statuses  [600]int64
	latency   *hdrhistogram.Histogram
	lag       *hdrhistogram.Histogram
}

// classTally is what a tally counts of one class in the whole run. Its histogram is sparse: a dense one takes 260 kB,
// and there may be dozens of classes on each thread.
type classTally struct {
	ok       int64
	failures Failures
	latency  Histogram
}

func newTally(classes int, maxLag time.Duration) *tally {
	t := &tally{maxLag: maxLag, cur: newInterval(), old: newInterval()}
	if classes > 1 { // else the figures are the report's
		t.classes = make([]classTally, classes)
	}
	for c := range t.classes {
		t.classes[c].latency = NewHistogram()
	}
	return t
}

func newInterval() *interval {
	return &interval{latency: newDense(), lag: newDense()}
}

// note takes down a request. It does not allocate, but for the first of a class that takes as long as none before.
func (t *tally) note(d *done) {
	t.mu.Lock()
	t.cur.note(d, t.maxLag)
	if t.classes != nil {
		t.classes[d.class].note(d)
	}
	t.mu.Unlock()
}

func (c *classTally) note(d *done) {
	if d.failed {
		c.failures[d.kind]++
		return
	}
	c.ok++
	c.latency.Record(d.took)
}

func (i *interval) note(d *done, maxLag time.Duration) {
	i.count.Requests++
	i.count.BytesIn += d.in
	i.out += d.out
	if d.opened {
		i.opened++
	}
	if d.reopened {
		i.reopened++
	}
	if d.status > 0 && d.status < len(i.statuses) {
		i.statuses[d.status]++
	}
	if d.failed {
		i.count.Failures[d.kind]++
	} else {
		i.count.OK++
		record(i.latency, d.took)
	}
	if d.late {
		i.late++
		i.count.Late++
	}
	if d.lag >= 0 {
		record(i.lag, d.lag)
		i.count.Lag = max(i.count.Lag, d.lag)
	}
	if d.distorted(maxLag) {
		i.distorted++
	}
}

// late slots have waited for the target anyway: behind a stall of seconds, hundreds of answers come at one instant, and
// the milliseconds that taking them in costs are nothing beside it.
const lagShare = 0.02

// distorted reports whether the generator's own lag shows in the latency.
func (d *done) distorted(maxLag time.Duration) bool {
	return d.lag > maxLag && (!d.late || float64(d.lag) > lagShare*float64(d.took))
}

// turn returns what has been counted since the last turn. The result is valid until the next one, and must be
// emptied by then.
func (t *tally) turn() *interval {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cur, t.old = t.old, t.cur
	return t.old
}

// empty makes the interval ready for use again.
func (i *interval) empty() {
	i.count, i.out, i.late, i.distorted, i.opened, i.reopened = Second{}, 0, 0, 0, 0, 0
	i.statuses = [600]int64{}
	i.latency.Reset()
	i.lag.Reset()
}
