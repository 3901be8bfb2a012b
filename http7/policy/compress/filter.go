package compress

import "weir/http7"

// filter compresses one answer's body. It is taken when the request is seen and given back at the
// exchange's end; it holds an encoder from the body's first byte to its last.
type filter struct {
	p      *policy
	coding coding
	s      *stream
	dirty  bool // the encoder has bytes that were not flushed
	closed bool
}

// piece is how much an encoder is given at once: it bounds what it may spill.
const piece = 32 << 10

// Changes implements [http7.Filter].
func (f *filter) Changes() bool { return true }

// Write implements [http7.Filter].
func (f *filter) Write(dst, chunk []byte, how http7.How) (out []byte, taken int, done bool, fault *http7.Fault) {
	s := f.open()
	s.room = dst
	taken, err := f.feed(chunk)
	if err == nil && taken == len(chunk) {
		done, err = f.finish(how)
	}
	out, s.room = s.room, nil
	if done && how == http7.Last {
		f.release()
	}
	if err != nil {
		return out, taken, done, http7.Uncompressed
	}
	return out, taken, done, nil
}

// open returns the stream, which it takes at the first call.
func (f *filter) open() *stream {
	if f.s == nil {
		f.s = takeStream(f.coding, f.p.level)
		f.p.live.Add(1)
	}
	return f.s
}

// feed gives the encoder of chunk as much as it can while the room lasts.
func (f *filter) feed(chunk []byte) (taken int, err error) {
	for taken < len(chunk) && f.s.drain() && len(f.s.room) < cap(f.s.room) {
		n := min(piece, len(chunk)-taken)
		f.dirty = true
		if _, err := f.s.enc.Write(chunk[taken : taken+n]); err != nil {
			return taken, err
		}
		taken += n
	}
	return taken, nil
}

// finish flushes or ends what was fed, once, and reports whether all of it is out.
func (f *filter) finish(how http7.How) (done bool, err error) {
	if !f.s.drain() {
		return false, nil
	}
	switch {
	case how == http7.Flush && f.dirty:
		f.dirty, err = false, f.s.enc.Flush()
	case how == http7.Last && !f.closed:
		f.closed, err = true, f.s.enc.Close()
	}
	return f.s.drain(), err
}

// release gives the encoder back, if there is one.
func (f *filter) release() {
	if f.s == nil {
		return
	}
	f.s.free()
	f.s = nil
	f.p.live.Add(-1)
}
