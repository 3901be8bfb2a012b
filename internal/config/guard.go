package config

import (
	"slices"
	"strconv"
	"strings"

	"weir/http7/policy/apikey"
	"weir/http7/policy/authorise"
	"weir/http7/policy/basic"
	"weir/http7/policy/clientcert"
	"weir/http7/policy/concurrency"
	"weir/http7/policy/forwardauth"
	"weir/http7/policy/geo"
	"weir/http7/policy/headers"
	"weir/http7/policy/introspect"
	"weir/http7/policy/ipfilter"
	"weir/http7/policy/jwt"
	"weir/http7/policy/oidc"
	"weir/http7/policy/quota"
	"weir/http7/policy/ratelimit"
	"weir/http7/policy/validate"
	"weir/http7/policy/waf"
	"weir/internal/conf"
	"weir/internal/tomlfile"
)

// Guards are the sections of a policy that say who and what may pass.
type Guards struct {
	// RequireIdentity says what is asked of requests where the bundle has sections that establish who sends them: "any" wants
	// one identity, and the first credential that is there decides; "all" wants every one of them; "none" lets requests pass
	// that bring none. A bad credential is refused in any case. Whoever lacks what is wanted is answered 401 with every scheme
	// of the bundle. Default: "any" on a route; on a listener, where the bundle does not say it, "none".
	RequireIdentity string `toml:"require_identity"`
	// IPFilter says which addresses are served. Default: absent.
	IPFilter *ipfilter.Config `toml:"ip_filter"`
	// Geo finds out where a client is, and says from where requests are served. Default: absent.
	Geo *geo.Config `toml:"geo"`
	// APIKey takes keys of ours for identities. Default: absent.
	APIKey *apikey.Config `toml:"api_key"`
	// Basic takes names and passwords for identities. Default: absent.
	Basic *basic.Config `toml:"basic"`
	// JWT takes signed tokens for identities. Default: absent.
	JWT *jwt.Config `toml:"jwt"`
	// Introspect asks who issued a token what it says. Default: absent.
	Introspect *introspect.Config `toml:"introspect"`
	// ClientCert takes certificates of clients for identities, which the listener's tls asks for. Default: absent.
	ClientCert *clientcert.Config `toml:"client_cert"`
	// ForwardAuth asks a service of ours about each request. Default: absent.
	ForwardAuth *forwardauth.Config `toml:"forward_auth"`
	// OIDC sends browsers to a provider to sign in, and keeps them signed in. Default: absent.
	OIDC *oidc.Config `toml:"oidc"`
	// Authorise says who may do what; the first rule that is about a request decides. Default: absent.
	Authorise authorise.Config `toml:"authorise"`
	// RateLimit bounds how many requests come in a time. Default: absent.
	RateLimit ratelimit.List `toml:"rate_limit"`
	// Quota bounds how many requests come in a day or a month. Default: absent.
	Quota *quota.Config `toml:"quota"`
	// Concurrency bounds how many requests are under way. Default: absent.
	Concurrency *concurrency.Config `toml:"concurrency"`
	// Validate wants requests, and answers, to be as a document says. Default: absent.
	Validate *validate.Config `toml:"validate"`
	// WAF refuses requests that look like attacks. Default: absent.
	WAF *waf.Config `toml:"waf"`
}

// The values of Guards.RequireIdentity.
const (
	RequireAny  = "any"
	RequireAll  = "all"
	RequireNone = "none"
)

// fillGuards adds the defaults of the guards that a policy has.
func fillGuards(n *tomlfile.Node) {
	for key, standard := range map[string]any{
		"ip_filter": ipfilter.Default(), "geo": geo.Default(), "api_key": apikey.Default(), "basic": basic.Default(), "jwt": jwt.Default(),
		"introspect": introspect.Default(), "client_cert": clientcert.Default(), "forward_auth": forwardauth.Default(), "oidc": oidc.Default(),
		"quota": quota.Default(), "concurrency": concurrency.Default(), "validate": validate.Default(), "waf": waf.Default(),
	} {
		child(n, key).Fill(tomlfile.FromValue(standard))
	}
	for _, limit := range child(n, "rate_limit").List() {
		limit.Fill(tomlfile.FromValue(ratelimit.Default()))
	}
}

// guard is one section as the checks see it.
type guard struct {
	key      string
	mode     conf.Mode
	sessions bool // it guards sessions of tcp listeners too
	check    func(*conf.Problems)
	list     func(p *conf.Problems, key string) // of sections that are lists, in place of check
}

// sections lists the sections that g has, in the order of requests.
func (g *Guards) sections() (list []guard) {
	if c := g.IPFilter; c != nil {
		list = append(list, guard{key: "ip_filter", mode: c.Mode, sessions: true, check: c.Check})
	}
	if c := g.Geo; c != nil {
		list = append(list, guard{key: "geo", mode: c.Mode, sessions: true, check: c.Check})
	}
	return append(append(append(list, g.ways()...), g.limits()...), g.inspections()...)
}

// ways lists the sections that find out who sends a request.
func (g *Guards) ways() (list []guard) {
	if c := g.APIKey; c != nil {
		list = append(list, guard{key: "api_key", mode: c.Mode, check: c.Check})
	}
	if c := g.Basic; c != nil {
		list = append(list, guard{key: "basic", mode: c.Mode, check: c.Check})
	}
	if c := g.JWT; c != nil {
		list = append(list, guard{key: "jwt", mode: c.Mode, check: c.Check})
	}
	if c := g.Introspect; c != nil {
		list = append(list, guard{key: "introspect", mode: c.Mode, check: c.Check})
	}
	if c := g.ClientCert; c != nil {
		list = append(list, guard{key: "client_cert", mode: c.Mode, check: c.Check})
	}
	if c := g.ForwardAuth; c != nil {
		list = append(list, guard{key: "forward_auth", mode: c.Mode, check: c.Check})
	}
	if c := g.OIDC; c != nil {
		list = append(list, guard{key: "oidc", mode: c.Mode, check: c.Check})
	}
	return list
}

// limits lists the sections that bound what somebody may do.
func (g *Guards) limits() (list []guard) {
	if len(g.Authorise) > 0 {
		list = append(list, guard{key: "authorise", check: g.Authorise.Check})
	}
	if len(g.RateLimit) > 0 {
		list = append(list, guard{key: "rate_limit", list: g.RateLimit.Check})
	}
	if c := g.Quota; c != nil {
		list = append(list, guard{key: "quota", mode: c.Mode, check: c.Check})
	}
	if c := g.Concurrency; c != nil {
		list = append(list, guard{key: "concurrency", mode: c.Mode, check: c.Check})
	}
	return list
}

// inspections lists the sections that look into requests.
func (g *Guards) inspections() (list []guard) {
	if c := g.Validate; c != nil {
		list = append(list, guard{key: "validate", mode: c.Mode, check: c.Check})
	}
	if c := g.WAF; c != nil {
		list = append(list, guard{key: "waf", mode: c.Mode, check: c.Check})
	}
	return list
}

// checkShared wants a place for what nodes share, where a limit is shared.
func (c *Config) checkShared(p *conf.Problems) {
	if c.Shared != nil {
		c.Shared.Check(p.In("shared"))
		return
	}
	for _, name := range c.PolicyNames() {
		b := c.Policies[name]
		at := p.At(b.Path)
		lacks := func(p *conf.Problems) {
			p.Add("scope", "nothing says where nodes share this limit", `write [shared] with redis = "redis://127.0.0.1:6379/0", or scope = "local"`)
		}
		for i := range b.RateLimit {
			if b.RateLimit[i : i+1].Shared() {
				lacks(at.Index("rate_limit", i))
			}
		}
		if b.Quota != nil && b.Quota.Shared() {
			lacks(at.In("quota"))
		}
	}
}

// check notes what is wrong with the guards of a policy.
func (g *Guards) check(p *conf.Problems) {
	list := g.sections()
	for _, s := range list {
		if s.list != nil {
			s.list(p, s.key)
		} else {
			s.check(p.In(s.key))
		}
	}
	if g.RequireIdentity == "" {
		return
	}
	p.OneOf("require_identity", g.RequireIdentity, "a requirement", RequireAny, RequireAll, RequireNone)
	if len(g.ways()) == 0 {
		p.AddKey("require_identity", "no section of this policy establishes an identity, so that none would ever pass", "write one, such as api_key, or leave it out")
	}
}

// establishes reports whether the policy has a section that finds out who sends a request.
func (g *Guards) establishes() bool {
	return slices.ContainsFunc(g.ways(), func(s guard) bool { return s.mode != conf.ModeOff })
}

// locates reports whether the policy has a section that finds out where a client is.
func (g *Guards) locates() bool { return g.Geo != nil && g.Geo.Mode != conf.ModeOff }

// checkAuditLog keeps the two logs apart.
func (c *Config) checkAuditLog(p *conf.Problems) {
	c.AuditLog.Check(p)
	if path := c.AuditLog.Path; path != "" && path != "-" && path == c.AccessLog.Path {
		p.Add("path", strconv.Quote(path)+" is the access log's", "write another file")
	}
}

// checkFacts wants policies that find out what the conditions of a route ask for, on each listener that serves it: of its
// own policies a route has none yet while it is looked for.
func (c *Config) checkFacts(p *conf.Problems, r *Route) {
	lacks := func(finds func(*Guards) bool) string {
		for _, name := range c.ListenerNames() {
			l := c.Listeners[name]
			found := func(policy string) bool {
				b := c.Policies[policy]
				return b != nil && !slices.Contains(r.Without, policy) && finds(&b.Guards)
			}
			if r.On(name, l) && !slices.ContainsFunc(l.Policies, found) {
				return name
			}
		}
		return ""
	}
	if name := lacks((*Guards).establishes); name != "" && len(r.Match.Claims) > 0 {
		p.AddKey("claims", "no policy of listener "+name+" finds out who a client is, so that nobody claims anything",
			"write a section that does, such as jwt, in a policy of the listener: a route's own come too late to find it by")
	}
	if name := lacks((*Guards).locates); name != "" && len(r.Match.Country)+len(r.Match.Continent) > 0 {
		key := "country"
		if len(r.Match.Country) == 0 {
			key = "continent"
		}
		p.AddKey(key, "no policy of listener "+name+" finds out where a client is", "write geo in a policy of the listener")
	}
}

// checkSessionGuards wants policies of a tcp listener that can judge a client by his address.
func (c *Config) checkSessionGuards(p *conf.Problems, l *Listener) {
	referAll(p, "policies", l.Policies, "policy", c.Policies)
	for i, name := range l.Policies {
		b := c.Policies[name]
		if b == nil {
			continue
		}
		var other []string
		for _, s := range b.sections() {
			if !s.sessions {
				other = append(other, s.key)
			}
		}
		if other = append(other, b.shapes()...); len(other) > 0 {
			p.Index("policies", i).Add("", "the policy "+strconv.Quote(name)+" has "+strings.Join(other, " and ")+", and sessions have neither requests nor answers",
				"give tcp listeners a policy with ip_filter and geo alone")
		}
	}
}

// shapes lists the sections of a policy that shape requests and answers.
func (b *Policy) shapes() (list []string) {
	for key, there := range map[string]bool{
		"cors": b.CORS != nil, "request_id": b.RequestID != nil, "compress": b.Compress != nil, "cache": b.Cache != nil,
		"translate": b.Translate != nil, "headers": b.Headers != (headers.Config{}),
	} {
		if there {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	return list
}

// checkCertified warns of a client_cert on a listener on which no client shows a certificate.
func (c *Config) checkCertified(p *conf.Problems) {
	for _, name := range c.PolicyNames() {
		b := c.Policies[name]
		if b.ClientCert == nil || b.ClientCert.Mode == conf.ModeOff {
			continue
		}
		for _, listener := range c.ListenerNames() {
			l := c.Listeners[listener]
			if c.applies(name, listener, l) && (l.TLS == nil || l.TLS.ClientAuth == nil) {
				p.At(b.Path).In("client_cert").Warn("", "no client of listener "+listener+" is asked for a certificate", "write client_auth in listeners."+listener+".tls")
				break
			}
		}
	}
}

// applies reports whether a policy is one of an http listener, or of a route that it serves.
func (c *Config) applies(policy, listener string, l *Listener) bool {
	if l.Kind != KindHTTP {
		return false
	}
	return slices.Contains(l.Policies, policy) ||
		slices.ContainsFunc(c.Routes, func(r *Route) bool { return r.On(listener, l) && slices.Contains(r.Policies, policy) })
}
