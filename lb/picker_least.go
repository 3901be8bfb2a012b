package lb

import "math"

// leastScan is up to how many endpoints least_requests looks at all of them. Beyond it, two chosen
// at random do nearly as well (Mitzenmacher 2001) at a cost that does not grow.
const leastScan = 16

// leastPicker is least_requests: the fewest leases in flight for its weight.
type leastPicker struct{ candidates []Member }

func newLeastPicker(candidates []Member) picker { return &leastPicker{candidates} }

func (p *leastPicker) pick(_ Key, tried Tried) *Endpoint {
	var pair [2]Member
	if e := least(narrow(p.candidates, leastScan, &pair), tried); e != nil {
		return e
	}
	return anyUntried(p.candidates, tried)
}

// least draws among the members with the lowest load.
func least(members []Member, tried Tried) *Endpoint {
	lowest := math.Inf(1)
	var draw lottery
	for i := range members {
		m := &members[i]
		if tried.Has(m.Endpoint) {
			continue
		}
		load := m.load()
		if load < lowest {
			lowest, draw = load, lottery{}
		}
		if load == lowest {
			draw.enter(m)
		}
	}
	return draw.winner
}

// load is what the member has in flight, for its weight. The use to be placed is not counted:
// with it, a heavier member would get everything while there is little to do; without it, idle
// members are equal and draw by weight.
func (m *Member) load() float64 {
	return float64(m.Endpoint.inFlight.Load()) / float64(m.Weight)
}
