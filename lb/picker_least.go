package lb

import "math"

// leastScan is up to how many endpoints least_requests looks at all of them. Beyond it, two chosen
// at random do nearly as well (Mitzenmacher 2001) at a cost that does not grow.
const leastScan = 16

// leastPicker is least_requests: the fewest leases in flight for its share.
type leastPicker struct {
	candidates []Member
	contenders []contender // beside them
	odds       []odds      // nil where all shares are equal, or few
	random     dice
}

func newLeastPicker(candidates []Member, random dice) picker {
	p := &leastPicker{candidates: candidates, contenders: contenders(candidates), random: random}
	if len(candidates) > leastScan {
		p.odds = newOdds(candidates)
	}
	return p
}

func (p *leastPicker) pick(_ Key, tried Tried) *Endpoint {
	var pair [2]contender
	if p.odds != nil {
		return p.byShare(&pair, &tried)
	}
	if e := p.least(narrow(p.contenders, leastScan, p.random(), &pair), &tried); e != nil {
		return e
	}
	return p.random.anyFree(p.candidates, &tried)
}

// byShare takes the less loaded of two that were drawn by share.
func (p *leastPicker) byShare(pair *[2]contender, tried *Tried) *Endpoint {
	for range 1 + redraws {
		list := p.random.two(p.contenders, p.odds, pair)
		var loads [leastScan]float64
		if e := firstOf(list, loads[:], lowest(list, tried, &loads)); e != nil {
			return e
		}
	}
	return p.random.anyFree(p.candidates, tried)
}

// least draws among contenders, at most leastScan, with the lowest load.
func (p *leastPicker) least(list []contender, tried *Tried) *Endpoint {
	var loads [leastScan]float64
	most := lowest(list, tried, &loads)
	return p.random.cheapest(list, loads[:], most)
}

// lowest fills in the loads of contenders and returns the lowest.
func lowest(list []contender, tried *Tried, loads *[leastScan]float64) float64 {
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
	return lowest
}
