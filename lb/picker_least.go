package lb

import "math"

// leastScan is up to how many endpoints least_requests looks at all of them. Beyond it, two chosen
// at random do nearly as well (Mitzenmacher 2001) at a cost that does not grow.
const leastScan = 16

// leastPicker is least_requests: the fewest leases in flight for its share.
type leastPicker struct {
	candidates []Member
	contenders []contender // beside them
	random     dice
}

func newLeastPicker(candidates []Member, random dice) picker {
	return &leastPicker{candidates, contenders(candidates), random}
}

func (p *leastPicker) pick(_ Key, tried Tried) *Endpoint {
	var pair [2]contender
	if e := p.least(narrow(p.contenders, leastScan, p.random(), &pair), &tried); e != nil {
		return e
	}
	return p.random.anyFree(p.candidates, &tried)
}

// least draws among contenders, at most leastScan, with the lowest load.
func (p *leastPicker) least(list []contender, tried *Tried) *Endpoint {
	var loads [leastScan]float64
	lowest := math.MaxFloat64
	for i := range list {
		load, ok := list[i].load(tried)
		if !ok {
			load = math.Inf(1)
		} else if load < lowest {
			lowest = load
		}
		loads[i] = load
	}
	return p.random.cheapest(list, loads[:], lowest)
}
