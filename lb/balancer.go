package lb

import (
	"fmt"
	"math/rand/v2"
)

// balancer makes the picker of each new view of one upstream. It is made once per upstream and
// snapshot, so that what must outlive a view (a cursor, a table) lies in its closure; the upstream
// calls it for one view at a time. Members are the endpoints of the tier, whatever their state;
// candidates are some of them, those that may be picked now. Both are kept and must not change any
// more.
type balancer func(members, candidates []Member) picker

// balancerOf returns the balancer of a name that draws from random.
func balancerOf(name string, random dice) (balancer, error) {
	switch name {
	case RoundRobin:
		return newTurns(random).newPicker, nil
	case Random:
		return byCandidates(newRandomPicker, random), nil
	case LeastRequests:
		return byCandidates(newLeastPicker, random), nil
	case EWMA:
		return byCandidates(newEWMAPicker, random), nil
	case Maglev:
		return newHashBalancer(newMaglevTable, random).newPicker, nil
	case Ring:
		return newHashBalancer(newRingTable, random).newPicker, nil
	}
	return nil, fmt.Errorf("lb: there is no balancer %q", name)
}

// byCandidates adapts a picker that looks at the candidates alone and keeps nothing between views.
func byCandidates(newPicker func([]Member, dice) picker, random dice) balancer {
	return func(_, candidates []Member) picker { return newPicker(candidates, random) }
}

// dice is where draws come from: rand.Uint64, which takes no lock, or in a simulation of one
// goroutine a source with a seed.
type dice func() uint64

// narrow returns all candidates if there are at most limit, else two drawn by random bits, in pair.
// The lowest bits hardly count.
func narrow(candidates []Member, limit int, bits uint64, pair *[2]Member) []Member {
	n := len(candidates)
	if n <= limit {
		return candidates
	}
	a, b := below(uint32(bits), n), below(uint32(bits>>32), n-1)
	if b >= a {
		b++
	}
	pair[0], pair[1] = candidates[a], candidates[b]
	return pair[:]
}

// cheapest draws by share among the members that cost at most the given cost; nil if none does.
func (d dice) cheapest(members []Member, costs []float64, most float64) *Endpoint {
	total := 0
	for i := range members {
		if costs[i] <= most {
			total += members[i].Share
		}
	}
	if total == 0 {
		return nil
	}
	at := int(scale(d(), uint64(total)))
	for i := range members {
		if costs[i] > most {
			continue
		}
		if at -= members[i].Share; at < 0 {
			return members[i].Endpoint
		}
	}
	return nil
}

// anyFree serves a use whose draws were all tried before or full. It takes the first that is
// neither, from a random place: this is rare, so the choice need not be the best.
func (d dice) anyFree(candidates []Member, tried *Tried) *Endpoint {
	n := len(candidates)
	if n == 0 {
		return nil
	}
	start := below(uint32(d()), n)
	for _, part := range [2][]Member{candidates[start:], candidates[:start]} {
		for i := range part {
			if e := part[i].Endpoint; e.free(tried) {
				return e
			}
		}
	}
	return nil
}

// free reports whether e can take the use that has tried these.
func (e *Endpoint) free(tried *Tried) bool { return (tried.n == 0 || !tried.Has(e)) && !e.full() }

// load is what the member has in flight, for its share. The use to be placed is not counted: with
// it, a heavier member would get everything while there is little to do; without it, idle members
// are equal and draw by share.
func (m *Member) load() float64 {
	return float64(m.Endpoint.inFlight.Load()) * shareUnit / float64(m.Share)
}

// below returns a number in [0, n) from 32 random bits, by Lemire's multiplication.
func below(bits uint32, n int) int { return int(uint64(bits) * uint64(n) >> 32) }

// anyUntried draws any endpoint that is neither in tried nor full, or nil.
func anyUntried(candidates []Member, tried Tried) *Endpoint {
	return dice(rand.Uint64).anyFree(candidates, &tried)
}
