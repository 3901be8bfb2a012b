package lb

import "sync/atomic"

// TallySlots is how many tallies an endpoint keeps. Routes share them by Route % TallySlots, so that
// one bad route can be told from a bad endpoint in fixed memory.
const TallySlots = 16

// Tally is what the uses of one endpoint by the routes of one slot came to.
type Tally struct {
	// OK and Failed count ended uses. Cancelled and outrun ones are in neither.
	OK, Failed uint64
	// InRow is the number of failures since the last success.
	InRow uint32
}

// tally is the live form of a Tally.
type tally struct {
	ok, failed atomic.Uint64
	inRow      atomic.Uint32
}

// Tally returns the tally of a slot, which must be less than TallySlots.
func (e *Endpoint) Tally(slot int) Tally {
	t := &e.tallies[slot]
	return Tally{OK: t.ok.Load(), Failed: t.failed.Load(), InRow: t.inRow.Load()}
}

// count takes a result into the tally of route and tells the registry of a streak.
func (e *Endpoint) count(r Result, route uint32) {
	slot := int(route % TallySlots)
	t := &e.tallies[slot]
	if r == OK {
		t.ok.Add(1)
		if t.inRow.Load() != 0 {
			t.inRow.Store(0)
		}
		return
	}
	e.results[r].Add(1)
	if r.Failed() {
		t.failed.Add(1)
		e.group.streak(e, slot, t.inRow.Add(1))
	}
}
