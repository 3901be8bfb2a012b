package serve

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/wire"
	"weir/internal/deadline"
)

// stream is the client's side of one exchange on a connection that carries many: what a library of HTTP/2 or
// HTTP/3 hands over, in the shape of a connection that sock can interrupt. Its goroutine is the library's; the
// exchange's lent goroutine may read from it, as from a connection.
type stream struct {
	k *carrier
	c *conn
	w http.ResponseWriter
	r *http.Request

	owes  bool // the head of the answer has not been handed over
	dirty bool // the library may be holding back what was written
	in    intake

	mu      sync.Mutex
	open    bool // guarded by mu: w may be used
	writing bool // guarded by mu
	past    bool // guarded by mu: the deadline for writes
	taken   atomic.Int64

	watching sync.Mutex  // held while gone runs
	stop     func() bool // ends the watch under way
	armed    uint64      // guarded by watching: the watch under way; 0: none
	watches  uint64      // guarded by watching
}

// LocalAddr returns nil: who serves a stream asks its carrier.
func (s *stream) LocalAddr() net.Addr { return nil }

// RemoteAddr returns nil, as LocalAddr.
func (s *stream) RemoteAddr() net.Addr { return nil }

// Close does nothing: the stream ends with its handler.
func (s *stream) Close() error { return nil }

// Read reads bytes of the request's body.
func (s *stream) Read(b []byte) (int, error) { return s.in.read(b) }

// AwaitRead waits for them.
func (s *stream) AwaitRead() error { return s.in.await(s.r.Body) }

// portion is how much is written at once: what a client has taken shows when a slice is done.
const portion = 16 << 10

// Write writes all of b, as fast as the client takes it.
func (s *stream) Write(b []byte) (n int, err error) {
	if !s.begin() {
		return 0, os.ErrDeadlineExceeded
	}
	defer s.end()
	s.dirty = true
	for n < len(b) && err == nil {
		var m int
		m, err = s.hand(b[n:min(n+portion, len(b))])
		s.taken.Add(1)
		n += m
	}
	return n, err
}

// copied is the longest write of which x/net's server takes a copy before Write returns (handlerChunkWriteSize).
const copied = 4 << 10

// portions are blocks that x/net's server may read while it writes.
var portions = sync.Pool{New: func() any { return new([portion]byte) }}

// hand gives b, at most a portion, to the library. That of HTTP/2 may still be reading from what it was given when Write
// has failed because the stream is over, and then sends it: so it gets a block of its own, which serves nobody else
// after a failure. b may hold another exchange's bytes by then.
func (s *stream) hand(b []byte) (int, error) {
	if s.k.proto != http7.HTTP2 || len(b) <= copied {
		return s.w.Write(b)
	}
	block := portions.Get().(*[portion]byte)
	n, err := s.w.Write(block[:copy(block[:], b)])
	if err == nil {
		portions.Put(block)
	}
	return n, err
}

// flush sends what the library holds back.
func (s *stream) flush() error {
	if !s.dirty {
		return nil
	}
	if !s.begin() {
		return os.ErrDeadlineExceeded
	}
	defer s.end()
	s.dirty = false
	err := s.flushNow()
	s.release()
	return err
}

func (s *stream) flushNow() error {
	if f, ok := s.w.(interface{ FlushError() error }); ok {
		return f.FlushError()
	}
	s.w.(http.Flusher).Flush() // every library's writer is one
	return nil
}

// release keeps the connection from waiting for more.
func (s *stream) release() {
	if s.k.release != nil {
		s.k.release()
	}
}

// begin begins a write, unless the deadline for writes has passed.
func (s *stream) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = !s.past
	return s.writing
}

func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
}

// Unsent is 0 while nothing is written, and else changes with each slice.
func (s *stream) Unsent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.writing {
		return 0
	}
	return 1 + int(s.taken.Load())
}

// SetDeadline is that of both sides.
func (s *stream) SetDeadline(t time.Time) error {
	_ = s.SetReadDeadline(t)
	return s.SetWriteDeadline(t)
}

// SetReadDeadline wakes who waits for bytes if t has passed; the zero time lets it wait again.
func (s *stream) SetReadDeadline(t time.Time) error {
	s.in.interrupt(!t.IsZero())
	return nil
}

// SetWriteDeadline fails writes if t has passed, until the zero time. One that is under way ends the stream.
func (s *stream) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past = !t.IsZero()
	if s.past && s.writing && s.open {
		return http.NewResponseController(s.w).SetWriteDeadline(t)
	}
	return nil
}

// gone reports whether the client has left.
func (s *stream) gone() bool { return s.r.Context().Err() != nil }

// short reports whether a body that ended with an error did so because it was shorter than its declared length,
// which leaves the stream open for an answer. n bytes of it have come.
func (s *stream) short(n int64) bool { return n < s.r.ContentLength && !s.gone() }

// watch makes the connection's gone be called when the client leaves.
func (s *stream) watch() {
	s.watching.Lock()
	s.watches++
	id := s.watches
	s.armed = id
	s.watching.Unlock()
	s.stop = context.AfterFunc(s.r.Context(), func() { s.left(id) })
}

// left is called, on a goroutine of its own, when the client has left.
func (s *stream) left(id uint64) {
	s.watching.Lock()
	defer s.watching.Unlock()
	if s.armed == id {
		s.armed = 0
		s.c.gone()
	}
}

// unwatch ends a watch. After it has returned, gone is not called and does not run.
func (s *stream) unwatch() {
	if s.stop == nil {
		return
	}
	s.stop()
	s.stop = nil
	s.watching.Lock()
	s.armed = 0
	s.watching.Unlock()
}

// head hands over the head of x's answer, if that is still owed.
func (s *stream) head(x *exchange) {
	if !s.owes {
		return
	}
	s.owes, s.dirty = false, true
	a, h := x.Answer, s.w.Header()
	skip := http7.HopByHop
	if a.Local || a.Status == 204 {
		skip = local
	}
	a.Header.DrainTo(h, skip, "")
	s.fill(h, a)
	if a.Status == http7.HeadTooLarge.Status {
		s.k.refused431.Store(true)
	}
	s.w.WriteHeader(a.Status)
}

// fill sets what the library would otherwise think up itself.
func (s *stream) fill(h http.Header, a *http7.Answer) {
	if h["Content-Type"] == nil {
		h["Content-Type"] = nil // no guess
	}
	switch {
	case a.Local && a.Length > 0 && a.Status != 204:
		h["Content-Length"] = []string{string(appendInt(nil, a.Length))}
	case h["Content-Length"] == nil:
		h["Content-Length"] = nil
	}
	if h["Date"] == nil {
		h["Date"] = []string{dateText()}
	}
	if s.k.proto == http7.HTTP2 && s.k.e.dismissing.Load() {
		h["Connection"] = []string{"close"} // the library says so by GOAWAY
	}
}

// interim sends a 1xx on.
func (s *stream) interim(a *http7.Answer) *http7.Fault {
	h := s.w.Header()
	a.Header.DrainTo(h, http7.HopByHop|http7.Names(http7.ContentLength), "")
	s.w.WriteHeader(a.Status)
	s.release()
	clear(h)
	if s.gone() {
		return http7.ClientLeft
	}
	return nil
}

// trail hands over the trailers, behind the body.
func (s *stream) trail(trailer *http7.Header) {
	if trailer.Len() > 0 {
		trailer.DrainTo(s.w.Header(), 0, http.TrailerPrefix)
	}
}

// push writes what has been appended, and lets nothing hold it back.
func (c *conn) push(x *exchange) *http7.Fault {
	f := c.flush(x)
	if f != nil || c.st == nil || !c.st.dirty {
		return f
	}
	if !c.pump.running || c.joined() {
		c.enter(writing, c.writeLimit(x, deadline.Now()))
	}
	return c.wrote(x, c.st.flush())
}

// endStream writes the end of an answer.
func (c *conn) endStream(x *exchange) *http7.Fault {
	x.trailAnswer()
	f := c.flush(x)
	if f == nil {
		c.st.trail(&x.Answer.Trailer)
	}
	return f
}

// endCall ends the answer of a gRPC call whose time is up by the status that says so. The libraries would reset it as an
// error of ours, and a client whose clock is a little behind would believe that.
func (c *conn) endCall(x *exchange, f *http7.Fault) bool {
	if c.st == nil || f != http7.RouteTimeout || c.flush(x) != nil || !http7.FaultTrailer(&x.Exchange, f) {
		return false
	}
	c.st.trail(&x.Answer.Trailer)
	x.Fault, x.close = f, true
	return true
}

// regretTime is how long a client that goes on sending may take to notice that it has its answer.
const regretTime = 250 * time.Millisecond

// passOverStream ends the exchange of a stream whose request's body nobody wants. The library resets such a stream as
// soon as the answer ends, and some clients lose the answer over that: they get the time to take it first, if they
// know its length. Who must see the end to know it, and gRPC, is not kept waiting.
func (c *conn) passOverStream(x *exchange) *http7.Fault {
	if x.bodyDone || c.st.k.proto != http7.HTTP2 || x.Answer.Length < 0 || x.Answer.Trailer.Len() > 0 || bytes.HasPrefix(x.Request.Get(http7.ContentType), grpcType) {
		return nil
	}
	if f := c.push(x); f != nil {
		return f
	}
	c.enter(reading, deadline.Now()+int64(regretTime))
	for budget := drainBytes; budget >= 0; {
		c.in.Consume(c.in.Buffered())
		if c.in.FillBody() != nil {
			return nil
		}
		budget -= c.in.Buffered()
	}
	late := time.NewTimer(regretTime)
	defer late.Stop()
	select {
	case <-c.st.r.Context().Done():
	case <-late.C:
	}
	return nil
}

// readStream makes x the request of the stream.
func (c *conn) readStream(x *exchange) *http7.Fault {
	l := &c.site.Limits.Head
	lines, f := http7.AppendRequest(x.lines[:0], c.st.r)
	x.lines = lines
	if f == nil {
		_, f = x.parser.Parse(lines, l, &x.head, &x.Request)
	}
	x.head.Proto = c.st.k.proto
	switch {
	case f != nil:
		return f
	case c.extended(x) && c.info.TLS && c.st.r.TLS == nil: // not https: the library does not ask it for a scheme (RFC 8441 §4)
		return http7.BadTarget
	}
	if x.head.Frame.Kind != wire.Chunked && x.head.Frame.Length != max(c.st.r.ContentLength, 0) {
		return http7.BadContentLength // there is no body for it
	}
	x.adopt()
	if x.head.Frame.Body() {
		x.framer.Reset(wire.Frame{Kind: wire.UntilClose}, &x.Trailer, http7.Client)
	}
	x.close = true // nothing else comes on a stream
	return nil
}

// endBody takes the end of a stream's body for that of x's, with its trailers.
func (x *exchange) endBody(trailer http.Header) *http7.Fault {
	if len(trailer) == 0 {
		return x.framer.Finish()
	}
	lines, f := http7.AppendTrailer(nil, trailer)
	if f != nil {
		return f
	}
	x.framer.Reset(wire.Frame{Kind: wire.Chunked}, &x.Trailer, http7.Client)
	_, _, _, f = x.framer.Next(lines)
	return f
}
