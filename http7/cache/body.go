package cache

import (
	"bytes"
	"crypto/rand"
	"sync"

	"weir/http7"
	"weir/http7/cache/rule"
	"weir/http7/cache/store"
)

// body is the way of a stored body, or of parts of it, to a client. It is part of a visit, whose object it reads.
type body struct {
	// whole is what is left of a body that lies in one piece.
	whole []byte
	// segments are what is left of a multipart body, a view into all.
	segments, all []rule.Segment
	open          bool // the Source has been handed out, and is not closed
	// tail is where the trailers go; nil: they don't.
	tail *http7.Header

	mu      sync.Mutex // guards reading and stopped against Interrupt
	reading bool
	stopped bool
	reader  store.Reader
}

// reset makes b ready for another visit.
func (b *body) reset() {
	clear(b.all)
	b.whole, b.segments, b.all = nil, nil, b.all[:0]
	b.stopped, b.tail = false, nil
}

// start makes v the Source of a part of its object's body: n bytes from a place on; n < 0: to the end. false: they can't
// be had any more.
func (v *visit) start(from, n int64) bool {
	b := &v.body
	if whole, ok := v.object.Body(); ok {
		if n >= 0 {
			whole = whole[from : from+n]
		}
		b.whole, b.open = whole, true
		return true
	}
	b.open = b.read(v.object, from, n)
	return b.open
}

// read begins to read a part.
func (b *body) read(o *store.Object, from, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reading {
		b.reader.Close()
	}
	if b.reading = b.reader.Open(o, from, n); b.reading && b.stopped {
		b.reader.Interrupt()
	}
	return b.reading
}

// Next implements [http7.Source].
func (v *visit) Next() ([]byte, http7.State, *http7.Fault) {
	b := &v.body
	if chunk := b.whole; len(chunk) > 0 {
		b.whole = nil
		return chunk, http7.Chunk, nil
	}
	for {
		if b.reading {
			if chunk, s, f := b.next(); s != http7.End {
				return chunk, s, f
			}
			b.stop()
		}
		if len(b.segments) == 0 {
			v.trail()
			return nil, http7.End, nil
		}
		s := b.segments[0]
		b.segments = b.segments[1:]
		if s.Literal != nil {
			return s.Literal, http7.Chunk, nil
		}
		if !b.read(v.object, s.Span.From, s.Span.Len()) {
			return nil, http7.Failure, http7.UpstreamCut
		}
	}
}

// trail makes the stored trailers those of the answer, once.
func (v *visit) trail() {
	if tail := v.body.tail; tail != nil && v.object != nil {
		v.body.tail = nil
		addLines(tail, v.object.Trailer())
	}
}

// addLines adds field lines, each with its CRLF.
func addLines(h *http7.Header, lines []byte) {
	for len(lines) > 0 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, lineEnd)
		name, value, _ := bytes.Cut(line, colon)
		h.AddRaw(name, bytes.TrimLeft(value, " "))
	}
}

var lineEnd = []byte("\r\n")

// next returns what the part under way has.
func (b *body) next() ([]byte, http7.State, *http7.Fault) {
	switch chunk, s := b.reader.Next(); s {
	case store.Chunk:
		return chunk, http7.Chunk, nil
	case store.Parked:
		return nil, http7.Parked, nil
	case store.End:
		return nil, http7.End, nil
	case store.Stopped:
		return nil, http7.Failure, http7.ClientLeft
	}
	return nil, http7.Failure, http7.UpstreamCut
}

// Await implements [http7.Source].
func (v *visit) Await() {
	if v.body.reading {
		v.body.reader.Await()
	}
}

// Interrupt implements [http7.Interrupter].
func (v *visit) Interrupt() {
	b := &v.body
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	if b.reading {
		b.reader.Interrupt()
	}
}

// Close implements [http7.Source].
func (v *visit) Close() {
	v.body.stop()
	if v.body.open = false; v.ended {
		v.finish()
	}
}

// stop ends the reading of a part.
func (b *body) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reading {
		b.reader.Close()
		b.reading = false
	}
}

// multipart answers with several parts (RFC 9110 §14.6). It allocates.
func (v *visit) multipart(x *http7.Exchange, length int64) bool {
	var seed [16]byte
	_, _ = rand.Read(seed[:]) // never fails
	boundary := rule.AppendBoundary(nil, seed)
	a := x.LocalAnswer(206)
	v.head.Fill206(&a.Header)
	b := &v.body
	b.all, a.Length = v.ranges.Multipart(b.all[:0], a.Header.Get(http7.ContentType), boundary, length)
	a.Header.Set(http7.Known(http7.ContentType), rule.AppendMultipartType(v.text[:0], boundary))
	b.segments, b.open = b.all, true
	a.Source = v
	return true
}
