package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// checkIdentified warns of a section that is about who a client is where nobody ever finds that out: nobody passes
// such rules, and all requests have one key in common.
func (c *Config) checkIdentified(p *conf.Problems) {
	for _, name := range c.PolicyNames() {
		b := c.Policies[name]
		key, what := b.wantsIdentity()
		if key == "" {
			continue
		}
		if used, found := c.identified(name); used && !found {
			p.At(b.Path).In(key).Warn("", "no policy finds out who a client is where this one applies, so that "+what,
				"write a section that does, such as api_key or jwt, in this policy or in another of the same routes")
		}
	}
}

// identified reports whether an http listener or one of its routes has the policy, and whether one that has it has a section
// too that establishes an identity.
func (c *Config) identified(policy string) (used, found bool) {
	establishes := func(name string) bool { return c.Policies[name] != nil && c.Policies[name].establishes() }
	for _, listener := range c.ListenerNames() {
		l := c.Listeners[listener]
		for _, r := range c.Routes {
			if l.Kind != KindHTTP || !r.On(listener, l) {
				continue
			}
			applied := slices.DeleteFunc(slices.Clone(l.Policies), func(name string) bool { return slices.Contains(r.Without, name) })
			if applied = append(applied, r.Policies...); slices.Contains(applied, policy) {
				used = true
				found = found || slices.ContainsFunc(applied, establishes)
			}
		}
	}
	return used, found
}

// ofIdentity finds the words of a requirement that are about an identity.
var ofIdentity = regexp.MustCompile(`\b(?:(?:scope|group|consumer):|(?:identified|consumer|groups|scopes|claims|claim_values)\b)`)

// wantsIdentity returns the first section that is about who a client is, and what becomes of it where nobody knows.
func (g *Guards) wantsIdentity() (key, what string) {
	for _, r := range g.Authorise {
		if r.Mode != conf.ModeOff && ofIdentity.MatchString(r.Require) {
			return "authorise", "nobody is in a group, has a scope or a claim"
		}
	}
	const common = "all requests have one key in common"
	for _, l := range g.RateLimit {
		if l.Mode != conf.ModeOff && bySomebody(l.Key) {
			return "rate_limit", common
		}
	}
	switch {
	case g.Quota != nil && g.Quota.Mode != conf.ModeOff && bySomebody(g.Quota.Key):
		return "quota", common
	case g.Concurrency != nil && g.Concurrency.Mode != conf.ModeOff && bySomebody(g.Concurrency.Key):
		return "concurrency", common
	}
	return "", ""
}

func bySomebody(key conf.Selectors) bool {
	return slices.ContainsFunc(key, func(s conf.Selector) bool {
		return s.Part() == conf.PartConsumer || s.Part() == conf.PartClaim
	})
}

// checkReturns warns of an oidc whose paths no route takes that has it: browsers could never come back from the provider.
func (c *Config) checkReturns(p *conf.Problems) {
	for _, name := range c.PolicyNames() {
		b := c.Policies[name]
		if b.OIDC == nil || b.OIDC.Mode == conf.ModeOff || c.guardsAll(name) {
			continue
		}
		for key, path := range map[string]string{"callback": b.OIDC.Callback, "logout": b.OIDC.Logout} {
			of := func(r *Route) bool { return slices.Contains(r.Policies, name) }
			takes := func(r *Route) bool {
				return of(r) && (len(r.Match.Path) == 0 || slices.ContainsFunc(r.Match.Path, mayTake(path)))
			}
			if path != "" && slices.ContainsFunc(c.Routes, of) && !slices.ContainsFunc(c.Routes, takes) {
				p.At(b.Path).In("oidc").Warn(key, "no route with this policy takes "+strconv.Quote(path)+", where browsers are sent",
					"add it to the route's match.path, or write another path here that the route takes")
			}
		}
	}
}

// guardsAll reports whether a policy is one of an http listener's own.
func (c *Config) guardsAll(policy string) bool {
	for _, l := range c.Listeners {
		if l.Kind == KindHTTP && slices.Contains(l.Policies, policy) {
			return true
		}
	}
	return false
}

// mayTake reports of a pattern whether it takes path, or has parts that only the matcher understands.
func mayTake(path string) func(pattern string) bool {
	return func(pattern string) bool {
		if strings.ContainsAny(pattern, "{~") || pattern == path {
			return true
		}
		prefix, all := strings.CutSuffix(pattern, "/*")
		return all && strings.HasPrefix(path+"/", prefix+"/")
	}
}
