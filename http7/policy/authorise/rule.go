package authorise

import (
	"fmt"
	"slices"
	"strings"

	"weir/http7"
	"weir/internal/conf"
)

// rule is the compiled form of a Rule.
type rule struct {
	methods []string
	paths   []pattern
	requirement
	unmet, broken error
	bearer        *http7.Fault // for tokens that lack a scope; nil if no scope would help
}

func compileRule(c *Rule, i int, realm string) (r rule, err error) {
	r.methods = c.Methods
	for _, text := range c.Paths {
		p, err := newPattern(text)
		if err != nil {
			return r, err
		}
		r.paths = append(r.paths, p)
	}
	if r.requirement, err = newRequirement(c.Require); err != nil {
		return r, err
	}
	r.unmet = fmt.Errorf("rule %d of authorise is not met: %s", i+1, c.Require)
	r.broken = fmt.Errorf("rule %d of authorise can't be evaluated for this request: %s", i+1, c.Require)
	if scopes := r.scopes(); scopes != "" {
		challenge := `error="insufficient_scope", scope="` + scopes + `"`
		if realm != "" {
			challenge = `realm="` + realm + `", ` + challenge
		}
		r.bearer = refused("WWW-Authenticate: Bearer " + challenge + "\r\n")
	}
	return r, nil
}

// applies reports whether the rule is for x.
func (r *rule) applies(x *http7.Exchange) bool {
	return (len(r.methods) == 0 || takes(r.methods, x.Method)) && (len(r.paths) == 0 || r.takesPath(x.Path))
}

func takes(methods []string, method []byte) bool {
	for _, m := range methods {
		if m == string(method) {
			return true
		}
	}
	return false
}

func (r *rule) takesPath(path []byte) bool {
	for i := range r.paths {
		if r.paths[i].takes(path) {
			return true
		}
	}
	return false
}

// judge says whether x meets the rule. What a log does not tell is not judged.
func (r *rule) judge(x *http7.Exchange) http7.Verdict {
	if x.Recorded != nil && r.unknown(x) {
		return http7.Continue
	}
	ok, err := r.holds(x)
	switch {
	case ok && err == nil:
		return http7.Continue
	case err != nil:
		x.Cause = r.broken
	default:
		x.Cause = r.unmet
	}
	if !x.Identified() && x.Route != nil && x.Route.Unidentified != nil && r.mends(x) {
		return http7.Refuse(x.Route.Unidentified)
	}
	if r.bearer != nil && (x.Scheme == "jwt" || x.Scheme == "introspect") {
		return http7.Refuse(r.bearer)
	}
	return http7.Refuse(Refused)
}

// unknown reports whether the log has left out what the rule reads.
func (r *rule) unknown(x *http7.Exchange) (any bool) {
	for _, selector := range r.reads {
		any = x.Lacks(selector) || any
	}
	return any
}

// mends reports whether x might meet the requirement if it said who sends it.
func (r *requirement) mends(x *http7.Exchange) bool {
	if r.expr == nil {
		return r.plain.may(x, true)
	}
	return r.expr.personal
}

// requirement is what a rule demands: plain, or an expression.
type requirement struct {
	plain plain
	expr  *expression // nil for a plain one
	reads []string
}

// mostText bounds a requirement, in bytes.
const mostText = 4096

// newRequirement compiles a text. Its error is a [*conf.BadValue].
func newRequirement(text string) (r requirement, err error) {
	switch {
	case strings.TrimSpace(text) == "":
		return r, &conf.BadValue{Text: "nothing is required", Hint: `write what must hold, such as require = "scope:orders.read"; "true" lets everybody pass`}
	case len(text) > mostText:
		return r, &conf.BadValue{Text: "the requirement is longer than 4096 bytes", Hint: "write several rules"}
	}
	if p, ok := parsePlain(text); ok {
		r.plain, r.reads = p, p.reads(nil)
		return r, nil
	}
	r.expr, err = newExpression(text)
	if err == nil {
		r.reads = r.expr.reads
	}
	return r, err
}

// holds judges x; a requirement that can't be evaluated does not hold.
func (r *requirement) holds(x *http7.Exchange) (bool, error) {
	if r.expr == nil {
		return r.plain.holds(x), nil
	}
	return r.expr.holds(x)
}

// scopes are those that a plain requirement asks for, as WWW-Authenticate has them (RFC 6750 §3); "" if there is none, or
// one that no header could have.
func (r *requirement) scopes() string {
	if r.expr != nil {
		return ""
	}
	list := r.plain.wanted(nil)
	slices.Sort(list)
	list = slices.Compact(list)
	text := strings.Join(list, " ")
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
		return ""
	}
	return text
}
