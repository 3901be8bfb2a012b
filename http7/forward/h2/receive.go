package h2

import (
	"golang.org/x/net/http2"

	"weir/internal/sock"
)

// What the reader of a connection does to its streams, with the connection's lock held.

// piece is a part of a body that has not been read.
type piece struct {
	block *sock.Block
	r, w  int
}

// maxInterims bounds the interim answers to one request.
const maxInterims = 32

// fail ends what can still be read and written. The first reason stays.
func (s *Stream) fail(kind Kind, why error) {
	if s.err == nil {
		s.err = &Error{kind, why}
	}
	s.reads.Signal()
	s.writes.Signal()
}

// refuse ends a stream that the endpoint uses wrongly.
func (s *Stream) refuse(code http2.ErrCode, kind Kind, why error) {
	if !s.gone {
		s.cancel(code)
	}
	s.ended = false
	s.heads, s.final = nil, true
	s.fail(kind, why)
}

// head takes the head of an answer.
func (s *Stream) head(f *http2.MetaHeadersFrame) {
	h := Head{Status: status(f.PseudoFields()), Fields: f.RegularFields(), Last: f.StreamEnded()}
	switch {
	case h.Status == 0:
		s.refuse(http2.ErrCodeProtocol, Malformed, errStatus)
		return
	case h.Status < 200 && h.Last:
		s.refuse(http2.ErrCodeProtocol, Malformed, errInterim)
		return
	case h.Status < 200:
		if s.interims++; s.interims > maxInterims {
			s.refuse(http2.ErrCodeEnhanceYourCalm, Malformed, errInterims)
			return
		}
	default:
		s.final = true
	}
	s.heads = append(s.heads, h)
	if h.Last {
		s.ended = true
	}
	s.reads.Signal()
}

func (s *Stream) end() {
	s.ended = true
	s.reads.Signal()
}

// data takes bytes of the body; n is what they cost the window.
func (s *Stream) data(b []byte, n int64, end bool) {
	switch {
	case s.closed || s.gone:
		return
	case s.ended:
		s.refuse(http2.ErrCodeStreamClosed, Malformed, errBehind)
		return
	case !s.final:
		s.refuse(http2.ErrCodeProtocol, Malformed, errNoHead)
		return
	}
	if s.recv -= n; s.recv < 0 {
		s.refuse(http2.ErrCodeFlowControl, Malformed, errWindow)
		return
	}
	s.keep(b)
	if padding := n - int64(len(b)); padding > 0 {
		s.pay(padding)
	}
	s.ended = s.ended || end
	s.reads.Signal()
}

// keep appends a copy of b to what is unread.
func (s *Stream) keep(b []byte) {
	if n := len(s.queue); n > 0 {
		p := &s.queue[n-1]
		k := copy(p.block.B[p.w:], b)
		p.w += k
		b = b[k:]
	}
	if len(b) == 0 {
		return
	}
	p := piece{block: sock.NewBlock(len(b))}
	p.w = copy(p.block.B, b)
	s.queue = append(s.queue, p)
}

// consume drops the first n unread bytes, all of one piece.
func (s *Stream) consume(n int) {
	if n == 0 {
		return
	}
	p := &s.queue[0]
	if p.r += n; p.r == p.w {
		p.block.Free()
		copy(s.queue, s.queue[1:])
		s.queue[len(s.queue)-1] = piece{}
		s.queue = s.queue[:len(s.queue)-1]
	}
	s.pay(int64(n))
}

// pay lets the endpoint send n more. The window of a stream whose reader has caught up grows, so that a long
// way does not slow it down, as long as all of them together have not grown too far.
func (s *Stream) pay(n int64) {
	if s.unpaid += n; s.unpaid < s.size/2 || s.ended || s.gone {
		return
	}
	n = s.unpaid
	if len(s.queue) == 0 && s.size < mostWindow && s.c.grown+s.size <= mostGrown {
		n += s.size
		s.c.grown += s.size
		s.size *= 2
	}
	s.unpaid = 0
	s.recv += n
	s.c.out = appendWindowUpdate(s.c.out, s.id, n)
	s.c.work.Signal()
}
