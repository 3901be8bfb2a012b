package serve

import (
	"math/bits"
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"

	"weir/http7/selector"
)

// Split shares the requests of a route out among sides.
type Split struct {
	// By is what keeps a user on one side: whoever has the same values always has the same side, as
	// long as sides and weights stay. nil, or who has no value: drawn for each request.
	By *selector.Selection
	// Words is By as the config writes it, for people.
	Words string
	// Sides are in order; at least one has a weight.
	Sides []Side
}

// Side is one side of a split.
type Side struct {
	// Weight is its part among the sum of all; 0 gets nothing.
	Weight int
	// Plan is the route's with the upstream of this side.
	Plan *Plan
}

// takeSide turns x to the side that it is on, if its route is split.
func (x *exchange) takeSide() {
	if s := x.plan.Split; s != nil {
		side, _ := s.choose(x)
		x.plan = s.Sides[side].Plan
	}
}

// choose returns the side of x. kept says that it is the side of x's user, and not drawn.
func (s *Split) choose(x *exchange) (side int, kept bool) {
	if s.By != nil {
		if hash, ok := s.By.Hash(&x.Exchange); ok {
			return s.side(mix(hash ^ xxhash.Sum64String(x.Route.Name))), true
		}
	}
	return s.side(rand.Uint64()), false
}

// side returns the side that an evenly spread number belongs to.
func (s *Split) side(n uint64) int {
	at, _ := bits.Mul64(n, uint64(s.total()))
	for i := range s.Sides {
		w := uint64(s.Sides[i].Weight)
		if at < w {
			return i
		}
		at -= w
	}
	return len(s.Sides) - 1
}

func (s *Split) total() (sum int) {
	for i := range s.Sides {
		sum += s.Sides[i].Weight
	}
	return sum
}

// mix spreads a number over all bits (the end of SplitMix64): two splits by the same cookie must not put the
// same users together, and a difference of two hashes in a few bits would.
func mix(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
