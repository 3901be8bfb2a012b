package tcp4

import (
	"math"
	"sync/atomic"
	"time"
)

// doubtFor is how long a direction may be unsure whether it has seen all that its source sent.
const doubtFor = 200 * time.Millisecond

// doubt is what a direction does not know while it waits after a read that left room. The poller
// tells of each change once, and joins those that come together: an end, or a reset, that came with
// the last message has been told already, and only one more read would show it. In a conversation
// that read would find nothing nearly every time; instead the session looks every doubtFor while
// there are messages. Only the end of a long conversation may come that much later.
type doubt struct {
	unsure  atomic.Bool
	session *doubts
	look    func(fd uintptr)
	found   atomic.Bool // by look
}

// rise notes that the direction does not know.
func (d *doubt) rise() {
	if !d.unsure.Load() {
		d.unsure.Store(true)
	}
	if d.session != nil && !d.session.armed.Load() {
		d.session.arm()
	}
}

// dispel notes that the direction has ended.
func (d *doubt) dispel() { d.unsure.Store(false) }

// doubts are those of one session.
type doubts struct {
	of    [2]*direction
	armed atomic.Bool
	timer *time.Timer // made when the first doubt rises; whoever has armed comes here alone
}

func (s *doubts) arm() {
	if !s.armed.CompareAndSwap(false, true) {
		return
	}
	if s.timer == nil {
		s.timer = time.AfterFunc(math.MaxInt64, s.look)
	}
	s.timer.Reset(doubtFor) // not before look can see the timer
}

// look is called by the timer. Disarming comes first: a doubt that rises meanwhile arms again.
func (s *doubts) look() {
	s.armed.Store(false)
	for _, d := range s.of {
		if d.doubt.unsure.Swap(false) {
			d.settle()
		}
	}
}

// settle looks whether anything is to be read at the source of d, and wakes d if so.
func (d *direction) settle() {
	// Control keeps the descriptor open meanwhile: the timer may come after the session's end.
	if d.from.raw.Control(d.doubt.look) == nil && d.doubt.found.Load() {
		_ = d.from.conn.SetReadDeadline(past) // fails only on a closed connection, and d knows
	}
}

// stop ends the looking.
func (s *doubts) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}
