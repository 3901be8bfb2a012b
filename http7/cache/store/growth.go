package store

import "sync"

// growth is what an object has besides while it is written, and those have who read it meanwhile. It is on the Go heap.
//
// Lock order: growth.mu is taken before the shard's lock.
type growth struct {
	o      *Object
	since  uint64 // the mark of the draft
	most   int64  // a longer body is doomed
	window int64

	mu      sync.Mutex
	readers []*Reader // whose at counts
	parked  []*Reader // in Await
	start   int64     // the place in the body of the first segment that is still there
	lagging []lagging
	room    chan struct{} // a reader of a doomed body went on; made when it is doomed
}

// lagging is a segment at which readers look who were cut off.
type lagging struct {
	start   int64
	readers int
	unit    uint32 // 1 + its first unit, once it has left the chain
}

// join makes r a reader from a place on; false if that is gone.
func (g *growth) join(r *Reader, from int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if from < g.start {
		return false
	}
	r.at, r.among, r.parkedAt = g.start, len(g.readers), -1
	g.readers = append(g.readers, r)
	return true
}

// leave takes r out of the readers.
func (g *growth) leave(r *Reader) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.lagged.Load() {
		g.letGo(r.at)
	} else {
		g.strike(r)
	}
	g.progress()
}

// strike removes r from the list of those who count.
func (g *growth) strike(r *Reader) {
	last := len(g.readers) - 1
	g.readers[r.among] = g.readers[last]
	g.readers[r.among].among = r.among
	g.readers[last] = nil
	g.readers = g.readers[:last]
}

// moved says that r reads the segment that begins at a place now, and no longer those before; false if r was cut off.
func (g *growth) moved(r *Reader, at int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.lagged.Load() {
		return false
	}
	r.at = at
	g.progress()
	return true
}

// progress wakes the filler if it waits for readers.
func (g *growth) progress() {
	select {
	case g.room <- struct{}{}:
	default: // it has been told, or there is nothing to wait for
	}
}

// wake wakes who waits for more.
func (g *growth) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, r := range g.parked {
		r.parkedAt = -1
		r.wake()
		g.parked[i] = nil
	}
	g.parked = g.parked[:0]
}

// park puts r among those who are woken; false if it need not wait.
func (g *growth) park(r *Reader) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.ready() {
		return false
	}
	r.parkedAt = len(g.parked)
	g.parked = append(g.parked, r)
	g.progress()
	return true
}

// unpark takes r out of those who are woken, if it was another than the filler who woke it.
func (g *growth) unpark(r *Reader) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.parkedAt < 0 {
		return
	}
	last := len(g.parked) - 1
	g.parked[r.parkedAt] = g.parked[last]
	g.parked[r.parkedAt].parkedAt = r.parkedAt
	g.parked[last] = nil
	g.parked = g.parked[:last]
	r.parkedAt = -1
}
