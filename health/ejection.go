package health

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"weir/lb"
)

// record is what is known of one endpoint as an outlier. The mutex of Outliers guards it.
type record struct {
	endpoint *lb.Endpoint
	tier     int // of backups
	// last are the tallies at the last comparison of rates, before those at the one before it.
	last, before [lb.TallySlots]counts

	since    time.Time // of the last ejection
	until    time.Time // its end; zero: not ejected
	times    int       // ejections that count towards the length of the next
	returned time.Time // from the last ejection
	pardoned time.Time // when a probe last ended an ejection
	doubted  bool      // probes have no say in this ejection
	why      string
}

// counts are the uses of an endpoint by the routes of one slot.
type counts struct{ ok, failed uint64 }

func countsOf(t lb.Tally) counts { return counts{t.OK, t.Failed} }

func (c counts) minus(d counts) counts { return counts{c.ok - d.ok, c.failed - d.failed} }

func (c counts) total() float64 { return float64(c.ok + c.failed) }

func newRecord(e *lb.Endpoint) *record {
	r := &record{endpoint: e}
	r.rotate()
	r.rotate()
	return r
}

// rotate begins a new interval.
func (r *record) rotate() {
	r.before = r.last
	for slot := range r.last {
		r.last[slot] = countsOf(r.endpoint.Tally(slot))
	}
}

func (r *record) isEjected() bool { return !r.until.IsZero() }

// fit reports whether the endpoint would get traffic if traffic had no say.
func (r *record) fit() bool {
	return r.endpoint.Says(lb.ByProbe) != lb.Down && r.endpoint.Says(lb.ByOperator) != lb.Maintenance
}

// serves reports whether the endpoint gets traffic, so that others may be compared with it.
func (r *record) serves() bool { return r.fit() && !r.isEjected() }

// begin notes an ejection and returns how long it is.
func (r *record) begin(why string, c *OutliersConfig, now time.Time) time.Duration {
	base := c.BaseEjection.Value()
	if r.times > 0 {
		r.times = max(0, r.times-int(now.Sub(r.returned)/base))
	}
	longest := c.MaxEjection.Value()
	// No more are counted than make a difference, so that they are also forgotten in time.
	r.times = min(r.times+1, int(longest/base)+1)
	length := min(longest, base*time.Duration(r.times))
	r.since, r.until, r.why = now, now.Add(length), why
	r.doubted = !r.pardoned.IsZero() && now.Sub(r.pardoned) < base
	return length
}

// pardonable reports whether probes may end the ejection: they must have seen the trouble
// themselves, that is, have failed since the ejection or not long before it. A probe that passed
// all the while tests something else than what fails, and its passing says nothing. Nor does it
// if it has ended an ejection just before this one, wrongly.
func (r *record) pardonable(failed time.Time, base time.Duration) bool {
	return r.isEjected() && !r.doubted && failed.After(r.since.Add(-base))
}

// suspect is an endpoint that is to be ejected, if there is room.
type suspect struct {
	record *record
	reason Reason
	worse  float64 // the more, the sooner
	why    string
}

// eject ejects suspects, the worst first, as far as the upstream can do without them. The mutex is
// held.
func (o *Outliers) eject(p *peers, list []suspect, now time.Time) {
	if len(list) == 0 {
		return
	}
	slices.SortStableFunc(list, func(a, b suspect) int { return cmp.Compare(b.worse, a.worse) })
	room, covered := p.room(), p.covered()
	for _, s := range list {
		r := s.record
		switch {
		case r.tier < covered: // a backup takes over, and nobody needs it meanwhile
		case room > 0:
			room--
		default:
			p.stats.Spared++
			continue
		}
		p.out = append(p.out, r)
		length := r.begin(s.why, &p.config, now)
		p.stats.Ejections[s.reason]++
		o.registry.Judge(lb.ByTraffic, lb.Ejected, s.why, r.endpoint)
		o.news = append(o.news, news{
			Change{Endpoint: r.endpoint, By: lb.ByTraffic, State: lb.Ejected, Reason: errors.New(s.why)},
			fmt.Sprintf("endpoint %s ejected for %v: %s", r.endpoint, length, s.why),
		})
	}
}

// readmitOne ends an ejection. The mutex is held.
func (o *Outliers) readmitOne(p *peers, r *record, now time.Time, because string) {
	r.until, r.returned, r.why = time.Time{}, now, ""
	p.out = slices.DeleteFunc(p.out, func(one *record) bool { return one == r })
	p.stats.Returned++
	o.registry.Judge(lb.ByTraffic, lb.Ready, "", r.endpoint)
	o.news = append(o.news, news{
		Change{Endpoint: r.endpoint, By: lb.ByTraffic, State: lb.Ready},
		fmt.Sprintf("endpoint %s no longer ejected: %s", r.endpoint, because),
	})
}
