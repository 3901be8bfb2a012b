package lb

import "sync/atomic"

const (
	// maxTurns bounds the turns in one round, and with them the work of a rebuild.
	maxTurns = 1 << 16
	// turnsScan is how many turns in a row may fall to endpoints that were tried or are full before
	// any other will do.
	turnsScan = 16
)

// turns is round_robin: a schedule worked out with the view, and a cursor that outlives it, so
// that frequent rebuilds do not favour the first endpoints.
type turns struct {
	_      [64]byte // every pick writes the cursor
	cursor atomic.Uint64
	_      [64]byte
	random dice
}

func newTurns(random dice) *turns {
	t := &turns{random: random}
	// Many instances that start together must not send their first requests to one endpoint.
	t.cursor.Store(random() >> 32)
	return t
}

func (t *turns) newPicker(_, candidates []Member) picker {
	p := &turnsPicker{turns: t, candidates: candidates}
	if len(candidates) == 0 {
		return p
	}
	shares := make([]int, len(candidates))
	for i := range candidates {
		shares[i] = candidates[i].Share
	}
	p.schedule = schedule(shares, maxTurns)
	return p
}

type turnsPicker struct {
	turns      *turns
	candidates []Member
	schedule   []uint32
}

// pick takes the next turn. A turn of an endpoint that can't take it is lost, and not its
// successor's, who would get double else for as long as the other is full.
func (p *turnsPicker) pick(_ Key, tried Tried) *Endpoint {
	n := uint64(len(p.schedule))
	for range min(n, turnsScan) {
		turn := p.schedule[p.turns.cursor.Add(1)%n]
		if e := p.candidates[turn].Endpoint; e.free(&tried) {
			return e
		}
	}
	return p.turns.random.anyFree(p.candidates, &tried)
}
