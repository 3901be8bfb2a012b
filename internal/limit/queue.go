package limit

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// The figures of CoDel (RFC 8289 §4.2 and §4.3). They are meant for packets; where the uses take long,
// waits are measured by that.
const (
	// QueueTarget is the standing wait that is acceptable, or the typical time of a use if that is more.
	QueueTarget = 5 * time.Millisecond
	// QueueInterval is for how long the wait must exceed the target before it is standing, or four
	// times the typical time of a use if that is more.
	QueueInterval = 300 * time.Millisecond
	// hopelessWaits is how many targets the oldest may wait once the line has been standing for an
	// interval. CoDel's law is for senders that slow down; clients don't, and with this many the slowest
	// that are served take about three times as long as without a line.
	hopelessWaits = 2
)

// MaxLosses is after how many lost races in a row a waiter is served last instead of first: the room
// that it is granted is of no use to it, such as that of an endpoint that it has tried.
const MaxLosses = 16

// reentry is how long after its grant a waiter that enters again is first in the line.
const reentry = 100 * time.Millisecond

// Verdict is what a wait came to.
type Verdict uint8

const (
	// Waiting: nothing yet.
	Waiting Verdict = iota
	// Granted: there is room; try again, whoever else waits. Somebody may be faster.
	Granted
	// Shed: others have stood in line for too long already.
	Shed
)

// Waiter is one place in a [Queue]. It lies in what waits, so that waiting allocates nothing. It may be
// used for one wait after the other, and must not be copied while it is in a queue.
type Waiter struct {
	// Wake receives one value per verdict. It needs a buffer of one; nil is made by the first Enter.
	Wake chan struct{}

	next, prev *Waiter // towards newer and older
	entered    time.Duration
	granted    time.Duration // of the last grant
	verdict    Verdict
	queued     bool
	losses     uint8 // grants in a row that led to nothing
}

// Verdict returns what the wait came to. It is valid once Wake has been received from.
func (w *Waiter) Verdict() Verdict { return w.verdict }

// Entered returns when the wait began.
func (w *Waiter) Entered() time.Duration { return w.entered }

// hush empties Wake.
func (w *Waiter) hush() {
	select {
	case <-w.Wake:
	default:
	}
}

// Losses returns how often in a row w has entered again because its grant led to nothing.
func (w *Waiter) Losses() int { return int(w.losses) }

// Queue is the line of those that found no room. It is first come first served while waits are short.
// Once the oldest has waited for longer than the target during a whole interval, the line is standing:
// then the newest is served first, since its client is the likeliest to be there still, and the
// oldest are shed at the pace of CoDel's control law (RFC 8289 §5.5), until the oldest has waited for
// less than the target or nobody waits.
//
// RFC 8289 looks at the wait of the packet that leaves; here it is the wait of the oldest, because
// served from its new end the line would seem short whatever stands in it.
//
// The zero value has no room. All methods are safe for concurrent use. They share a lock, which is
// fair to hold: whoever comes here has found everything full. Len takes none.
type Queue struct {
	length atomic.Int64

	mu             sync.Mutex
	size           int
	typical        time.Duration
	oldest, newest *Waiter

	standing bool
	stood    time.Duration // when the line came to stand
	turn     time.Duration // when the line will have contradicted standing for an interval; 0: it does not
	dropNext time.Duration
	drops    int // of this standing phase

	entered, full, shed, granted uint64
}

// Resize lets size be how many may wait; 0 is no queue. Who waits stays.
func (q *Queue) Resize(size int) {
	q.mu.Lock()
	q.size = size
	q.mu.Unlock()
}

// Len returns how many wait.
func (q *Queue) Len() int { return int(q.length.Load()) }

// Enter lines w up and reports whether there was room. A waiter that enters again within 100 ms of its
// grant has lost a race; it is first in the line and there is always room for it.
func (q *Queue) Enter(w *Waiter, now time.Duration) bool {
	if w.Wake == nil {
		w.Wake = make(chan struct{}, 1)
	}
	w.hush()
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.verdict == Granted && now-w.granted < reentry && q.size > 0 {
		w.losses = min(w.losses+1, math.MaxUint8-1)
		q.push(w, (w.losses < MaxLosses) != q.standing)
		return true
	}
	if q.Len() >= q.size {
		if !q.standing || q.oldest == nil {
			q.full++
			return false
		}
		q.drop() // whom the newest goes before anyway
	}
	w.losses, w.entered = 0, now
	q.entered++
	q.push(w, false)
	return true
}

// Leave takes w out, because it has waited for long enough or its client has gone. It reports false if
// w was not waiting any more: then the verdict was faster and lies in Wake. Who won't use a grant
// gives it to Decline.
func (q *Queue) Leave(w *Waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !w.queued {
		return false
	}
	q.unlink(w)
	return true
}

// Decline gives w's grant, if it has one, to the next in the line, and empties Wake.
func (q *Queue) Decline(w *Waiter, now time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.queued || w.verdict != Granted {
		return
	}
	w.verdict = Waiting
	w.hush()
	q.grant(now)
}

// Grant gives room for one use to whoever is next, after shedding what CoDel wants shed. It reports
// false if nobody waits.
//
// typical is how long a use that is let through takes, 0 if that is not known. A wait is judged by it,
// see [QueueTarget].
func (q *Queue) Grant(now, typical time.Duration) bool {
	if q.Len() == 0 {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.typical = typical
	return q.grant(now)
}

func (q *Queue) grant(now time.Duration) bool {
	q.control(now)
	w := q.oldest
	if q.standing {
		w = q.newest
	}
	if w == nil {
		return false
	}
	q.unlink(w)
	q.granted++
	w.granted = now
	w.wake(Granted)
	return true
}

// control is CoDel's dequeue (RFC 8289 §5.5), with the oldest as the packet.
func (q *Queue) control(now time.Duration) {
	switch above := q.aboveTarget(now); {
	case !q.standing && above && q.ripe(now):
		q.stand(now)
	case q.standing && !above && q.ripe(now):
		q.standing, q.turn = false, 0
	}
	for q.standing && q.oldest != nil {
		hopeless := now-q.stood >= q.interval() && now-q.oldest.entered > hopelessWaits*q.target()
		if !hopeless && (now < q.dropNext || !q.aboveTarget(now)) {
			return
		}
		q.drop()
		if !hopeless {
			q.drops++
			q.dropNext = q.pace(q.dropNext)
		}
	}
}

// stand begins a standing phase. A line that stood shortly ago goes on near the pace that it had.
func (q *Queue) stand(now time.Duration) {
	q.standing, q.turn, q.stood = true, 0, now
	if q.drops > 2 && now-q.dropNext < 16*q.interval() {
		q.drops -= 2
	} else {
		q.drops = 1
	}
	q.drop()
	q.dropNext = q.pace(now)
}

// aboveTarget reports whether the oldest waits for longer than the target, and notes when the line is
// to turn: what it is now, standing or not, must have been contradicted for a whole interval.
func (q *Queue) aboveTarget(now time.Duration) bool {
	above := q.oldest != nil && now-q.oldest.entered >= q.target()
	switch {
	case above == q.standing:
		q.turn = 0
	case q.turn == 0:
		q.turn = now + q.interval()
	}
	return above
}

func (q *Queue) ripe(now time.Duration) bool { return q.turn != 0 && now >= q.turn }

func (q *Queue) target() time.Duration   { return max(QueueTarget, q.typical) }
func (q *Queue) interval() time.Duration { return max(QueueInterval, 4*q.typical) }

// pace is the control law: the time of the next drop after one at t.
func (q *Queue) pace(t time.Duration) time.Duration {
	return t + time.Duration(float64(q.interval())/math.Sqrt(float64(q.drops)))
}

// drop sheds the oldest.
func (q *Queue) drop() {
	w := q.oldest
	q.unlink(w)
	q.shed++
	w.wake(Shed)
}

// wake tells w. A value that was left lying in Wake serves as well, and must not hold up the line.
func (w *Waiter) wake(v Verdict) {
	w.verdict = v
	select {
	case w.Wake <- struct{}{}:
	default:
	}
}

// push puts w at the newest end, or at the oldest.
func (q *Queue) push(w *Waiter, oldest bool) {
	w.queued, w.verdict = true, Waiting
	q.length.Add(1)
	switch {
	case q.oldest == nil:
		q.oldest, q.newest = w, w
	case oldest:
		w.next, q.oldest.prev = q.oldest, w
		q.oldest = w
	default:
		w.prev, q.newest.next = q.newest, w
		q.newest = w
	}
}

func (q *Queue) unlink(w *Waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.oldest = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.newest = w.prev
	}
	w.next, w.prev, w.queued = nil, nil, false
	if q.length.Add(-1) == 0 && !q.standing {
		q.turn = 0 // an empty line has no standing wait (RFC 8289 §5.5)
	}
}

// QueueStats is what a queue shows. All but Waiting and Standing count for ever.
type QueueStats struct {
	// Waiting is how many wait now; Standing says that they have for too long.
	Waiting  int
	Standing bool
	// Entered have waited or do; Full were refused at the door; Shed were sent away; Granted were
	// given room, some of them more than once.
	Entered, Full, Shed, Granted uint64
}

// Stats returns what the queue shows now.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return QueueStats{
		Waiting: q.Len(), Standing: q.standing && q.oldest != nil,
		Entered: q.entered, Full: q.full, Shed: q.shed, Granted: q.granted,
	}
}
