package lb

import (
	"math"
	"time"
)

const (
	// ewmaScan is up to how many endpoints ewma looks at all of them; beyond, at two at random.
	ewmaScan = 4
	// ewmaBand is how much dearer than the best a candidate may be and still draw with it by
	// weight. Without a band the marginally fastest endpoint gets everything while there is
	// little to do, and weights mean nothing until there is much.
	ewmaBand = 1.25
	// assumedLatency is the most that an endpoint without a sample is taken to need. It is taken
	// to be as fast as the fastest it is compared with, so that it shares the work by what is in
	// flight; the bound keeps a failure's charge elsewhere from becoming its estimate too.
	assumedLatency = float64(100 * time.Millisecond)
)

// ewmaPicker is ewma: the lowest expected wait, by latency and by what is in flight.
type ewmaPicker struct{ candidates []Member }

func newEWMAPicker(candidates []Member) picker { return &ewmaPicker{candidates} }

func (p *ewmaPicker) pick(_ Key, tried Tried) *Endpoint {
	var pair [2]Member
	if e := cheapest(narrow(p.candidates, ewmaScan, &pair), tried); e != nil {
		return e
	}
	return anyUntried(p.candidates, tried)
}

// cheapest draws among the members, at most ewmaScan, whose cost is within the band of the lowest.
// The cost is the latency times the place in the queue; the weight divides what is in flight and
// not the use to be placed, see [Member.load].
func cheapest(members []Member, tried Tried) *Endpoint {
	var costs [ewmaScan]float64
	latencies(members, tried, &costs)
	lowest := math.Inf(1)
	for i := range members {
		costs[i] *= 1 + members[i].load()
		lowest = min(lowest, costs[i])
	}
	if math.IsInf(lowest, 1) {
		return nil
	}
	var draw lottery
	for i := range members {
		if costs[i] <= lowest*ewmaBand {
			draw.enter(&members[i])
		}
	}
	return draw.winner
}

// latencies fills in what each member is expected to need: its average, the assumption where there
// is no sample, infinity where it was tried.
func latencies(members []Member, tried Tried, out *[ewmaScan]float64) {
	assumed := assumedLatency
	for i := range members {
		e := members[i].Endpoint
		if tried.Has(e) {
			out[i] = math.Inf(1)
		} else if out[i] = e.latency.at(e.now()); out[i] > 0 {
			assumed = min(assumed, out[i])
		}
	}
	for i := range members {
		if out[i] == 0 {
			out[i] = assumed
		}
	}
}
