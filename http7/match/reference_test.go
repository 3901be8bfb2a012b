package match

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"weir/http7"
)

// The reference finds a route by looking at all of them, with the rules as weir.reference.toml
// tells them and strings as a person would compare them.

func referenceFind(routes []*http7.Route, method, host, path string) *http7.Route {
	host = strings.ToLower(host)
	if i := strings.IndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	var best *http7.Route
	var rank []int
	for _, r := range routes {
		for _, h := range orAny(r.Hosts) {
			for _, p := range orAny(r.Paths) {
				if hr, ok := referenceHost(h, host); ok {
					if pr, ok := referencePath(p, path); ok {
						if mr, ok := referenceMethod(r, method); ok {
							if got := []int{hr, pr, mr, r.Priority}; best == nil || greater(got, rank) {
								best, rank = r, got
							}
						}
					}
				}
			}
		}
	}
	return best
}

func referenceHost(pattern, host string) (rank int, ok bool) {
	switch suffix, wild := strings.CutPrefix(pattern, "*"); {
	case pattern == "" || pattern == "*":
		return 0, true
	case wild:
		return len(suffix), len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	}
	return 1 << 20, host == pattern
}

func referencePath(pattern, path string) (rank int, ok bool) {
	if pattern == "" {
		pattern = "/*"
	}
	prefix, rest := strings.CutSuffix(pattern, "/*")
	// More segments mean a literal where the other has its rest; an end beats a rest.
	rank = 2 * strings.Count(prefix, "/")
	if !rest {
		return rank + 1, path == pattern
	}
	return rank, prefix == "" || path == prefix || strings.HasPrefix(path, prefix+"/")
}

func referenceMethod(r *http7.Route, method string) (rank int, ok bool) {
	if len(r.Methods) == 0 {
		return 0, true
	}
	return 1, strings.Contains(" "+strings.Join(r.Methods, " ")+" ", " "+method+" ")
}

func greater(a, b []int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false // the earlier route keeps a tie
}

var (
	someHosts   = []string{"", "a", "b.a", "c.b.a", "*.a", "*.b.a", "*.c.b.a", "d"}
	somePaths   = []string{"", "/*", "/", "/a", "/a/*", "/a/b", "/a/b/*", "/a/", "/b/*", "/ab", "//*", "/a//*", "/a/b/c", "/b/a/*"}
	someMethods = []string{"GET", "PUT", "HEAD"}
	askHosts    = []string{"", "a", "A:80", "b.a", "B.a.", "c.b.a", "d.c.b.a:1", "x.d.c.b.a", "d", "e", ".a", "xa"}
	askPaths    = []string{"/", "*", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/a/b/c/d", "/ab", "/b", "/b/a/x", "//", "//a", "/a//b", "/c"}
)

func some(r *rand.Rand, from []string, most int) (out []string) {
	for range r.IntN(most + 1) {
		out = append(out, from[r.IntN(len(from))])
	}
	return out
}

func randomRoutes(r *rand.Rand, n int) (routes []*http7.Route) {
	for i := range n {
		routes = append(routes, &http7.Route{
			ID: i, Name: fmt.Sprint(i), Hosts: some(r, someHosts, 2), Paths: some(r, somePaths, 2),
			Methods: some(r, someMethods, 2), Priority: r.IntN(3),
		})
	}
	return routes
}

// checkAgainstReference compares Find, Explain and the reference for every question.
func checkAgainstReference(t *testing.T, routes []*http7.Route) {
	t.Helper()
	table, _ := Compile(routes)
	for _, h := range askHosts {
		for _, p := range askPaths {
			for _, m := range someMethods {
				checkOne(t, table, routes, m, h, p)
			}
		}
	}
}

func checkOne(t *testing.T, table *Table, routes []*http7.Route, m, h, p string) {
	t.Helper()
	x := ask(m, h, p)
	got, want := table.Find(x, x.Method).Route, referenceFind(routes, m, h, p)
	if got != want {
		t.Fatalf("%s %q %q: found %v, the reference %v, of %s", m, h, p, named(got), named(want), list(routes))
	}
	var first *http7.Route
	for _, c := range explained(table, x) {
		if c.Failed == "" {
			first = c.Route
			break
		}
	}
	if first != got {
		t.Fatalf("%s %q %q: found %v, Explain's first is %v, of %s", m, h, p, named(got), named(first), list(routes))
	}
}

func named(r *http7.Route) string {
	if r == nil {
		return "none"
	}
	return r.Name
}

func list(routes []*http7.Route) string {
	var b strings.Builder
	for _, r := range routes {
		fmt.Fprintf(&b, "\n%s: hosts %q paths %q methods %q priority %d", r.Name, r.Hosts, r.Paths, r.Methods, r.Priority)
	}
	return b.String()
}

func TestFindAndExplainAgreeWithTheReferenceOnRandomRoutes(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 7))
		checkAgainstReference(t, randomRoutes(r, r.IntN(20)))
	}
}

func FuzzFind(f *testing.F) {
	f.Add(uint64(1), "GET", "a.b:80", "/a/b")
	f.Add(uint64(2), "", "[::1]", "*")
	f.Add(uint64(3), "PUT", "A.", "//")
	f.Fuzz(func(t *testing.T, seed uint64, method, host, path string) {
		r := rand.New(rand.NewPCG(seed, 11))
		routes := randomRoutes(r, r.IntN(12))
		table, _ := Compile(routes)
		x := ask(method, host, path)
		got := table.Find(x, x.Method).Route
		// Odd hosts are outside the reference's grammar; Explain judges them with the same patterns.
		for _, c := range explained(table, x) {
			if c.Failed == "" {
				if c.Route != got {
					t.Fatalf("found %v, Explain's first is %v", named(got), named(c.Route))
				}
				return
			}
		}
		if got != nil {
			t.Fatalf("found %v, Explain finds none", named(got))
		}
	})
}

func explained(table *Table, x *http7.Exchange) []Candidate {
	c, _ := table.Explain(x, x.Method)
	return c
}
