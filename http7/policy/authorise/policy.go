// Package authorise is the policy that says who may ask for what: by scopes and groups of an identity, and by expressions
// over the request and the identity.
//
// gateway compiles it; the hall runs its steps at stage authorise. Who a request comes from, others have found out.
package authorise

import (
	"errors"
	"fmt"
	"slices"

	"weir/http7"
	"weir/http7/policy"
	"weir/internal/conf"
)

// section is the policy's name behind that of its bundle.
const section = ".authorise"

// Compile returns the steps of c for the bundle, at stage authorise: one for what is enforced, and before it one for what
// is observed; none for what there is no rule of. It fails on what Check reports. It needs nothing.
func Compile(c *Config, bundle string, _ *policy.Needs) ([]http7.Step, error) {
	return CompileIn(c, bundle, "")
}

// CompileIn is [Compile] for a bundle whose bearer tokens are of a realm: refusals of those that lack a scope name it, as the
// 401 of the bundle does. "" is none.
func CompileIn(c *Config, bundle, realm string) ([]http7.Step, error) {
	var enforced, everything []rule
	for i := range *c {
		r := &(*c)[i]
		if r.Mode == conf.ModeOff {
			continue
		}
		compiled, err := compileRule(r, i, realm)
		if err != nil {
			return nil, fmt.Errorf("%s%s: rule %d: %w", bundle, section, i+1, err)
		}
		everything = append(everything, compiled)
		if r.Mode == conf.Enforce {
			enforced = append(enforced, compiled)
		}
	}
	var steps []http7.Step
	if len(everything) > len(enforced) {
		steps = append(steps, step(bundle, http7.Observe, everything))
	}
	if len(enforced) > 0 {
		steps = append(steps, step(bundle, http7.Enforce, enforced))
	}
	return steps, nil
}

func step(bundle string, mode http7.Mode, rules []rule) http7.Step {
	s := http7.Step{Name: bundle + section, Bundle: bundle, Stage: http7.Authorise, Mode: mode, Request: judge(rules)}
	for i := range rules {
		s.Reads = append(s.Reads, rules[i].reads...)
	}
	slices.Sort(s.Reads)
	s.Reads = slices.Compact(s.Reads)
	return s
}

// Refused is the fault of requests that are not allowed. Those whose bearer token lacks a scope get one of the same name
// that says which (RFC 6750 §3.1).
var Refused = refused("")

func refused(extra string) *http7.Fault {
	return &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: "not_authorised", Status: 403, GRPC: 7, ProxyStatus: "http_request_denied",
		Title: "Forbidden", Detail: "This request is not allowed.", Extra: extra,
	}
}

var errNoRule = errors.New("no rule of authorise is for such a request")

// judge are the rules of a step. They never change.
type judge []rule

// Request implements [http7.Policy].
func (j judge) Request(x *http7.Exchange) http7.Verdict {
	for i := range j {
		if r := &j[i]; r.applies(x) {
			return r.judge(x)
		}
	}
	x.Cause = errNoRule
	return http7.Refuse(Refused)
}
