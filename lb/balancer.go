package lb

import "fmt"

// balancer makes the picker of each new view of one upstream. It is made once per upstream and
// snapshot, so that what must outlive a view (a cursor, a table) lies in its closure; the upstream
// calls it for one view at a time. Members are the endpoints of the tier, whatever their state;
// candidates are some of them, those that may be picked now. Both are kept and must not change any
// more.
type balancer func(members, candidates []Member) picker

// balancerOf returns the balancer of a name that draws from random.
func balancerOf(name string, random dice) (balancer, error) {
	switch name {
	case RoundRobin:
		return newTurns(random).newPicker, nil
	case Random:
		return byCandidates(newRandomPicker, random), nil
	case LeastRequests:
		return byCandidates(newLeastPicker, random), nil
	case EWMA:
		return byCandidates(newEWMAPicker, random), nil
	case Maglev:
		return newHashBalancer(newMaglevTable, random).newPicker, nil
	case Ring:
		return newHashBalancer(newRingTable, random).newPicker, nil
	}
	return nil, fmt.Errorf("lb: there is no balancer %q", name)
}

// byCandidates adapts a picker that looks at the candidates alone and keeps nothing between views.
func byCandidates(newPicker func([]Member, dice) picker, random dice) balancer {
	return func(_, candidates []Member) picker { return newPicker(candidates, random) }
}

// dice is where draws come from: rand.Uint64, which takes no lock, or in a simulation of one
// goroutine a source with a seed.
type dice func() uint64

// contender is a candidate as those who compare see it: a third of a Member, without a division.
type contender struct {
	endpoint *Endpoint
	share    int
	perUse   float64 // what one use in flight weighs
}

func contenders(candidates []Member) []contender {
	list := make([]contender, len(candidates))
	for i := range candidates {
		m := &candidates[i]
		list[i] = contender{m.Endpoint, m.Share, shareUnit / float64(m.Share)}
	}
	return list
}

// load is what the contender has in flight, for its share; not ok if it can't take the use. The use
// to be placed is not counted: with it, a heavier one would get everything while there is little to
// do; without it, idle ones are equal and draw by share.
func (c *contender) load(tried *Tried) (load float64, ok bool) {
	n := c.endpoint.inFlight.Load()
	if c.endpoint.limiter.full(n) || tried.n > 0 && tried.Has(c.endpoint) {
		return 0, false
	}
	return float64(n) * c.perUse, true
}

// narrow returns all contenders if there are at most limit, else two drawn by random bits, in pair.
// The lowest bits hardly count.
func narrow(list []contender, limit int, bits uint64, pair *[2]contender) []contender {
	n := len(list)
	if n <= limit {
		return list
	}
	a, b := below(uint32(bits), n), below(uint32(bits>>32), n-1)
	if b >= a {
		b++
	}
	pair[0], pair[1] = list[a], list[b]
	return pair[:]
}

// two returns two contenders drawn by share, in pair; one if both draws are the same. So nobody is looked
// at more than twice as often as its share allows, however good it looks.
func (d dice) two(list []contender, table []odds, pair *[2]contender) []contender {
	for i := range pair {
		pair[i] = list[column(table, len(list), d())]
	}
	if pair[0].endpoint == pair[1].endpoint {
		return pair[:1]
	}
	return pair[:]
}

// firstOf returns the first contender that costs at most the given cost; nil if none does. Of two that were
// drawn by share it keeps to the shares.
func firstOf(list []contender, costs []float64, most float64) *Endpoint {
	for i := range list {
		if costs[i] <= most {
			return list[i].endpoint
		}
	}
	return nil
}

// cheapest draws by share among the contenders that cost at most the given cost; nil if none does.
func (d dice) cheapest(list []contender, costs []float64, most float64) *Endpoint {
	costs = costs[:len(list)]
	total, equals, last := 0, 0, 0
	for i, cost := range costs {
		if cost <= most {
			total += list[i].share
			equals++
			last = i
		}
	}
	switch equals {
	case 0:
		return nil
	case 1:
		return list[last].endpoint
	}
	at := int(scale(d(), uint64(total)))
	for i, cost := range costs {
		if cost > most {
			continue
		}
		if at -= list[i].share; at < 0 {
			return list[i].endpoint
		}
	}
	return nil
}

// anyFree serves a use whose draws were all tried before or full. It takes the first that is
// neither, from a random place: this is rare, so the choice need not be the best.
func (d dice) anyFree(candidates []Member, tried *Tried) *Endpoint {
	n := len(candidates)
	if n == 0 {
		return nil
	}
	start := below(uint32(d()), n)
	for _, part := range [2][]Member{candidates[start:], candidates[:start]} {
		for i := range part {
			if e := part[i].Endpoint; e.free(tried) {
				return e
			}
		}
	}
	return nil
}

// free reports whether e can take the use that has tried these.
func (e *Endpoint) free(tried *Tried) bool { return (tried.n == 0 || !tried.Has(e)) && !e.full() }

// below returns a number in [0, n) from 32 random bits, by Lemire's multiplication.
func below(bits uint32, n int) int { return int(uint64(bits) * uint64(n) >> 32) }
