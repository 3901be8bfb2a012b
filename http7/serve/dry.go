package serve

import (
	"net/netip"

	"weir/http7"
	"weir/internal/explain"
)

// Question is a request that might come: Judge and Explain say what would become of it.
type Question struct {
	// Head is an HTTP/1.1 head with its empty line, parsed as one from a client, and Body its content.
	Head, Body []byte
	// Peer is the other end of the connection.
	Peer netip.AddrPort
	// Client, if valid, is believed as it is, whatever proxies say of it.
	Client netip.Addr
	// TLS and SNI are the connection's.
	TLS bool
	SNI string
	// Recorded says what is known of a request that is read from a log; nil: everything.
	Recorded *http7.Recorded
	// BodyLength is the length of a body whose bytes are not known; -1 if not even that is. 0: Body is all.
	BodyLength int64
}

// Decision is what would become of a request, in short.
type Decision struct {
	// Route is the route found, nil if there is none.
	Route *http7.Route
	// Fault is why Weir would answer by itself; nil if it would not, or with an answer that is no refusal.
	Fault *http7.Fault
	// By is the step that would answer or refuse, "" if none would.
	By string
	// Status is that of Weir's own answer, 0 if an endpoint or a handler answers. Location is where it points.
	Status   int
	Location string
	// Upstreams are the names of those that may be asked: one, or the sides of a split.
	Upstreams []string
	// Verdicts are the remarks of policies: "name:what".
	Verdicts []string
	// Undecided says that a condition or a policy reads what the log has not written.
	Undecided bool
}

// Judge says what would become of q at site. Nothing is consumed: no token, no counter, no endpoint.
func (s *Shared) Judge(site *Site, q *Question) Decision {
	return Decision{Fault: http7.NoRoute, Status: http7.NoRoute.Status}
}

// Explain says at length what would become of q at site. Nothing is consumed: no token, no counter, no endpoint.
func (s *Shared) Explain(site *Site, q *Question) *explain.Report {
	return &explain.Report{Listener: site.Listener}
}
