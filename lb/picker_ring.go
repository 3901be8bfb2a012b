package lb

import (
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
)

const (
	// pointsEach is how many points a member of average weight has on the ring (as in ketama).
	pointsEach = 160
	// ownerBits of a point say whose it is; the others are its place.
	ownerBits = 24
)

// ringTable is consistent hashing in the manner of ketama: each name has points on a ring, and a key
// belongs to the first point at or after its own place. Walking on, a use meets the points that it
// would find first if those before were not there: taking an endpoint out and walking past it are the
// same. Points of one name don't depend on the others, but for how many an average weight is.
type ringTable struct {
	points []uint64 // ascending; place and owner
	// starts says where the points of each of equal parts of the ring begin, and the last one's end.
	// There are about as many parts as points, so a place is found in a few steps whatever the size.
	starts []uint32
	shift  int // of a place, to its part
}

// newRingTable makes a ring of distinct, sorted names. Equal names and weights make equal rings
// everywhere. It takes O(points): they are thrown into their parts, where few are to be sorted.
func newRingTable(names []string, weights []int, _ int) hashTable {
	loose := ringPoints(names, weights)
	width := max(0, bits.Len(uint(len(loose)))-1)
	t := &ringTable{
		points: make([]uint64, len(loose)),
		starts: make([]uint32, 1<<width+1),
		shift:  64 - ownerBits - width,
	}
	for _, p := range loose {
		t.starts[t.part(p>>ownerBits)+1]++
	}
	for i := range 1 << width {
		t.starts[i+1] += t.starts[i]
	}
	next := slices.Clone(t.starts)
	for _, p := range loose {
		part := t.part(p >> ownerBits)
		t.points[next[part]] = p
		next[part]++
	}
	for i := 1; i < len(t.points); i++ {
		for at := i; at > 0 && t.points[at-1] > t.points[at]; at-- {
			t.points[at-1], t.points[at] = t.points[at], t.points[at-1]
		}
	}
	return t
}

// part returns in which part of the ring a place is.
func (t *ringTable) part(place uint64) uint64 { return place >> t.shift }

// ringPoints returns the points of all names in no order.
func ringPoints(names []string, weights []int) []uint64 {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	points := make([]uint64, 0, (pointsEach+1)*len(names))
	for i, name := range names {
		h := xxhash.Sum64String(name)
		for range max(1, (2*pointsEach*weights[i]*len(names)+sum)/(2*sum)) {
			h = mix(h)
			points = append(points, h>>ownerBits<<ownerBits|uint64(i))
		}
	}
	return points
}

func (t *ringTable) pick(s *seats, hash uint64, tried Tried) *Endpoint {
	w := s.walk(tried)
	at := t.find(hash)
	for range longestWalk {
		if at == len(t.points) {
			at = 0
		}
		if e := w.visit(uint32(t.points[at] % (1 << ownerBits))); e != nil {
			return e
		}
		at++
	}
	return w.end()
}

// find returns the first point at or after a hash; their number where that is the first of all.
func (t *ringTable) find(hash uint64) int {
	place := hash >> ownerBits
	at := int(t.starts[t.part(place)])
	for at < len(t.points) && t.points[at]>>ownerBits < place {
		at++
	}
	return at
}
