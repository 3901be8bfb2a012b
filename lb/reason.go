package lb

import "strconv"

// Reason says what a Pick came to.
type Reason uint8

const (
	// Picked: there is a lease.
	Picked Reason = iota
	// NoEndpoint: no endpoint of the upstream is fit.
	NoEndpoint
	// AllTried: every endpoint that is fit has been tried.
	AllTried
	// AllFull: endpoints that are fit and were not tried have as much in flight as they may.
	AllFull
	// BreakerOpen: the upstream's circuit breaker lets nothing through.
	BreakerOpen

	reasons = int(BreakerOpen) + 1
)

var reasonNames = [reasons]string{"picked", "no_endpoint", "all_tried", "all_full", "breaker_open"}

// String returns the word that logs and metrics use.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "reason(" + strconv.Itoa(int(r)) + ")"
}
