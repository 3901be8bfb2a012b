package shared

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	shards = 32
	// mostKeys is how many keys of one limit a node knows at a time. One takes about 250 bytes and its own length.
	mostKeys = 1 << 17
	// tries is how many keys of a full shard are looked at for one that can be forgotten.
	tries = 8
)

// table holds the keys of a limit. Forgetting one loses nothing but a grant: the server knows it. What only the node
// knows, since the server does not answer, is not forgotten: then new keys share one entry, of the shard.
type table struct {
	seed   maphash.Seed
	most   int // keys of a shard
	shards [shards]shard
}

type shard struct {
	mu       sync.RWMutex
	keys     map[string]*entry
	overflow *entry
}

func newTable(most int) *table {
	t := &table{seed: maphash.MakeSeed(), most: max(1, most/shards)}
	for i := range t.shards {
		t.shards[i].keys = map[string]*entry{}
	}
	return t
}

func (t *table) shardOf(key []byte) *shard { return &t.shards[maphash.Bytes(t.seed, key)%shards] }

// find returns the entry of key, nil if there is none.
func (t *table) find(key []byte) *entry {
	s := t.shardOf(key)
	s.mu.RLock()
	e := s.keys[string(key)]
	s.mu.RUnlock()
	return e
}

// obtain returns the entry of key for l, a new one if there is none.
func (t *table) obtain(l *Limit, key []byte, now time.Time) *entry {
	s := t.shardOf(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.keys[string(key)]
	if e == nil || !e.adopt(l) {
		delete(s.keys, string(key))
		e = t.make(s, l, string(key), now)
	}
	return e
}

// overflowKey is what keys share that there is no room for.
const overflowKey = "\x00overflow"

// make returns a new entry in s, which is locked, or the one that those share for whom there is no room.
func (t *table) make(s *shard, l *Limit, key string, now time.Time) *entry {
	if len(s.keys) >= t.most && !s.forgetOne(l.of.since(now)) {
		if s.overflow == nil || !s.overflow.adopt(l) {
			s.overflow = newEntry(l, overflowKey)
		}
		return s.overflow
	}
	e := newEntry(l, key)
	s.keys[key] = e
	return e
}

// forgetOne makes room. It looks at some keys in the random order of a map.
func (s *shard) forgetOne(at time.Duration) bool {
	looked := 0
	for key, e := range s.keys {
		if e.forget(at) {
			delete(s.keys, key)
			return true
		}
		if looked++; looked == tries {
			break
		}
	}
	return false
}

// forget marks e as gone if the server knows all that e does, but for tokens that the node holds.
func (e *entry) forget(at time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.busy.Load() || len(e.waiters) > 0 || e.charge(at) > 0 {
		return false
	}
	e.gone = true
	return true
}

// sweep forgets the keys of shard i that were not used since the last sweep, and returns those that have tokens to give
// back.
func (t *table) sweep(i int, at time.Duration) (holding []*entry) {
	s := &t.shards[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, e := range s.keys {
		if e.seen.Swap(false) || !e.forget(at) {
			continue
		}
		delete(s.keys, key)
		if e.surrender() {
			holding = append(holding, e)
		}
	}
	return holding
}

// surrender makes what e holds something to give back, and reports whether there is anything.
func (e *entry) surrender() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.owed -= e.left.Swap(0)
	return e.owed != 0
}

// all calls each with every entry.
func (t *table) all(each func(*entry)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		for _, e := range s.keys {
			each(e)
		}
		if s.overflow != nil {
			each(s.overflow)
		}
		s.mu.RUnlock()
	}
}

// size returns how many keys there are.
func (t *table) size() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		n += len(s.keys)
		s.mu.RUnlock()
	}
	return n
}
