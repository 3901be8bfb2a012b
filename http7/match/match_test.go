package match

import (
	"fmt"
	"testing"

	"weir/http7"
)

// ask returns an exchange with this request line and host.
func ask(method, host, path string) *http7.Exchange {
	return &http7.Exchange{Method: []byte(method), Authority: []byte(host), Path: []byte(path)}
}

// route is short for a route that is named after what it asks for.
func route(hosts, paths, methods []string) *http7.Route {
	return &http7.Route{Name: fmt.Sprint(hosts, paths, methods), Hosts: hosts, Paths: paths, Methods: methods}
}

func host(h string, paths ...string) *http7.Route { return route([]string{h}, paths, nil) }
func path(p string, methods ...string) *http7.Route {
	return route(nil, []string{p}, methods)
}

// found compiles routes, which must not conflict, and names the one found.
func found(t *testing.T, x *http7.Exchange, routes ...*http7.Route) string {
	t.Helper()
	table, f := Compile(routes)
	conflicts := f.Conflicts
	if len(conflicts) > 0 {
		t.Fatalf("conflicts: %+v", conflicts)
	}
	if r := table.Find(x, x.Method).Route; r != nil {
		return r.Name
	}
	return "none"
}

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		what, pattern, host string
		want                bool
	}{
		{"exact", "a.example", "a.example", true},
		{"exact, another", "a.example", "b.example", false},
		{"case of the request", "a.example", "A.ExAmple", true},
		{"case of the config", "A.Example", "a.example", true},
		{"a port is left aside", "a.example", "a.example:8443", true},
		{"a port and capitals", "a.example", "A.EXAMPLE:1", true},
		{"a trailing dot", "a.example", "a.example.", true},
		{"a trailing dot before a port", "a.example", "a.example.:80", true},
		{"a trailing dot in the config", "a.example.", "a.example", true},
		{"two trailing dots", "a.example", "a.example..", false},
		{"an IPv6 address", "[2001:db8::1]", "[2001:DB8::1]:80", true},
		{"an IPv6 address without port", "[2001:db8::1]", "[2001:db8::1]", true},
		{"no host", "a.example", "", false},
		{"wildcard, one label", "*.example", "a.example", true},
		{"wildcard, two labels", "*.example", "b.a.example", true},
		{"wildcard, the suffix itself", "*.example", "example", false},
		{"wildcard, an empty label", "*.example", ".example", false},
		{"wildcard, half a label", "*.example", "anexample", false},
		{"wildcard, capitals and port", "*.example", "A.EXAMPLE:80", true},
		{"any", "*", "a.example", true},
		{"any, no host", "*", "", true},
	} {
		got := found(t, ask("GET", c.host, "/"), host(c.pattern)) != "none"
		if got != c.want {
			t.Errorf("%s: %q takes %q: %v, want %v", c.what, c.pattern, c.host, got, c.want)
		}
	}
}

func TestAHostLongerThanDNSAllowsMatchesOnlyAny(t *testing.T) {
	long := make([]byte, 300)
	for i := range long {
		long[i] = 'a'
	}
	h := string(long) + ".example"
	if got := found(t, ask("GET", h, "/"), host("*.example"), host("*")); got != host("*").Name {
		t.Fatalf("found %s", got)
	}
}

func TestPaths(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"/a", "/a", true},
		{"/a", "/a/", false},
		{"/a", "/A", false},
		{"/a", "/a/b", false},
		{"/a", "/%61", false}, // raw bytes: normalising is another floor
		{"/a/", "/a/", true},
		{"/a/", "/a", false},
		{"/a/*", "/a", true},
		{"/a/*", "/a/", true},
		{"/a/*", "/a/b/c", true},
		{"/a/*", "/a//", true},
		{"/a/*", "/ab", false},
		{"/a/*", "/", false},
		{"/a/b/*", "/a/b", true},
		{"/a/b/*", "/a/c", false},
		{"/", "/", true},
		{"/", "/a", false},
		{"/*", "/", true},
		{"/*", "/a/b", true},
		{"/*", "*", true}, // OPTIONS *
		{"/a/*", "*", false},
		{"/a//b", "/a//b", true},
		{"/a//b", "/a/b", false},
	} {
		if got := found(t, ask("GET", "h", c.path), path(c.pattern)) != "none"; got != c.want {
			t.Errorf("%q takes %q: %v, want %v", c.pattern, c.path, got, c.want)
		}
	}
}

func TestTheMostSpecificRouteWinsWhateverTheOrder(t *testing.T) {
	low, high := path("/p/*"), path("/p/*")
	low.Name, low.Priority, high.Name, high.Priority = "low", 1, "high", 2
	for _, c := range []struct {
		what         string
		x            *http7.Exchange
		winner       *http7.Route
		others       []*http7.Route
		winnerIsNone bool
	}{
		{what: "an exact host before a wildcard with a better path",
			x: ask("GET", "a.b.c", "/x/y"), winner: host("a.b.c", "/*"), others: []*http7.Route{host("*.b.c", "/x/y"), path("/x/y", "GET")}},
		{what: "the longest wildcard",
			x: ask("GET", "a.b.c", "/"), winner: host("*.b.c"), others: []*http7.Route{host("*.c"), host("*")}},
		{what: "an exact path before a prefix",
			x: ask("GET", "h", "/a"), winner: path("/a"), others: []*http7.Route{path("/a/*", "GET"), path("/*")}},
		{what: "the longest prefix",
			x: ask("GET", "h", "/a/b/c"), winner: path("/a/b/*"), others: []*http7.Route{path("/a/*", "GET"), path("/a/b"), path("/*")}},
		{what: "a method set before none",
			x: ask("GET", "h", "/a"), winner: path("/a", "GET", "HEAD"), others: []*http7.Route{path("/a")}},
		{what: "the higher priority", x: ask("GET", "h", "/p"), winner: high, others: []*http7.Route{low}},
		{what: "no route with this method at the best path: the next path",
			x: ask("PUT", "h", "/a/b"), winner: path("/*"), others: []*http7.Route{path("/a/b", "GET"), path("/a/*", "POST")}},
		{what: "no path at the best host: the next host",
			x: ask("GET", "a.b.c", "/z"), winner: host("*.c", "/z"), others: []*http7.Route{host("a.b.c", "/x"), host("*.b.c", "/y/*")}},
		{what: "no method at any named host: any host",
			x: ask("PUT", "a.b.c", "/z"), winner: path("/*", "PUT"), others: []*http7.Route{route([]string{"a.b.c", "*.c"}, []string{"/*"}, []string{"GET"})}},
		{what: "methods are exact: HEAD is not GET",
			x: ask("HEAD", "h", "/a"), winner: path("/a"), others: []*http7.Route{path("/a", "GET")}},
		{what: "nothing fits", x: ask("GET", "h", "/b"), winnerIsNone: true, winner: path("/a"), others: []*http7.Route{host("o", "/b")}},
	} {
		want := c.winner.Name
		if c.winnerIsNone {
			want = "none"
		}
		all := append([]*http7.Route{c.winner}, c.others...)
		for range all {
			all = append(all[1:], all[0])
			if got := found(t, c.x, all...); got != want {
				t.Errorf("%s: found %s, want %s", c.what, got, want)
			}
		}
	}
}

func TestEveryPairOfHostAndPathOfARouteCounts(t *testing.T) {
	r := route([]string{"a", "*.b", "a"}, []string{"/x", "/y/*", "/x"}, nil)
	table, f := Compile([]*http7.Route{r})
	conflicts := f.Conflicts
	if len(conflicts) != 0 || len(table.rules) != 4 {
		t.Fatalf("%d rules, conflicts %v; want 4 and none", len(table.rules), conflicts)
	}
	for _, x := range []*http7.Exchange{ask("GET", "a", "/x"), ask("GET", "a", "/y/1"), ask("GET", "c.b", "/x"), ask("GET", "c.b", "/y")} {
		if table.Find(x, x.Method).Route != r {
			t.Errorf("%s%s is not found", x.Authority, x.Path)
		}
	}
}

func TestServingKeepsTheRoutesOfAListener(t *testing.T) {
	all, web, other := path("/a"), path("/b"), path("/c")
	web.Listeners, other.Listeners = []string{"tls", "web"}, []string{"tls"}
	got := Serving([]*http7.Route{all, web, other}, "web")
	if len(got) != 2 || got[0] != all || got[1] != web {
		t.Fatalf("got %v", got)
	}
}

func TestExplainNamesTheConditionThatFailed(t *testing.T) {
	a, b, c, d := host("a", "/x"), path("/y"), path("/x", "PUT"), path("/*")
	table, _ := Compile([]*http7.Route{a, b, c, d})
	want := []Candidate{
		{Route: c, Host: "*", Path: "/x", Failed: "methods", Want: "PUT", Saw: "GET"},
		{Route: d, Host: "*", Path: "/*"},
	}
	x := ask("GET", "h", "/x")
	got, more := table.Explain(x, x.Method)
	if more != 2 {
		t.Errorf("%d more, want the %s and %s", more, a.Hosts[0], b.Paths[0])
	}
	if len(got) != len(want) {
		t.Fatalf("got %d candidates, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("candidate %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestAnEmptyTableFindsNothing(t *testing.T) {
	if got := found(t, ask("GET", "h", "/")); got != "none" {
		t.Fatalf("found %s", got)
	}
}

func hostRoutes(hosts ...string) (routes []*http7.Route) {
	for _, h := range hosts {
		routes = append(routes, host(h))
	}
	return routes
}
