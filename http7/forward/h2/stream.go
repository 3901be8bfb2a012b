package h2

import (
	"os"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"weir/http7"
)

// Stream is one request with its answer. One goroutine reads from it and one writes to it at a time;
// the deadlines may be set by any.
type Stream struct {
	c  *Conn
	id uint32

	// All below is guarded by c.mu.
	reads, writes       sync.Cond
	readPast, writePast bool // a deadline has passed
	waiting             bool // it is in c.blocked
	first               bool // of its connection
	said                bool // the request has been sent whole
	gone                bool // the endpoint knows the stream no more
	closed              bool
	window              int64 // what may be sent

	heads    []Head
	interims int
	final    bool // the final head has come
	ended    bool // the answer is whole
	trailer  []hpack.HeaderField
	err      *Error

	queue  []piece
	lent   int   // bytes of the first piece that Next has returned
	size   int64 // of the window that the endpoint has
	recv   int64 // what it may still send
	unpaid int64 // what was read and is not given back to it
}

// Head is the head of an answer.
type Head struct {
	// Status is 100 to 599; below 200 another head follows.
	Status int
	// Fields are the fields but :status, in lower case and in their order.
	Fields []hpack.HeaderField
	// Last says that no body and no trailers follow.
	Last bool
}

// Stream returns the stream that was reserved. The caller must Close it.
func (c *Conn) Stream() *Stream {
	s := &Stream{c: c, size: firstWindow, recv: firstWindow}
	s.reads.L, s.writes.L = &c.mu, &c.mu
	return s
}

// First reports whether s was the first on its connection; it is known once it is open.
func (s *Stream) First() bool { return s.first }

// Open sends the request's header block; end says that nothing follows it. Otherwise it leaves with what is
// written next, or by Flush. An error says that nothing was sent.
func (s *Stream) Open(block []byte, end bool) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case c.err != nil:
		s.fail(Refused, c.err)
		return s.err
	case c.goodbye || c.closing: // one that only takes no more keeps its word to who has reserved a stream
		s.fail(Refused, errRetired)
		return s.err
	case c.next > lastStream:
		c.retire()
		s.fail(Refused, errExhausted)
		return s.err
	}
	s.id, s.window, s.first = c.next, c.peer.window, c.opened == 0
	s.said = end
	c.streams[s.id] = s
	c.opened++
	c.next += 2
	if s.first { // the table that is not used is given up (RFC 7541 §4.2)
		block = append([]byte{0x20}, block...)
	}
	c.out = appendHeaders(c.out, s.id, block, end, c.peer.frame)
	if end {
		c.push()
	}
	return nil
}

// Flush sends what has not left yet.
func (s *Stream) Flush() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if len(s.c.out) > 0 {
		s.c.push()
	}
}

// Write sends bytes of the request's body; end says that nothing follows them. It blocks while the endpoint
// takes no more, until the write deadline.
func (s *Stream) Write(b []byte, end bool) (n int, err error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case s.writePast:
			return n, os.ErrDeadlineExceeded
		case s.err != nil:
			return n, s.err
		case s.closed || s.said:
			return n, errDone
		}
		if part := s.room(len(b) - n); part > 0 || n == len(b) {
			s.said = end && n+part == len(b)
			if part > 0 || s.said {
				c.out = appendData(c.out, s.id, b[n:n+part], s.said)
			}
			s.window -= int64(part)
			c.window -= int64(part)
			n += part
			if c.push(); n == len(b) {
				return n, nil
			}
			continue
		}
		if !s.waiting {
			s.waiting = true
			c.blocked = append(c.blocked, s)
		}
		s.writes.Wait()
	}
}

// room returns how many of n bytes may be sent now.
func (s *Stream) room(n int) int {
	c := s.c
	if len(c.out) >= mostOut {
		return 0
	}
	return max(0, int(min(int64(n), s.window, c.window, int64(c.peer.frame))))
}

// Trail ends the request with a trailer section.
func (s *Stream) Trail(block []byte) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case s.closed || s.said:
		return errDone
	}
	s.said = true
	c.out = appendHeaders(c.out, s.id, block, true, c.peer.frame)
	c.push()
	return nil
}

// Said reports whether the request has been sent whole.
func (s *Stream) Said() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.said
}

// TakesConnect reports whether the endpoint takes extended CONNECT (RFC 8441).
func (s *Stream) TakesConnect() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.c.peer.connect
}

// Head blocks until the next head of the answer is there, or until the read deadline.
func (s *Stream) Head() (h Head, err error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for len(s.heads) == 0 {
		switch {
		case s.readPast:
			return Head{}, os.ErrDeadlineExceeded
		case s.err != nil:
			return Head{}, s.err
		}
		s.reads.Wait()
	}
	h = s.heads[0]
	s.heads[0] = Head{}
	s.heads = s.heads[1:]
	return h, nil
}

// Next returns the bytes of the answer's body that are at hand, valid until the following call. At the
// End the trailers are complete.
func (s *Stream) Next() ([]byte, http7.State, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.consume(s.lent)
	s.lent = 0
	switch {
	case len(s.queue) > 0:
		p := &s.queue[0]
		s.lent = p.w - p.r
		return p.block.B[p.r:p.w], http7.Chunk, nil
	case s.ended:
		return nil, http7.End, nil
	case s.err != nil:
		return nil, http7.Failure, s.err
	}
	return nil, http7.Parked, nil
}

// Await blocks until Next has something to say, or until the read deadline.
func (s *Stream) Await() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for len(s.queue) == 0 && !s.ended && s.err == nil {
		if s.readPast {
			return os.ErrDeadlineExceeded
		}
		s.reads.Wait()
	}
	return nil
}

// Trailer returns the answer's trailer section, once its body has ended.
func (s *Stream) Trailer() []hpack.HeaderField { return s.trailer }

// SetDeadline makes reads and writes fail, those under way too, if t is in the past, and forgives that if t
// is zero. A time to come is not kept: the owner has a clock.
func (s *Stream) SetDeadline(t time.Time) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.setReadPast(!t.IsZero())
	s.setWritePast(!t.IsZero())
	return nil
}

// SetReadDeadline is SetDeadline for reads.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.setReadPast(!t.IsZero())
	return nil
}

// SetWriteDeadline is SetDeadline for writes.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.setWritePast(!t.IsZero())
	return nil
}

func (s *Stream) setReadPast(past bool) {
	if s.readPast = past; past {
		s.reads.Signal()
	}
}

func (s *Stream) setWritePast(past bool) {
	if s.writePast = past; past {
		s.writes.Signal()
	}
}

// Refuse resets the stream for an answer that is not valid.
func (s *Stream) Refuse() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.refuse(http2.ErrCodeProtocol, Malformed, errDone)
}

// Close ends the use of the stream; what is not whole, either way, is cancelled.
func (s *Stream) Close() {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	for _, p := range s.queue {
		p.block.Free()
	}
	s.queue, s.lent, s.heads = nil, 0, nil
	c.grown -= s.size - firstWindow
	if s.id != 0 {
		delete(c.streams, s.id)
		if !s.gone && (!s.ended || !s.said) && c.err == nil {
			s.cancel(http2.ErrCodeCancel)
		}
	}
	c.leave()
}

// cancel resets the stream. The endpoint may be busy with it for a while yet: its place is taken until it
// answers a ping, so that clients who come and go can't burden it beyond its limit.
func (s *Stream) cancel(code http2.ErrCode) {
	c := s.c
	s.gone = true
	c.out = appendReset(c.out, s.id, code)
	if c.ping(); c.pinged != 0 {
		c.resets++
	}
	c.work.Signal()
}

// Take is Next for a reader with room of its own.
func (s *Stream) Take(b []byte) (int, http7.State, error) {
	chunk, state, err := s.Next()
	if state != http7.Chunk {
		return 0, state, err
	}
	n := copy(b, chunk)
	s.c.mu.Lock()
	s.lent = n
	s.c.mu.Unlock()
	return n, state, nil
}

// Sound reports whether nothing is known against the stream.
func (s *Stream) Sound() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.err == nil && s.c.usable()
}
