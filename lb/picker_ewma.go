package lb

import "math"

const (
	// ewmaScan is up to how many endpoints ewma looks at all of them; beyond, at two at random.
	ewmaScan = 4
	// ewmaBand is how much dearer than the best a candidate may be and still draw with it by
	// share. Without a band the marginally fastest endpoint gets everything while there is
	// little to do, and weights mean nothing until there is much.
	ewmaBand = 1.25
	// assumedLatency is the most that an endpoint without a sample is taken to need. It is taken
	// to be as fast as the fastest it is compared with, so that it shares the work by what is in
	// flight; the bound keeps a failure's charge elsewhere from becoming its estimate too.
	assumedLatency = 100e6 // ns
)

// ewmaPicker is ewma: the lowest expected wait, by latency and by what is in flight.
type ewmaPicker struct {
	candidates []Member
	random     dice
}

func newEWMAPicker(candidates []Member, random dice) picker {
	return &ewmaPicker{candidates, random}
}

func (p *ewmaPicker) pick(_ Key, tried Tried) *Endpoint {
	var pair [2]Member
	if e := p.cheapest(p.random.narrow(p.candidates, ewmaScan, &pair), &tried); e != nil {
		return e
	}
	return p.random.anyFree(p.candidates, &tried)
}

// cheapest draws among the members, at most ewmaScan, whose cost is within the band of the lowest.
// The cost is the latency times the place in the queue; the weight divides what is in flight and
// not the use to be placed, see [Member.load].
func (p *ewmaPicker) cheapest(members []Member, tried *Tried) *Endpoint {
	var costs [ewmaScan]float64
	latencies(members, tried, &costs)
	lowest := math.MaxFloat64 / ewmaBand
	for i := range members {
		costs[i] *= 1 + members[i].load()
		lowest = min(lowest, costs[i])
	}
	return p.random.cheapest(members, costs[:], lowest*ewmaBand)
}

// latencies fills in what each member is expected to need: its average, the assumption where there
// is no sample, infinity where it was tried or is full.
func latencies(members []Member, tried *Tried, out *[ewmaScan]float64) {
	if len(members) == 0 {
		return
	}
	assumed, now := float64(assumedLatency), members[0].Endpoint.now()
	for i := range members {
		e := members[i].Endpoint
		if !e.free(tried) {
			out[i] = math.Inf(1)
		} else if out[i] = e.latency.at(now); out[i] > 0 {
			assumed = min(assumed, out[i])
		}
	}
	for i := range members {
		if out[i] == 0 {
			out[i] = assumed
		}
	}
}
