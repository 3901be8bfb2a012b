package http7

import (
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

// answer makes resp x's answer: head copied, body behind the Source.
func (r *runner) answer(x *Exchange, resp *fasthttp.Response) *Fault {
	status := resp.StatusCode()
	if status < 200 || status > 999 {
		return r.fail(x, resp, errStatus)
	}
	a := x.LocalAnswer(status)
	length, empty := bodyLength(x, resp, status)
	a.Length = length
	if !fields(a, resp, length > 0 || length < 0 && resp.IsBodyStream()) {
		x.Answer = nil
		return r.fail(x, resp, errField)
	}
	if why := resp.Header.StatusMessage(); len(why) > 0 && IsFieldValue(why) {
		a.Reason = append([]byte(nil), why...)
	}
	if empty {
		r.body.drop(resp)
		r.release()
		x.bytes.Reset(nil)
		a.Source = &x.bytes
		return nil
	}
	r.body.open(x, resp, length)
	x.served.hold(r)
	a.Source = &x.served
	return nil
}

// fail gives r back and says that what the handler left can't be sent.
func (r *runner) fail(x *Exchange, resp *fasthttp.Response, why error) *Fault {
	x.Cause = why
	r.body.drop(resp)
	r.release()
	return HandlerError
}

// bodyLength returns the length of resp's body, -1 if it shows only at its end, and whether none
// of it is sent: for HEAD and 304 the length may be that of the body that GET would have
// (RFC 9110 §8.6).
func bodyLength(x *Exchange, resp *fasthttp.Response, status int) (length int64, empty bool) {
	head := string(x.Method) == fasthttp.MethodHead
	empty = head || status == fasthttp.StatusNoContent || status == fasthttp.StatusNotModified
	declared := int64(max(resp.Header.ContentLength(), -1))
	switch {
	case status == fasthttp.StatusNoContent:
		return 0, true
	case resp.IsBodyStream():
		length = declared
	default:
		length = int64(len(resp.Body()))
	}
	if empty && length == 0 && declared > 0 {
		length = declared // as file servers answer HEAD: a length and no body
	}
	if status == fasthttp.StatusNotModified && length == 0 {
		length = -1
	}
	return length, empty
}

// unsent are the names that the engine writes itself, or that end here.
var unsent = HopByHop | Names(ContentLength, ContentType, Date)

// fields copies the header fields of resp to a, those that it declared as trailers to the trailer.
func fields(a *Answer, resp *fasthttp.Response, body bool) bool {
	h := &resp.Header
	shown := h.ContentType() // with fasthttp's default, if that is not switched off
	h.SetNoDefaultContentType(true)
	if len(h.ContentType()) > 0 || body {
		if len(shown) > 0 && !addChecked(&a.Header, contentTypeName, shown) {
			return false
		}
	}
	trailers := h.PeekTrailerKeys()
	for name, value := range h.All() {
		if unsent.Has(LookupID(name)) {
			continue
		}
		to := &a.Header
		for _, t := range trailers {
			if EqualFold(name, t) {
				to = &a.Trailer
			}
		}
		if !addChecked(to, name, value) {
			return false
		}
	}
	return true
}

var contentTypeName = []byte(ContentType.String())

func addChecked(h *Header, name, value []byte) bool {
	for len(value) > 0 && isOWS(value[len(value)-1]) {
		value = value[:len(value)-1]
	}
	for len(value) > 0 && isOWS(value[0]) {
		value = value[1:]
	}
	if !IsToken(name) || !IsFieldValue(value) {
		return false
	}
	h.AddRaw(name, value)
	return true
}

// body is the body of a handler's answer on its way out.
type body struct {
	whole   []byte             // not yet sent, of a body in memory
	resp    *fasthttp.Response // of stream
	stream  io.Reader
	left    int64 // of a stream of known length, else -1
	buf     *[]byte
	n       int // bytes of buf to be sent
	ended   bool
	fault   *Fault
	x       *Exchange
	stopped atomic.Bool
}

// streamBuffer is how much of a stream one read takes: what a handler's stream holds in memory
// besides fasthttp's own pipe (four writes).
const streamBuffer = 16 << 10

var streamBuffers = sync.Pool{New: func() any { b := make([]byte, streamBuffer); return &b }}

func (b *body) open(x *Exchange, resp *fasthttp.Response, length int64) {
	if !resp.IsBodyStream() {
		b.whole = resp.Body()
		return
	}
	b.x, b.resp, b.stream, b.left, b.ended = x, resp, resp.BodyStream(), length, length == 0
}

// drop closes the stream of a body that is not sent.
func (b *body) drop(resp *fasthttp.Response) {
	if resp.IsBodyStream() {
		b.resp, b.stream = resp, resp.BodyStream()
	}
}

// next returns the bytes at hand; see [Source].
func (b *body) next() ([]byte, State, *Fault) {
	if w := b.whole; len(w) > 0 {
		b.whole = nil
		return w, Chunk, nil
	}
	switch n := b.n; {
	case n > 0:
		b.n = 0
		return (*b.buf)[:n], Chunk, nil
	case b.fault != nil:
		return nil, Failure, b.fault
	case b.stream == nil || b.ended:
		return nil, End, nil
	}
	return nil, Parked, nil
}

// await reads from the stream: what blocks is the handler's own reader.
func (b *body) await() {
	if b.stream == nil || b.n > 0 || b.ended || b.fault != nil {
		return
	}
	if b.buf == nil {
		b.buf = streamBuffers.Get().(*[]byte)
	}
	p := *b.buf
	if b.left >= 0 {
		p = p[:min(int64(len(p)), b.left)]
	}
	n, err := b.read(p)
	b.n = n
	if b.left >= 0 {
		b.left -= int64(n)
	}
	switch {
	case b.left == 0:
		b.ended = true
	case b.stopped.Load():
		b.n, b.fault = 0, ClientLeft
	case err == io.EOF && b.left < 0:
		b.ended = true
	case err == io.EOF:
		b.x.Cause, b.fault = errShort, HandlerError
	case err != nil && b.fault == nil:
		b.x.Cause, b.fault = err, HandlerError
	}
}

func (b *body) read(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			b.x.Cause, b.fault = &PanicError{v, debug.Stack()}, Panicked
		}
	}()
	return b.stream.Read(p)
}

// close ends the stream and reports whether nothing of the handler can be running any more.
func (b *body) close() (over bool) {
	over = b.stream == nil || b.ended && b.fault == nil
	if b.stream != nil {
		over = b.closeStream() && over
	}
	if b.buf != nil {
		streamBuffers.Put(b.buf)
	}
	*b = body{}
	return over
}

func (b *body) closeStream() (fine bool) {
	defer func() {
		if recover() != nil {
			fine = false
		}
	}()
	return b.resp.CloseBodyStream() == nil // also forgets it, so that Reset won't close it again
}

// served is an exchange's hold on the runner whose answer it sends: the answer's Source.
type served struct {
	mu sync.Mutex // guards r against Interrupt; only the exchange's goroutine writes it
	r  *runner
}

func (s *served) hold(r *runner) {
	s.mu.Lock()
	s.r = r
	s.mu.Unlock()
}

// Next implements [Source].
func (s *served) Next() ([]byte, State, *Fault) {
	if s.r == nil {
		return nil, End, nil
	}
	return s.r.body.next()
}

// Await implements [Source].
func (s *served) Await() {
	if s.r != nil {
		s.r.body.await()
	}
}

// Close implements [Source]. Closing again does nothing.
func (s *served) Close() {
	r := s.r
	if r == nil {
		return
	}
	s.mu.Lock()
	s.r = nil
	s.mu.Unlock()
	r.release()
}

// Interrupt ends the wait for the next bytes of a handler's stream writer because the client has
// gone: the Source fails with [ClientLeft]. Any goroutine may call it at any time; it does nothing
// when no such stream is being sent.
func (s *served) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.r == nil {
		return
	}
	// Only fasthttp's pipe may be closed while it is read; it shows as a net.Conn.
	if c, ok := s.r.body.stream.(net.Conn); ok {
		s.r.body.stopped.Store(true)
		_ = c.Close()
	}
}
