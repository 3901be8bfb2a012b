package tcp4

import (
	"context"
	"sync"
	"sync/atomic"

	"weir/internal/splice"
)

// bufferSize is the most that one read takes. A read that fills the buffer is a sign of bulk.
const bufferSize = 32 << 10

// slimSize is what a direction from TLS holds while it waits.
const slimSize = 4 << 10

// buffer is a pooled block of bufferSize or slimSize bytes.
type buffer struct{ b []byte }

// maxPipes bounds the pipes of bulk directions (two descriptors each); beyond it they are copied.
const maxPipes = 128

// Sessions is what the sessions of all relays share: their number, the way to cut them, buffers
// and pipes. One serves a process; it outlives snapshots. It is safe for concurrent use.
type Sessions struct {
	active  atomic.Int64
	ended   chan struct{} // active fell to 0
	buffers sync.Pool     // of *buffer
	slim    sync.Pool
	pipes   *splice.Pool

	mu      sync.Mutex // taken twice in a session's life
	closed  bool
	running map[*session]struct{}
}

// NewSessions returns an empty set.
func NewSessions() *Sessions {
	return &Sessions{
		ended:   make(chan struct{}, 1),
		buffers: sync.Pool{New: func() any { return &buffer{make([]byte, bufferSize)} }},
		slim:    sync.Pool{New: func() any { return &buffer{make([]byte, slimSize)} }},
		pipes:   splice.NewPool(maxPipes),
		running: make(map[*session]struct{}),
	}
}

// take returns a buffer, which goes back by give.
func (s *Sessions) take(large bool) *buffer {
	if large {
		return s.buffers.Get().(*buffer)
	}
	return s.slim.Get().(*buffer)
}

func (s *Sessions) give(b *buffer) {
	if len(b.b) == slimSize {
		s.slim.Put(b)
	} else {
		s.buffers.Put(b)
	}
}

// Active returns how many sessions are open, those that still connect included.
func (s *Sessions) Active() int { return int(s.active.Load()) }

// Shutdown waits until no session is open or ctx has ended; then it cuts those that remain, by a
// reset, and waits until they are gone. It returns how many it cut. Sessions begun after it has
// cut are cut at once. Call it once, after the listeners have stopped accepting.
func (s *Sessions) Shutdown(ctx context.Context) (cut int) {
	s.wait(ctx)
	s.mu.Lock()
	s.closed = true
	cut = len(s.running)
	for one := range s.running {
		one.abort(Cut)
	}
	s.mu.Unlock()
	s.wait(context.Background()) // a session that connects is bounded by its connect timeouts
	s.pipes.Close()
	return cut
}

func (s *Sessions) wait(ctx context.Context) {
	for s.active.Load() > 0 {
		select {
		case <-s.ended:
		case <-ctx.Done():
			return
		}
	}
}

// begin counts a session that is about to connect and reports whether it may.
func (s *Sessions) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.active.Add(1)
	}
	return !s.closed
}

// end takes back what begin counted.
func (s *Sessions) end() {
	if s.active.Add(-1) == 0 {
		signal(s.ended)
	}
}

// add makes a session known to Shutdown; if that has passed already, the session is cut.
func (s *Sessions) add(one *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		one.abort(Cut)
		return
	}
	s.running[one] = struct{}{}
}

func (s *Sessions) remove(one *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, one)
}
