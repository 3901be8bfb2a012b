package config

import (
	"slices"
	"strconv"

	"weir/internal/conf"
)

// Upstreams returns the names of those that the route's requests may go to, its mirror's last.
func (r *Route) Upstreams() []string {
	var names []string
	if r.Upstream != "" {
		names = append(names, r.Upstream)
	}
	for i := range r.Split {
		names = append(names, r.Split[i].Upstream)
	}
	if r.Mirror != nil {
		names = append(names, r.Mirror.Upstream)
	}
	return names
}

// Forwards reports whether an endpoint answers the route's requests.
func (r *Route) Forwards() bool { return r.Upstream != "" || r.Split != nil }

// checkAction wants exactly one of the actions.
func (c *Config) checkAction(p *conf.Problems, r *Route, o Options) {
	var has []string
	if r.Upstream != "" {
		has = append(has, "upstream")
		refer(p, "upstream", r.Upstream, "upstream", c.Upstreams)
	}
	if r.Split != nil {
		has = append(has, "split")
		c.checkSplit(p, r)
	}
	if r.Redirect != nil {
		has = append(has, "redirect")
		r.Redirect.Check(p.In("redirect"), r.Match.Captures())
	}
	if r.Respond != nil {
		has = append(has, "respond")
		r.Respond.check(p.In("respond"))
	}
	if r.Handler != "" {
		has = append(has, "handler")
		checkHandler(p, r.Handler, o.Handlers)
	}
	switch len(has) {
	case 1:
	case 0:
		p.Add("", "the route does not say who answers", `write one of upstream = "name", split = [ … ], redirect = { … }, respond = { … } and handler = "name"`)
	default:
		p.AddKey(has[len(has)-1], "the route has "+conf.List(has, "and"), "a route has one of "+conf.List(actions, "and"))
	}
}

func checkHandler(p *conf.Problems, name string, known []string) {
	if len(known) == 0 {
		p.Add("handler", "there is no handler "+strconv.Quote(name), "this program has no handler compiled in")
		return
	}
	names := make(map[string]bool, len(known))
	mark(names, known)
	refer(p, "handler", name, "handler", names)
}

// maxWeight bounds the weights of a split, so that their sum fits anywhere.
const maxWeight = 1_000_000

func (c *Config) checkSplit(p *conf.Problems, r *Route) {
	total, seen := 0, map[string]bool{}
	for i := range r.Split {
		s, at := &r.Split[i], p.Index("split", i)
		switch {
		case s.Upstream == "":
			at.Add("upstream", "the side has no upstream", `write { upstream = "name", weight = 1 }`)
		case seen[s.Upstream]:
			at.Add("upstream", strconv.Quote(s.Upstream)+" is a side already", "add the weights up")
		default:
			refer(at, "upstream", s.Upstream, "upstream", c.Upstreams)
		}
		seen[s.Upstream] = true
		at.Between("weight", s.Weight, 0, maxWeight)
		total += max(s.Weight, 0) // a negative one is told of
	}
	switch {
	case len(r.Split) == 0:
		p.Add("split", "an empty list sends nobody anywhere", `write split = [{ upstream = "name", weight = 1 }, …]`)
	case total == 0:
		p.Add("split", "no side has a weight", "give at least one side a weight from 1")
	}
}

// checkForwarding checks what only makes sense where an endpoint answers.
func (c *Config) checkForwarding(p *conf.Problems, r *Route) {
	if len(r.SplitBy) > 0 {
		r.SplitBy.Check(p, "split_by")
		if r.Split == nil {
			p.AddKey("split_by", "there is nothing to split", `write split = [{ upstream = "name", weight = 1 }, …], or leave it out`)
		}
	}
	if r.Retry != nil {
		c.checkAttempts(p, r, "retry")
		r.Retry.Check(p.In("retry"))
		if u := c.Upstreams[r.Upstream]; u != nil && r.Retry.Budget != u.Retry.Budget {
			p.In("retry").Add("budget", "the budget is one for all routes to an upstream", "write it in the upstream's retry table")
		}
	}
	if r.Hedge != nil {
		c.checkAttempts(p, r, "hedge")
		r.Hedge.Check(p.In("hedge"))
	}
	if r.Mirror != nil {
		c.checkMirror(p, r)
	}
	if r.Rewrite != nil {
		r.Rewrite.Check(p.In("rewrite"), r.Match.Captures())
		if !r.Forwards() {
			p.AddKey("rewrite", "there is nothing to rewrite without an upstream", "leave it out")
		}
	}
}

// checkAttempts wants one upstream for a table that stands in place of the upstream's.
func (c *Config) checkAttempts(p *conf.Problems, r *Route, key string) {
	switch {
	case r.Split != nil:
		p.AddKey(key, "the sides of a split have their upstreams' own", "write it in the "+key+" tables of the upstreams")
	case r.Upstream == "":
		p.AddKey(key, "there is nothing to "+key+" without an upstream", "leave it out")
	}
}

func (c *Config) checkMirror(p *conf.Problems, r *Route) {
	r.Mirror.Check(p.In("mirror"))
	if r.Mirror.Upstream != "" {
		refer(p.In("mirror"), "upstream", r.Mirror.Upstream, "upstream", c.Upstreams)
	}
	if r.Mirror.Upstream != "" && r.Mirror.Upstream == r.Upstream {
		p.In("mirror").Warn("upstream", "the mirror is the route's own upstream, which is then asked everything twice", "write the name of another upstream")
	}
	if !r.Forwards() {
		p.AddKey("mirror", "there is nothing to mirror without an upstream", "leave it out")
	}
}

// checkSNI warns of a name that no listener of the route is ever told, for none has TLS or hears of it from those
// that end TLS before Weir.
func (c *Config) checkSNI(p *conf.Problems, r *Route) {
	if r.Match.SNI == "" || r.Match.SNI == "!" {
		return
	}
	for name, l := range c.Listeners {
		if (l.TLS != nil || len(l.AcceptProxyProtocol) > 0) && r.On(name, l) {
			return
		}
	}
	p.Warn("sni", "no listener of this route has tls, so that the route can never match", "leave it out, or write hosts")
}

// checkCORS warns of a cors that has no effect: where a listener of the route has one, that decides.
func (c *Config) checkCORS(p *conf.Problems, r *Route) {
	for i, own := range r.Policies {
		if !c.answersCORS(own) {
			continue
		}
		for _, name := range c.ListenerNames() {
			l := c.Listeners[name]
			if !r.On(name, l) {
				continue
			}
			for _, other := range l.Policies {
				if other != own && !slices.Contains(r.Without, other) && c.answersCORS(other) {
					p.Index("policies", i).Warn("", "the cors of "+strconv.Quote(own)+" has no effect on listener "+name+": the one of its policy "+strconv.Quote(other)+" decides",
						"write without = ["+strconv.Quote(other)+"]")
					return
				}
			}
		}
	}
}

// answersCORS reports whether a policy has a cors that is enforced.
func (c *Config) answersCORS(policy string) bool {
	b := c.Policies[policy]
	return b != nil && b.CORS != nil && b.CORS.Mode == conf.Enforce
}
