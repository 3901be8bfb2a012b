package lb

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// maglevSizes are the numbers of slots of a maglev table, primes all. The first is the paper's own;
// the others serve memberships that would get fewer than slotsEach of it.
var maglevSizes = [...]uint64{65537, 131101, 262147, 524309, 1048583}

// slotsEach slots for each member keep the load of equal members within 1 % of even.
const slotsEach = 100

// maglevSize returns how many slots the table of n members has.
func maglevSize(n int) uint64 {
	for _, size := range maglevSizes {
		if size >= uint64(n)*slotsEach {
			return size
		}
	}
	return maglevSizes[len(maglevSizes)-1]
}

// maglevTable says for each slot whose it is.
type maglevTable []uint32

// newMaglevTable fills a table (Eisenbud et al. 2016, section 3.4): the names take turns, by weight,
// and each takes the next free slot of its own permutation of all slots. Names are distinct and
// sorted; then equal names and weights make equal tables everywhere. The size goes by the number of
// members, of whom the names may be a part, so that it doesn't change with their states.
func newMaglevTable(names []string, weights []int, members int) hashTable {
	if len(names) == 0 {
		return maglevTable(nil)
	}
	size := maglevSize(members)
	orders := make([]permutation, len(names))
	for i, name := range names {
		orders[i] = newPermutation(name, size)
	}
	turns := schedule(weights, int(size))
	table := make(maglevTable, size)
	taken := make([]uint64, size/64+1) // a bit for each slot fits a cache that the table does not
	for filled := uint64(0); ; {
		for _, i := range turns {
			table[orders[i].take(taken, uint32(size))] = i
			if filled++; filled == size {
				return table
			}
		}
	}
}

// pick walks from the hash's slot in steps that the hash decides as well, so that the keys of an
// endpoint that takes none spread over all others. The number of slots is prime: every slot comes.
func (t maglevTable) pick(s *seats, hash uint64, tried Tried) *Endpoint {
	w := s.walk(tried)
	size := uint64(len(t))
	slot := scale(hash, size)
	if e := w.visit(t[slot]); e != nil {
		return e
	}
	step := 1 + scale(mix(hash), size-1)
	for range longestWalk - 1 {
		if slot += step; slot >= size {
			slot -= size
		}
		if e := w.visit(t[slot]); e != nil {
			return e
		}
	}
	return w.end()
}

// permutation goes through all slots of a table in the order that one name prefers. The number of
// slots is prime, so any step visits each slot once.
type permutation struct{ at, step uint32 }

func newPermutation(name string, size uint64) permutation {
	h := xxhash.Sum64String(name)
	return permutation{at: uint32(scale(h, size)), step: 1 + uint32(scale(mix(h), size-1))}
}

// take returns the next slot that is free, and takes it.
func (p *permutation) take(taken []uint64, size uint32) uint32 {
	for {
		slot := p.at
		if p.at += p.step; p.at >= size {
			p.at -= size
		}
		if bit := uint64(1) << (slot % 64); taken[slot/64]&bit == 0 {
			taken[slot/64] |= bit
			return slot
		}
	}
}

// scale returns a number in [0, n) from a hash, by its upper bits.
func scale(hash, n uint64) uint64 {
	high, _ := bits.Mul64(hash, n)
	return high
}
