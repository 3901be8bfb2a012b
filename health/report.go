package health

import (
	"cmp"
	"slices"
	"time"

	"weir/lb"
)

// Report is what the monitor knows of one endpoint at one moment. Its counts start with the check
// and go on across reloads.
type Report struct {
	// Endpoint has the state.
	Endpoint *lb.Endpoint
	// Succeeded and Failed count probes.
	Succeeded, Failed uint64
	// Changes counts changes of state that probes caused.
	Changes uint64
	// Late counts probes that had to wait more than half their interval for a free place.
	Late uint64
	// InRow is how many probes in a row succeeded; negative: failed.
	InRow int
	// Ended is when the last probe ended; zero before the first.
	Ended time.Time
	// Err is why the last probe failed, nil if it succeeded.
	Err error
}

// Report returns one entry for each endpoint that is probed, by upstream and address. It is what
// metrics and the admin API read at the time of a scrape.
func (m *Monitor) Report() []Report {
	m.mu.Lock()
	list := make([]Report, 0, len(m.checks))
	for _, c := range m.checks {
		list = append(list, Report{
			Endpoint: c.endpoint, Succeeded: c.good, Failed: c.bad, Changes: c.changes,
			Late: c.late, InRow: c.inRow, Ended: c.ended, Err: c.err,
		})
	}
	m.mu.Unlock()
	slices.SortFunc(list, func(a, b Report) int {
		return cmp.Or(cmp.Compare(a.Endpoint.Upstream(), b.Endpoint.Upstream()),
			cmp.Compare(a.Endpoint.Address(), b.Endpoint.Address()))
	})
	return list
}
