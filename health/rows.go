package health

import (
	"fmt"
	"math"
	"time"
)

const (
	// rareRow is how improbable a row of errors must be, going by the others, to speak against the
	// endpoint instead of the route: less than one in a million.
	rareRow = 1e-6
	// fewOthers is how many others may by chance not have been asked since a route began to fail
	// everywhere. With so few, one of them must have served the route while the row lasts; patience
	// is how long that is waited for, lookAgain how often it is looked at.
	fewOthers = 2
	patience  = 100 * time.Millisecond
	lookAgain = 5 * time.Millisecond
)

// place is a row of errors: where it happens.
type place struct {
	record *record
	slot   int
}

// doubt is a row that waits for a success elsewhere.
type doubt struct {
	ok    uint64 // successes of all in the slot when the row was first seen
	since time.Time
}

// failing returns those of list that fail in a slot while the others serve it, and those that must
// be looked at again soon.
//
// How long a row of errors must be follows from how much fails on the others: with a share p of
// their uses failing, a row of n has the probability p^n. Each of the others has one vote, so that
// a few that fail as well don't make the failure look common.
func (p *peers) failing(slot int, list []*record, now time.Time) (out []suspect, again []streak) {
	if p.config.ConsecutiveErrors.IsOff() {
		return nil, nil
	}
	all := p.ask(slot)
	for _, r := range list {
		row := int(r.endpoint.Tally(slot).InRow)
		others := all.without(r.vote(slot))
		at := place{r, slot}
		switch {
		case !r.serves(), row < p.config.ConsecutiveErrors.Value(), math.Pow(others.mean(), float64(row)) > rareRow:
			delete(p.doubts, at)
		case others.n <= fewOthers && others.n > 0 && p.doubtful(at, all.ok, now):
			again = append(again, streak{r.endpoint, slot})
		default:
			delete(p.doubts, at)
			out = append(out, suspect{
				record: r, reason: ConsecutiveErrors, worse: float64(row),
				why: fmt.Sprintf("%d errors in a row%s", row, others),
			})
		}
	}
	return out, again
}

// doubtful reports whether a row must wait until somebody else has served its route.
func (p *peers) doubtful(at place, ok uint64, now time.Time) bool {
	d, known := p.doubts[at]
	if !known {
		p.doubts[at] = doubt{ok, now}
		return true
	}
	return ok <= d.ok && now.Sub(d.since) < patience
}

// ask collects the votes of those that get traffic.
func (p *peers) ask(slot int) (all votes) {
	for _, r := range p.list {
		if r.serves() {
			all.add(r.vote(slot))
			all.ok += r.endpoint.Tally(slot).OK
		}
	}
	return all
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
	ok  uint64 // successes ever
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
