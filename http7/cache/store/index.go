package store

import "sync/atomic"

// The index's measures: a bucket is a cache line of slots.
const (
	bucketSlots  = 8
	leastBuckets = 64
)

// table finds objects by hash. Each has two buckets in which it may lie. A slot is the upper half of the hash over
// 1 + the object's number; 0 is empty. Slots are read without a lock, and written under the shard's.
//
// A table never loses an object to a reader by moving it: a slot changes once to the object, and once to another or to
// empty. A larger table is filled before it takes the place of the old one.
type table struct {
	mask  uint64 // buckets - 1
	slots []atomic.Uint64
	used  int
}

func newTable(buckets int) *table {
	return &table{mask: uint64(buckets - 1), slots: make([]atomic.Uint64, buckets*bucketSlots)}
}

// tableBytes is what a table of so many buckets takes.
func tableBytes(buckets int) int64 { return int64(buckets) * bucketSlots * 8 }

func slotOf(hash uint64, id uint32) uint64 { return hash>>32<<32 | uint64(id+1) }

// buckets returns the two buckets of a hash.
func (t *table) buckets(hash uint64) (a, b []atomic.Uint64) {
	i := hash & t.mask
	// The product of the tag spreads the second choice over the whole table; 1 keeps it apart from the first.
	j := (i ^ (hash>>32*0x5bd1e995 | 1)) & t.mask
	return t.slots[i*bucketSlots:][:bucketSlots:bucketSlots], t.slots[j*bucketSlots:][:bucketSlots:bucketSlots]
}

// where returns the slot that holds this object; nil if none does.
func (t *table) where(hash uint64, id uint32) *atomic.Uint64 {
	want := slotOf(hash, id)
	a, b := t.buckets(hash)
	for i := range a {
		if a[i].Load() == want {
			return &a[i]
		}
	}
	for i := range b {
		if b[i].Load() == want {
			return &b[i]
		}
	}
	return nil
}

// insert puts an object in the emptier one of its buckets; false if both are full.
func (t *table) insert(hash uint64, id uint32) bool {
	a, b := t.buckets(hash)
	i, n := vacant(a)
	j, m := vacant(b)
	switch {
	case n == 0 && m == 0:
		return false
	case n >= m:
		a[i].Store(slotOf(hash, id))
	default:
		b[j].Store(slotOf(hash, id))
	}
	t.used++
	return true
}

// vacant returns the first empty slot, and how many there are.
func vacant(bucket []atomic.Uint64) (first, n int) {
	for i := len(bucket) - 1; i >= 0; i-- {
		if bucket[i].Load() == 0 {
			first = i
			n++
		}
	}
	return first, n
}

// remove empties the slot of an object.
func (t *table) remove(hash uint64, id uint32) {
	if at := t.where(hash, id); at != nil {
		at.Store(0)
		t.used--
	}
}
