package gateway

import (
	"maps"
	"slices"
	"strings"

	"weir/http7"
	"weir/internal/config"
)

// sessions are the cookies in which policies of a listener keep credentials with browsers. A browser sends them to every
// route of its host, also to those that have no such policy, whose endpoints could show them again.
type sessions struct {
	by  map[string]*http7.Step // by cookie, the policy that keeps it from endpoints
	on  map[string]*hosts      // by cookie, where browsers have it
	own []map[string]bool      // by route, the cookies of its own policies; nil where there are none
}

// sessionsOf finds the cookies of the policies on a listener; nil if there are none to be kept from anybody.
func (k *compiler) sessionsOf(name string, l *config.Listener) *sessions {
	kept := func(s http7.Step) bool { return len(s.Cookies) > 0 && !s.PassesCookies }
	if !slices.ContainsFunc(slices.Collect(maps.Values(k.bundles)), func(steps []http7.Step) bool { return slices.ContainsFunc(steps, kept) }) {
		return nil // with most configs; there may be many routes
	}
	c := &sessions{by: map[string]*http7.Step{}, on: map[string]*hosts{}, own: make([]map[string]bool, len(k.cfg.Routes))}
	for id, r := range k.cfg.Routes {
		if !r.On(name, l) {
			continue
		}
		listeners := slices.DeleteFunc(slices.Clone(l.Policies), func(b string) bool { return slices.Contains(r.Without, b) })
		for _, b := range append(listeners, r.Policies...) {
			for i := range k.bundles[b] {
				c.add(id, r, &k.bundles[b][i])
			}
		}
	}
	if len(c.by) == 0 {
		return nil
	}
	return c
}

// add notes that route r has step s.
func (c *sessions) add(id int, r *config.Route, s *http7.Step) {
	for _, cookie := range s.Cookies {
		if c.own[id] == nil {
			c.own[id] = map[string]bool{}
		}
		c.own[id][cookie] = true
		if s.PassesCookies {
			continue
		}
		if c.by[cookie] == nil {
			c.by[cookie], c.on[cookie] = s, newHosts()
		}
		c.on[cookie].add(r.Match.Hosts)
	}
}

// foreign returns the cookies that a route keeps from its endpoints although it has no policy with them, in order.
func (c *sessions) foreign(id int, r *config.Route) (cookies []string) {
	if c == nil || !r.Forwards() && r.Handler == "" {
		return nil
	}
	for cookie, on := range c.on {
		if !c.own[id][cookie] && on.meets(r.Match.Hosts) {
			cookies = append(cookies, cookie)
		}
	}
	slices.Sort(cookies)
	return cookies
}

// keep returns the steps that keep cookies from endpoints, one for each policy. What a cache stores under Vary: Cookie is
// chosen by what the client sends, of which the endpoint gets a part: they edit nothing that a cache has to know of.
func (c *sessions) keep(cookies []string) (steps []http7.Step) {
	for len(cookies) > 0 { // of none there may be no c
		of := c.by[cookies[0]]
		his := func(cookie string) bool { return c.by[cookie] == of }
		names := slices.DeleteFunc(slices.Clone(cookies), func(cookie string) bool { return !his(cookie) })
		cookies = slices.DeleteFunc(slices.Clone(cookies), his)
		steps = append(steps, http7.Step{
			Name: strings.TrimSuffix(of.Name, ".forward") + ".elsewhere", Bundle: of.Bundle, Stage: http7.Rewrite,
			Request: withheld{http7.NewCookieSet(names...)},
		})
	}
	return steps
}

// withheld keeps cookies from endpoints.
type withheld struct{ cookies *http7.CookieSet }

// Request implements [http7.Policy].
func (p withheld) Request(x *http7.Exchange) http7.Verdict {
	p.cookies.Strip(x)
	return http7.Continue
}

// hosts are the host patterns of several routes.
type hosts struct {
	any bool
	// exact are the names, wild the suffixes of "*.suffix", above the suffixes of both: "b.c" and "c" of "a.b.c".
	exact, wild, above map[string]bool
}

func newHosts() *hosts {
	return &hosts{exact: map[string]bool{}, wild: map[string]bool{}, above: map[string]bool{}}
}

// add takes the patterns of a route; none is any host.
func (h *hosts) add(patterns []string) {
	h.any = h.any || len(patterns) == 0
	for _, p := range patterns {
		suffix, wild := strings.CutPrefix(p, "*.")
		if wild {
			h.wild[suffix] = true
			h.above[suffix] = true // there is a name below it
		} else {
			h.exact[suffix] = true
		}
		for up := parent(suffix); up != ""; up = parent(up) {
			h.above[up] = true
		}
	}
}

// meets reports whether a host may fit one of the patterns and one of h.
func (h *hosts) meets(patterns []string) bool {
	if h.any || len(patterns) == 0 {
		return true
	}
	return slices.ContainsFunc(patterns, func(p string) bool {
		suffix, wild := strings.CutPrefix(p, "*.")
		if wild && h.above[suffix] || !wild && h.exact[suffix] {
			return true
		}
		for up := parent(suffix); up != ""; up = parent(up) {
			if h.wild[up] {
				return true
			}
		}
		return false
	})
}

// parent returns a name without its first label, "" for one of a single label.
func parent(name string) string {
	_, up, _ := strings.Cut(name, ".")
	return up
}
