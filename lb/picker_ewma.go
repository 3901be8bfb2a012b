package lb

import "time"

const (
	// ewmaScan is up to how many endpoints ewma looks at all of them; beyond, at two at random.
	ewmaScan = 4
	// ewmaBand is how much dearer than the best a candidate may be and still draw with it by
	// weight. Without a band the marginally fastest endpoint gets everything while there is
	// little to do, and weights mean nothing until there is much.
	ewmaBand = 1.25
	// leastLatency stands for averages that have faded to nothing after a long silence, so that
	// what is in flight still tells endpoints apart.
	leastLatency = float64(time.Microsecond)
	// unproven is the cost of an endpoint whose first use is still under way, whatever its weight:
	// one use at a time until there is a sample, unless all others are worse (Finagle).
	unproven = float64(time.Minute)
)

// ewmaPicker is ewma: the lowest expected wait, by latency and by what is in flight.
type ewmaPicker struct{ candidates []Member }

func newEWMAPicker(candidates []Member) picker { return &ewmaPicker{candidates} }

func (p *ewmaPicker) pick(_ Key, tried Tried) *Endpoint {
	n := len(p.candidates)
	if n > ewmaScan {
		a, b := twoOf(n)
		pair := [2]Member{p.candidates[a], p.candidates[b]}
		if e := cheapest(pair[:], tried); e != nil {
			return e
		}
		return p.afterTried(tried)
	}
	return cheapest(p.candidates, tried)
}

// afterTried serves a retry whose two draws were both tried before. It tries successive groups
// from a random place: retries are rare, so the choice need not be the best.
func (p *ewmaPicker) afterTried(tried Tried) *Endpoint {
	start, _ := twoOf(len(p.candidates))
	for i := range p.candidates {
		m := &p.candidates[(start+i)%len(p.candidates)]
		if !tried.Has(m.Endpoint) {
			return m.Endpoint
		}
	}
	return nil
}

// cheapest draws among the members, at most ewmaScan, whose cost is within the band of the best.
func cheapest(members []Member, tried Tried) *Endpoint {
	var costs [ewmaScan]float64
	best := -1.0
	for i := range members {
		costs[i] = -1
		if !tried.Has(members[i].Endpoint) {
			costs[i] = members[i].cost()
			if best < 0 || costs[i] < best {
				best = costs[i]
			}
		}
	}
	var draw lottery
	for i := range members {
		if costs[i] >= 0 && costs[i] <= best*ewmaBand {
			draw.enter(&members[i])
		}
	}
	return draw.winner
}

// cost is the expected wait: the average latency, times the place in the queue. The member's
// weight divides what is in flight and not the use to be placed, see [Member.load].
func (m *Member) cost() float64 {
	e := m.Endpoint
	flying := e.inFlight.Load()
	average := e.latency.at(e.now())
	switch {
	case average > 0:
		average = max(average, leastLatency)
	case e.latency.word.Load() != 0:
		average = leastLatency
	case flying == 0:
		return 0
	default:
		return unproven * (1 + m.load())
	}
	return average * (1 + m.load())
}
