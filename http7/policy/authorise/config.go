package authorise

import (
	"fmt"
	"strconv"
	"strings"

	"weir/http7"
	"weir/internal/conf"
)

// Config says who may ask for what: of its rules the first that applies to a request decides, and a request to which
// none applies is refused.
type Config []Rule

// Rule is one rule of authorise.
type Rule struct {
	// Mode is "enforce", "observe" or "off" (the rule is not there). Those that are observed decide nothing: what the
	// list would say with them is recorded. Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Methods are those of the requests that the rule is for, in capitals; HEAD is a method of its own.
	// Hazard: "delete" in a request is another method than "DELETE", and goes on to the next rules; where endpoints take it for
	// the same, let the last rule refuse what no other names. Default: every method.
	Methods []string `toml:"methods"`
	// Paths are those of the requests that the rule is for: exact "/a", with any segment "/a/{id}", or "/a/*" for "/a" and
	// all that is below it. They are compared with the canonical path. Default: every path.
	Paths []string `toml:"paths"`
	// Require is what must hold: "scope:orders.read", "group:partners", "consumer:shop", "country:DE", "identified" and
	// "true", with "&&", "||", "!" and parentheses, and any other expression over consumer, scheme, groups, scopes, claims,
	// claim_values, method, path, query, host, headers, client, client_in, country, route, listener and secure. Required.
	Require string `toml:"require"`
}

// Default returns the values of absent keys: no rule.
func Default() Config { return nil }

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	all := -1
	for i := range *c {
		r, at := &(*c)[i], p.In("["+strconv.Itoa(i)+"]")
		r.check(at)
		switch {
		case r.Mode != conf.Enforce:
		case all >= 0:
			at.Warn("", fmt.Sprintf("no request comes here: rule %d before it is for all of them", all+1), "put the rule for all requests last")
		case len(r.Methods)+len(r.Paths) == 0:
			all = i
		}
	}
}

func (r *Rule) check(p *conf.Problems) {
	for i, m := range r.Methods {
		checkMethod(p.Index("methods", i), m)
	}
	for i, path := range r.Paths {
		if _, err := newPattern(path); err != nil {
			p.Index("paths", i).AddError("", err)
		}
	}
	if _, err := newRequirement(r.Require); err != nil {
		p.AddError("require", err)
	}
}

func checkMethod(p *conf.Problems, m string) {
	switch {
	case !http7.IsToken([]byte(m)):
		p.Add("", strconv.Quote(m)+" is not a method", `write a method, such as "PUT"`)
	case m != strings.ToUpper(m):
		p.Add("", strconv.Quote(m)+" is not "+strconv.Quote(strings.ToUpper(m)), "write "+strconv.Quote(strings.ToUpper(m))+": upper and lower case differ in methods")
	}
}
