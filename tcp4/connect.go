package tcp4

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"weir/lb"
)

// search is the way of one session to its endpoint.
type search struct {
	relay *Relay
	gate  *lb.Gate
	key   lb.Key
	tried lb.Tried
	rec   *Record
	// refused says that the last attempt has cost its endpoint nothing, so that no budget need protect it.
	refused bool
}

// connect tries endpoints until one takes the connection. If none does, it says why in rec and
// returns nil.
func (r *Relay) connect(key lb.Key, rec *Record) (net.Conn, lb.Lease) {
	s := search{relay: r, gate: r.cfg.Upstream.Gate(), key: key, rec: rec}
	s.gate.Begin()
	rec.End = NoEndpoint
	for lease := s.first(); lease.Ok(); lease = s.another() {
		if conn := s.attempt(lease); conn != nil {
			return conn, lease
		}
	}
	return nil, lb.Lease{}
}

// first leases the first endpoint, waiting in line where that helps.
func (s *search) first() lb.Lease {
	if s.gate.Queued() {
		s.rec.Reason = lb.AllFull
		return s.lineUp()
	}
	if lease := s.pick(); lease.Ok() || s.rec.Reason != lb.AllFull {
		return lease
	}
	return s.lineUp()
}

// another leases an endpoint that has not been tried, if the session may try once more. What a
// retry finds full it does not wait for.
func (s *search) another() lb.Lease {
	if s.rec.Attempts > s.relay.cfg.Attempts || !s.refused && !s.gate.TakeRetry() {
		return lb.Lease{}
	}
	return s.pick()
}

func (s *search) pick() (lease lb.Lease) {
	lease, s.rec.Reason = s.relay.cfg.Upstream.Pick(s.key, s.tried)
	return lease
}

// lineUp waits in the upstream's queue for an endpoint with room. A grant is no promise: somebody
// may be faster, and then it goes back, to the head of the line.
func (s *search) lineUp() lb.Lease {
	var w lb.Waiter
	if !s.gate.Enter(&w) {
		return lb.Lease{}
	}
	// In this order, and in the line: whose time is up has been there for that long in the gate's eyes and the record's too.
	began := time.Now()
	defer func() { s.rec.Queued = time.Since(began) }()
	timer := time.NewTimer(s.gate.Patience())
	defer timer.Stop()
	for in := true; in && s.granted(&w, timer.C); in = s.gate.Enter(&w) {
		lease := s.pick()
		if lease.Ok() {
			return lease
		}
		if s.rec.Reason != lb.AllFull {
			s.gate.Decline(&w) // those behind are to learn it too
			break
		}
	}
	return lb.Lease{}
}

// granted waits for the verdict on w, or until the time is up.
func (s *search) granted(w *lb.Waiter, expired <-chan time.Time) bool {
	select {
	case <-w.Wake:
		return w.Verdict() == lb.Granted
	case <-expired:
		if s.gate.Leave(w) {
			return false
		}
		<-w.Wake // the verdict was faster, and a grant of room is not to be lost
		return w.Verdict() == lb.Granted
	}
}

// attempt connects to the leased endpoint. On failure it returns nil and the lease is done.
func (s *search) attempt(lease lb.Lease) net.Conn {
	e, rec := lease.Endpoint(), s.rec
	rec.Attempts++
	s.tried.Add(e)
	began := time.Now()
	conn, err := s.relay.dial(e.Address())
	rec.Connect = time.Since(began)
	if s.relay.cfg.Dialed != nil {
		s.relay.cfg.Dialed(e, err)
	}
	if err == nil {
		return conn
	}
	s.refused = unburdened(err)
	rec.End, rec.Err, rec.Endpoint = ConnectFailed, err, e.Address()
	lease.Done(lb.Outcome{Result: blame(err), FirstByte: rec.Connect})
	return nil
}

// unburdened reports whether a connect that failed was refused or found no way.
func unburdened(err error) bool {
	for _, cause := range []error{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENOENT} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// dial connects to an address as lb writes it: "host:port" or "unix:/path".
func (r *Relay) dial(address string) (net.Conn, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return r.dialer.Dial("unix", path)
	}
	return r.dialer.Dial("tcp", address)
}

// blame says whether a failed connect speaks against the endpoint or against this machine, which
// may have run out of descriptors, memory or local ports.
func blame(err error) lb.Result {
	for _, ours := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, ours) {
			return lb.Cancelled
		}
	}
	return lb.ConnectFailed
}
