// Package verified remembers what credentials have turned out to be, so that each is looked into once: a table of fixed
// memory from whole credentials to whatever the caller makes of one.
//
// Policies that identify own a [Table] each. It knows no policy and no protocol.
package verified

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// mostShards are those of a large table; a smaller one has as many as leave each its least.
	mostShards = 64
	leastShard = 64 << 10
	ways       = 8
	// typical is how many bytes an entry is taken to have when the number of places is chosen.
	typical = 1 << 10
	// overhead is what an entry has besides its key and what its caller says.
	overhead = 128
)

// Table maps credentials to values, for a time each, which a clock that is set back does not make longer. A hit compares the whole credential; the hash that places it is
// seeded for each table. Get takes no lock and allocates nothing. It is safe for concurrent use.
type Table[V any] struct {
	seed   maphash.Seed
	most   int64 // bytes of a shard
	mask   uint64
	part   uint64 // of a hash: its shard
	shards []shard[V]
	// elapsed is the time since the table was made, by a clock that is never set.
	elapsed func() time.Duration
}

type shard[V any] struct {
	mu    sync.Mutex
	slots []atomic.Pointer[entry[V]] // written under mu
	bytes int64                      // guarded by mu
	hand  int                        // guarded by mu: where the next sweep for room begins

	_ [64]byte // shards are written by different cores
}

type entry[V any] struct {
	hash  uint64
	until int64         // Unix, in nanoseconds
	ends  time.Duration // the same by the table's own clock: whichever comes first
	size  int64
	used  atomic.Bool
	key   []byte
	value V
}

// New returns an empty table that holds at most most bytes: keys, values as Put is told, and its own overhead.
func New[V any](most int64) *Table[V] {
	count := 1
	for count < mostShards && most/int64(2*count) >= leastShard {
		count *= 2
	}
	made := time.Now()
	t := &Table[V]{
		seed: maphash.MakeSeed(), most: max(most/int64(count), typical), part: uint64(count - 1), shards: make([]shard[V], count),
		elapsed: func() time.Duration { return time.Since(made) },
	}
	sets := max(1, uint64(t.most/typical/ways))
	sets = 1 << bits.Len64(sets-1)
	t.mask = sets - 1
	for i := range t.shards {
		t.shards[i].slots = make([]atomic.Pointer[entry[V]], sets*ways)
	}
	return t
}

// place returns where key may lie: its shard, and its first slot of ways.
func (t *Table[V]) place(key []byte) (hash uint64, s *shard[V], first int) {
	hash = maphash.Bytes(t.seed, key)
	return hash, &t.shards[hash&t.part], int(hash/mostShards&t.mask) * ways
}

// Get returns what is remembered of key at now, nil if it is nothing. What it points to is shared: it must not be changed,
// but for what is atomic in it.
func (t *Table[V]) Get(key []byte, now time.Time) *V {
	hash, s, first := t.place(key)
	for i := range ways {
		e := s.slots[first+i].Load()
		if e == nil || e.hash != hash || !bytes.Equal(e.key, key) {
			continue
		}
		if e.until <= now.UnixNano() || e.ends <= t.elapsed() {
			return nil
		}
		if !e.used.Load() { // written once, not by every hit
			e.used.Store(true)
		}
		return &e.value
	}
	return nil
}

// Put remembers value, of size bytes, under a copy of key until a time, in place of what was there, and returns where it
// lies. What has not been asked for lately goes to make room. A value that would take more than a quarter of a shard is
// not remembered.
func (t *Table[V]) Put(key []byte, value V, size int, until, now time.Time) *V {
	hash, s, first := t.place(key)
	e := &entry[V]{hash: hash, until: until.UnixNano(), ends: t.elapsed() + until.Sub(now), size: int64(len(key)+size) + overhead, key: bytes.Clone(key), value: value}
	if e.size > t.most/4 || e.until <= now.UnixNano() {
		return &e.value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(s.way(first, e, now.UnixNano()), e)
	for s.bytes > t.most {
		s.sweep()
	}
	return &e.value
}

// Drop forgets key.
func (t *Table[V]) Drop(key []byte) {
	hash, s, first := t.place(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := first; i < first+ways; i++ {
		if e := s.slots[i].Load(); e != nil && e.hash == hash && bytes.Equal(e.key, key) {
			s.set(i, nil)
		}
	}
}

// Size returns how many entries there are, and how many bytes they have, expired ones included. It looks at every place.
func (t *Table[V]) Size() (entries int, size int64) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		size += s.bytes
		for j := range s.slots {
			if s.slots[j].Load() != nil {
				entries++
			}
		}
		s.mu.Unlock()
	}
	return entries, size
}

// way returns the slot for e among those of its place: that of the same key, an empty or expired one, or else the first
// from some slot on that nobody has asked for lately.
func (s *shard[V]) way(first int, e *entry[V], now int64) int {
	free := -1
	for i := first; i < first+ways; i++ {
		old := s.slots[i].Load()
		switch {
		case old == nil || old.until <= now:
			free = i
		case old.hash == e.hash && bytes.Equal(old.key, e.key):
			return i
		}
	}
	if free >= 0 {
		return free
	}
	for n := uint64(0); ; n++ { // to the second round at most, in which nothing is used
		i := first + int((e.hash>>56+n)%ways)
		if !s.slots[i].Load().used.Swap(false) {
			return i
		}
		if n == 2*ways { // whoever asks is faster than we are
			return i
		}
	}
}

// set puts e, which may be nil, into slot i.
func (s *shard[V]) set(i int, e *entry[V]) {
	if old := s.slots[i].Load(); old != nil {
		s.bytes -= old.size
	}
	if e != nil {
		s.bytes += e.size
	}
	s.slots[i].Store(e)
}

// sweep empties the next slot that nobody has asked for lately.
func (s *shard[V]) sweep() {
	i := s.hand
	s.hand = (s.hand + 1) % len(s.slots)
	if e := s.slots[i].Load(); e != nil && !e.used.Swap(false) {
		s.set(i, nil)
	}
}
