package lb

import (
	"slices"
	"time"
)

// chanceDraws is of how many draws a chance is told. The error is below 0.01 nearly always.
const chanceDraws = 10000

// rehearsal is a view whose pickers are copies: what they note in passing, a turn or a seat's load, is lost.
type rehearsal struct {
	view       *View
	copy       View
	candidates map[*Endpoint]*Member
	turns      int // in a round of round_robin; 0 for other balancers
	hashing    bool
	ewma       *ewmaPicker // for its costs; nil for others
	assumed    float64     // the latency of what has no sample; 0: not worked out yet
}

func (v *View) rehearsal() *rehearsal {
	r := &rehearsal{view: v, candidates: make(map[*Endpoint]*Member, len(v.candidates))}
	for i := range v.candidates {
		r.candidates[v.candidates[i].Endpoint] = &v.candidates[i]
	}
	r.again()
	return r
}

// again takes new copies.
func (r *rehearsal) again() {
	r.copy = *r.view
	if r.view.near != nil {
		r.copy.near = r.picker(r.view.near)
	}
	if r.view.far != nil {
		r.copy.far = r.picker(r.view.far)
	}
}

// picker returns a copy of p.
func (r *rehearsal) picker(p picker) picker {
	switch p := p.(type) {
	case *turnsPicker:
		r.turns = len(p.schedule)
		t := &turns{random: p.turns.random}
		t.cursor.Store(p.turns.cursor.Load())
		return &turnsPicker{turns: t, candidates: p.candidates, schedule: p.schedule}
	case *hashPicker:
		r.hashing = true
		return &hashPicker{table: p.table, seats: p.seats.clone()}
	case *ewmaPicker:
		e := newEWMAPicker(p.candidates, p.random).(*ewmaPicker)
		r.ewma = e
		return e
	}
	return p // the others keep nothing
}

func (s *seats) clone() *seats {
	c := &seats{list: make([]seat, len(s.list)), random: s.random}
	for i := range s.list {
		from, to := &s.list[i], &c.list[i]
		to.endpoint, to.part, to.idle = from.endpoint, from.part, from.idle
		to.seen.Store(from.seen.Load())
	}
	c.total.Store(s.total.Load())
	return c
}

// pick is what the view would pick. Where a key has a place, each pick is by fresh copies: the load that one
// notes would drive the next away.
func (r *rehearsal) pick(k Key, tried Tried) *Endpoint {
	if len(r.candidates) == 0 {
		return nil
	}
	if r.placed(k) {
		r.again()
	}
	return r.copy.pick(k, tried)
}

// placed reports whether the key has a place.
func (r *rehearsal) placed(k Key) bool { return r.hashing && k.Hash != 0 }

// placedDraws tell a place from a walk that ended with a draw.
const placedDraws = 8

// draws returns how many draws tell the chances. A round of turns is told whole if that is not too much.
func (r *rehearsal) draws(k Key) int {
	switch {
	case len(r.candidates) == 1:
		return 1
	case r.placed(k):
		return placedDraws
	case r.turns > 0 && r.turns <= chanceDraws && r.copy.far == nil:
		return chanceDraws / r.turns * r.turns
	}
	return chanceDraws
}

func (r *rehearsal) by(k Key) string {
	switch {
	case r.placed(k):
		return ByHash
	case r.turns > 0 && r.copy.far == nil:
		return ByTurn
	}
	return ByDraw
}

// score is what the balancer compares of a candidate. One that is full has what it would have with room.
func (r *rehearsal) score(m *Member) float64 {
	load := float64(m.Endpoint.InFlight()) * shareUnit / float64(m.Share)
	if r.ewma != nil {
		return r.latency(m) * (1 + load) / float64(time.Millisecond)
	}
	if _, least := r.view.near.(*leastPicker); least || r.hashing {
		return load
	}
	return 0
}

// latency is what m is expected to need: without a sample, what the fastest candidate does.
func (r *rehearsal) latency(m *Member) float64 {
	if m.Endpoint.Latency() == 0 {
		return r.fastest()
	}
	var one [ewmaScan]float64
	r.ewma.latencies(contenders([]Member{*m}), &one)
	return one[0]
}

func (r *rehearsal) fastest() float64 {
	if r.assumed > 0 {
		return r.assumed
	}
	r.assumed = assumedLatency
	for all := contenders(r.view.candidates); len(all) > 0; all = all[min(len(all), ewmaScan):] {
		var some [ewmaScan]float64
		n := min(len(all), ewmaScan)
		r.ewma.latencies(all[:n], &some)
		r.assumed = min(r.assumed, slices.Min(some[:n]))
	}
	return r.assumed
}
