package health

import (
	"cmp"
	"slices"
	"time"

	"weir/lb"
)

// Reason is why an endpoint was ejected.
type Reason uint8

const (
	// ConsecutiveErrors: too many uses failed one after the other.
	ConsecutiveErrors Reason = iota
	// SuccessRate: too few uses succeeded, compared with the other endpoints.
	SuccessRate

	// Reasons is the number of reasons, for tables indexed by Reason.
	Reasons = int(SuccessRate) + 1
)

// String returns the word that metrics and the admin API use.
func (r Reason) String() string { return [Reasons]string{"consecutive_errors", "success_rate"}[r] }

// OutlierStats counts what was done to the endpoints of one upstream since it was first adopted.
type OutlierStats struct {
	// Upstream is its name.
	Upstream string
	// Ejections counts by reason.
	Ejections [Reasons]uint64
	// Returned counts ends of ejections, Pardoned those of them that a probe brought about.
	Returned, Pardoned uint64
	// Spared counts judgements that were not carried out because of max_ejected, or because the
	// endpoint was the last one.
	Spared uint64
	// Ejected is how many are ejected now.
	Ejected int
}

// Stats returns one entry for each upstream whose outliers are ejected, by name. It is what
// metrics read at the time of a scrape.
func (o *Outliers) Stats() []OutlierStats {
	o.mu.Lock()
	list := make([]OutlierStats, 0, len(o.peers))
	for name, p := range o.peers {
		s := p.stats
		s.Upstream, s.Ejected = name, len(p.out)
		list = append(list, s)
	}
	o.mu.Unlock()
	slices.SortFunc(list, func(a, b OutlierStats) int { return cmp.Compare(a.Upstream, b.Upstream) })
	return list
}

// Dropped returns how many rows of errors were not looked at because too many came at once. Their
// endpoints were looked at when the rows had grown.
func (o *Outliers) Dropped() uint64 { return o.dropped.Load() }

// Ejection is one that lasts.
type Ejection struct {
	// Endpoint is who is ejected.
	Endpoint *lb.Endpoint
	// Why is the reason in the words of the log.
	Why string
	// Since and Until are its beginning and its end, unless a probe ends it before.
	Since, Until time.Time
	// Times is how many base ejections it lasts, before max_ejection.
	Times int
}

// Ejections returns the ejections that last, by upstream and address. It is what the admin API
// reads.
func (o *Outliers) Ejections() []Ejection {
	var list []Ejection
	o.mu.Lock()
	for _, p := range o.peers {
		for _, r := range p.out {
			list = append(list, Ejection{r.endpoint, r.why, r.since, r.until, r.times})
		}
	}
	o.mu.Unlock()
	slices.SortFunc(list, func(a, b Ejection) int {
		return cmp.Or(cmp.Compare(a.Endpoint.Upstream(), b.Endpoint.Upstream()),
			cmp.Compare(a.Endpoint.Address(), b.Endpoint.Address()))
	})
	return list
}
