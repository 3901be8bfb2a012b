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
	// starts says where the points of each of equal parts of the ring begin. There are about as many
	// parts as points, so finding a place takes two steps or so whatever the size.
	starts []uint32
	shift  int // of a place, to its part
}

// newRingTable makes a ring of distinct, sorted names. Equal names and weights make equal rings
// everywhere.
func newRingTable(names []string, weights []int, _ int) hashTable {
	t := &ringTable{points: ringPoints(names, weights)}
	width := max(0, bits.Len(uint(len(t.points)))-1)
	t.shift = 64 - ownerBits - width
	t.starts = make([]uint32, 1<<width)
	at := 0
	for part := range t.starts {
		for at < len(t.points) && t.points[at]>>ownerBits>>t.shift < uint64(part) {
			at++
		}
		t.starts[part] = uint32(at)
	}
	return t
}

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
	if len(points) < 1<<10 {
		slices.Sort(points)
		return points
	}
	return sortAbove(points, ownerBits)
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
	at := int(t.starts[place>>t.shift])
	for at < len(t.points) && t.points[at]>>ownerBits < place {
		at++
	}
	return at
}
