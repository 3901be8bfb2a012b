package lb

import (
	"fmt"
	"math/rand/v2"
)

// newBalancer returns what makes a picker for each new view. It is called once per upstream and
// snapshot, so that what must outlive a view (a cursor) lives in the closure.
func newBalancer(name string) (func([]Member) picker, error) {
	switch name {
	case RoundRobin:
		t := newTurns()
		return t.newPicker, nil
	case LeastRequests:
		return newLeastPicker, nil
	case EWMA:
		return newEWMAPicker, nil
	}
	return nil, fmt.Errorf("lb: there is no balancer %q", name)
}

// narrow returns all candidates if there are at most limit, else two drawn at random, in pair.
func narrow(candidates []Member, limit int, pair *[2]Member) []Member {
	n := len(candidates)
	if n <= limit {
		return candidates
	}
	bits := rand.Uint64()
	a, b := below(uint32(bits), n), below(uint32(bits>>32), n-1)
	if b >= a {
		b++
	}
	pair[0], pair[1] = candidates[a], candidates[b]
	return pair[:]
}

// anyUntried serves a retry whose two draws were both tried before. It takes the first that was
// not, from a random place: this is rare, so the choice need not be the best.
func anyUntried(candidates []Member, tried Tried) *Endpoint {
	n := len(candidates)
	start := below(rand.Uint32(), n)
	for i := range n {
		if e := candidates[(start+i)%n].Endpoint; !tried.Has(e) {
			return e
		}
	}
	return nil
}

// below returns a number in [0, n) from 32 random bits, by Lemire's multiplication.
func below(bits uint32, n int) int { return int(uint64(bits) * uint64(n) >> 32) }

// lottery chooses among equals in one pass: each entrant wins with the share of its weight.
type lottery struct {
	winner *Endpoint
	total  int
}

// enter adds m. The first entrant holds the prize until another takes it.
func (l *lottery) enter(m *Member) {
	l.total += m.Weight
	if l.total == m.Weight || below(rand.Uint32(), l.total) < m.Weight {
		l.winner = m.Endpoint
	}
}
