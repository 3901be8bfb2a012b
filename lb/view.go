package lb

import "math/rand/v2"

// Member is an endpoint's part in one upstream of one snapshot.
type Member struct {
	// Endpoint is shared with every other snapshot that names the same upstream and address.
	Endpoint *Endpoint
	// Weight is the member's share relative to the others as configured, at least 1.
	Weight int
	// Zone is where the endpoint is; "" if that was not said.
	Zone string
	// Tier is 0 for an endpoint of the first choice; 1 and up are backups of the tier before.
	Tier int
	// Share is what a candidate gets relative to the other candidates: the weight in thousandths,
	// less during slow start. Balancers go by it. At least 1; 0 for what is no candidate.
	Share int
}

// shareUnit is the Share of weight 1.
const shareUnit = 1000

// View is what an upstream offers at one moment. It never changes.
type View struct {
	*membership
	facts
	candidates []Member // those of this node's zone first, where zones divide them
	near, far  picker   // far is nil unless zones divide the candidates
}

// facts are a view's plain figures.
type facts struct {
	tier  int // of the candidates
	ready int
	panic bool
	spare bool   // there are ready endpoints that are no candidates
	local int    // how many candidates near chooses from; 0: all
	spill uint32 // the part of 1<<32 of the uses that goes to far first
}

// Members returns all endpoints in the order of the configuration. Read-only.
func (v *View) Members() []Member { return v.members }

// Candidates returns the endpoints that may be picked: of the first tier that has ready ones those,
// else likewise the unknown ones, else the draining ones; in panic the tier's ejected ones too.
// Empty means that the upstream can serve nobody. Read-only.
func (v *View) Candidates() []Member { return v.candidates }

// Tier returns the tier of the candidates: 0 for the first choice, 1 and up for backups.
func (v *View) Tier() int { return v.tier }

// Panic reports whether ejected endpoints are among the candidates because too few others are left.
func (v *View) Panic() bool { return v.panic }

// Ready returns the number of endpoints, of all tiers, that were ready when the view was built.
func (v *View) Ready() int { return v.ready }

// picker is one balancer's algorithm over the candidates of one view.
type picker interface {
	// pick returns a candidate that is neither in tried nor full, or nil. tried goes by value:
	// behind an interface a pointer would move it to the heap.
	pick(k Key, tried Tried) *Endpoint
}

// pick returns an endpoint that is neither in tried nor full, or nil. Where zones divide the
// candidates, the second group is asked when the first has nothing.
func (v *View) pick(k Key, tried Tried) *Endpoint {
	if v.far == nil {
		return v.near.pick(k, tried)
	}
	first, second := v.near, v.far
	if v.spill > 0 && rand.Uint32() < v.spill {
		first, second = second, first
	}
	if e := first.pick(k, tried); e != nil {
		return e
	}
	return second.pick(k, tried)
}

// pickSpare serves a use for which the candidates hold nothing, because it has tried all of them or
// there are none: by whoever else is ready now, be it a backup or too new for the view. It looks at
// all members, so it is for when there may be one. Full candidates are no reason to come here:
// overload is not to spread to the backups.
func (v *View) pickSpare(tried *Tried) *Endpoint {
	for _, tier := range v.byTier {
		start := below(rand.Uint32(), len(tier))
		for i := range tier {
			e := tier[(start+i)%len(tier)].Endpoint
			if e.State() == Ready && e.free(tried) {
				return e
			}
		}
	}
	return nil
}

// whyNot returns why pick found nothing. A set of tried endpoints is small, so many candidates
// can't all be in it.
func (v *View) whyNot(tried *Tried) Reason {
	switch {
	case len(v.candidates) == 0:
		return NoEndpoint
	case len(v.candidates) > tried.Len():
		return AllFull
	}
	for i := range v.candidates {
		if !tried.Has(v.candidates[i].Endpoint) {
			return AllFull
		}
	}
	return AllTried
}
