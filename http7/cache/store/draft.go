package store

import "time"

// firstSegment is the size of a body's first segment if its length is unknown.
const firstSegment = 4 << 10

// Draft begins an object, held for the caller, who writes its body, then calls Finish or Cut, and Release in any case.
// Key, tags and head are copied; together they have at most 64 KiB, the key less than that. length is the body's, -1 if
// it is unknown. A body that grows over most is doomed: it is never published, and what its readers have passed is
// freed. Most is [Store.Most] at most.
//
// What the draft may come to is set apart for it: its length, or most if that is unknown. So one that has begun finds the
// memory for all of it, unless readers hold what others had. Draft returns nil if the length is over most, if there is no
// room, or if too much is set apart: half of the memory, or three quarters if the draft is no longer than 64 KiB.
func (s *Store) Draft(key []byte, since Mark, tags []uint64, head []byte, length, most int64) *Object {
	hash := s.hash(key)
	sh := s.shard(hash)
	front := len(key) + len(head) + 8*len(tags)
	if len(key) > 1<<16-1 || len(tags) > 1<<16-1 || front > blockBytes || length > most || most < 0 {
		return nil
	}
	inside := length >= 0 && int64(front)+length <= blockBytes
	if inside {
		front += int(length)
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	promise := unitsFor(front)
	if !inside {
		most = min(most, sh.limit/2-blockBytes)
		if promise += unitsOf(most); length >= 0 {
			promise = unitsFor(front) + unitsOf(length)
		}
	}
	var o *Object
	if length <= most && sh.promises(promise, !inside) {
		o = sh.make(hash, front)
	}
	if o == nil {
		sh.counts.refused++
		return nil
	}
	if inside {
		o.flags.Or(inFront)
	}
	o.setFront(key, head, tags)
	o.length.Store(length)
	slabOf(o).growths[o.slot()].Store(&growth{o: o, since: uint64(since), most: most, window: max(window, most)})
	sh.count(o, promise)
	o.refs.Add(1 - gone)
	return o
}

// make returns a free object with a front of n bytes, nobody's yet; nil if there is no room for it.
func (sh *shard) make(hash uint64, n int) *Object {
	if sh.closed {
		return nil
	}
	o := sh.take()
	if o == nil {
		return nil
	}
	units := max(1, unitsFor(n))
	unit, ok := sh.run(int(units))
	if !ok {
		sh.slabs.give(o)
		return nil
	}
	o.hash, o.front, o.frontUnits, o.units = hash, unit, units, units
	o.flags.Store(0)
	o.used.Store(0)
	o.size.Store(0)
	return o
}

// Write appends b to a draft's body; its one filler calls it. It waits only for the readers of a draft that is doomed: if
// they lag behind by the window, or if there is no other memory than what they are about to pass. It returns false if
// there is no use in going on: the body is longer than was said, or the draft is doomed and nobody reads it, or there is
// not even memory to begin with. The filler calls Cut then.
func (o *Object) Write(b []byte) bool {
	g := o.growth()
	length := o.length.Load()
	if g == nil || o.is(whole|cut) || length >= 0 && o.size.Load()+int64(len(b)) > length {
		return false
	}
	if o.size.Load()+int64(len(b)) > g.most {
		g.doom()
	}
	for since := (time.Time{}); len(b) > 0; {
		if o.is(doomed) && !g.admit() {
			return false
		}
		n := o.append(b)
		if n == 0 {
			if !g.squeeze(&since) {
				return false
			}
			continue
		}
		b, since = b[n:], time.Time{}
		o.size.Add(int64(n))
		g.wake()
	}
	return true
}

// append copies what has room in the last segment, or in a new one if that is full; 0 if there is no memory.
func (o *Object) append(b []byte) (n int) {
	if o.is(inFront) {
		return copy(o.bytes(o.bodyAt(), int(o.length.Load()))[o.size.Load():], b)
	}
	sh := o.shard()
	if o.tail == 0 || int(o.tailUsed) == len(sh.arena.segment(o.tail-1)) {
		if !sh.extend(o, len(b)) {
			return 0
		}
	}
	n = copy(sh.arena.segment(o.tail - 1)[o.tailUsed:], b)
	o.tailUsed += uint32(n)
	return n
}

// extend adds a segment to o's body, for n bytes or what will probably come. A doomed one that has a segment gets no
// more than what is not set apart for others.
func (sh *shard) extend(o *Object, n int) bool {
	size, lost := o.size.Load(), o.is(doomed)
	want := min(max(int64(n), size, firstSegment), segmentMost)
	if length := o.length.Load(); length >= 0 {
		want = min(length-size, segmentMost)
	} else if !lost {
		want = min(want, o.growth().most-size)
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	units := unitsFor(segmentHead + int(want))
	if lost && o.body.Load() != o.tail && !sh.promises(units, true) {
		return false
	}
	unit, got, ok := sh.some(int(units))
	if !ok {
		return false
	}
	sh.weigh(o, o.units+uint32(got), o.promise)
	sh.arena.setSegment(unit, 0, uint32(got))
	if o.tail == 0 {
		o.body.Store(unit + 1)
	} else {
		sh.arena.setSegment(o.tail-1, unit+1, sh.arena.segmentUnits(o.tail-1))
	}
	o.tail, o.tailUsed = unit+1, 0
	return true
}

// releaseSegment frees a segment that left a doomed draft's chain.
func (sh *shard) releaseSegment(o *Object, unit uint32) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := sh.arena.segmentUnits(unit)
	sh.arena.release(unit, int(n))
	sh.weigh(o, o.units-n, o.promise)
}

// Finish says that the body is complete; trailer is copied. It reports whether the object was published: not if a purge
// since its mark names it, if it is doomed, or if its length is not what it was said to be. In the last case, and if
// there is no room for the trailer, readers see a cut.
func (o *Object) Finish(trailer []byte) bool {
	g, sh := o.growth(), o.shard()
	if g == nil || o.is(whole|cut) {
		return false
	}
	size := o.size.Load()
	if length := o.length.Load(); length >= 0 && length != size || !sh.setTrailer(o, trailer) {
		o.Cut()
		return false
	}
	o.length.Store(size)
	done := sh.finish(o, g)
	g.wake()
	if done {
		slabOf(o).growths[o.slot()].Store(nil)
	}
	return done
}

// finish makes o whole, and publishes it if nothing speaks against it.
func (sh *shard) finish(o *Object, g *growth) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if o.tail != 0 {
		sh.weigh(o, o.units-sh.arena.shorten(o.tail-1, int(o.tailUsed)), o.promise)
	}
	sh.uncount(o)
	o.flags.Or(whole)
	return !o.is(doomed) && sh.admit(o, g.since)
}

// admit publishes o unless a purge since the mark names it.
func (sh *shard) admit(o *Object, since uint64) bool {
	v, upTo := sh.store.purges.judgeDraft(o, since)
	if sh.closed {
		return false
	}
	if v.hard {
		sh.counts.unpublished++
		return false
	}
	if v.soft {
		o.flags.Or(stale)
	}
	o.stamp.Store(upTo)
	return sh.publish(o)
}

// setTrailer stores the trailer; false if there is no room.
func (sh *shard) setTrailer(o *Object, trailer []byte) bool {
	if len(trailer) == 0 {
		return true
	}
	if len(trailer) > blockBytes {
		return false
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := unitsFor(len(trailer))
	unit, ok := sh.run(int(n))
	if !ok {
		sh.counts.refused++
		return false
	}
	copy(sh.arena.bytes(unit, len(trailer)), trailer)
	o.trailer, o.trailerLen = unit+1, uint32(len(trailer))
	sh.weigh(o, o.units+n, o.promise)
	return true
}

// Cut ends a draft that is not whole: its readers see [Cut] behind what there is. After Finish it does nothing.
func (o *Object) Cut() {
	g, sh := o.growth(), o.shard()
	if g == nil || o.is(whole|cut) {
		return
	}
	sh.mu.Lock()
	sh.uncount(o)
	o.flags.Or(cut)
	sh.mu.Unlock()
	g.wake()
}

// Refresh publishes an object with o's key and body under another head and other tags, in o's place, and returns it held.
// The caller holds o. Refresh returns nil if o is not whole, if there is no room, if a purge since the mark names it, or
// if another object of the key has come meanwhile.
func (s *Store) Refresh(o *Object, since Mark, tags []uint64, head []byte) *Object {
	key, sh := o.Key(), o.shard()
	front := len(key) + len(head) + 8*len(tags)
	if !o.is(whole) || o.is(doomed) || front > blockBytes || len(tags) > 1<<16-1 {
		return nil
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	body := o.bodyOwner()
	n := sh.make(o.hash, front)
	if n == nil {
		sh.counts.refused++
		return nil
	}
	body.Hold()
	n.base = body.id + 1
	n.units += body.units
	n.setFront(key, head, tags)
	n.length.Store(o.length.Load())
	n.size.Store(o.size.Load())
	n.flags.Or(whole)
	n.refs.Add(1 - gone)
	if now := sh.find(o.hash, key); now != nil && now != o && now.is(published) || !sh.admit(n, uint64(since)) {
		n.Release()
		return nil
	}
	return n
}
