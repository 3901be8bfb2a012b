package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// check notes everything that is wrong with c, each room's part and what is between them.
func (c *Config) check(p *conf.Problems, o Options) {
	c.Admin.Check(p.In("admin"))
	c.Log.Check(p.In("log"))
	c.AccessLog.Check(p.In("access_log"))
	c.checkAuditLog(p.In("audit_log"))
	c.Cache.check(p.In("cache"))
	c.Shutdown.check(p.In("shutdown"))
	if c.Zone != "" {
		checkZone(p, c.Zone)
	}
	if len(c.Listeners) == 0 {
		p.Add("listeners", "there is no listener, so nothing can arrive", `write [listeners.web] with address = ":8080"`)
	}
	for _, name := range c.ListenerNames() {
		checkName(p.At(c.Listeners[name].Path), name)
		c.checkListener(p.At(c.Listeners[name].Path), c.Listeners[name])
	}
	for _, name := range c.PolicyNames() {
		checkName(p.At(c.Policies[name].Path), name)
		c.Policies[name].check(p.At(c.Policies[name].Path))
		c.checkStored(p.At(c.Policies[name].Path), c.Policies[name])
	}
	for _, name := range c.UpstreamNames() {
		checkName(p.At(c.Upstreams[name].Path), name)
		c.Upstreams[name].check(p.At(c.Upstreams[name].Path))
	}
	for _, r := range c.Routes {
		c.checkRoute(p.At(r.Path), r, o)
		o.Pause()
	}
	c.checkShared(p)
	c.checkSessions(p)
	c.checkRouteNames(p, o)
	c.checkAddresses(p)
}

func (s *Shutdown) check(p *conf.Problems) {
	if s.Delay.IsOff() {
		p.Add("delay", `"off" is not possible here`, `write "0s" for none`)
	}
	if s.Grace.IsOff() {
		p.Add("grace", "one stuck client would keep Weir from ever stopping", `write a time, such as "30s"`)
	}
}

const longestName = 64

// check notes what is wrong with the sections of a policy.
func (b *Policy) check(p *conf.Problems) {
	b.Guards.check(p)
	b.Headers.Check(p.In("headers"))
	if b.CORS != nil {
		b.CORS.Check(p.In("cors"))
	}
	if b.RequestID != nil {
		b.RequestID.Check(p.In("request_id"))
	}
	if b.Compress != nil {
		b.Compress.Check(p.In("compress"))
	}
	if b.Cache != nil {
		b.Cache.Check(p.In("cache"))
	}
	if b.Translate != nil {
		b.Translate.Check(p.In("translate"))
	}
}

// checkName keeps names fit for metrics, commands and URLs of the admin API.
func checkName(p *conf.Problems, name string) {
	odd := func(r rune) bool {
		return (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') && !strings.ContainsRune("-_.", r)
	}
	if name == "" || len(name) > longestName || strings.ContainsFunc(name, odd) {
		p.AddKey("", strconv.Quote(name)+" is not a name", "a name has up to 64 letters, digits, hyphens, underscores and dots")
	}
}

// refer notes a problem unless name is one of entries. noun is what it names: "upstream".
func refer[T any](p *conf.Problems, key, name, noun string, entries map[string]T) {
	if _, known := entries[name]; known {
		return
	}
	names := slices.Sorted(maps.Keys(entries))
	hint := "the " + table(noun) + " are " + conf.Quoted(names, "and")
	if len(names) == 0 {
		hint = "write [" + table(noun) + "." + name + "]"
	} else if near := conf.Nearest(name, names); near != "" {
		hint = "did you mean " + strconv.Quote(near) + "? " + hint
	}
	p.AddNeeds(key, "there is no "+noun+" "+strconv.Quote(name), hint, table(noun), name)
}

func table(noun string) string {
	if noun == "policy" {
		return "policies"
	}
	return noun + "s"
}

// referAll is refer for a list; it also notes names that are written twice.
func referAll[T any](p *conf.Problems, key string, list []string, noun string, entries map[string]T) {
	for i, name := range list {
		if slices.Contains(list[:i], name) {
			p.Index(key, i).Add("", strconv.Quote(name)+" is written twice", "leave one out")
		}
		refer(p.Index(key, i), "", name, noun, entries)
	}
}

// checkAddresses notes listeners that can't listen at once, the admin server included.
func (c *Config) checkAddresses(p *conf.Problems) {
	type bound struct {
		owner string
		addr  conf.Address
	}
	taken := []bound{{"the admin server", c.Admin.Address}}
	for _, name := range c.ListenerNames() {
		l := c.Listeners[name]
		for i, a := range l.Address {
			for _, t := range taken {
				if a.Overlaps(t.addr) {
					p.At(l.Path).Index("address", i).Add("", strconv.Quote(a.String())+" is taken by "+t.owner+" on "+strconv.Quote(t.addr.String()),
						"give each listener an address or port of its own")
					break
				}
			}
			taken = append(taken, bound{"listeners." + name, a})
		}
	}
}

// checkUse warns of what is defined and never used.
func (c *Config) checkUse(p *conf.Problems) {
	c.checkZones(p)
	c.checkCertified(p)
	c.checkIdentified(p)
	c.checkReturns(p)
	upstreams, policies, served := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range c.Routes {
		mark(upstreams, r.Upstreams())
		mark(policies, r.Policies)
		mark(served, r.Listeners)
		served["*"] = served["*"] || len(r.Listeners) == 0
	}
	c.checkSpoken(p, upstreams)
	for _, l := range c.Listeners {
		mark(upstreams, l.sendsTo())
		mark(policies, l.Policies)
	}
	for _, name := range c.UpstreamNames() {
		if !upstreams[name] {
			p.At(c.Upstreams[name].Path).Warn("", "no route and no listener uses this upstream", "")
		}
	}
	for _, name := range c.PolicyNames() {
		if !policies[name] {
			p.At(c.Policies[name].Path).Warn("", "no route and no listener uses this policy", "")
		}
	}
	for _, name := range c.ListenerNames() {
		if l := c.Listeners[name]; l.Kind == KindHTTP && !l.RedirectToHTTPS && !served["*"] && !served[name] {
			p.At(c.Listeners[name].Path).Warn("", "no route is served here, so every request is answered 404", "write a [[routes]] entry")
		}
	}
}

func mark(set map[string]bool, names []string) {
	for _, n := range names {
		set[n] = true
	}
}
