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
	// lookAgain is how soon a row is looked at again, to see whether somebody has served its route
	// meanwhile; patience is how long, where nobody else is asked.
	lookAgain = 2 * time.Millisecond
	patience  = 2 * time.Second
)

// place is a row of errors: where it happens.
type place struct {
	record *record
	slot   int
}

// doubt is a row that waits for a success elsewhere.
type doubt struct {
	others votes // when the row was first seen
	since  time.Time
}

// failing returns those of list that fail in a slot while the others serve it, and those that must
// be looked at again soon.
//
// How long a row of errors must be follows from how much fails on the others: with a share p of
// their uses failing, a row of n has the probability p^n. Each of the others has one vote, so that
// a few that fail as well don't make the failure look common. And one of the others must succeed
// after the row was seen: a balancer may not have asked them since the route began to fail.
func (p *peers) failing(slot int, list []*record, now time.Time) (out []suspect, again []streak) {
	if p.config.ConsecutiveErrors.IsOff() {
		return nil, nil
	}
	streakAt := p.config.ConsecutiveErrors.Value()
	all := p.ask(slot)
	for _, r := range list {
		row := int(r.endpoint.Tally(slot).InRow)
		others := all.without(r.vote(slot, streakAt))
		at := place{r, slot}
		if !r.serves() || row < streakAt || math.Pow(others.mean(), float64(row)) > rareRow {
			delete(p.doubts, at)
			continue
		}
		switch p.weigh(at, others, now) {
		case served:
			out = append(out, suspect{
				record: r, reason: ConsecutiveErrors, worse: float64(row),
				why: fmt.Sprintf("%d errors in a row%s", row, others),
			})
		case notAsked:
			again = append(again, streak{r.endpoint, slot})
		}
	}
	return out, again
}

// elsewhere is what the others have done since a row was first seen.
type elsewhere uint8

const (
	notAsked elsewhere = iota
	served
	failed
)

// weigh says what has become of a row's doubt, and ends it unless it goes on.
func (p *peers) weigh(at place, others votes, now time.Time) elsewhere {
	d, known := p.doubts[at]
	switch {
	case others.n == 0: // there is nobody to wait for; another endpoint is worth a try
		return served
	case !known:
		p.doubts[at] = doubt{others, now}
		return notAsked
	case others.n < d.others.n: // one has gone, and what it had done with it
		p.doubts[at] = doubt{others, d.since}
		return notAsked
	case others.ok > d.others.ok:
		delete(p.doubts, at)
		return served
	case others.uses > d.others.uses: // the next multiple of the row begins anew
		delete(p.doubts, at)
		return failed
	case now.Sub(d.since) < patience:
		return notAsked
	}
	delete(p.doubts, at)
	return served
}

// ask collects the votes of those that get traffic.
func (p *peers) ask(slot int) (all votes) {
	for _, r := range p.list {
		if r.serves() {
			all.add(r.vote(slot, p.config.ConsecutiveErrors.Value()))
		}
	}
	return all
}

// vote is the share of an endpoint's uses that fails in a slot; no vote without any use.
type vote struct {
	share    float64
	ok, uses uint64 // ever
}

// vote returns the worse of two figures: the share over the last 10 to 20 s, and what the row that
// lasts now suggests, which is all there is at the beginning of a failure. The second is n/(n+1)
// for a row of n, 0 for an endpoint whose last use went well, and 1 from a row on that would be
// looked at itself.
func (r *record) vote(slot, streakAt int) vote {
	t := r.endpoint.Tally(slot)
	v := vote{ok: t.OK, uses: t.OK + t.Failed}
	if v.share = float64(t.InRow) / float64(t.InRow+1); int(t.InRow) >= streakAt {
		v.share = 1
	}
	if recent := countsOf(t).minus(r.before[slot]); recent.total() > 0 {
		v.share = max(v.share, float64(recent.failed)/recent.total())
	}
	return v
}

// votes is a sum of them.
type votes struct {
	sum      float64
	n        int
	ok, uses uint64
}

func (v *votes) add(one vote) {
	if one.uses > 0 {
		v.sum, v.n, v.ok, v.uses = v.sum+one.share, v.n+1, v.ok+one.ok, v.uses+one.uses
	}
}

func (v votes) without(one vote) votes {
	if one.uses > 0 {
		v.sum, v.n, v.ok, v.uses = v.sum-one.share, v.n-1, v.ok-one.ok, v.uses-one.uses
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
