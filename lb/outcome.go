package lb

import (
	"strconv"
	"time"
)

// Result is what one use of an endpoint came to. The caller decides what counts as what; lb only
// knows which results speak against the endpoint.
type Result uint8

const (
	// OK: the endpoint did what was asked. A 4xx is OK: the fault is the client's.
	OK Result = iota
	// ConnectFailed: no connection could be made. Nothing was sent.
	ConnectFailed
	// Reset: an established connection broke before the use was complete.
	Reset
	// Timeout: the endpoint stayed silent longer than the configuration allows.
	Timeout
	// BadAnswer: the endpoint answered, but not in its protocol.
	BadAnswer
	// Status5xx: the endpoint answered that it failed.
	Status5xx
	// Cancelled: the use ended for a reason that is not the endpoint's, such as a client that
	// left. It says nothing about the endpoint.
	Cancelled
	// Outrun: another attempt at the same use was faster, so nobody waited for this one any longer.
	// It is no failure, and no success; how long the endpoint was silent raises its latency.
	Outrun

	// Results is the number of results, for tables indexed by Result.
	Results = int(Outrun) + 1
)

var resultNames = [Results]string{
	"ok", "connect_failed", "reset", "timeout", "bad_answer", "status_5xx", "cancelled", "outrun",
}

// String returns the word that logs, metrics and the admin API use.
func (r Result) String() string {
	if int(r) < len(resultNames) {
		return resultNames[r]
	}
	return "result(" + strconv.Itoa(int(r)) + ")"
}

// Failed reports whether r speaks against the endpoint.
func (r Result) Failed() bool { return r != OK && r != Cancelled && r != Outrun }

// Outcome is what a lease's holder tells about its use.
type Outcome struct {
	// Result is what the use came to.
	Result Result
	// FirstByte is the time from the start of the use to the first byte that came back; for a
	// failure, to the failure, and for Outrun, to its end, the least that the first byte would have
	// taken. 0 means not measured: the latency of a success or of what was outrun then stays as it is.
	FirstByte time.Duration
	// Route is Key.Route of the use.
	Route uint32
}
