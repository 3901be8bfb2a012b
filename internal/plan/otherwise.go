package plan

import (
	"cmp"
	"slices"
	"strings"
)

// Otherwise is a route whose requests keep their verdict, and leave or are answered in another form.
type Otherwise struct {
	Route string `json:"route"`
	// Sections are what has changed: "rewrite", "split", "policies", "edge.headers".
	Sections []string `json:"sections"`
	// Requests are those of the log that count as same.
	Requests int64 `json:"requests"`
}

// place is where requests are counted.
type place struct{ listener, route string }

// The sections that shape what leaves and what is answered, of routes, of listeners and of policies.
var (
	routeShapes    = []string{"rewrite", "split", "split_by", "policies", "without", "error_pages"}
	listenerShapes = []string{"policies"}
	policyShapes   = []string{"headers", "cors", "compress", "request_id", "cache", "translate", "geo", "api_key", "basic", "jwt", "introspect", "client_cert", "forward_auth", "oidc"}
)

// Join tells of the requests that count as same which may leave or be answered otherwise, since a section of theirs has changed.
func (r *Report) Join() {
	if r.Log == nil {
		return
	}
	byRoute := map[string]*Otherwise{}
	for at, n := range r.Log.places {
		if sections := r.Changes.shaping(at); len(sections) > 0 {
			o := byRoute[at.route]
			if o == nil {
				o = &Otherwise{Route: at.route}
				byRoute[at.route] = o
			}
			o.Sections, o.Requests = append(o.Sections, sections...), o.Requests+n
		}
	}
	r.Log.Otherwise = nil
	for _, o := range byRoute {
		slices.Sort(o.Sections)
		o.Sections = slices.Compact(o.Sections)
		r.Log.Otherwise = append(r.Log.Otherwise, *o)
	}
	slices.SortFunc(r.Log.Otherwise, func(a, b Otherwise) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), strings.Compare(a.Route, b.Route))
	})
}

// shaping returns the changed sections that shape the requests of a place.
func (c *Changes) shaping(at place) (sections []string) {
	for i := range c.Routes {
		if c.Routes[i].Name == at.route {
			sections = append(sections, c.Routes[i].among(routeShapes)...)
		}
	}
	for i := range c.Listeners {
		if c.Listeners[i].Name == at.listener {
			sections = append(sections, c.Listeners[i].among(listenerShapes)...)
		}
	}
	for i := range c.Policies {
		p := &c.Policies[i]
		if slices.Contains(p.Used, "route "+at.route) || slices.Contains(p.Used, "listener "+at.listener) {
			for _, s := range p.among(policyShapes) {
				sections = append(sections, p.Name+"."+s)
			}
		}
	}
	return sections
}

// among returns which of the sections have keys that differ.
func (c *Change) among(sections []string) (found []string) {
	for _, k := range c.Keys {
		end := strings.IndexAny(k.Key, ".[")
		if end < 0 {
			end = len(k.Key)
		}
		if slices.Contains(sections, k.Key[:end]) {
			found = append(found, k.Key[:end])
		}
	}
	return found
}
