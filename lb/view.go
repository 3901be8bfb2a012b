package lb

// Member is an endpoint's part in one upstream of one snapshot.
type Member struct {
	// Endpoint is shared with every other snapshot that names the same upstream and address.
	Endpoint *Endpoint
	// Weight is the member's share relative to the others, at least 1.
	Weight int
}

// View is what an upstream offers at one moment. It never changes.
type View struct {
	members    []Member
	candidates []Member
	tier       State
	picker     picker
}

// Members returns all endpoints in the order of the configuration. Read-only.
func (v *View) Members() []Member { return v.members }

// Candidates returns the endpoints that may be picked: the ready ones, else the unknown ones,
// else the draining ones. Empty means that the upstream can serve nobody. Read-only.
func (v *View) Candidates() []Member { return v.candidates }

// Ready returns the number of endpoints that were ready when the view was built.
func (v *View) Ready() int {
	if v.tier != Ready {
		return 0
	}
	return len(v.candidates)
}

// picker is one balancer's algorithm over the candidates of one view.
type picker interface {
	// pick returns a candidate that is not in tried, or nil. tried goes by value: behind an
	// interface a pointer would move it to the heap.
	pick(k Key, tried Tried) *Endpoint
}

func buildView(members []Member, newPicker func([]Member) picker) *View {
	v := &View{members: members}
	for _, tier := range tiers {
		if v.candidates = inState(members, tier); len(v.candidates) > 0 {
			v.tier = tier
			break
		}
	}
	v.picker = newPicker(v.candidates)
	return v
}

func inState(members []Member, s State) []Member {
	var in []Member
	for _, m := range members {
		if m.Endpoint.State() == s {
			in = append(in, m)
		}
	}
	return in
}
