package lb

// Key says what a use is about, for balancers that place equal keys on equal endpoints and for those
// who account for it. It is a plain value; the zero Key says nothing.
type Key struct {
	// Hash is the xxhash of what the configuration names in hash_on; 0 if it names nothing.
	Hash uint64
	// Route is a hash of the route's name, 0 for sessions. The tally of slot Route % TallySlots
	// counts the use, if its Outcome carries the same Route.
	Route uint32
	// Stick is the endpoint that a sticky session wants, nil for none. It is served while it is
	// Ready, Unknown or Draining, untried and not full; else the balancer chooses.
	Stick *Endpoint
}
