package tcp4

import (
	"math"
	"net"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// idleTicks is into how many parts the idle timeout is divided: a session is looked at so often,
// which costs nothing per message, and cut at most one part too late.
const idleTicks = 8

// session is one pair of connections. Two goroutines run it, one per direction: the client's own
// carries what the client sends, a lent one what comes back.
//
// A direction that reads the end of its stream passes it on by half-close. One that can't read
// resets both sides, so that a truncated stream never looks complete. One that can't write stops:
// its receiver is gone, the other direction reads from it what it left behind and then finds its
// end or its error.
//
// Whoever decides the end wakes the directions, by a deadline; run closes the connections when both
// are through.
type session struct {
	relay            *Relay
	client, endpoint side
	in, out          direction // from the client, to the client
	announce         []byte    // what the endpoint is told before anything else

	open   atomic.Int32  // directions that have not ended
	broken atomic.Bool   // a direction could not write
	end    atomic.Uint32 // End + 1, and byReset; 0 while none is decided
	back   sync.WaitGroup

	began  time.Time // when both sides were connected
	doubts doubts
	idle   *time.Timer
	seen   int64 // bytes at the last tick
	quiet  int   // ticks since they changed
}

// side is one connection. raw is nil if it is not a plain socket of this process; below is then the
// socket that it lies upon, if there is one.
type side struct {
	conn  net.Conn
	raw   syscall.RawConn
	below syscall.RawConn
	lost  End         // how a session ends that loses this side
	shut  atomic.Bool // we have told it that no more will come
}

// lowest returns the connection that conn lies upon: a socket, if conn is TLS over one.
func lowest(conn net.Conn) net.Conn {
	for over, ok := conn.(netConner); ok; over, ok = conn.(netConner) {
		conn = over.NetConn()
	}
	return conn
}

func (s *side) join(conn net.Conn, lost End) {
	s.conn, s.lost = conn, lost
	if plain, ok := conn.(syscall.Conn); ok { // TLS is none
		if raw, err := plain.SyscallConn(); err == nil {
			s.raw, s.below = raw, raw
		}
		return
	}
	if plain, ok := lowest(conn).(syscall.Conn); ok {
		s.below, _ = plain.SyscallConn()
	}
}

func newSession(r *Relay, client, endpoint net.Conn) *session {
	s := &session{relay: r}
	s.client.join(client, ClientReset)
	s.endpoint.join(endpoint, EndpointReset)
	s.in.join(r.cfg.Sessions, &s.client, &s.endpoint)
	s.out.join(r.cfg.Sessions, &s.endpoint, &s.client)
	s.doubts.of = [2]*direction{&s.in, &s.out}
	s.in.doubt.session, s.out.doubt.session = &s.doubts, &s.doubts
	s.in.over, s.out.over = s.over, s.over
	s.open.Store(2)
	return s
}

// run passes bytes both ways and returns when both connections are closed.
func (s *session) run() {
	s.began = time.Now()
	s.relay.cfg.Sessions.add(s)
	defer s.relay.cfg.Sessions.remove(s)
	if t := s.relay.cfg.IdleTimeout; t > 0 {
		s.idle = time.AfterFunc(math.MaxInt64, s.tick)
		s.idle.Reset(t / idleTicks) // not before tick can see the timer
		defer s.idle.Stop()
	}
	defer s.close()
	if !s.greet() {
		return
	}
	s.back.Go(s.runBack)
	if s.relay.cfg.Strangers.vet(s.client.conn, func() { s.abort(ClientReset) }) == errStranger {
		s.abort(ClientReset)
	}
	s.carry(&s.in)
	s.back.Wait()
	s.doubts.stop()
}

// greet tells the endpoint who the client is. An endpoint that does not even take that is gone.
func (s *session) greet() bool {
	if len(s.announce) == 0 {
		return true
	}
	_, err := s.endpoint.conn.Write(s.announce)
	if s.announce = nil; err != nil {
		s.abort(EndpointReset)
	}
	return err == nil
}

// runBack is the goroutine "tcp4.relay.back"; run joins it.
func (s *session) runBack() {
	pprof.SetGoroutineLabels(s.relay.back)
	s.carry(&s.out)
}

// carry runs one direction to its end, and the session's when it is the last.
func (s *session) carry(d *direction) {
	v := d.pass()
	if v == sourceEnded && d.from.torn() {
		v = sourceFailed
	}
	switch v {
	case sourceFailed:
		s.abort(d.from.lost)
		return
	case sinkFailed:
		s.broken.Store(true)
		if s.open.Add(-1) == 0 {
			s.abort(d.to.lost)
		}
		return
	}
	d.to.closeWrite()
	if s.open.Add(-1) == 0 {
		s.finish(d)
		return
	}
	if d.watch() {
		s.abort(d.from.lost)
	}
}

// finish ends a session whose last direction, d, was passed on to its end. If the other one could
// not be written, that was to d's source, which has closed in its own time.
func (s *session) finish(d *direction) {
	end := Done
	if s.broken.Load() {
		end = d.from.lost
	}
	s.decide(end, 0)
}

// abort ends the session so that both sides see a reset.
func (s *session) abort(end End) { s.decide(end, byReset) }

// byReset is a bit of session.end.
const byReset = 1 << 16

// decide ends the session and wakes its directions. Only the first end counts.
func (s *session) decide(end End, how uint32) {
	if s.end.CompareAndSwap(0, uint32(end)+1|how) {
		_ = s.client.conn.SetDeadline(past) // fails only on a closed connection, whose reader knows
		_ = s.endpoint.conn.SetDeadline(past)
	}
}

// past is a deadline that wakes whoever waits.
var past = time.Unix(1, 0)

// over reports whether the end is decided.
func (s *session) over() bool { return s.end.Load() != 0 }

// close closes both connections as the end wants it.
func (s *session) close() {
	for _, side := range []*side{&s.client, &s.endpoint} {
		if s.end.Load()&byReset != 0 {
			reset(side.conn)
		} else {
			_ = side.conn.Close()
		}
	}
}

// tick is called by the idle timer, never twice at a time.
func (s *session) tick() {
	if bytes := s.in.bytes.Load() + s.out.bytes.Load(); bytes != s.seen {
		s.seen, s.quiet = bytes, 0
	} else {
		s.quiet++
	}
	switch {
	case s.end.Load() != 0:
	case s.quiet >= idleTicks:
		s.abort(Idle)
	default:
		s.idle.Reset(s.relay.cfg.IdleTimeout / idleTicks)
	}
}

// report writes into rec what became of the session, which has ended.
func (s *session) report(rec *Record) {
	rec.BytesIn, rec.BytesOut = s.in.bytes.Load(), s.out.bytes.Load()
	rec.End, rec.Err = End(s.end.Load()&^byReset-1), nil
	rec.FirstByte = s.firstByte()
}

// firstByte returns how long the endpoint took to answer, 0 if it did not.
func (s *session) firstByte() time.Duration {
	asked, answered := s.in.first, s.out.first
	switch {
	case answered.IsZero():
		return 0
	case asked.IsZero() || asked.After(answered): // it spoke first
		return answered.Sub(s.began)
	}
	return answered.Sub(asked)
}

// closeWrite tells the peer that no more will come. If that fails the connection is broken, and
// who reads from it finds that out.
func (s *side) closeWrite() {
	s.shut.Store(true)
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// torn reports whether a TCP peer whose stream has ended was reset. The system tells of a reset once: where a
// write has been told, a read sees but an end. A connection that is closed although we have not shut our side of
// it was not closed by its peer's own will.
func (s *side) torn() bool {
	if s.raw == nil {
		return false
	}
	closed := false
	err := s.raw.Control(func(fd uintptr) { closed = isClosed(int(fd)) })
	return err == nil && closed && !s.shut.Load()
}
