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
	candidates []Member
	tier       int
	state      State
	panic      bool
	near, far  picker // far is nil unless zones divide the candidates
	spill      uint32 // the part of 1<<32 of the uses that goes to far first
	rest       []*Endpoint
}

// membership is who belongs to an upstream. It never changes; discovery makes a new one.
type membership struct {
	members   []Member
	byAddress map[string]*Endpoint
}

func newMembership(members []Member) *membership {
	m := &membership{members: members, byAddress: make(map[string]*Endpoint, len(members))}
	for i := range members {
		m.byAddress[members[i].Endpoint.address] = members[i].Endpoint
	}
	return m
}

// Members returns all endpoints in the order of the configuration. Read-only.
func (v *View) Members() []Member { return v.members }

// Candidates returns the endpoints that may be picked: of the first backup tier that has ready ones
// those, else likewise the unknown ones, else the draining ones; in panic the ejected ones too.
// Empty means that the upstream can serve nobody. Read-only.
func (v *View) Candidates() []Member { return v.candidates }

// Tier returns the backup tier of the candidates, 0 for the first choice.
func (v *View) Tier() int { return v.tier }

// Panic reports whether ejected endpoints are among the candidates because too few others are left.
func (v *View) Panic() bool { return v.panic }

// Ready returns the number of candidates that were ready when the view was built.
func (v *View) Ready() int {
	if v.state != Ready {
		return 0
	}
	return len(v.candidates)
}

// picker is one balancer's algorithm over the candidates of one view.
type picker interface {
	// pick returns a candidate that is neither in tried nor full, or nil. tried goes by value:
	// behind an interface a pointer would move it to the heap.
	pick(k Key, tried Tried) *Endpoint
}

// pick asks the zones' pickers in turn, then whoever else is fit.
func (v *View) pick(k Key, tried Tried) *Endpoint {
	first, second := v.near, v.far
	if v.spill > 0 && rand.Uint32() < v.spill {
		first, second = second, first
	}
	if e := first.pick(k, tried); e != nil {
		return e
	}
	if second == nil {
		return nil
	}
	return second.pick(k, tried)
}

// whyNot returns why pick found nothing.
func (v *View) whyNot(tried *Tried) Reason {
	if len(v.candidates) == 0 {
		return NoEndpoint
	}
	if len(v.candidates) > maxTried {
		return AllFull
	}
	for i := range v.candidates {
		if !tried.Has(v.candidates[i].Endpoint) {
			return AllFull
		}
	}
	return AllTried
}

// preference is the order in which states serve.
var preference = [...]State{Ready, Unknown, Draining}

func (u *Upstream) buildView() *View {
	v := &View{membership: u.members}
	for _, s := range preference {
		if v.candidates = inState(v.members, s); len(v.candidates) > 0 {
			v.state = s
			break
		}
	}
	v.near = u.newPicker(v.candidates)
	return v
}

func inState(members []Member, s State) []Member {
	var in []Member
	for _, m := range members {
		if m.Endpoint.State() == s {
			m.Share = m.Weight * shareUnit
			in = append(in, m)
		}
	}
	return in
}
