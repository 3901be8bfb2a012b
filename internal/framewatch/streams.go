package framewatch

import (
	"sync"
	"time"
)

// streams remembers the last streams of a connection, as far as it matters to what a reset costs.
type streams struct {
	mu    sync.Mutex
	began time.Time
	last  [256]stream // by half of the number; guarded by mu
}

// stream is one of them. It says nothing of a stream whose place a later one has taken.
type stream struct {
	id       uint32
	at       uint32 // when it was opened: milliseconds since the connection began
	answered bool   // the head of its answer has left
	over     bool   // we have ended it
}

// rapid is how young a stream is that is reset rapidly: what it has asked for is not done yet.
const rapid = 100 * time.Millisecond

// lateReset is what the reset of an older stream costs its client, or of one that has been answered. Clients have
// deadlines, and users close pages.
const lateReset = 0.1

func (s *streams) place(id uint32) *stream { return &s.last[id>>1%uint32(len(s.last))] }

// opened notes a new stream.
func (s *streams) opened(id uint32, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began.IsZero() {
		s.began = now
	}
	*s.place(id) = stream{id: id, at: s.since(now)}
}

func (s *streams) since(now time.Time) uint32 { return uint32(now.Sub(s.began) / time.Millisecond) }

// price returns what it costs the client to reset a stream.
func (s *streams) price(id uint32, now time.Time) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.place(id); p.id == id && (p.answered || p.over || s.since(now)-p.at >= uint32(rapid/time.Millisecond)) {
		return lateReset
	}
	return 1
}

// told notes what leaves for a stream: the head of its answer, or its end.
func (s *streams) told(id uint32, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.place(id); p.id == id {
		p.answered, p.over = true, p.over || over
	}
}

// ended notes that we reset a stream, and reports whether it had ended by us before: what a client has sent in the
// meantime is answered so, too (RFC 9113 §5.1), and is not its fault.
func (s *streams) ended(id uint32) (before bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.place(id)
	if p.id != id {
		return false
	}
	before, p.over = p.over, true
	return before
}
