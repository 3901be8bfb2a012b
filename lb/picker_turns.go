package lb

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// maxSchedule bounds the turns in one schedule, and with them the work of a rebuild. Weights whose
// sum is larger are scaled down, each to no less than one turn.
const maxSchedule = 1 << 14

// turns is round_robin: a schedule worked out with the view, and a cursor that outlives it, so
// that frequent rebuilds do not favour the first endpoints.
type turns struct{ cursor atomic.Uint64 }

func newTurns() *turns {
	t := new(turns)
	// Many instances that start together must not send their first requests to one endpoint.
	t.cursor.Store(uint64(rand.Uint32()))
	return t
}

func (t *turns) newPicker(candidates []Member) picker {
	return &turnsPicker{cursor: &t.cursor, schedule: schedule(candidates)}
}

type turnsPicker struct {
	cursor   *atomic.Uint64
	schedule []*Endpoint
}

func (p *turnsPicker) pick(_ Key, tried Tried) *Endpoint {
	n := uint64(len(p.schedule))
	if n == 0 {
		return nil
	}
	at := p.cursor.Add(1)
	for i := range n {
		if e := p.schedule[(at+i)%n]; tried.n == 0 || !tried.Has(e) {
			return e
		}
	}
	return nil
}

// schedule spreads each member's turns evenly over one round: turn k of w is due at (k+½)/w of
// the round, and turns are taken in the order of their due times.
func schedule(candidates []Member) []*Endpoint {
	type turn struct {
		due float64
		e   *Endpoint
	}
	var list []turn
	for i, n := range turnCounts(candidates) {
		for k := range n {
			list = append(list, turn{(float64(k) + 0.5) / float64(n), candidates[i].Endpoint})
		}
	}
	slices.SortStableFunc(list, func(a, b turn) int { return cmp.Compare(a.due, b.due) })
	out := make([]*Endpoint, len(list))
	for i := range list {
		out[i] = list[i].e
	}
	return out
}

// turnCounts returns how many turns each member has in one round.
func turnCounts(candidates []Member) []int {
	divisor, total := 0, 0
	for _, m := range candidates {
		divisor = gcd(divisor, m.Weight)
		total += m.Weight
	}
	counts := make([]int, len(candidates))
	for i, m := range candidates {
		counts[i] = m.Weight / divisor
		if turns := total / divisor; turns > maxSchedule {
			counts[i] = max(1, counts[i]*maxSchedule/turns)
		}
	}
	return counts
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
