package lb

import (
	"math"
	"sync/atomic"
)

const (
	// ewmaScan is up to how many endpoints ewma looks at all of them; beyond, at two at random.
	ewmaScan = 4
	// hopeless is what part of its cost the best's must be for a contender to be drawn.
	hopeless = 1. / 5
	// assumedLatency is the most that an endpoint without a sample is taken to need. It is taken
	// to be as fast as the fastest it is compared with, so that it shares the work by what is in
	// flight; the bound keeps a failure's charge elsewhere from becoming its estimate too.
	assumedLatency = 100e6 // ns
)

const (
	// ewmaGrain is the latency, in ns, below which endpoints count as equally fast. Differences below
	// are of threads that wake, of caches and cold connections: by them alone an endpoint that has
	// come back would be left out for half a minute, because its first answer took 3 ms and those of
	// the others 0.2.
	ewmaGrain = 1e6
	// clockEvery is every how many picks ewma reads the clock, a power of two. Averages fade over
	// seconds, and reading it costs as much as the rest of a pick.
	clockEvery = 16
	// busyFade is how much slower an average fades while something is in flight. No sample then is
	// not rest but silence: a frozen endpoint must not become attractive before its uses time out.
	busyFade = 3
)

// ewmaPicker is ewma: the lowest expected wait, by latency and by what is in flight.
type ewmaPicker struct {
	candidates []Member
	contenders []contender // beside them
	odds       []odds      // nil where all shares are equal
	random     dice
	_          [64]byte
	clock      atomic.Uint32 // the tick when it was last read
	_          [64]byte
}

func newEWMAPicker(candidates []Member, random dice) picker {
	p := &ewmaPicker{candidates: candidates, contenders: contenders(candidates), odds: newOdds(candidates), random: random}
	p.readClock()
	return p
}

func (p *ewmaPicker) readClock() {
	if len(p.candidates) == 0 {
		return
	}
	if tick := ticks(p.candidates[0].Endpoint.now()); tick != p.clock.Load() {
		p.clock.Store(tick)
	}
}

func (p *ewmaPicker) pick(_ Key, tried Tried) *Endpoint {
	bits := p.random()
	if bits%clockEvery == 0 {
		p.readClock()
	}
	var pair [2]contender
	if p.odds == nil {
		list := narrow(p.contenders, ewmaScan, bits, &pair)
		var costs [ewmaScan]float64
		if e := p.softly(list, &costs, p.cost(list, &tried, &costs)); e != nil {
			return e
		}
		return p.random.anyFree(p.candidates, &tried)
	}
	return p.byShare(&pair, &tried)
}

// byShare takes the better of two that were drawn by share: by the cost of all, whoever is the fastest
// would get everything while there is little to do, a canary of weight 1 beside 99 and an endpoint in
// its slow start too.
func (p *ewmaPicker) byShare(pair *[2]contender, tried *Tried) *Endpoint {
	for range 1 + redraws {
		list := p.random.two(p.contenders, p.odds, pair)
		var costs [ewmaScan]float64
		if e := p.softly(list, &costs, p.cost(list, tried, &costs)); e != nil {
			return e
		}
	}
	return p.random.anyFree(p.candidates, tried)
}

// softly draws among contenders of equal share, or that were drawn by share. One is drawn with the fifth power of
// how it compares with the best: at twice the cost a thirty-second as often, and from five times on not at
// all. Taking the best alone would send everything to one of equal endpoints for as long as the others
// remember a pause. It returns nil if none is free.
func (p *ewmaPicker) softly(list []contender, costs *[ewmaScan]float64, lowest float64) *Endpoint {
	var odds [ewmaScan]float64
	total := 0.
	for i := range list {
		if r := lowest / costs[i]; r >= hopeless {
			odds[i] = r * r * r * r * r
			total += odds[i]
		}
	}
	at := float64(p.random()>>11) / (1 << 53) * total
	for i := range list {
		if at -= odds[i]; at < 0 {
			return list[i].endpoint
		}
	}
	return nil
}

// cost fills in what contenders, at most ewmaScan, cost, and returns the lowest. The cost is the latency times the
// place in the queue; the weight divides what is in flight and not the use to be placed, see
// [contender.load].
func (p *ewmaPicker) cost(list []contender, tried *Tried, costs *[ewmaScan]float64) (lowest float64) {
	p.latencies(list, costs)
	lowest = math.MaxFloat64
	for i := range list {
		load, ok := list[i].load(tried)
		if !ok {
			costs[i] = math.Inf(1)
		} else if costs[i] *= 1 + load; costs[i] < lowest {
			lowest = costs[i]
		}
	}
	return lowest
}

// latencies fills in what each contender is expected to need: its average, faded, and the assumption
// where there is no sample.
func (p *ewmaPicker) latencies(list []contender, out *[ewmaScan]float64) {
	var sampled [ewmaScan]uint32
	now := p.clock.Load()
	for i := range list {
		out[i], sampled[i] = unpack(list[i].endpoint.latency.word.Load())
		if out[i] > 0 && int32(sampled[i]-now) > 0 {
			now = sampled[i] // the clock was read before
		}
	}
	assumed := float64(assumedLatency)
	for i := range list {
		if out[i] == 0 {
			continue
		}
		if gap := int32(now - sampled[i]); gap > 0 {
			if list[i].endpoint.inFlight.Load() > 0 {
				gap /= busyFade
			}
			out[i] *= quickFade(gap)
		}
		if out[i] < ewmaGrain {
			out[i] = ewmaGrain
		}
		if out[i] < assumed {
			assumed = out[i]
		}
	}
	for i := range list {
		if out[i] == 0 {
			out[i] = assumed
		}
	}
}

// quickFade is fade within a ten thousandth, for a quarter of its price: a power of two by its bits,
// times four terms of the series of the rest.
func quickFade(gap int32) float64 {
	halvings := float64(gap) * (math.Log2E / float64(latencyDecay/latencyTick))
	if halvings > 1000 {
		return 0
	}
	whole := int(halvings + 0.5)
	x := (halvings - float64(whole)) * math.Ln2
	return math.Float64frombits(uint64(1023-whole)<<52) * (1 - x*(1-x*(0.5-x*(1./6-x/24))))
}
