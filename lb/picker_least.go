package lb

import "math"

// leastScan is up to how many endpoints least_requests looks at all of them. Beyond it, two chosen
// at random do nearly as well (Mitzenmacher 2001) at a cost that does not grow.
const leastScan = 16

// leastPicker is least_requests: the fewest leases in flight for its weight.
type leastPicker struct{ candidates []Member }

func newLeastPicker(candidates []Member) picker { return &leastPicker{candidates} }

func (p *leastPicker) pick(_ Key, tried Tried) *Endpoint {
	if n := len(p.candidates); n > leastScan {
		a, b := twoOf(n)
		if e := leastOfTwo(&p.candidates[a], &p.candidates[b], tried); e != nil {
			return e
		}
	}
	return p.scan(tried)
}

// scan looks at every candidate. With more than leastScan of them it is the way out for a retry
// whose two draws were both tried before.
func (p *leastPicker) scan(tried Tried) *Endpoint {
	least := math.Inf(1)
	var draw lottery
	for i := range p.candidates {
		m := &p.candidates[i]
		if tried.Has(m.Endpoint) {
			continue
		}
		load := m.load()
		if load < least {
			least, draw = load, lottery{}
		}
		if load == least {
			draw.enter(m)
		}
	}
	return draw.winner
}

// leastOfTwo returns the better of two members of which either may have been tried, nil if both.
func leastOfTwo(a, b *Member, tried Tried) *Endpoint {
	switch aOut, bOut := tried.Has(a.Endpoint), tried.Has(b.Endpoint); {
	case aOut && bOut:
		return nil
	case aOut:
		return b.Endpoint
	case bOut:
		return a.Endpoint
	}
	loadA, loadB := a.load(), b.load()
	if loadA == loadB {
		return drawOfTwo(a, b)
	}
	if loadA < loadB {
		return a.Endpoint
	}
	return b.Endpoint
}

func drawOfTwo(a, b *Member) *Endpoint {
	var draw lottery
	draw.enter(a)
	draw.enter(b)
	return draw.winner
}

// load is what the member has in flight, for its weight. The use to be placed is not counted:
// with it, a heavier member would get everything while there is little to do; without it, idle
// members are equal and draw by weight.
func (m *Member) load() float64 {
	return float64(m.Endpoint.inFlight.Load()) / float64(m.Weight)
}
