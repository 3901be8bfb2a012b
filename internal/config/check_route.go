package config

import (
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
)

func (c *Config) checkRoute(p *conf.Problems, r *Route, o Options) {
	c.checkAction(p, r, o)
	referAll(p, "listeners", r.Listeners, "listener", c.Listeners)
	for i, name := range r.Listeners {
		switch l := c.Listeners[name]; {
		case l == nil:
		case l.Kind != KindHTTP:
			p.Index("listeners", i).Add("", "listeners."+name+" is not an http listener; it has no routes", "")
		case l.RedirectToHTTPS:
			p.Index("listeners", i).Add("", "listeners."+name+" redirects every request to https; it has no routes", "leave it out here, or redirect_to_https there")
		}
	}
	referAll(p, "policies", r.Policies, "policy", c.Policies)
	c.checkWithout(p, r)
	c.checkCORS(p, r)
	c.checkCache(p, r)
	c.checkTranslate(p, r)
	r.Match.check(p.In("match"))
	c.checkFacts(p.In("match"), r)
	c.checkSNI(p.In("match"), r)
	c.checkReach(p.In("match"), r)
	p.Positive("timeout", r.Timeout)
	c.checkForwarding(p, r)
	r.ErrorPages.Check(p.In("error_pages"))
}

// checkWithout wants policies that the route's listeners have.
func (c *Config) checkWithout(p *conf.Problems, r *Route) {
	referAll(p, "without", r.Without, "policy", c.Policies)
	for i, name := range r.Without {
		if c.Policies[name] != nil && !c.onListener(name, r.Listeners) {
			p.Index("without", i).Warn("", "no listener of this route has the policy "+strconv.Quote(name), "leave it out")
		}
	}
}

func (c *Config) onListener(policy string, listeners []string) bool {
	for name, l := range c.Listeners {
		if served(listeners, name, l) && slices.Contains(l.Policies, policy) {
			return true
		}
	}
	return false
}

// On reports whether the route is served by the listener of that name.
func (r *Route) On(name string, l *Listener) bool { return served(r.Listeners, name, l) }

// served reports whether routes for the listeners of a list, empty for all, are served by one of them.
func served(list []string, name string, l *Listener) bool {
	return l.Kind == KindHTTP && !l.RedirectToHTTPS && (len(list) == 0 || slices.Contains(list, name))
}

func (r *Respond) check(p *conf.Problems) {
	p.Between("status", r.Status, 200, 599)
	if r.Body != "" && r.File != "" {
		p.AddKey("file", "an answer has a body or a file", "keep one of the two")
	}
	// RFC 9110 §15.3.5, §15.3.6, §15.4.5: these have no content.
	if (r.Status == 204 || r.Status == 205 || r.Status == 304) && (r.Body != "" || r.File != "") {
		p.Add("status", "an answer with status "+strconv.Itoa(r.Status)+" has no content", "leave out body and file, or write status = 200")
	}
	if strings.ContainsFunc(r.Type, func(c rune) bool { return c < ' ' || c >= 0x7f }) {
		p.Add("type", strconv.Quote(r.Type)+" is not a media type", `write such as "text/plain"`)
	}
	if r.File != "" {
		checkFile(p, r.File)
	}
}

func checkFile(p *conf.Problems, path string) {
	if _, err := p.ReadFile(path); err != nil {
		p.Add("file", strconv.Quote(path)+" can't be read: "+conf.FileTrouble(err), "")
	}
}

// nameRoutes gives a name to every route that has none: its methods, first host and first path. A
// name that is taken gets a number.
func (c *Config) nameRoutes() {
	taken := map[string]bool{}
	for _, r := range c.Routes {
		taken[r.Name] = true
	}
	numbers := map[string]int{} // that names have got so far: a thousand equal routes take no million steps
	for _, r := range c.Routes {
		if r.Name != "" {
			continue
		}
		name := r.Match.name()
		r.Name = name
		for n := max(2, numbers[name]); taken[r.Name]; n++ {
			r.Name = name + "#" + strconv.Itoa(n)
			numbers[name] = n + 1
		}
		taken[r.Name] = true
	}
}

func (c *Config) checkRouteNames(p *conf.Problems, o Options) {
	first := map[string]*Route{}
	for _, r := range c.Routes {
		if other := first[r.Name]; other != nil {
			p.At(r.Path).Add("name", "another route has the name "+strconv.Quote(r.Name), "the other is at "+o.where(other.Path)+"; metrics and commands need one name for each")
			continue
		}
		first[r.Name] = r
		if len(r.Name) > 200 || strings.ContainsFunc(r.Name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			p.At(r.Path).Add("name", "this is not a name", "a name has up to 200 characters that can be printed")
		}
	}
}
