package store

import (
	"bytes"
	"sync"
	"sync/atomic"
)

// shard is a part of the store by the hash of keys, with memory, index and eviction of its own. What is atomic is read
// without the lock.
type shard struct {
	_        [64]byte
	store    *Store
	table    atomic.Pointer[table]
	slabs    slabs
	_        [64]byte
	arena    arena
	_        [64]byte
	returned atomic.Uint32 // 1 + the number of the first object that waits to be freed
	_        [64]byte

	mu       sync.Mutex
	limit    int64
	policy   policy
	objects  int64
	drafts   int64 // objects
	drafting int64 // units
	promised int64 // units that drafts have, or may come to
	counts   counts
	closed   bool
	_        [64]byte
}

func (sh *shard) open(s *Store, limit int64, m memory) {
	sh.store, sh.limit, sh.arena.memory = s, limit, m
	sh.table.Store(newTable(leastBuckets))
	sh.policy.ghosts.resize(leastBuckets)
}

// used is how many bytes of the limit are in use.
func (sh *shard) used() int64 { return sh.bookkeeping() + sh.arena.used*unitBytes }

// bookkeeping is what is in use but for the arena's units.
func (sh *shard) bookkeeping() int64 {
	return sh.slabs.bookkeeping() + sh.arena.bookkeeping() + int64(len(sh.table.Load().slots))*8 + sh.policy.bookkeeping()
}

// blocks is how many blocks of the arena may have memory.
func (sh *shard) blocks() int64 { return max(0, sh.limit-sh.bookkeeping()) / blockBytes }

// giveBack takes an object that nobody holds any more. It takes no lock: the next writer frees it.
func (sh *shard) giveBack(o *Object) {
	for {
		first := sh.returned.Load()
		o.next = first
		if sh.returned.CompareAndSwap(first, o.id+1) {
			return
		}
	}
}

// collect frees what was given back.
func (sh *shard) collect() {
	// One that is freed may have been the last to hold another.
	for sh.returned.Load() != 0 {
		for id := sh.returned.Swap(0); id != 0; {
			o := sh.slabs.object(id - 1)
			id = o.next
			sh.free(o)
		}
	}
}

// free gives back the memory of an object that nobody holds.
func (sh *shard) free(o *Object) {
	sl := slabOf(o)
	sl.growths[o.slot()].Store(nil)
	if o.counted {
		sh.uncount(o)
	}
	if o.base != 0 {
		sh.slabs.object(o.base - 1).Release()
	}
	sh.arena.releaseChain(o.body.Load())
	if o.trailer != 0 {
		sh.arena.release(o.trailer-1, int(unitsFor(int(o.trailerLen))))
	}
	if o.frontUnits != 0 {
		sh.arena.release(o.front, int(o.frontUnits))
	}
	o.frontUnits, o.base, o.trailer, o.tail, o.tailUsed, o.units = 0, 0, 0, 0, 0, 0
	o.body.Store(0)
	sh.slabs.give(o)
}

// count puts o, which has its front, among the drafts.
func (sh *shard) count(o *Object, promise uint32) {
	o.counted = true
	sh.drafts++
	sh.drafting += int64(o.units)
	sh.promised += int64(o.units)
	sh.weigh(o, o.units, promise)
}

// uncount takes o out of what drafts have.
func (sh *shard) uncount(o *Object) {
	sh.weigh(o, o.units, 0)
	o.counted = false
	sh.drafts--
	sh.drafting -= int64(o.units)
	sh.promised -= int64(o.units)
}

// weigh changes how many units o has, and how many it may come to.
func (sh *shard) weigh(o *Object, units, promise uint32) {
	if o.counted {
		sh.drafting += int64(units) - int64(o.units)
		sh.promised += int64(max(units, promise)) - int64(max(o.units, o.promise))
	}
	o.units, o.promise = units, promise
}

// promises reports whether a draft may have so many units: those that grow have half of the memory, all together three
// quarters.
func (sh *shard) promises(units uint32, grows bool) bool {
	share := sh.limit / 4 * 3
	if grows {
		share = sh.limit / 2
	}
	return (sh.promised+int64(units))*unitBytes <= share
}

// room evicts until n more bytes are within the limit; false if that can't be.
func (sh *shard) room(n int64) bool {
	sh.collect()
	for sh.used()+n > sh.limit {
		if !sh.evict() {
			return false
		}
	}
	return true
}

// evict lets one object go, and frees what can be freed.
func (sh *shard) evict() bool {
	if !sh.policy.evict(sh) {
		return false
	}
	sh.collect()
	return true
}

// run allocates n units in one piece.
func (sh *shard) run(n int) (unit uint32, ok bool) {
	for sh.room(int64(n)*unitBytes + sh.arena.ahead()) {
		if unit, ok = sh.arena.alloc(n, sh.blocks()); ok || !sh.evict() {
			return unit, ok
		}
	}
	return 0, false
}

// some allocates at most n units in one piece, as many as there are.
func (sh *shard) some(n int) (unit uint32, got int, ok bool) {
	for sh.room(int64(n)*unitBytes + sh.arena.ahead()) {
		if unit, got, ok = sh.arena.allocAny(n, sh.blocks()); ok || !sh.evict() {
			return unit, got, ok
		}
	}
	return 0, 0, false
}

// take returns a free object, held once, without memory.
func (sh *shard) take() *Object {
	if len(sh.slabs.free) == 0 {
		if !sh.room(slabBytes + 8*slabObjects) {
			return nil
		}
		// Making room may have freed one.
		if len(sh.slabs.free) == 0 {
			sh.slabs.extend(sh)
			sh.arena.trim(sh.blocks())
		}
	}
	return sh.slabs.take()
}

// publish puts o in the index, in the place of another of its key. The shard has a hold of its own then.
func (sh *shard) publish(o *Object) bool {
	if t := sh.table.Load(); t.used >= len(t.slots)/4*3 {
		sh.grow()
	}
	old, was := sh.find(o.hash, o.Key()), queueNone
	o.flags.Or(published)
	if old != nil {
		was = old.queue
		o.used.Store(old.used.Load())
		sh.table.Load().where(o.hash, old.id).Store(slotOf(o.hash, o.id))
		sh.counts.replaced++
		sh.drop(old)
	} else if !sh.index(o) {
		o.flags.And(^uint32(published))
		return false
	}
	o.refs.Add(1)
	sh.objects++
	sh.counts.stored++
	sh.policy.add(sh, o, was)
	return true
}

// index puts o in the table.
func (sh *shard) index(o *Object) bool {
	t := sh.table.Load()
	if t.insert(o.hash, o.id) || sh.displace(t, o.hash) && t.insert(o.hash, o.id) {
		return true
	}
	// Both buckets are full of objects that can't move: one of them goes.
	a, _ := t.buckets(o.hash)
	sh.drop(sh.slabs.object(uint32(a[o.id%bucketSlots].Load()) - 1))
	sh.counts.small++
	return t.insert(o.hash, o.id)
}

// displace moves an object out of one of the buckets of a hash, to its second bucket. A reader looks into the first
// one before, so it meets the object in one of them.
func (sh *shard) displace(t *table, hash uint64) bool {
	a, b := t.buckets(hash)
	for _, bucket := range [2][]atomic.Uint64{a, b} {
		for i := range bucket {
			o := sh.slabs.object(uint32(bucket[i].Load()) - 1)
			first, second := t.buckets(o.hash)
			to, n := vacant(second)
			if &first[0] != &bucket[0] || n == 0 {
				continue
			}
			second[to].Store(bucket[i].Load())
			bucket[i].Store(0)
			return true
		}
	}
	return false
}

// grow doubles the table if there is room. If there is none, it will do.
func (sh *shard) grow() {
	buckets := len(sh.table.Load().slots) / bucketSlots
	if sh.room(2 * tableBytes(buckets)) {
		sh.rebuild(2 * buckets)
		sh.arena.trim(sh.blocks())
	}
}

// rebuild replaces the table, and that of the ghosts, by one of so many buckets.
func (sh *shard) rebuild(buckets int) {
	t := newTable(buckets)
	old := sh.table.Load()
	for i := range old.slots {
		v := old.slots[i].Load()
		if v == 0 {
			continue
		}
		if o := sh.slabs.object(uint32(v) - 1); !t.insert(o.hash, o.id) && !(sh.displace(t, o.hash) && t.insert(o.hash, o.id)) {
			sh.drop(o)
		}
	}
	sh.table.Store(t)
	sh.policy.ghosts.resize(buckets)
}

// find returns the object of this key, nil if there is none. The shard holds it.
func (sh *shard) find(hash uint64, key []byte) *Object {
	t := sh.table.Load()
	a, b := t.buckets(hash)
	for _, bucket := range [2][]atomic.Uint64{a, b} {
		for i := range bucket {
			v := bucket[i].Load()
			if v == 0 || v>>32 != hash>>32 {
				continue
			}
			if o := sh.slabs.object(uint32(v) - 1); sh.names(o, hash, key) {
				return o
			}
		}
	}
	return nil
}

// names reports whether o has this key.
func (sh *shard) names(o *Object, hash uint64, key []byte) bool {
	return o.hash == hash && bytes.Equal(sh.arena.bytes(o.front, int(o.keyLen)), key)
}

// drop takes a published object out of index and queues, and ends the shard's hold.
func (sh *shard) drop(o *Object) {
	if o.queue == queueNone {
		return
	}
	o.flags.And(^uint32(published))
	sh.table.Load().remove(o.hash, o.id)
	sh.policy.remove(sh, o)
	sh.objects--
	o.Release()
}

// resizeStep is how many objects go before others get at the shard's lock.
const resizeStep = 256

// resize changes the limit and evicts down to it.
func (sh *shard) resize(limit int64) {
	for again := true; again; {
		sh.mu.Lock()
		sh.limit = limit
		sh.collect()
		again = false
		for i := 0; i < resizeStep && sh.used() > limit; i++ {
			if again = sh.evict(); !again {
				break
			}
		}
		sh.shrink()
		again = again && sh.used() > limit
		sh.mu.Unlock()
	}
}

// shrink gives up bookkeeping and memory that is not needed.
func (sh *shard) shrink() {
	sh.slabs.compact()
	if t := sh.table.Load(); len(t.slots) > 8*t.used && len(t.slots) > leastBuckets*bucketSlots {
		buckets := leastBuckets
		for buckets*bucketSlots < 2*t.used {
			buckets *= 2
		}
		sh.rebuild(buckets)
	}
	sh.arena.trim(sh.blocks())
}

// close drops everything.
func (sh *shard) close() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.closed = true
	for sh.policy.small.first != 0 {
		sh.drop(sh.policy.small.front(&sh.slabs))
	}
	for sh.policy.main.first != 0 {
		sh.drop(sh.policy.main.front(&sh.slabs))
	}
	sh.collect()
	if sh.arena.used == 0 {
		sh.arena.close()
	}
}
