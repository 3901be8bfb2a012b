// Package geo is the policy that finds out in which country a client is, by a MaxMind database, and serves or refuses
// him by that. The country is a fact for conditions of routes, for authorise, for the log and for the endpoint.
//
// gateway compiles it, for HTTP and for connections of listeners that are none; the hall runs its steps: at stage guard,
// before the match, and at stage rewrite.
package geo

import (
	"maps"
	"strings"

	"weir/http7"
	"weir/http7/policy"
	"weir/internal/conf"
)

// section is the policy's name behind that of its bundle.
const section = ".geo"

// Refused is the fault of a client from where nobody is served.
var Refused = &http7.Fault{
	Side: http7.Client, Kind: http7.Refused, Name: "country_refused", Status: 403, GRPC: 7, ProxyStatus: "http_request_denied",
	Title: "Forbidden", Detail: "Requests from this country are not served.",
}

// Compile returns the steps of c for the bundle: one at stage guard, and one at stage rewrite where the endpoint is told;
// none if it is off. It fails if the database can't be read. needs may be nil for a check, in which nothing is opened.
func Compile(c *Config, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	f, err := New(c, bundle, needs)
	if err != nil {
		return nil, err
	}
	name := bundle + section
	s := http7.Step{Name: name, Bundle: bundle, Stage: http7.Guard, Request: guard{f}}
	if c.Mode == conf.Observe {
		s.Mode = http7.Observe
		return []http7.Step{s}, nil
	}
	field, ok := http7.NewName(c.Header)
	if !ok {
		return []http7.Step{s}, nil
	}
	return []http7.Step{s, {
		Name: name + ".forward", Bundle: bundle, Stage: http7.Rewrite, Request: writer{field},
		Edits: []http7.Edit{{Name: strings.ToLower(c.Header)}}, Sets: []string{c.Header},
	}}, nil
}

// guard finds the country of exchanges, and refuses by it.
type guard struct{ filter *Filter }

// Request implements [http7.Policy]. A line of a log has the client's address: where that is, is found out again.
func (g guard) Request(x *http7.Exchange) http7.Verdict {
	if x.Recorded != nil {
		decide(x.Recorded)
	}
	s := g.filter.find(x.Client)
	if s.country != "" { // another database may have known more
		x.Country = s.country
	}
	if s.refused != nil {
		x.Cause = s.refused
		return http7.Refuse(Refused)
	}
	return http7.Continue
}

// decide notes that the country is known, whether or not the log has it.
func decide(r *http7.Recorded) {
	if r.Fields["country"] {
		return
	}
	known := maps.Clone(r.Fields) // other requests have it too
	if known == nil {
		known = map[string]bool{}
	}
	known["country"] = true
	r.Fields = known
}

// writer tells the endpoint. It says nothing where nobody knows; what the client has said is gone by then.
type writer struct{ field http7.Name }

// Request implements [http7.Policy].
func (w writer) Request(x *http7.Exchange) http7.Verdict {
	if x.Country == "" {
		x.Request.Del(w.field)
		return http7.Continue
	}
	x.Request.Set(w.field, append(x.Room(len(x.Country)), x.Country...))
	return http7.Continue
}
