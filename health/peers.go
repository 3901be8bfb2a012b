package health

import (
	"weir/lb"
)

const (
	// rateHosts and rateVolume are how many endpoints must have had how many uses within
	// rateInterval to be compared by their rates (Envoy's figures).
	rateHosts, rateVolume = 5, 100
	// rateMargin is by how much a rate must be worse than the mean at least. Where nearly all goes
	// well the deviation is next to nothing, and a single error would be an outlier. rateSigmas is
	// the same in standard errors: chance alone exceeds it once in three million times.
	rateMargin, rateSigmas = 0.05, 5
)

// peers are the endpoints of one upstream, which are compared with each other. The mutex of
// Outliers guards them.
type peers struct {
	upstream *lb.Upstream
	config   OutliersConfig
	stats    OutlierStats

	members []lb.Member // that list and records were made for
	list    []*record
	records map[*lb.Endpoint]*record
	out     []*record // the ejected ones
	doubts  map[place]doubt
}

// sync takes in what has joined the upstream and drops what has left it. It returns the endpoints
// that are new here: one may have left an earlier snapshot while it was ejected.
func (p *peers) sync() (fresh []*lb.Endpoint) {
	members := p.upstream.View().Members()
	if p.records != nil && same(members, p.members) {
		return nil
	}
	before := p.records
	p.members = members
	p.list = make([]*record, len(members))
	p.records = make(map[*lb.Endpoint]*record, len(members))
	p.out, p.doubts = nil, make(map[place]doubt)
	for i, m := range members {
		r := before[m.Endpoint]
		if r == nil {
			r = newRecord(m.Endpoint)
			fresh = append(fresh, m.Endpoint)
		}
		if r.isEjected() {
			p.out = append(p.out, r)
		}
		r.tier = m.Tier
		p.list[i], p.records[m.Endpoint] = r, r
	}
	return fresh
}

// same reports whether two lists are one: views share theirs until the membership changes.
func same(a, b []lb.Member) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// shorten applies a new, shorter max_ejection.
func (p *peers) shorten() {
	for _, r := range p.out {
		if end := r.since.Add(p.config.MaxEjection.Value()); r.until.After(end) {
			r.until = end
		}
	}
}

// room returns how many more endpoints may be ejected: no more than max_ejected of those that are
// fit otherwise are out, or one, and at least one stays. Those that a backup stands in for are not in it,
// see covered.
func (p *peers) room() int {
	fit, out := 0, 0
	for _, r := range p.list {
		if !r.fit() {
			continue
		}
		fit++
		if r.isEjected() {
			out++
		}
	}
	most := max(1, int(p.config.MaxEjected.Value()*float64(fit)+1e-9))
	return max(0, min(most-out, fit-out-1))
}

// covered returns the tier below which every endpoint may be ejected: that of a backup which is ready to
// take over.
func (p *peers) covered() int {
	tier := 0
	for _, r := range p.list {
		if r.endpoint.State() == lb.Ready {
			tier = max(tier, r.tier)
		}
	}
	return tier
}
