package gateway

import (
	"reflect"
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/policy/apikey"
	"weir/http7/policy/authorise"
	"weir/http7/policy/basic"
	"weir/http7/policy/clientcert"
	"weir/http7/policy/concurrency"
	"weir/http7/policy/forwardauth"
	"weir/http7/policy/geo"
	"weir/http7/policy/introspect"
	"weir/http7/policy/ipfilter"
	"weir/http7/policy/jwt"
	"weir/http7/policy/oidc"
	"weir/http7/policy/quota"
	"weir/http7/policy/ratelimit"
	"weir/http7/policy/validate"
	"weir/http7/policy/waf"
	"weir/internal/config"
)

// guards lists the policies of a bundle that say who and what may pass. Within a stage requests pass them in this order:
// of those that establish an identity the first whose credential is there decides.
func (k *compiler) guards(bundle string, p *config.Policy) (list []section) {
	add := func(key string, there bool, config any, compile func() ([]http7.Step, error)) {
		if there {
			list = append(list, section{key, compile, config})
		}
	}
	n := k.needs
	add("ip_filter", p.IPFilter != nil, p.IPFilter, func() ([]http7.Step, error) { return ipfilter.Compile(p.IPFilter, bundle, n) })
	add("geo", p.Geo != nil, p.Geo, func() ([]http7.Step, error) { return geo.Compile(p.Geo, bundle, n) })
	add("api_key", p.APIKey != nil, p.APIKey, func() ([]http7.Step, error) { return apikey.Compile(p.APIKey, bundle, n) })
	add("basic", p.Basic != nil, p.Basic, func() ([]http7.Step, error) { return basic.Compile(p.Basic, bundle, n) })
	add("jwt", p.JWT != nil, p.JWT, func() ([]http7.Step, error) { return jwt.Compile(p.JWT, bundle, n) })
	add("introspect", p.Introspect != nil, p.Introspect, func() ([]http7.Step, error) { return introspect.Compile(p.Introspect, bundle, n) })
	add("client_cert", p.ClientCert != nil, p.ClientCert, func() ([]http7.Step, error) { return clientcert.Compile(p.ClientCert, bundle, n) })
	add("forward_auth", p.ForwardAuth != nil, p.ForwardAuth, func() ([]http7.Step, error) { return forwardauth.Compile(p.ForwardAuth, bundle, n) })
	add("oidc", p.OIDC != nil, p.OIDC, func() ([]http7.Step, error) { return oidc.Compile(p.OIDC, bundle, n) })
	add("authorise", len(p.Authorise) > 0, p.Authorise, func() ([]http7.Step, error) { return authorise.CompileIn(&p.Authorise, bundle, realmOf(p)) })
	add("rate_limit", len(p.RateLimit) > 0, p.RateLimit, func() ([]http7.Step, error) { return ratelimit.Compile(p.RateLimit, bundle, n) })
	add("quota", p.Quota != nil, p.Quota, func() ([]http7.Step, error) { return quota.Compile(p.Quota, bundle, n) })
	add("concurrency", p.Concurrency != nil, p.Concurrency, func() ([]http7.Step, error) { return concurrency.Compile(p.Concurrency, bundle, n) })
	add("validate", p.Validate != nil, p.Validate, func() ([]http7.Step, error) { return validate.Compile(p.Validate, bundle, n) })
	add("waf", p.WAF != nil, p.WAF, func() ([]http7.Step, error) { return waf.Compile(p.WAF, bundle, n) })
	return list
}

// realmOf returns the realm of a bundle's bearer tokens, "" if it has none, or two.
func realmOf(p *config.Policy) string {
	switch {
	case p.JWT != nil && p.Introspect != nil && p.JWT.Realm != p.Introspect.Realm:
		return ""
	case p.JWT != nil:
		return p.JWT.Realm
	case p.Introspect != nil:
		return p.Introspect.Realm
	}
	return ""
}

// guarding is a section of guards as it was compiled.
type guarding struct {
	config any
	steps  []http7.Step
}

// guard compiles one of them. A config that nobody serves has those of the one that is served, where they are the same;
// others are not asked.
func (k *compiler) guard(bundle string, p *config.Policy, s section) []http7.Step {
	key := bundle + "." + s.key
	unserved := k.live.serving != nil && k.needs == nil
	if unserved {
		if was, there := k.live.serving.sections[key]; there && reflect.DeepEqual(was.config, s.config) {
			return was.steps
		}
	}
	steps, err := s.compile()
	if err != nil {
		k.at(p.Path).AddError(s.key, err)
	}
	for i := range steps {
		if unserved {
			steps[i] = unasked(steps[i])
		}
		switch {
		case steps[i].Request == nil:
		case steps[i].Establishes:
			steps[i].Request = known{steps[i].Request}
		case steps[i].Stage == http7.Authorise:
			steps[i].Request = doubted{steps[i].Request, steps[i].Name}
		}
	}
	k.guarding[key] = guarding{s.config, slices.Clone(steps)}
	return steps
}

// known is a policy that establishes identities: for requests that are read from a log, in which no credential stands, it
// takes what the log says.
type known struct{ http7.Policy }

// Request implements [http7.Policy].
func (p known) Request(x *http7.Exchange) http7.Verdict {
	if x.Recorded == nil {
		return p.Policy.Request(x)
	}
	if x.Recorded.Consumer != "" {
		x.Establish(http7.Identity{Scheme: "recorded", Consumer: x.Recorded.Consumer, Groups: x.Recorded.Groups, Scopes: x.Recorded.Scopes})
		x.Claims = append(x.Claims[:0], x.Recorded.Claims...)
	}
	return http7.Continue
}

// doubted is a policy that judges by who somebody is. In a dry run that may not be known, because nobody is asked: then
// neither is what it would say.
type doubted struct {
	http7.Policy
	name string
}

// Request implements [http7.Policy].
func (p doubted) Request(x *http7.Exchange) http7.Verdict {
	if x.Dry && x.Recorded == nil && !x.Identified() && slices.ContainsFunc(x.Verdicts, undecided) {
		x.Verdicts = append(x.Verdicts, p.name+":unknown: it depends on who asks")
		return http7.Continue
	}
	return p.Policy.Request(x)
}

// undecided reports whether a remark is that of a policy which would have to ask somebody.
func undecided(remark string) bool { return strings.Contains(remark, ":unknown: would ask") }

// unasked is a step of a policy that has nothing to decide by.
func unasked(s http7.Step) http7.Step {
	if s.Request != nil {
		s.Request = blind(s.Name)
	}
	s.Response, s.Trailer, s.End = nil, nil, nil
	return s
}

// blind notes that its policy can't be asked.
type blind string

// Request implements [http7.Policy].
func (name blind) Request(x *http7.Exchange) http7.Verdict {
	x.Verdicts = append(x.Verdicts, string(name)+":unknown: it is new, and runs nowhere yet")
	x.Lacks("policy:" + string(name))
	return http7.Continue
}

// requirements are the values of require_identity; "" is the first.
var requirements = map[string]http7.Requirement{
	"": http7.RequireAny, config.RequireAny: http7.RequireAny, config.RequireAll: http7.RequireAll, config.RequireNone: http7.RequireNone,
}

// require makes the steps of a bundle that establish identities ways to do so, with one behind them that refuses who has
// taken none. Those that only observe are ways of their own: they neither let anybody in nor keep anybody out. Where no
// identity is required, steps that refuse for the want of one are left out.
func require(bundle, requirement string, steps []http7.Step) []http7.Step {
	if requirements[requirement] == http7.RequireNone {
		steps = slices.DeleteFunc(steps, func(s http7.Step) bool { return s.Required })
	}
	enforced := waysOf(bundle, requirement, steps, http7.Enforce)
	if s, ok := enforced.required(bundle, http7.Enforce); ok {
		return append(steps, s)
	}
	seen := waysOf(bundle, requirement, steps, http7.Observe)
	if s, ok := seen.required(bundle, http7.Observe); ok && enforced == nil {
		return append(steps, s)
	}
	return steps
}

// ways are those of a bundle's steps that have one mode; nil if none has.
type ways http7.Ways

func waysOf(bundle, requirement string, steps []http7.Step, mode http7.Mode) *ways {
	w := &http7.Ways{Require: requirements[requirement], Absent: unidentified(steps, mode)}
	if w.Absent == nil {
		return nil
	}
	for i := range steps {
		if s := &steps[i]; isWay(s, mode) {
			s.Request = w.Wrap(s.Request)
		}
	}
	return (*ways)(w)
}

// isWay reports whether a step of a mode establishes identities.
func isWay(s *http7.Step, mode http7.Mode) bool {
	return s.Establishes && s.Mode == mode && s.Request != nil
}

// required returns the step that wants an identity; ok is false if none is wanted.
func (w *ways) required(bundle string, mode http7.Mode) (s http7.Step, ok bool) {
	if w == nil {
		return s, false
	}
	p := (*http7.Ways)(w).Required()
	name := bundle + ".require_identity"
	return http7.Step{Name: name, Bundle: bundle, Stage: http7.Identify, Mode: mode, Required: true, Request: doubted{p, name}}, p != nil
}

// unidentified is the fault of requests that say not who sends them, where the steps of a mode say how they might (RFC 9110
// §11.6.1); nil if they can't.
func unidentified(steps []http7.Step, mode http7.Mode) *http7.Fault {
	var extra strings.Builder
	any := false
	for i := range steps {
		if s := &steps[i]; isWay(s, mode) {
			any = true
			line := "WWW-Authenticate: " + s.Challenge + "\r\n"
			if s.Challenge != "" && !strings.Contains(extra.String(), line) {
				extra.WriteString(line)
			}
		}
	}
	if !any {
		return nil
	}
	if extra.Len() == 0 { // a 401 must name a scheme; clients know none for certificates
		extra.WriteString("WWW-Authenticate: Weir\r\n")
	}
	return &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: "identity_required", Status: 401, GRPC: 16, ProxyStatus: "http_request_denied",
		Title: "Unauthorized", Detail: "The request does not say who sends it.", Extra: extra.String(),
	}
}

// identityOf returns the fields in which endpoints behind a listener are told who a request comes from.
func (k *compiler) identityOf(name string, l *config.Listener) *http7.IdentityFields {
	var fields []string
	add := func(policies []string) {
		for _, b := range k.named(policies) {
			for i := range b.steps {
				if b.steps[i].Mode == http7.Enforce {
					fields = append(fields, b.steps[i].Sets...)
				}
			}
		}
	}
	add(l.Policies)
	for _, r := range k.cfg.Routes {
		if r.On(name, l) {
			add(r.Policies)
		}
	}
	return http7.NewIdentityFields(fields)
}
