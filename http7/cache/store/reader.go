package store

import "sync/atomic"

// ReadState is what [Reader.Next] has to say.
type ReadState uint8

// The states.
const (
	Chunk   ReadState = iota // bytes were returned
	Parked                   // nothing at hand: the body still grows; Await
	End                      // all that was asked for has been returned
	Cut                      // the body ends short, or this reader kept others of a doomed draft waiting for too long
	Stopped                  // Interrupt was called
)

// Reader reads a range of an object's body, which may still grow. The zero Reader is ready for Open, and may be opened
// again after Close. One goroutine uses it; Interrupt alone may come from another, between Open and Close.
// A Reader must not be copied while it is open.
type Reader struct {
	o, body *Object
	g       *growth // nil if the body was whole at Open
	pos     int64
	left    int64  // < 0: all
	segment uint32 // 1 + the first unit of the one looked at; 0 before the first
	skipped int64  // where the segment begins in the body

	// Guarded by the growth's lock.
	at       int64 // the segment that must not go away
	among    int   // place in readers
	parkedAt int   // place in parked, -1: not there

	lagged  atomic.Bool
	stopped atomic.Bool
	woken   chan struct{}
}

// Open makes r read n bytes of o from the given place; n < 0 is all to the end. The caller holds o; r takes a hold of
// its own. Open returns false, and r stays closed, if those bytes can no longer be had: o is doomed, and they are gone.
func (r *Reader) Open(o *Object, from, n int64) bool {
	r.g = o.growth()
	if r.g != nil && o.is(whole) && !o.is(doomed) {
		r.g = nil
	}
	r.lagged.Store(false)
	r.stopped.Store(false)
	r.skipped = 0
	if r.g != nil {
		if r.woken == nil {
			r.woken = make(chan struct{}, 1)
		}
		if !r.g.join(r, from) {
			r.g = nil
			return false
		}
		r.skipped = r.at
	}
	o.Hold()
	r.o, r.body, r.segment, r.pos, r.left = o, o.bodyOwner(), 0, from, n
	return true
}

// Next returns the bytes at hand, valid until the following call of Next or Close.
func (r *Reader) Next() (chunk []byte, st ReadState) {
	if r.stopped.Load() {
		return nil, Stopped
	}
	if r.lagged.Load() {
		return nil, Cut
	}
	if r.left == 0 {
		return nil, End
	}
	// The flags come before the size: if they say that nothing more comes, the size is the last one.
	flags, size := r.o.flags.Load(), r.o.size.Load()
	if r.pos >= size {
		switch {
		case flags&whole != 0:
			return nil, End
		case flags&cut != 0:
			return nil, Cut
		}
		return nil, Parked
	}
	want := size - r.pos
	if r.left > 0 {
		want = min(want, r.left)
	}
	if chunk = r.chunk(want); chunk == nil {
		return nil, Cut
	}
	r.pos += int64(len(chunk))
	if r.left > 0 {
		r.left -= int64(len(chunk))
	}
	return chunk, Chunk
}

// chunk returns at most n of the bytes at pos, of which there are n; nil if r was cut off.
func (r *Reader) chunk(n int64) []byte {
	if r.body.is(inFront) {
		return r.body.bytes(r.body.bodyAt(), int(r.body.size.Load()))[r.pos:][:n:n]
	}
	a := &r.body.shard().arena
	if r.segment == 0 && !r.begin() {
		return nil
	}
	for {
		room := a.segment(r.segment - 1)
		if off := r.pos - r.skipped; off < int64(len(room)) {
			end := min(off+n, int64(len(room)))
			return room[off:end:end]
		}
		next := a.after(r.segment - 1)
		r.skipped += int64(len(room))
		if r.g != nil && !r.g.moved(r, r.skipped) {
			return nil
		}
		r.segment = next
	}
}

// begin finds the first segment; false if r was cut off.
func (r *Reader) begin() bool {
	if r.g != nil {
		// The lock keeps the segment where it is until r has a claim on it.
		r.g.mu.Lock()
		defer r.g.mu.Unlock()
	}
	if r.lagged.Load() {
		return false
	}
	r.segment = r.body.body.Load()
	return true
}

// Await blocks until Next has something else to say than Parked.
func (r *Reader) Await() {
	if r.g == nil {
		return
	}
	for r.g.park(r) {
		<-r.woken
		r.g.unpark(r)
	}
}

// ready reports whether Next has something else to say than Parked. The growth's lock is held.
func (r *Reader) ready() bool {
	return r.stopped.Load() || r.lagged.Load() || r.left == 0 || r.o.is(whole|cut) || r.o.size.Load() > r.pos
}

// wake ends one wait in Await, now or later.
func (r *Reader) wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// Interrupt makes Await return, and Next say Stopped from now on.
func (r *Reader) Interrupt() {
	r.stopped.Store(true)
	if r.woken != nil {
		r.wake()
	}
}

// Close ends the reading and gives back r's hold. Of a Reader that is not open it does nothing.
func (r *Reader) Close() {
	if r.o == nil {
		return
	}
	if r.g != nil {
		r.g.leave(r)
		r.g = nil
	}
	o := r.o
	r.o, r.body = nil, nil
	o.Release()
}
