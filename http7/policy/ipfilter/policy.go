// Package ipfilter is the policy that serves or refuses clients by their address: lists in the config, and lists of a
// million networks in files that are watched.
//
// gateway compiles it, for HTTP and for connections of listeners that are none; the hall runs its step at stage guard,
// before the match. The client's address is the one that the listener believes: what X-Forwarded-For says counts only
// if a trusted proxy says it.
package ipfilter

import (
	"weir/http7"
	"weir/http7/policy"
	"weir/internal/conf"
)

// section is the policy's name behind that of its bundle.
const section = ".ip_filter"

// Refused is the fault of an address that is not served.
var Refused = &http7.Fault{
	Side: http7.Client, Kind: http7.Refused, Name: "address_refused", Status: 403, GRPC: 7, ProxyStatus: "http_request_denied",
	Title: "Forbidden", Detail: "Requests from this address are not served.",
}

// Compile returns the step of c for the bundle, at stage guard; none if it is off. It fails if a file can't be read or
// has a bad line. needs may be nil for a check, in which nothing is opened.
func Compile(c *Config, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	f, err := New(c, bundle, needs)
	if err != nil {
		return nil, err
	}
	s := http7.Step{Name: bundle + section, Bundle: bundle, Stage: http7.Guard, Request: guard{f}}
	if c.Mode == conf.Observe {
		s.Mode = http7.Observe
	}
	return []http7.Step{s}, nil
}

// guard refuses exchanges by a filter.
type guard struct{ filter *Filter }

// Request implements [http7.Policy]. A line of a log has the client's address, so that recorded requests are judged too.
func (g guard) Request(x *http7.Exchange) http7.Verdict {
	if why := g.filter.judge(x.Client); why != nil {
		x.Cause = why
		return http7.Refuse(Refused)
	}
	return http7.Continue
}
