package match

import "weir/http7"

// Condition is one thing that a route asks of a request.
type Condition string

// The conditions, in the order in which they are judged.
const (
	OnHost   Condition = "host"
	OnPath   Condition = "path"
	OnMethod Condition = "method"
)

// Candidate is one pair of host and path of a route, judged for one request.
type Candidate struct {
	Route *http7.Route
	// Host and Path are the patterns: "*" is any host, "/*" any path.
	Host, Path string
	// Failed is the first condition that does not hold; "" if all do.
	Failed Condition
}

// Explain judges every candidate for x, the most specific first: the first one without a failed
// condition is the one that Find takes. It is for people; its cost grows with the routes.
func (t *Table) Explain(x *http7.Exchange) []Candidate {
	out := make([]Candidate, len(t.rules))
	for i, r := range t.rules {
		out[i] = Candidate{Route: r.route, Host: r.host.String(), Path: r.path.String(), Failed: r.failed(x)}
	}
	return out
}

// failed returns the first condition of r that does not hold for x.
func (r rule) failed(x *http7.Exchange) Condition {
	var buf [maxHost]byte
	switch {
	case !r.host.holds(bareHost(&buf, x.Authority)):
		return OnHost
	case !r.path.holds(x.Path):
		return OnPath
	case !takesMethod(r.route, x.Method):
		return OnMethod
	}
	return ""
}
