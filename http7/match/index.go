package match

import (
	"hash/maphash"
	"math/bits"
	"slices"

	"weir/http7"
)

// index is one hash table for what is found by bytes: hosts; the whole paths of a site, the literal
// heads of its other patterns, the segments below a node. What a look needs stands in one entry,
// however many routes there are: maps of maps would miss the processor's caches several times as often. It is seeded per process, and keys are
// compared whole.
type index struct {
	seed    maphash.Seed
	entries []entry
	taken   int
	long    []byte // the keys that have no room in their entries
}

// entry is what there is for a key: 64 bytes, a line of the processor's cache.
type entry struct {
	// route and captures are those of the first rule that may be found here, if it demands nothing; then
	// nothing else is looked at.
	route    *http7.Route
	captures *captures
	value    uint32 // the number of a site, a node or a place
	space    space  // 0 in a free entry
	n        uint32 // the key's length
	at       uint32 // the place of a long one
	short    [shortKey]byte
}

// shortKey is the longest key that its entry has room for.
const shortKey = 32

// is reports whether e is the entry of a key.
func (x *index) is(e *entry, s space, key []byte) bool {
	if e.space != s || int(e.n) != len(key) {
		return false
	}
	return string(x.key(e)) == string(key)
}

func (x *index) key(e *entry) []byte {
	if e.n <= shortKey {
		return e.short[:e.n]
	}
	return x.long[e.at : e.at+e.n]
}

// space says what kind of key it is and of whom: keys of different spaces never meet.
type space uint32

const (
	exactHosts space = 1 + iota
	wildHosts
	firstSpace // three for every site and node from here on
)

func pathsOf(site uint32) space    { return firstSpace + space(3*site) }
func headsOf(site uint32) space    { return firstSpace + space(3*site) + 1 }
func segmentsOf(node uint32) space { return firstSpace + space(3*node) + 2 }

func newIndex() index { return index{seed: maphash.MakeSeed(), entries: make([]entry, 16)} }

// slot returns where the search for a key begins.
func (x *index) slot(s space, key []byte) int {
	h := (maphash.Bytes(x.seed, key) ^ uint64(s)) * 0x9e3779b97f4a7c15
	at, _ := bits.Mul64(h, uint64(len(x.entries)))
	return int(at)
}

// get returns the entry of a key, nil if there is none.
func (x *index) get(s space, key []byte) *entry {
	for at := x.slot(s, key); ; at++ {
		if at == len(x.entries) {
			at = 0
		}
		e := &x.entries[at]
		if e.space == 0 {
			return nil
		}
		if x.is(e, s, key) {
			return e
		}
	}
}

// add makes an entry for a key that has none. It is valid until the next add.
func (x *index) add(s space, key string) *entry {
	if x.taken++; 2*x.taken > len(x.entries) {
		x.resize(2 * len(x.entries))
	}
	e := entry{space: s, at: uint32(len(x.long)), n: uint32(len(key))}
	if copy(e.short[:], key) < len(key) {
		x.long = append(x.long, key...)
	}
	return x.put(&e)
}

func (x *index) put(e *entry) *entry {
	at := x.slot(e.space, x.key(e))
	for x.entries[at].space != 0 {
		if at++; at == len(x.entries) {
			at = 0
		}
	}
	x.entries[at] = *e
	return &x.entries[at]
}

// finish gives back what growing has left: two thirds of the entries are taken then.
func (x *index) finish() {
	x.resize(16 + x.taken*3/2)
	x.long = slices.Clone(x.long)
}

func (x *index) resize(n int) {
	old := x.entries
	x.entries = make([]entry, n)
	for i := range old {
		if old[i].space != 0 {
			x.put(&old[i])
		}
	}
}
