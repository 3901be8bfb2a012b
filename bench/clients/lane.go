package clients

import (
	"context"
	"errors"
	"sync"

	"weir/bench"
)

// link is a library's connection that carries several requests at once.
type link interface {
	// usable reports whether it may take another request, as far as is known.
	usable() bool
	// close ends it at once, whatever is under way.
	close()
}

// unprocessed wraps the failure of a request that the peer said it did not process (RFC 9113 §6.8, RFC 9114 §5.2),
// so that it may be sent again.
type unprocessed struct{ cause error }

func (e *unprocessed) Error() string { return e.cause.Error() }
func (e *unprocessed) Unwrap() error { return e.cause }

// lane is where the workers that share a connection find it. The connection is dialled by the first request, and
// again by the first one behind its end.
type lane[L link] struct {
	dial  func(context.Context) (L, error)
	fresh bool

	mu       sync.Mutex
	workers  int // that have not been closed
	current  *shared[L]
	dialling *dialling[L] // nil: nobody dials
}

// shared is a connection with the count of requests under way; it is closed when it is retired and that is 0.
type shared[L link] struct {
	link    L
	uses    int
	served  bool // an answer came on it
	failed  bool // a request failed on it
	retired bool
}

// dialling is a dial under way, for those that wait for it.
type dialling[L link] struct {
	done chan struct{}
	err  error // set before done is closed
}

// lanes makes the target's lanes.
func lanes[L link](t *target, dial func(context.Context) (L, error)) []*lane[L] {
	all := make([]*lane[L], t.Connections)
	for i := range all {
		all[i] = &lane[L]{dial: dial, fresh: t.Fresh}
	}
	return all
}

// join counts a worker that uses the lane; leave must be called once behind it.
func (l *lane[L]) join() {
	l.mu.Lock()
	l.workers++
	l.mu.Unlock()
}

// leave ends a worker's use of the lane; the last one closes the connection.
func (l *lane[L]) leave() {
	l.mu.Lock()
	l.workers--
	s := l.current
	if l.workers > 0 || s == nil {
		l.mu.Unlock()
		return
	}
	l.current = nil
	l.mu.Unlock()
	s.link.close()
}

// do has f make a round trip on the lane's connection, and notes in a what became of the connection. If the peer
// did not process the request, f is called again with a new connection: but only if others were served on the old
// one, so that a peer that refuses everything is not asked for ever.
func (l *lane[L]) do(ctx context.Context, a *bench.Answer, f func(L) error) error {
	for {
		s, err := l.take(ctx, a)
		if err != nil {
			return err
		}
		err = f(s.link)
		if !l.give(s, err) {
			return err
		}
		a.Reopened = true
	}
}

// take returns the connection for one request, and dials if there is none.
func (l *lane[L]) take(ctx context.Context, a *bench.Answer) (*shared[L], error) {
	if l.fresh {
		return l.dialOwn(ctx, a)
	}
	l.mu.Lock()
	for {
		if s := l.current; s != nil {
			if s.link.usable() {
				s.uses++
				l.mu.Unlock()
				return s, nil
			}
			a.Reopened = a.Reopened || s.served && !s.failed
			if l.retire(s) {
				l.mu.Unlock()
				s.link.close()
				l.mu.Lock()
				continue
			}
		}
		d := l.dialling
		if d == nil {
			return l.dialShared(ctx, a) // unlocks
		}
		l.mu.Unlock()
		select {
		case <-d.done:
		case <-ctx.Done():
			return nil, &bench.ConnectError{Cause: ctx.Err()}
		}
		if d.err != nil {
			return nil, d.err
		}
		l.mu.Lock()
	}
}

func (l *lane[L]) dialOwn(ctx context.Context, a *bench.Answer) (*shared[L], error) {
	c, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	a.Opened = true
	return &shared[L]{link: c, uses: 1, retired: true}, nil
}

// dialShared dials for everybody. It is called with the lock held and releases it.
func (l *lane[L]) dialShared(ctx context.Context, a *bench.Answer) (*shared[L], error) {
	d := &dialling[L]{done: make(chan struct{})}
	l.dialling = d
	l.mu.Unlock()

	c, err := l.dial(ctx)

	l.mu.Lock()
	defer l.mu.Unlock()
	l.dialling, d.err = nil, err
	close(d.done)
	if err != nil {
		return nil, err
	}
	a.Opened = true
	s := &shared[L]{link: c, uses: 1}
	l.current = s
	return s, nil
}

// retire takes s out of use and reports whether nobody uses it any more: then the caller closes it, without the lock.
// It is called with the lock held.
func (l *lane[L]) retire(s *shared[L]) bool {
	if l.current == s {
		l.current = nil
	}
	s.retired = true
	return s.uses == 0
}

// give ends the use of s for a request that came to err, and reports whether the request may be sent again.
func (l *lane[L]) give(s *shared[L], err error) (again bool) {
	var refused *unprocessed
	l.mu.Lock()
	s.uses--
	switch {
	case err == nil:
		s.served = true
	case errors.As(err, &refused):
		l.retire(s)
		again = s.served
	default:
		s.failed = true
	}
	over := s.retired && s.uses == 0
	l.mu.Unlock()
	if over {
		s.link.close()
	}
	return again
}
