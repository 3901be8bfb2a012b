package store

import "time"

// window is how much of a doomed body there may be in memory before its filler waits for the slowest reader; more, if
// the limit that it grew over was higher.
const window = 1 << 20

// patience is how long the slowest reader of a doomed body may keep the others waiting, and how long a filler without
// any memory waits for some; retry is how often it looks.
const (
	patience = 5 * time.Second
	retry    = 50 * time.Millisecond
)

// doom makes a draft one that is never published.
func (g *growth) doom() {
	if g.o.flags.Or(doomed)&doomed != 0 {
		return
	}
	sh := g.o.shard()
	sh.mu.Lock()
	sh.counts.doomed++
	sh.weigh(g.o, g.o.units, 0)
	sh.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.room = make(chan struct{}, 1)
}

// admit waits until there is less than a window of a doomed body in memory; false if nobody reads.
func (g *growth) admit() bool {
	for {
		left, ok := g.reclaim()
		if !ok || left < g.window {
			return ok
		}
		if !g.await(patience) {
			g.cutSlowest()
		}
	}
}

// await waits until a reader goes on or leaves; false if none has for as long.
func (g *growth) await(most time.Duration) bool {
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-g.room:
		return true
	case <-t.C:
		return false
	}
}

// squeeze makes room for a body for which there is no memory, by the passing of its own readers or because others went.
// It reports whether another try is worth while: as long as somebody reads, if there is a segment that can be used
// again. since is when the filler began to wait for this one.
func (g *growth) squeeze(since *time.Time) bool {
	g.doom()
	before := g.start // only the filler changes it
	if _, reading := g.reclaim(); !reading {
		return false
	}
	switch {
	case g.start != before || g.rewind():
		return true
	case since.IsZero():
		*since = time.Now()
		g.o.shard().refuse()
	case time.Since(*since) >= patience:
		*since = time.Now()
		return g.cutSlowest() || g.o.tail != 0
	}
	g.await(retry)
	return true
}

// refuse counts a write for which there is no room.
func (sh *shard) refuse() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.counts.refused++
}

// rewind empties the last segment of a doomed body, which is full, if all readers have read it to its end and nobody
// looks at it who was cut off. It reports whether it did.
func (g *growth) rewind() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.o
	if o.tail == 0 || o.body.Load() != o.tail || len(g.parked) < len(g.readers) {
		return false
	}
	for i := range g.lagging {
		if g.lagging[i].start == g.start {
			return false
		}
	}
	g.start, o.tailUsed = o.size.Load(), 0
	g.advance()
	return true
}

// advance lets those who wait for more look at the last segment: they have read all before it, or don't want it.
func (g *growth) advance() {
	if g.o.tail == 0 {
		return
	}
	at := g.o.size.Load() - int64(g.o.tailUsed)
	for _, r := range g.parked {
		r.at, r.skipped, r.segment = at, at, g.o.tail
	}
}

// slowest is the place of the segment that the slowest reader looks at; false if nobody reads.
func (g *growth) slowest() (at int64, ok bool) {
	for i, r := range g.readers {
		if i == 0 || r.at < at {
			at = r.at
		}
	}
	return at, len(g.readers) > 0
}

// reclaim frees the segments of a doomed body that all readers have passed. It returns how many bytes are left in
// memory, and false if nobody reads.
func (g *growth) reclaim() (left int64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.advance()
	at, ok := g.slowest()
	o, a := g.o, &g.o.shard().arena
	for g.start < at {
		unit := o.body.Load() - 1
		n := int64(len(a.segment(unit)))
		o.body.Store(a.after(unit))
		g.release(unit)
		g.start += n
	}
	return o.size.Load() - g.start, ok
}

// release frees a segment that left the chain, or leaves it to those who were cut off and look at it.
func (g *growth) release(unit uint32) {
	for i := range g.lagging {
		if g.lagging[i].start == g.start {
			g.lagging[i].unit = unit + 1
			return
		}
	}
	g.o.shard().releaseSegment(g.o, unit)
}

// cutSlowest cuts off those who look at the oldest segment and have more to read, if others wait for more. It reports whether it
// did.
func (g *growth) cutSlowest() (done bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.parked) == 0 {
		return false
	}
	at, _ := g.slowest()
	for i := len(g.readers) - 1; i >= 0; i-- {
		if r := g.readers[i]; r.at == at && r.parkedAt < 0 {
			r.lagged.Store(true)
			g.strike(r)
			g.lag(at)
			done = true
		}
	}
	return done
}

// lag counts a reader who was cut off at a segment.
func (g *growth) lag(at int64) {
	for i := range g.lagging {
		if g.lagging[i].start == at {
			g.lagging[i].readers++
			return
		}
	}
	g.lagging = append(g.lagging, lagging{start: at, readers: 1})
}

// letGo says that a reader who was cut off looks at its segment no more.
func (g *growth) letGo(at int64) {
	for i := range g.lagging {
		l := &g.lagging[i]
		if l.start != at {
			continue
		}
		if l.readers--; l.readers == 0 {
			if l.unit != 0 {
				g.o.shard().releaseSegment(g.o, l.unit-1)
			}
			g.lagging = append(g.lagging[:i], g.lagging[i+1:]...)
		}
		return
	}
}
