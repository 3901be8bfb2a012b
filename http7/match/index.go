package match

import (
	"hash/maphash"

	"weir/http7"
)

// index is one hash table for what is found by bytes: hosts; the whole paths of a site, the literal
// heads of its other patterns, the segments below a node. What a look needs stands in one entry, and the
// key that it is compared with in one more place, however many routes there are: maps of maps
// would miss the processor's caches several times as often. It is seeded per process, and keys are
// compared whole.
type index struct {
	seed    maphash.Seed
	mask    uint32
	entries []entry // a power of two, at most half of them taken
	taken   int
	keys    []byte
}

// entry is what there is for a key.
type entry struct {
	// route and captures are those of the only rule that can be found here, nil unless it demands nothing.
	route    *http7.Route
	captures *captures
	rules    place
	number   uint32 // of a site or a node
	space    space  // 0 in a free entry
	at, n    uint32 // the key's place
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

func newIndex() index {
	return index{seed: maphash.MakeSeed(), mask: 15, entries: make([]entry, 16)}
}

func (x *index) hash(s space, key []byte) uint32 {
	return uint32((maphash.Bytes(x.seed, key) ^ uint64(s)) * 0x9e3779b97f4a7c15 >> 32)
}

// get returns the entry of a key, nil if there is none.
func (x *index) get(s space, key []byte) *entry {
	for at := x.hash(s, key); ; at++ {
		e := &x.entries[at&x.mask]
		if e.space == 0 {
			return nil
		}
		if e.space == s && int(e.n) == len(key) && string(x.keys[e.at:e.at+e.n]) == string(key) {
			return e
		}
	}
}

// add makes an entry for a key that has none. It is valid until the next add.
func (x *index) add(s space, key string) *entry {
	if x.taken++; 2*x.taken > len(x.entries) {
		x.grow()
	}
	e := entry{space: s, at: uint32(len(x.keys)), n: uint32(len(key))}
	x.keys = append(x.keys, key...)
	return x.put(e)
}

func (x *index) put(e entry) *entry {
	at := x.hash(e.space, x.keys[e.at:e.at+e.n])
	for x.entries[at&x.mask].space != 0 {
		at++
	}
	x.entries[at&x.mask] = e
	return &x.entries[at&x.mask]
}

func (x *index) grow() {
	old := x.entries
	x.entries = make([]entry, 2*len(old))
	x.mask = uint32(len(x.entries) - 1)
	for i := range old {
		if old[i].space != 0 {
			x.put(old[i])
		}
	}
}
