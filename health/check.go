package health

import (
	"fmt"
	"time"

	"weir/lb"
)

// check is what the monitor knows of one endpoint. The monitor's mutex guards it; Config and
// probe are replaced as a whole on a reload, the rest goes on.
type check struct {
	endpoint *lb.Endpoint
	config   *Config
	probe    probe

	due     time.Time
	index   int  // in the queue; -1 while a probe runs or the check is gone
	running bool // one probe at a time
	gone    bool // dropped by a reload; a probe under way says nothing any more
	first   bool // no probe has been started yet

	inRow   int // successes in a row if positive, failures if negative
	good    uint64
	bad     uint64
	changes uint64
	late    uint64
	ended   time.Time // of the last probe
	err     error     // of the last probe
}

// verdict counts the result of a probe and returns the state that follows from it; change is false
// unless enough results in a row call for another state than the present.
//
// The first success of an Unknown endpoint makes it Ready, whatever rise says: it has nothing to
// recover from. A state that neither a probe nor its absence gave (an operator's, the next
// floors') is left alone.
func (c *check) verdict(err error) (next lb.State, change bool) {
	c.count(err)
	switch s := c.endpoint.State(); {
	case s == lb.Unknown && c.inRow > 0, s == lb.Down && c.inRow >= c.config.Rise:
		return lb.Ready, true
	case (s == lb.Unknown || s == lb.Ready) && -c.inRow >= c.config.Fall:
		return lb.Down, true
	default:
		return s, false
	}
}

func (c *check) count(err error) {
	c.err = err
	if err != nil {
		c.bad++
		c.inRow = min(c.inRow, 0) - 1
		return
	}
	c.good++
	c.inRow = max(c.inRow, 0) + 1
}

// message is the log line for a change to s.
func (c *check) message(s lb.State) string {
	if s == lb.Down {
		return fmt.Sprintf("endpoint %s down: %v (%d of %d probes failed)", c.endpoint, c.err, -c.inRow, -c.inRow)
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
