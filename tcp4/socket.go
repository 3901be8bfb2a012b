package tcp4

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
	// calm is how long accept must have gone without a pause before the next one is news.
	calm = 10 * time.Second
	// drainFor bounds the emptying of a backlog when accept can't make progress.
	drainFor = time.Second
)

// socket is one bound address. Its goroutine accepts for whichever listener owns it.
type socket struct {
	address string // as configured
	ln      bound
	raw     syscall.RawConn
	file    *socketFile // of a unix socket; nil otherwise
	owner   atomic.Pointer[Listener]

	once     sync.Once
	stopping chan struct{}
	gone     chan struct{}

	pause   time.Time // when the last pause of accept ended
	backoff time.Duration
}

// bound is what *net.TCPListener and *net.UnixListener share.
type bound interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
}

// run is the goroutine "tcp4.accept". It ends when the socket was stopped and its backlog is empty.
func (s *socket) run() {
	defer close(s.gone)
	defer s.close()
	name := s.owner.Load().name
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("goroutine", "tcp4.accept", "listener", name)))
	for !s.stopped() {
		s.acceptOne()
	}
	// The deadline that woke accept must not keep it from what is still queued.
	until := time.Now().Add(drainFor)
	_ = s.ln.SetDeadline(until)
	for s.pending() && time.Now().Before(until) {
		s.acceptOne()
	}
}

// acceptOne takes one connection, or waits a while if the system can't give one now.
func (s *socket) acceptOne() {
	conn, err := s.ln.Accept()
	if err == nil {
		s.backoff = 0
		s.owner.Load().admit(conn)
		return
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	s.wait(err)
}

// wait lets a pause go by after accept failed with err, which for a listening socket that is
// open means that descriptors, memory or socket buffers have run out (EMFILE, ENFILE, ENOMEM,
// ENOBUFS; accept(2)). It ends early when a connection of the listener ends.
func (s *socket) wait(err error) {
	l := s.owner.Load()
	led := l.ledger
	led.Pauses.Add(1)
	now := time.Now()
	if now.Sub(s.pause) > calm {
		l.log.Error("accept pauses", "listener", l.name, "address", s.address, "cause", cause(err).Error(), "active", led.Active.Load())
	}
	s.backoff = min(max(2*s.backoff, firstPause), lastPause)
	timer := time.NewTimer(s.backoff)
	defer timer.Stop()
	stopping := s.stopping
	if s.stopped() {
		stopping = nil // it drains: only time and freed descriptors help
	}
	led.paused.Add(1)
	defer led.paused.Add(-1)
	select {
	case <-led.freed:
	case <-timer.C:
	case <-stopping:
	}
	s.pause = time.Now()
}

// stop tells the goroutine to drain and end; s.gone is closed when it has. It may be called again.
func (s *socket) stop() {
	s.once.Do(func() {
		// In this order: run sets a later deadline once it sees stopping.
		_ = s.ln.SetDeadline(time.Unix(1, 0)) // wakes accept
		close(s.stopping)
	})
}

func (s *socket) stopped() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// close closes the socket and removes its file.
func (s *socket) close() {
	s.file.remove()
	_ = s.ln.Close()
}
