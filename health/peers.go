package health

import (
	"fmt"
	"math"

	"weir/lb"
)

const (
	// rareRow is how improbable a row of errors must be, going by the others, to speak against the
	// endpoint instead of the route: less than one in a million.
	rareRow = 1e-6
	// rateHosts and rateVolume are how many endpoints must have had how many uses within
	// rateInterval to be compared by their rates (Envoy's figures).
	rateHosts, rateVolume = 5, 100
	// rateMargin is by how much a rate must be worse than the mean at least. Where nearly all goes
	// well the deviation is next to nothing, and a single error would be an outlier.
	rateMargin = 0.05
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
	p.out = nil
	for i, m := range members {
		r := before[m.Endpoint]
		if r == nil {
			r = newRecord(m.Endpoint)
			fresh = append(fresh, m.Endpoint)
		}
		if r.isEjected() {
			p.out = append(p.out, r)
		}
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
// fit otherwise are out, or one, and at least one stays.
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

// failing returns those of list that fail in a slot while the others serve it.
//
// How long a row of errors must be follows from how much fails on the others: with a share p of
// their uses failing, a row of n has the probability p^n. Each of the others has one vote, so that
// a few that fail as well don't make the failure look common.
func (p *peers) failing(slot int, list []*record) (out []suspect) {
	streak := p.config.ConsecutiveErrors.Value()
	if p.config.ConsecutiveErrors.IsOff() {
		return nil
	}
	var all votes
	for _, r := range p.list {
		if r.serves() {
			all.add(r.vote(slot))
		}
	}
	for _, r := range list {
		row := int(r.endpoint.Tally(slot).InRow)
		if !r.serves() || row < streak {
			continue
		}
		others := all.without(r.vote(slot))
		share := others.mean()
		if math.Pow(share, float64(row)) > rareRow {
			continue
		}
		out = append(out, suspect{
			record: r, reason: ConsecutiveErrors, worse: float64(row),
			why: fmt.Sprintf("%d errors in a row%s", row, others),
		})
	}
	return out
}

// vote is the share of an endpoint's uses that fails in a slot; no vote without any use.
type vote struct {
	share float64
	cast  bool
}

// vote returns the worse of two figures: the share over the last 10 to 20 s, and what the row that
// lasts now suggests, which is all there is at the beginning of a failure. The second is n/(n+1)
// for a row of n, 0 for an endpoint whose last use went well.
func (r *record) vote(slot int) vote {
	t := r.endpoint.Tally(slot)
	if t.OK+t.Failed == 0 {
		return vote{}
	}
	share := float64(t.InRow) / float64(t.InRow+1)
	if recent := countsOf(t).minus(r.before[slot]); recent.total() > 0 {
		share = max(share, float64(recent.failed)/recent.total())
	}
	return vote{share, true}
}

// votes is a sum of them.
type votes struct {
	sum float64
	n   int
}

func (v *votes) add(one vote) {
	if one.cast {
		v.sum += one.share
		v.n++
	}
}

func (v votes) without(one vote) votes {
	if one.cast {
		v.sum -= one.share
		v.n--
	}
	return v
}

// mean is 0 without a vote: where nobody can be compared with, another endpoint is worth a try.
func (v votes) mean() float64 {
	if v.n <= 0 {
		return 0
	}
	return min(max(v.sum/float64(v.n), 0), 1)
}

// String says how the others do, in the words of a log line.
func (v votes) String() string {
	switch share := v.mean(); {
	case v.n <= 0:
		return " on a route that no other endpoint has served"
	case share < 0.0005:
		return " on a route that the others serve"
	default:
		return " on a route that fails " + percent(share) + " of the time elsewhere"
	}
}

func percent(share float64) string { return fmt.Sprintf("%.3g%%", share*100) }
