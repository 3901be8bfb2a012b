package lb

import (
	"time"

	"weir/internal/limit"
)

// Waiter is one place in the queue of a [Gate]. It lies in the exchange or session and may be used for
// one wait after the other; its Wake receives one value per verdict and needs a buffer of one, which
// the first Enter makes if Wake is nil.
type Waiter = limit.Waiter

// Verdict is what became of a wait. It may be read once Wake has been received from.
type Verdict = limit.Verdict

const (
	// Waiting: nothing yet.
	Waiting = limit.Waiting
	// Granted: an endpoint has room; pick again, whoever else waits. Somebody may be faster: who gets
	// AllFull once more enters again, and is then first in the line.
	Granted = limit.Granted
	// Shed: others have stood in line for too long already (RFC 8289). Answer 503.
	Shed = limit.Shed
)

// Queued reports whether anybody waits, so that newcomers line up behind.
func (g *Gate) Queued() bool { return g.queue.Len() > 0 }

// Patience returns how long one may wait before it leaves the queue to be answered 503.
func (g *Gate) Patience() time.Duration { return time.Duration(g.patience.Load()) }

// Enter lines w up; false says that there is no queue or that it is full. w must not be in a queue.
// If there is room already, the first in the line is granted it at once, which may be w: room that
// appears between a Pick in vain and Enter is not lost.
//
// Who enters again within 100 ms of its grant has lost a race, and is first in the line.
func (g *Gate) Enter(w *Waiter) bool {
	now := g.now()
	if !g.queue.Enter(w, now) {
		return false
	}
	if w.Losses() <= limit.MaxLosses && g.hasRoom() { // at the last of them the next gets it
		g.queue.Grant(now, g.latencies.Quantile(typicalQuantile, now))
	}
	return true
}

// Leave takes w out, because it has waited for Patience or its client has gone. It reports false if
// there was nothing to take out: the verdict was faster, and lies in Wake. Who has no use for it then
// calls Decline.
func (g *Gate) Leave(w *Waiter) bool {
	if !g.queue.Leave(w) {
		return false
	}
	if g.now()-w.Entered() >= g.Patience() {
		g.timedOut.Add(1)
	} else {
		g.gone.Add(1)
	}
	return true
}

// Decline passes on a grant that w got and can't use, because its client has gone: without it the room
// stays empty until the next use ends. If w was not granted anything it does nothing. Wake is empty
// afterwards.
func (g *Gate) Decline(w *Waiter) { g.queue.Decline(w, g.now()) }
