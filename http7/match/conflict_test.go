package match

import (
	"fmt"
	"slices"
	"testing"

	"weir/http7"
)

func TestRoutesEqualInAllAreAConflictUnlessTheyExcludeEachOther(t *testing.T) {
	first := path("/low")
	second := path("/low")
	second.Priority = 1
	for _, c := range []struct {
		what string
		a, b *http7.Route
		want string // host, path and methods shared; "" is no conflict
	}{
		{"the same path", path("/a"), path("/a"), "* /a []"},
		{"no condition at all", route(nil, nil, nil), path("/*"), "* /* []"},
		{"hosts that differ in case", host("a.b", "/x"), host("A.B.", "/x"), "a.b /x []"},
		{"one of several hosts", route([]string{"a", "*.b"}, nil, nil), route([]string{"c", "*.b"}, nil, nil), "*.b /* []"},
		{"one of several paths", route(nil, []string{"/a", "/b/*"}, nil), route(nil, []string{"/b/*", "/c"}, nil), "* /b/* []"},
		{"methods that overlap", path("/a", "GET", "PUT", "POST"), path("/a", "POST", "HEAD", "GET"), "* /a [GET POST]"},
		{"methods that exclude each other", path("/a", "GET"), path("/a", "POST"), ""},
		{"a method set and none", path("/a", "GET"), path("/a"), ""},
		{"priorities", first, second, ""},
		{"end and rest", path("/a"), path("/a/*"), ""},
		{"hosts", host("a"), host("*.a"), ""},
	} {
		_, f := Compile([]*http7.Route{c.a, c.b})
		got := f.Conflicts
		text := ""
		for _, f := range got {
			if f.First != c.a || f.Second != c.b {
				t.Errorf("%s: names %s and %s", c.what, f.First.Name, f.Second.Name)
			}
			text += fmt.Sprint(f.Host, " ", f.Path, " ", f.Methods)
		}
		if text != c.want {
			t.Errorf("%s: got %q, want %q", c.what, text, c.want)
		}
	}
}

func TestAPairOfRoutesIsReportedOnce(t *testing.T) {
	hosts, paths := []string{"a", "b", "c"}, []string{"/x", "/y"}
	_, f := Compile([]*http7.Route{route(hosts, paths, nil), route(hosts, paths, nil)})
	got := f.Conflicts
	if len(got) != 1 {
		t.Fatalf("%d conflicts, want 1", len(got))
	}
}

func TestManyEqualRoutesMakeOneConflictEachAndTheFirstOneWins(t *testing.T) {
	var routes []*http7.Route
	for range 2000 {
		routes = append(routes, path("/a", "GET", "PUT"))
	}
	table, f := Compile(routes)
	got := f.Conflicts
	if len(got) != len(routes)-1 {
		t.Fatalf("%d conflicts, want %d", len(got), len(routes)-1)
	}
	for i, c := range got {
		if c.First != routes[0] || c.Second != routes[i+1] {
			t.Fatalf("conflict %d is of %d and %d", i, slices.Index(routes, c.First), slices.Index(routes, c.Second))
		}
	}
	if table.Find(ask("PUT", "h", "/a"), []byte("PUT")).Route != routes[0] {
		t.Fatal("the first route does not win")
	}
}

func TestARouteMayTieWithTwoOthersThatExcludeEachOther(t *testing.T) {
	get, put, both := path("/a", "GET"), path("/a", "PUT"), path("/a", "PUT", "GET")
	_, f := Compile([]*http7.Route{get, put, both})
	got := f.Conflicts
	if len(got) != 2 || got[0].First != get || got[1].First != put || got[0].Second != both || got[1].Second != both {
		t.Fatalf("got %+v", got)
	}
}
