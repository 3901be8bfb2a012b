package store

import "time"

// sweep is the goroutine that follows purges of many: it drops what they name, and stamps the rest. There is at most
// one; Purge starts it, it ends when it has passed with every record, or with Close. Guarded by the purges' lock.
type sweep struct {
	ended  chan struct{} // closed when the one under way ends; nil: none is
	hurry  chan struct{} // ends the rest between two passes
	next   time.Time     // when the next pass may begin
	passes int64
	closed bool
}

// A sweep rests for so many times as long as its last pass took, within these bounds: nobody waits for it, and each
// pass looks at every object.
const (
	restShare = 20
	restLeast = 100 * time.Millisecond
	restMost  = 2 * time.Second
)

// startSweep sees to it that a sweep is under way.
func (s *Store) startSweep() {
	p := &s.purges
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.records.Load().crowded() {
		p.sweep.haste()
	}
	if p.sweep.ended == nil && !p.sweep.closed {
		p.sweep.ended = make(chan struct{})
		go s.sweep(p.sweep.ended)
	}
}

// haste ends the rest that is under way, or the next one.
func (w *sweep) haste() {
	select {
	case w.hurry <- struct{}{}:
	default: // it has been told
	}
}

// rest waits until a time, or for haste.
func (w *sweep) rest(until time.Time) {
	left := time.Until(until)
	if left <= 0 {
		return
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.hurry:
	}
}

// sweep is the body of the goroutine: it passes until no purge has come meanwhile.
func (s *Store) sweep(ended chan struct{}) {
	defer close(ended)
	p := &s.purges
	for {
		p.mu.Lock()
		next := p.sweep.next
		p.mu.Unlock()
		p.sweep.rest(next)
		p.mu.Lock()
		added, upTo := p.added, p.newest.Load()
		if added == p.passed || p.sweep.closed {
			p.sweep.ended = nil
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		s.pass(added, upTo)
	}
}

// pass judges every object by the records up to one; so many have been added so far.
func (s *Store) pass(added int64, upTo uint64) {
	began := time.Now()
	for i := range s.shards {
		s.shards[i].sweep()
	}
	p := &s.purges
	p.forget(upTo)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed = added
	p.sweep.passes++
	p.sweep.next = time.Now().Add(min(max(restShare*time.Since(began), restLeast), restMost))
}

// endSweep ends the sweep, if there is one, and lets none begin.
func (s *Store) endSweep() {
	p := &s.purges
	p.mu.Lock()
	p.sweep.closed = true
	p.sweep.haste()
	ended := p.sweep.ended
	p.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// sweep judges every object, a slab at a time, so that writers wait for no more than that.
func (sh *shard) sweep() {
	for i := 0; sh.sweepSlab(i); i++ {
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.collect()
	sh.shrink()
}

// sweepSlab judges the objects of one slab; false if there is none of this number.
func (sh *shard) sweepSlab(i int) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	list := sh.slabs.list.Load()
	if list == nil || i >= len(*list) || sh.closed {
		return false
	}
	sl := (*list)[i]
	if sl == nil {
		return true
	}
	for j := range sl.objects {
		if o := &sl.objects[j]; o.queue != queueNone && !sh.passes(o) {
			sh.counts.purged++
			sh.drop(o)
		}
	}
	return true
}

// passes judges a published object by the purges that it has not been judged by, and reports whether it is still one.
// It takes no lock; the caller holds o, or the shard's lock.
func (sh *shard) passes(o *Object) bool {
	if o.stamp.Load() >= sh.store.purges.newest.Load() {
		return o.is(published)
	}
	v, upTo := sh.store.purges.judge(o, o.stamp.Load())
	if v.soft {
		o.flags.Or(stale)
	}
	if v.hard {
		o.flags.And(^uint32(published))
		return false
	}
	o.stamp.Store(upTo)
	return o.is(published)
}
