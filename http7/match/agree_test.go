package match

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/paths"
)

// outcomeOf puts what Find says into the reference's words.
func outcomeOf(f Found, x *http7.Exchange) (o outcome) {
	o = outcome{route: f.Route, need: f.Asks, broken: f.Fault == http7.BadContent}
	if f.Undecided {
		missed := slices.Sorted(slices.Values(x.Recorded.Missed))
		o.undecided = strings.Join(missed, " ")
	}
	for i := range x.Captures.Len() {
		name, value := x.Captures.At(i)
		o.captures += name + "=" + string(value) + " "
	}
	return o
}

// agree compares Find, Explain, the conflicts and the shadows with the reference for one request.
func agree(t *testing.T, table *Table, f Findings, routes []*http7.Route, r *rand.Rand, p *plain) {
	t.Helper()
	x := p.exchange(r)
	want := referenceFind(routes, p)
	got := outcomeOf(table.Find(x, x.Method), x)
	got.tie = want.tie
	if got != want {
		t.Fatalf("%s\nfound %+v\nthe reference %+v\nof %s", p, got, want, list(routes))
	}
	if first, ok := firstCandidate(table, p.exchange(r)); ok && first != want.route {
		t.Fatalf("%s\nfound %v, Explain's first is %v, of %s", p, named(want.route), named(first), list(routes))
	}
	for _, s := range f.Shadows {
		if s.Route == want.route {
			t.Fatalf("%s\n%s is found and is said never to match: %s; of %s", p, s.Route.Name, s.Why, list(routes))
		}
	}
	if want.tie != nil && !slices.ContainsFunc(f.Conflicts, func(c Conflict) bool { return c.Second == want.tie || c.First == want.tie }) {
		t.Fatalf("%s\n%s ties with %s and no conflict is told, of %s", p, want.tie.Name, "another", list(routes))
	}
}

// firstCandidate returns the first candidate that holds, if none before it is open.
func firstCandidate(table *Table, x *http7.Exchange) (*http7.Route, bool) {
	candidates, _ := table.Explain(x, x.Method)
	for _, c := range candidates {
		switch {
		case c.Unknown || c.Saw == "(broken content)":
			return nil, false
		case c.Failed == "":
			return c.Route, true
		}
	}
	return nil, true
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
		fmt.Fprintf(&b, "\n%s: hosts %q paths %q methods %q priority %d %+v", r.Name, r.Hosts, r.Paths, r.Methods, r.Priority, r.Conditions)
	}
	return b.String()
}

// agreeOn compares a set of random routes for n random requests.
func agreeOn(t *testing.T, seed uint64, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	routes := randomRoutes(r, 1+r.IntN(20))
	if seed%8 == 0 {
		routes = crowded(r)
	}
	table, f := Compile(routes)
	for range n {
		agree(t, table, f, routes, r, randomPlain(r))
	}
}

func TestTheMatcherAgreesWithTheReference(t *testing.T) {
	seeds := uint64(500)
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		agreeOn(t, seed, 100)
	}
}

// TestRandomRequestsFindEnough sees to it that the comparison is not one of misses.
func TestRandomRequestsFindEnough(t *testing.T) {
	var found, conditions, ties, needs, undecided, broken int
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 9))
		routes := randomRoutes(r, 1+r.IntN(20))
		for range 50 {
			o := referenceFind(routes, randomPlain(r))
			count := func(n *int, yes bool) {
				if yes {
					*n++
				}
			}
			count(&found, o.route != nil)
			count(&conditions, o.route != nil && len(o.route.Conditions) > 0)
			count(&ties, o.tie != nil)
			count(&needs, o.need != nil)
			count(&undecided, o.undecided != "")
			count(&broken, o.broken)
		}
	}
	if found < 2000 || conditions < 300 || ties < 20 || needs < 20 || undecided < 100 || broken < 10 {
		t.Fatalf("of 5000: found %d, with conditions %d, ties %d, needs %d, undecided %d, broken %d", found, conditions, ties, needs, undecided, broken)
	}
}

// FuzzFind asks for odd requests, outside the reference's words: Explain must agree.
func FuzzFind(f *testing.F) {
	f.Add(uint64(1), "GET", "a.b:80", "/a/b", "a=1")
	f.Add(uint64(2), "", "[::1]", "*", "%")
	f.Add(uint64(3), "PUT", "A.", "//", "a=%31&&=&b")
	f.Add(uint64(4), "PUT", "b.a", strings.Repeat("/a", 70), "+")
	f.Fuzz(func(t *testing.T, seed uint64, method, host, path, query string) {
		r := rand.New(rand.NewPCG(seed, 11))
		table, _ := Compile(randomRoutes(r, r.IntN(12)))
		x := ask(method, host, path)
		x.Query = []byte(query)
		got := table.Find(x, x.Method).Route
		if first, ok := firstCandidate(table, x); ok && first != got {
			t.Fatalf("found %v, Explain's first is %v", named(got), named(first))
		}
	})
}

// FuzzPattern makes a route of any path that the check passes: it must take itself, and the captures
// must be those that the check has named.
func FuzzPattern(f *testing.F) {
	for _, p := range append(slices.Clone(somePaths), `~^/a/(?P<n>\d+)$`, "/%61", "/%zz", "/a//b", "/{a}{b}", "/a*", "~(", "/../a", "/{rest}/*", "/a b") {
		f.Add(p, "/a/b")
	}
	f.Add("~\x1d", "\x1da/b")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		names, err := CheckPattern(pattern)
		if err != nil {
			if m, ok := err.(*Mistake); !ok || m.What == "" || m.Hint == "" {
				t.Fatalf("%q: %v is no mistake with a hint", pattern, err)
			}
			return
		}
		table, f := Compile([]*http7.Route{{Name: "one", Paths: []string{pattern}}})
		x := ask("GET", "h", path)
		found := table.Find(x, x.Method).Route != nil
		if found != table.rules[0].path.holds([]byte(path)) {
			t.Fatalf("%q takes %q: %v, looked at by segment it is not so", pattern, path, found)
		}
		if found && len(f.Shadows) > 0 && canonical(path) {
			t.Fatalf("%q takes %q and can never match: %s", pattern, path, f.Shadows[0].Why)
		}
		if found && x.Captures.Len() != len(names) {
			t.Fatalf("%q captures %d, the check says %q", pattern, x.Captures.Len(), names)
		}
		if p := table.rules[0].path; found && p.re != nil && !bytes.HasPrefix(x.Path, []byte(p.re.prefix)) {
			t.Fatalf("%q takes %q, which does not begin with %q", pattern, path, p.re.prefix)
		}
	})
}

// canonical reports whether a request may have the path, under whatever rules.
func canonical(path string) bool {
	rules := paths.Shown([]byte(path))
	form, _, fault := rules.Canonical(nil, []byte(path))
	return fault == nil && string(form) == path
}
