package store

import (
	"errors"
	"math/bits"
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"
)

// Smallest is the least size that [New] takes, in bytes.
const Smallest = 1 << 20

// shardBytes is how much memory a shard has at least, shardsMost how many there are at most.
const (
	shardBytes = 64 << 20
	shardsMost = 256
)

// ownBytes is what the store takes besides its shards.
const ownBytes = keyStamps*16 + 4096

// Store is a bounded set of objects. All its methods are safe for concurrent use.
type Store struct {
	seed   uint64
	shift  uint // of a hash, to its shard
	shards []shard
	purges purges
}

// New returns an empty store that uses at most size bytes, its own bookkeeping included. It takes memory as it is needed.
// The number of shards is chosen by size once; a store that is much smaller at first than after Resize has fewer than
// it could use.
func New(size int64) (*Store, error) { return open(size, memory{}) }

func open(size int64, m memory) (*Store, error) {
	if size < Smallest {
		return nil, errors.New("store: the size is below 1 MiB")
	}
	order := shardOrder(size)
	s := &Store{seed: rand.Uint64(), shift: 64 - order, shards: make([]shard, 1<<order)}
	s.purges.records.Store(&records{tags: newTagTable(leastTags)})
	s.purges.sweep.hurry = make(chan struct{}, 1)
	for i := range s.shards {
		s.shards[i].open(s, s.share(size), m)
	}
	return s, nil
}

// shardOrder is the binary logarithm of the number of shards.
func shardOrder(size int64) uint {
	return uint(bits.Len64(uint64(min(size/shardBytes, shardsMost)|1)) - 1)
}

// MostOf is the size of the largest object that a store of the given size takes: half of a shard, which is between 64
// and 128 MiB of the store, or all of a smaller one.
func MostOf(size int64) int64 { return (size-ownBytes)>>shardOrder(size)/2 - blockBytes }

// share is one shard's part of size bytes.
func (s *Store) share(size int64) int64 { return (size - ownBytes) / int64(len(s.shards)) }

// Resize changes the limit, and evicts down to it. Objects that are being read go when their readers have.
// A size below [Smallest] is taken as that.
func (s *Store) Resize(size int64) {
	for i := range s.shards {
		s.shards[i].resize(s.share(max(size, Smallest)))
	}
}

// Most is the size of the largest object that the store takes: key, head, tags and body. See [MostOf].
func (s *Store) Most() int64 {
	sh := &s.shards[0]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.limit/2 - blockBytes
}

// hash places a key. It is seeded: who chooses keys can't choose places.
func (s *Store) hash(key []byte) uint64 {
	var d xxhash.Digest
	d.ResetWithSeed(s.seed)
	// A Digest's Write returns no error.
	_, _ = d.Write(key)
	return d.Sum64()
}

func (s *Store) shard(hash uint64) *shard { return &s.shards[hash>>s.shift] }

// Get returns the object with this key, held for the caller, who must call Release; nil if there is none.
// It takes no lock, allocates nothing and never waits.
func (s *Store) Get(key []byte) *Object {
	hash := s.hash(key)
	sh := s.shard(hash)
	t := sh.table.Load()
	tag := hash >> 32
	a, b := t.buckets(hash)
	for i := range a {
		if v := a[i].Load(); v>>32 == tag && v != 0 {
			if o := sh.get(uint32(v)-1, hash, key); o != nil {
				return o
			}
		}
	}
	for i := range b {
		if v := b[i].Load(); v>>32 == tag && v != 0 {
			if o := sh.get(uint32(v)-1, hash, key); o != nil {
				return o
			}
		}
	}
	return nil
}

// get holds the object of a number, if it is what is looked for; else it returns nil. What lies behind a number may
// change until the hold is taken.
func (sh *shard) get(id uint32, hash uint64, key []byte) *Object {
	o := sh.slabs.object(id)
	if o == nil || !o.tryHold() {
		return nil
	}
	if !o.is(published) || !sh.names(o, hash, key) || !sh.passes(o) {
		o.Release()
		return nil
	}
	if o.used.Load() == 0 {
		o.used.Store(1)
	}
	return o
}

// Mark returns the present place in the sequence of purges. Take it before the request leaves whose answer may be stored.
func (s *Store) Mark() Mark { return Mark(s.purges.seq.Load()) }

// Drop takes o out of the store, if it is still in it. The caller holds o.
func (s *Store) Drop(o *Object) {
	sh := o.shard()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if o.queue != queueNone {
		sh.counts.purged++
		sh.drop(o)
	}
}

// DropKey is a hard purge of a key. It reports whether there was an object.
func (s *Store) DropKey(key []byte) bool { return s.purgeKey(key, false) }

// Purge makes objects gone or stale. When it returns, no Get returns an older object that it names, nor will a draft
// whose mark is older be published (or only as stale). It takes the same short time however many objects are named:
// memory is freed by a sweep that follows.
//
// A Purge that names nothing does nothing, nor does one by a prefix over 64 KiB: no key is as long. More than 16,384 prefixes or 262,144 tags that the sweep has not followed are taken for a purge of everything.
func (s *Store) Purge(p Purge) {
	if p.Key != nil {
		s.purgeKey(p.Key, p.Soft)
		return
	}
	if p.Prefix == nil && p.Tag == 0 && !p.All || len(p.Prefix) > blockBytes {
		return
	}
	s.purges.calls.Add(1)
	s.purges.add(p)
	s.startSweep()
}

// purgeKey purges one key, and reports whether there was an object.
func (s *Store) purgeKey(key []byte, soft bool) bool {
	hash := s.hash(key)
	sh := s.shard(hash)
	s.purges.calls.Add(1)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s.purges.keys[hash%keyStamps].raise(soft, s.purges.seq.Add(1))
	o := sh.find(hash, key)
	if o == nil || !o.is(published) {
		return false
	}
	if soft {
		o.flags.Or(stale)
		return true
	}
	sh.counts.purged++
	sh.drop(o)
	return true
}

// Close gives the memory back, that of objects which are held excepted. The store is empty from then on, and takes
// nothing.
func (s *Store) Close() {
	s.endSweep()
	for i := range s.shards {
		s.shards[i].close()
	}
}
