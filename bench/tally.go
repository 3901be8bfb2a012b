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

	mu  sync.Mutex
	cur *interval
	old *interval // empty, for the next turn
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
	classes   []classInterval
}

type classInterval struct {
	ok       int64
	failures Failures
	latency  *hdrhistogram.Histogram
}

func newTally(classes int, maxLag time.Duration) *tally {
	return &tally{maxLag: maxLag, cur: newInterval(classes), old: newInterval(classes)}
}

func newInterval(classes int) *interval {
	i := &interval{latency: newDense(), lag: newDense(), classes: make([]classInterval, classes)}
	for c := range i.classes {
		// With one class the histogram is the interval's.
		if classes > 1 {
			i.classes[c].latency = newDense()
		}
	}
	return i
}

// note takes down a request. It does not allocate.
func (t *tally) note(d *done) {
	t.mu.Lock()
	t.cur.note(d, t.maxLag)
	t.mu.Unlock()
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
	c := &i.classes[d.class]
	if d.failed {
		i.count.Failures[d.kind]++
		c.failures[d.kind]++
	} else {
		i.count.OK++
		c.ok++
		record(i.latency, d.took)
		if c.latency != nil {
			record(c.latency, d.took)
		}
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
	for c := range i.classes {
		k := &i.classes[c]
		k.ok, k.failures = 0, Failures{}
		if k.latency != nil {
			k.latency.Reset()
		}
	}
}
