package health

import (
	"fmt"
	"math"

	"weir/lb"
)

// standing is how an endpoint did in one interval, compared with the others on the same routes.
type standing struct {
	record   *record
	uses     float64 // that can be compared
	failed   float64 // of them
	expected float64 // failures, had the others had these uses
}

// excess is the share of uses that failed beyond what the others would have failed.
func (s *standing) excess() float64 { return (s.failed - s.expected) / s.uses }

// margin is by how much an endpoint must be worse than the mean at least: by rateMargin, and by more
// than chance makes of so few uses.
func (s *standing) margin() float64 {
	usual := s.expected / s.uses
	return max(rateMargin, rateSigmas*math.Sqrt(usual*(1-usual)/s.uses))
}

// lagging returns the endpoints whose success rate of the interval that ends now is an outlier, and
// begins the next interval.
//
// This is Envoy's test, mean - factor × deviation, but for two things. Rates are not compared as
// they are: from each endpoint's failures those are taken off that the others would have had with
// its mix of routes, so that an endpoint which has more of a bad route is not worse for that. And
// the difference must be worth an ejection, see margin.
func (p *peers) lagging() (out []suspect) {
	var all [lb.TallySlots]counts
	for _, r := range p.list {
		r.rotate()
		if r.serves() {
			for slot := range all {
				d := r.last[slot].minus(r.before[slot])
				all[slot].ok += d.ok
				all[slot].failed += d.failed
			}
		}
	}
	if p.config.SuccessRateDeviation == 0 {
		return nil
	}
	var compared []standing
	for _, r := range p.list {
		if !r.serves() {
			continue
		}
		if s := r.stand(&all); s.uses >= rateVolume {
			compared = append(compared, s)
		}
	}
	if len(compared) < rateHosts {
		return nil
	}
	mean, deviation := spread(compared)
	for i := range compared {
		s := &compared[i]
		if s.excess() > mean+max(p.config.SuccessRateDeviation*deviation, s.margin()) {
			out = append(out, suspect{
				record: s.record, reason: SuccessRate, worse: s.excess(),
				why: fmt.Sprintf("%s of its uses succeeded in %v, where the others have %s",
					percent(1-s.failed/s.uses), rateInterval, percent(1-s.expected/s.uses)),
			})
		}
	}
	return out
}

// stand compares the interval's uses of an endpoint with those of the others in the same slots. Uses
// in a slot that the others had none in can't be compared.
func (r *record) stand(all *[lb.TallySlots]counts) standing {
	s := standing{record: r}
	for slot := range all {
		own := r.last[slot].minus(r.before[slot])
		others := all[slot].minus(own)
		if own.total() == 0 || others.total() == 0 {
			continue
		}
		s.uses += own.total()
		s.failed += float64(own.failed)
		s.expected += own.total() * float64(others.failed) / others.total()
	}
	return s
}

// spread returns the mean and the standard deviation of the excesses.
func spread(list []standing) (mean, deviation float64) {
	n := float64(len(list))
	for i := range list {
		mean += list[i].excess() / n
	}
	for i := range list {
		d := list[i].excess() - mean
		deviation += d * d / n
	}
	return mean, math.Sqrt(deviation)
}
