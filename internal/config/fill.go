package config

import (
	"slices"
	"strconv"

	"weir/health"
	"weir/http7/cache"
	"weir/http7/forward"
	"weir/http7/policy/compress"
	"weir/http7/policy/cors"
	"weir/http7/policy/requestid"
	"weir/http7/policy/translate"
	"weir/http7/sticky"
	"weir/internal/certs"
	"weir/internal/certs/acme"
	"weir/internal/conf"
	"weir/internal/discover"
	"weir/internal/shared"
	"weir/internal/tomlfile"
	"weir/lb"
)

// fill adds to the tree what the operator left out: first the [defaults] tables, then the
// defaults of the house. Of [defaults], an entry gets only the keys that its kind has. Values that no
// operator wrote have no place of their own.
func fill(root *tomlfile.Node, pause func()) {
	root.Fill(tomlfile.FromValue(Default()))
	child(root, "shared").Fill(tomlfile.FromValue(shared.Default()))
	defaults := root.Get("defaults")
	eachEntry(root.Get("listeners"), func(n *tomlfile.Node) { fillListener(n, standing(defaults, "listeners")) })
	eachEntry(root.Get("upstreams"), func(n *tomlfile.Node) { fillUpstream(n, standing(defaults, "upstreams")) })
	eachEntry(root.Get("policies"), fillPolicy)
	f := newRouteFiller(defaults, root.Get("upstreams"))
	for _, n := range root.Get("routes").List() {
		f.fill(n)
		pause()
	}
}

// eachEntry calls f with every value of a table of tables.
func eachEntry(n *tomlfile.Node, f func(*tomlfile.Node)) {
	if n == nil || n.Kind != tomlfile.Table {
		return
	}
	for _, k := range n.Keys {
		if n.Get(k).Kind == tomlfile.Table {
			f(n.Get(k))
		}
	}
}

// standing returns a copy of one of the [defaults] tables, empty if there is none.
func standing(defaults *tomlfile.Node, key string) *tomlfile.Node {
	if n := child(defaults, key); n != nil && n.Kind == tomlfile.Table {
		return n.CopyAs(conf.Path{"defaults", key})
	}
	return tomlfile.NewTable()
}

// child returns the value of key if n is a table that has it.
func child(n *tomlfile.Node, key string) *tomlfile.Node {
	if n == nil || n.Kind != tomlfile.Table {
		return nil
	}
	return n.Get(key)
}

// text returns the text at key, or "".
func text(n *tomlfile.Node, key string) string {
	if v := child(n, key); v != nil && v.Kind == tomlfile.String {
		return v.Text
	}
	return ""
}

func fillListener(n, below *tomlfile.Node) {
	if kindOf(n, below) == KindTCP {
		dropHTTP(below)
		below.Delete("policies") // what most listeners have is for requests
	} else {
		below.Delete("upstream")
		plain(n, below)
	}
	n.Fill(below)
	n.Fill(listenerTree(DefaultListener(kindOf(n, below))))
	fillTLS(child(n, "tls"))
}

// fillTLS adds the defaults of a listener's tls table, if there is one, and of the tables in it.
func fillTLS(n *tomlfile.Node) {
	n.Fill(tomlfile.FromValue(certs.Default()))
	child(n, "client_auth").Fill(tomlfile.FromValue(certs.DefaultClientAuth()))
	a := child(n, "acme")
	a.Fill(tomlfile.FromValue(acme.Default()))
	child(a, "dns").Fill(tomlfile.FromValue(acme.DefaultDNS()))
	child(a, "on_demand").Fill(tomlfile.FromValue(acme.DefaultOnDemand()))
}

// plain drops from the shared table of listeners what goes with TLS for one that redirects there, and
// the redirect for one that has TLS.
func plain(n, below *tomlfile.Node) {
	if child(n, "tls") != nil {
		below.Delete("redirect_to_https")
	}
	if redirects := child(n, "redirect_to_https"); redirects != nil && redirects.Kind == tomlfile.Bool && redirects.Text == "true" {
		below.Delete("tls")
		below.Delete("passthrough")
	}
	if child(n, "tls") == nil && child(below, "tls") == nil {
		withoutH3(below)
	}
}

// withoutH3 drops from the shared protocols the one that is never without TLS.
func withoutH3(below *tomlfile.Node) {
	list := child(below, "protocols")
	if list == nil {
		return
	}
	h3 := func(n *tomlfile.Node) bool { return n.Kind == tomlfile.String && n.Text == ProtocolH3 }
	list.Items = slices.DeleteFunc(list.Items, h3)
	if h3(list) || list.Kind == tomlfile.Array && len(list.Items) == 0 {
		below.Delete("protocols")
	}
}

// kindOf returns the kind of a listener from its own table or the shared one.
func kindOf(n, below *tomlfile.Node) string {
	for _, t := range []*tomlfile.Node{n, below} {
		if kind := text(t, "kind"); kind != "" {
			return kind
		}
	}
	return KindHTTP
}

// httpOnly are the keys that a tcp listener does not have; of limits it has idle_timeout alone.
var httpOnly = []string{"protocols", "trusted_proxies", "forwarded", "paths", "redirect_to_https"}

// dropHTTP removes from a listener's tree what only http listeners have.
func dropHTTP(n *tomlfile.Node) {
	for _, k := range httpOnly {
		n.Delete(k)
	}
	limits := child(n, "limits")
	if limits == nil {
		return
	}
	for _, k := range slices.Clone(limits.Keys) {
		if k != "idle_timeout" {
			limits.Delete(k)
		}
	}
}

// listenerTree is the tree of a listener, for tcp without the keys that it does not have.
func listenerTree(l Listener) *tomlfile.Node {
	n := tomlfile.FromValue(l)
	if l.Kind == KindTCP {
		dropHTTP(n)
	}
	return n
}

func fillUpstream(n, below *tomlfile.Node) {
	oneOf(child(n, "health"), child(below, "health"), "http", "tcp", "grpc")
	oneOf(child(n, "discover"), child(below, "discover"), "dns", "srv", "file")
	oneOf(n, below, "endpoints", "discover")
	n.Fill(below)
	n.Fill(tomlfile.FromValue(DefaultUpstream()))
	for _, e := range child(n, "endpoints").List() {
		e.Fill(tomlfile.FromValue(lb.DefaultEndpoint()))
	}
	for key, standard := range tableDefaults() {
		child(n, key).Fill(tomlfile.FromValue(standard))
	}
	child(child(n, "health"), "http").Fill(tomlfile.FromValue(health.DefaultHTTP()))
}

// fillPolicy adds the defaults of the sections that a policy has.
func fillPolicy(n *tomlfile.Node) {
	fillGuards(n)
	child(n, "cors").Fill(tomlfile.FromValue(cors.Default()))
	child(n, "request_id").Fill(tomlfile.FromValue(requestid.Default()))
	child(n, "compress").Fill(tomlfile.FromValue(compress.Default()))
	child(n, "cache").Fill(tomlfile.FromValue(cache.Default()))
	child(n, "translate").Fill(tomlfile.FromValue(translate.Default()))
}

// tableDefaults are the values of absent keys in tables of an upstream that are there.
func tableDefaults() map[string]any {
	return map[string]any{
		"breaker": lb.DefaultBreaker(), "discover": discover.Default(), "health": health.Default(),
		"hedge": forward.DefaultHedge(), "queue": lb.DefaultQueue(), "sticky": sticky.Default(),
	}
}

// oneOf drops all the keys from below if n has any of them: they exclude each other.
func oneOf(n, below *tomlfile.Node, keys ...string) {
	has := func(k string) bool { return child(n, k) != nil }
	if below == nil || !slices.ContainsFunc(keys, has) {
		return
	}
	for _, k := range keys {
		if !has(k) {
			below.Delete(k)
		}
	}
}

// misplaced notes the keys of tcp listeners that only http listeners have. It looks at what was
// written, before anything is filled in.
func (l *loader) misplaced(root *tomlfile.Node) {
	listeners := root.Get("listeners")
	if listeners == nil || listeners.Kind != tomlfile.Table {
		return
	}
	for _, name := range listeners.Keys {
		n := listeners.Get(name)
		if kindOf(n, standing(root.Get("defaults"), "listeners")) != KindTCP {
			continue
		}
		p := l.report.problems.In("listeners", name)
		for _, k := range httpOnly {
			if child(n, k) != nil {
				p.AddKey(k, "a tcp listener has no "+k, `it is for listeners of kind = "http"`)
			}
		}
		if limits := child(n, "limits"); limits != nil && limits.Kind == tomlfile.Table {
			misplacedLimits(p.In("limits"), limits.Keys)
		}
	}
}

// later refuses the sources of endpoints that Weir does not have yet by their names, and takes them
// out, so that nobody calls them unknown.
func (l *loader) later(root *tomlfile.Node) {
	eachUpstream := func(name string) {
		discover := child(child(root.Get("upstreams"), name), "discover")
		for _, k := range []string{"consul", "etcd", "kubernetes"} {
			if child(discover, k) == nil {
				continue
			}
			l.report.problems.In("upstreams", name, "discover").AddKey(k, "endpoints can't be found by "+k+" yet",
				"write dns, srv or file; what knows the endpoints may write the file")
			l.report.place()
			discover.Delete(k)
		}
	}
	if n := root.Get("upstreams"); n != nil && n.Kind == tomlfile.Table {
		for _, name := range n.Keys {
			eachUpstream(name)
		}
	}
}

func misplacedLimits(p *conf.Problems, keys []string) {
	for _, k := range keys {
		if slices.Contains(limitKeys(), k) && k != "idle_timeout" {
			p.AddKey(k, "a tcp listener has no "+k, "of limits it has idle_timeout alone")
		}
	}
}

func limitKeys() []string { return tomlfile.FromValue(DefaultListener(KindHTTP)).Get("limits").Keys }

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }
