package lb

import "strconv"

// State is what is known about an endpoint's fitness.
type State uint8

const (
	// Unknown endpoints are new and unproven: they get traffic only while none is Ready.
	Unknown State = iota
	// Ready endpoints get traffic.
	Ready
	// Draining endpoints finish what they have; they get more only if all others are unfit.
	Draining
	// Ejected endpoints were judged unfit by the traffic itself. They get traffic only in panic.
	Ejected
	// Down endpoints fail their probes.
	Down
	// Maintenance endpoints were taken out by an operator.
	Maintenance
)

var stateNames = [...]string{"unknown", "ready", "draining", "ejected", "down", "maintenance"}

// String returns the word that logs, metrics and the admin API use.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "state(" + strconv.Itoa(int(s)) + ")"
}

// severity orders the states for composition: the judge with the worst to say decides.
var severity = [...]uint8{Ready: 0, Unknown: 1, Draining: 2, Ejected: 3, Down: 4, Maintenance: 5}
