package store

// ghosts remembers the keys of objects that left the small queue without a use: by half their hash, in buckets, each
// with the place in the sequence of leaving. Guarded by the shard's lock.
type ghosts struct {
	slots []uint64 // half a hash over the place + 1; 0 is empty
	place uint32
	room  uint32 // who is further back is forgotten
}

func (g *ghosts) bookkeeping() int64 { return int64(len(g.slots)) * 8 }

// bucket returns where a half may be. It depends on nothing else, so that the table can grow.
func (g *ghosts) bucket(half uint64) []uint64 {
	buckets := uint64(len(g.slots) / bucketSlots)
	at := half * 0x9e3779b97f4a7c15 >> 32 & (buckets - 1) * bucketSlots
	return g.slots[at : at+bucketSlots]
}

// age is how many have left since.
func (g *ghosts) age(slot uint64) uint32 { return g.place - uint32(slot) }

// add remembers a hash; room is how many are remembered from now on.
func (g *ghosts) add(hash uint64, room int64) {
	g.room = uint32(room)
	g.place++
	if g.place == 0 {
		// 0 would make a half of 0 an empty slot.
		g.place = 1
	}
	g.put(hash>>32, g.place)
}

// put takes an empty slot, else that of the oldest.
func (g *ghosts) put(half uint64, place uint32) {
	b := g.bucket(half)
	oldest := 0
	for i, v := range b {
		if v == 0 || v>>32 == half {
			oldest = i
			break
		}
		if g.age(v) > g.age(b[oldest]) {
			oldest = i
		}
	}
	b[oldest] = half<<32 | uint64(place)
}

// take reports whether a hash is remembered, and forgets it.
func (g *ghosts) take(hash uint64) bool {
	b := g.bucket(hash >> 32)
	for i, v := range b {
		if v != 0 && v>>32 == hash>>32 {
			b[i] = 0
			return g.age(v) < g.room
		}
	}
	return false
}

// resize makes room for the ghosts of a table of so many buckets.
func (g *ghosts) resize(buckets int) {
	old := g.slots
	g.slots = make([]uint64, buckets*bucketSlots)
	for _, v := range old {
		if v != 0 && g.age(v) < g.room {
			g.put(v>>32, uint32(v))
		}
	}
}
