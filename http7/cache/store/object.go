package store

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// gone in an object's refs says that it is free; what is above it are readers who have not noticed yet.
const gone = 1 << 30

// The flags of an object.
const (
	published = 1 << iota // the index may lead to it
	stale                 // a soft purge names it
	whole                 // its body is complete
	cut                   // its body will never be
	doomed                // it will not be published
	inFront               // its body lies behind head and tags
)

// Object is a stored object, or one that is being written. Who holds it may read it; its bytes are valid until Release.
// Its methods are safe for concurrent use, Write, Finish and Cut by one filler.
type Object struct {
	// What Get looks at lies in the first 64 bytes. What is not atomic is written while nobody else has a hold.
	refs    atomic.Int32
	flags   atomic.Uint32
	used    atomic.Uint32 // 1: by a reader, since the policy last looked
	id      uint32
	stamp   atomic.Uint64 // the newest purge that this object was judged by
	hash    uint64
	front   uint32 // the first unit of the run with key, head, tags and perhaps the body
	keyLen  uint16
	tags    uint16
	headLen uint32
	base    uint32       // 1 + the number of the object that has the body, if it is another
	length  atomic.Int64 // of the body, -1 if unknown
	size    atomic.Int64 // of the body so far

	// What follows is guarded by the shard's lock, but for body, which is written before size says so.
	prev, next uint32 // 1 + the numbers of the neighbours in a queue; next also in the list of those to free
	queue      uint8
	counted    bool   // as a draft
	units      uint32 // of the arena, its own and those of its base
	frontUnits uint32
	body       atomic.Uint32 // 1 + the first unit of the first segment
	tail       uint32        // 1 + the first unit of the last segment
	tailUsed   uint32        // bytes of it
	trailer    uint32        // 1 + the first unit of the run with the trailer
	trailerLen uint32
	promise    uint32 // units that it may come to, while it is a draft
	_          [16]byte
}

func (o *Object) slot() uint32 { return o.id & (slabObjects - 1) }

func (o *Object) shard() *shard { return slabOf(o).shard }

func (o *Object) growth() *growth { return slabOf(o).growths[o.slot()].Load() }

func (o *Object) is(flag uint32) bool { return o.flags.Load()&flag != 0 }

// tryHold takes a hold, or returns false if o is free.
func (o *Object) tryHold() bool {
	if o.refs.Add(1) < gone {
		return true
	}
	// It may have come to life in between: then this is a hold like others.
	o.Release()
	return false
}

// Hold makes one more holder of o, who must call Release. The caller must hold o.
func (o *Object) Hold() { o.refs.Add(1) }

// Release ends one hold of o.
func (o *Object) Release() {
	if o.refs.Add(-1) == 0 && o.refs.CompareAndSwap(0, gone) {
		o.shard().giveBack(o)
	}
}

// Key returns the key.
func (o *Object) Key() []byte { return o.bytes(0, int(o.keyLen)) }

// Head returns the head that the object was made with.
func (o *Object) Head() []byte { return o.bytes(int(o.keyLen), int(o.headLen)) }

// tag returns one of the tags.
func (o *Object) tag(i int) uint64 {
	return binary.LittleEndian.Uint64(o.bytes(int(o.keyLen)+int(o.headLen)+8*i, 8))
}

// bodyAt is where a body in front begins.
func (o *Object) bodyAt() int { return int(o.keyLen) + int(o.headLen) + 8*int(o.tags) }

// bytes returns n bytes of the front.
func (o *Object) bytes(from, n int) []byte {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Add(o.shard().arena.at(o.front), from)), n)
}

// Trailer returns what Finish was given; nil before, and if it was empty. It is valid until Release.
func (o *Object) Trailer() []byte {
	b := o.bodyOwner()
	if !b.is(whole) || b.trailer == 0 {
		return nil
	}
	return b.shard().arena.bytes(b.trailer-1, int(b.trailerLen))
}

// Stale reports whether a soft purge has named o.
func (o *Object) Stale() bool { return o.is(stale) }

// Length returns the body's length, -1 while it is unknown.
func (o *Object) Length() int64 { return o.length.Load() }

// Size returns how many bytes of the body there are so far.
func (o *Object) Size() int64 { return o.size.Load() }

// Whole reports whether the body is complete.
func (o *Object) Whole() bool { return o.is(whole) }

// Published reports whether a Get could still return o: it was not dropped, replaced or evicted. A purge by prefix or
// tag shows here when Get or the sweep has come by.
func (o *Object) Published() bool { return o.is(published) }

// Purged reports whether a hard purge since o's mark names it, whether it is still written or not. It may take a purge
// of another key for one of its own, seldom.
func (o *Object) Purged() bool {
	since := o.stamp.Load()
	if g := o.growth(); g != nil {
		since = g.since
	}
	v, _ := o.shard().store.purges.judgeDraft(o, since)
	return v.hard
}

// Body returns the body if it is complete and lies in one piece. It is valid until Release.
func (o *Object) Body() (chunk []byte, ok bool) {
	b, n := o.bodyOwner(), int(o.size.Load())
	if !o.is(whole) || b.is(doomed) {
		return nil, false
	}
	first := b.body.Load()
	if b.is(inFront) || n == 0 {
		return b.bytes(b.bodyAt(), n), true
	}
	chunk = b.shard().arena.segment(first - 1)
	if n > len(chunk) {
		return nil, false
	}
	return chunk[:n:n], true
}

// bodyOwner is the object in whose memory o's body lies: o itself, or the one that it refreshed.
func (o *Object) bodyOwner() *Object {
	if o.base == 0 {
		return o
	}
	return o.shard().slabs.object(o.base - 1)
}

// setFront writes key, head and tags to the front.
func (o *Object) setFront(key, head []byte, tags []uint64) {
	o.keyLen, o.headLen, o.tags = uint16(len(key)), uint32(len(head)), uint16(len(tags))
	copy(o.bytes(0, len(key)), key)
	copy(o.bytes(len(key), len(head)), head)
	for i, t := range tags {
		binary.LittleEndian.PutUint64(o.bytes(len(key)+len(head)+8*i, 8), t)
	}
}
