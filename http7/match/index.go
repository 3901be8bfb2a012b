package match

import "hash/maphash"

// index is one hash table for all that is found by bytes: hosts, the segments below a node, the whole
// paths of a host. A look costs one slot and one comparison, however many routes there are; maps
// of maps would cost several cache misses each. It is seeded per process and compares whole keys.
type index struct {
	seed  maphash.Seed
	mask  uint32
	slots []slot // a power of two, at most half of them taken
	taken int
	keys  []byte
}

// slot is one entry; tag is 0 in a free one.
type slot struct {
	tag   uint32
	space space
	at, n uint32 // the key's place in keys
	value place
}

// space says what kind of key it is and of whom: keys of different spaces never meet.
type space uint32

const (
	exactHosts space = iota
	wildHosts
	firstSpace // two for every site or node from here on
)

func pathsOf(site uint32) space    { return firstSpace + space(2*site) }
func segmentsOf(node uint32) space { return firstSpace + space(2*node) + 1 }

func newIndex() index { return index{seed: maphash.MakeSeed(), mask: 15, slots: make([]slot, 16)} }

func (x *index) hash(s space, key []byte) (at, tag uint32) {
	h := (maphash.Bytes(x.seed, key) ^ uint64(s)) * 0x9e3779b97f4a7c15
	return uint32(h >> 32), uint32(h) | 1
}

// get returns what was added for a key.
func (x *index) get(s space, key []byte) (value place, ok bool) {
	at, tag := x.hash(s, key)
	for ; ; at++ {
		e := &x.slots[at&x.mask]
		if e.tag == 0 {
			return place{}, false
		}
		if e.tag == tag && e.space == s && string(x.keys[e.at:e.at+e.n]) == string(key) {
			return e.value, true
		}
	}
}

// add keeps a value for a key that is not there yet.
func (x *index) add(s space, key string, value place) {
	if x.taken++; 2*x.taken > len(x.slots) {
		x.grow()
	}
	e := slot{space: s, at: uint32(len(x.keys)), n: uint32(len(key)), value: value}
	x.keys = append(x.keys, key...)
	x.put(e)
}

func (x *index) put(e slot) {
	at, tag := x.hash(e.space, x.keys[e.at:e.at+e.n])
	for x.slots[at&x.mask].tag != 0 {
		at++
	}
	e.tag = tag
	x.slots[at&x.mask] = e
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]slot, 2*len(old))
	x.mask = uint32(len(x.slots) - 1)
	for i := range old {
		if old[i].tag != 0 {
			x.put(old[i])
		}
	}
}
