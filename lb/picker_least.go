package lb

import "math"

// leastScan is up to how many endpoints least_requests looks at all of them. Beyond it, two chosen
// at random do nearly as well (Mitzenmacher 2001) at a cost that does not grow.
const leastScan = 16

// leastPicker is least_requests: the fewest leases in flight for its share.
type leastPicker struct {
	candidates []Member
	random     dice
}

func newLeastPicker(candidates []Member, random dice) picker {
	return &leastPicker{candidates, random}
}

func (p *leastPicker) pick(_ Key, tried Tried) *Endpoint {
	var pair [2]Member
	if e := p.least(narrow(p.candidates, leastScan, p.random(), &pair), &tried); e != nil {
		return e
	}
	return p.random.anyFree(p.candidates, &tried)
}

// least draws among the members, at most leastScan, with the lowest load.
func (p *leastPicker) least(members []Member, tried *Tried) *Endpoint {
	var loads [leastScan]float64
	lowest := math.MaxFloat64
	for i := range members {
		m := &members[i]
		if !m.Endpoint.free(tried) {
			loads[i] = math.Inf(1)
			continue
		}
		loads[i] = m.load()
		lowest = min(lowest, loads[i])
	}
	return p.random.cheapest(members, loads[:], lowest)
}
