package match

import "weir/http7"

// Candidate is one pair of host and path of a route, judged for one request.
type Candidate struct {
	Route *http7.Route
	// Host and Path are the patterns: "*" is any host, "/*" any path.
	Host, Path string
	// Failed is the first condition that does not hold, by its key in a route's match: "hosts", "path",
	// "methods", "headers.X-Tenant", "clients"; "" if all do.
	Failed string
	// Want is what the condition asks for, as the config writes it: "acme", "*", "!", "~^a".
	Want string
	// Saw is what the request has; "" if nothing. Values that may be secrets are masked.
	Saw string
	// Unknown says that nobody can tell whether Failed holds: the log did not write it, or the body
	// is not there.
	Unknown bool
}

// MostCandidates is how many candidates Explain tells at most.
const MostCandidates = 50

// Explain judges the candidates for x as Find does: those whose host and path fit first, then those whose
// host fits, then the others, and among each the most specific first. The first one without a Failed
// is the one that Find takes. more counts those beyond [MostCandidates]. It is for people; its cost
// grows with the routes.
func (t *Table) Explain(x *http7.Exchange, method []byte) (candidates []Candidate, more int) {
	for _, r := range t.rules {
		candidates = append(candidates, Candidate{Route: r.route, Host: r.host.String(), Path: r.path.String(), Failed: r.failed(x, method)})
	}
	return candidates, 0
}

// Reads returns the selectors that conditions read besides what stands on every line of an access
// log, sorted: "header:x-tenant", "cookie:uid", "claim:plan", "sni", "country". Bodies are never logged.
func (t *Table) Reads() []string { return nil }

// failed returns the first condition of r that does not hold for x.
func (r rule) failed(x *http7.Exchange, method []byte) string {
	var buf [maxHost]byte
	switch {
	case !r.host.holds(bareHost(&buf, x.Authority)):
		return "hosts"
	case !r.path.holds(x.Path):
		return "path"
	case !takesMethod(r.route, method):
		return "methods"
	}
	return ""
}
