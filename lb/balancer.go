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

// below returns a number in [0, n) from 32 random bits, by Lemire's multiplication.
func below(bits uint32, n int) int { return int(uint64(bits) * uint64(n) >> 32) }

// twoOf draws two different indexes below n, which must be at least 2.
func twoOf(n int) (a, b int) {
	bits := rand.Uint64()
	a = below(uint32(bits), n)
	b = below(uint32(bits>>32), n-1)
	if b >= a {
		b++
	}
	return a, b
}

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
