package match

import (
	"fmt"
	"slices"
	"testing"
	"time"

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

func TestRoutesExcludeEachOther(t *testing.T) {
	xa := func(text string) http7.Condition { return when(http7.OnHeader, "X-A", text) }
	sku := func(text string) http7.Condition { return when(http7.OnContent, "items.*.sku", text) }
	for _, c := range []struct {
		what string
		a, b *http7.Route
		want bool
	}{
		{"two values of a header", with("/", xa("1")), with("/", xa("2")), true},
		{"in whatever case its name is", with("/", xa("1")), with("/", when(http7.OnHeader, "x-a", "2")), true},
		{"one value of a header", with("/", xa("1")), with("/", xa("1")), false},
		{"two headers", with("/", xa("1")), with("/", when(http7.OnHeader, "X-B", "2")), false},
		{"a header and a cookie of that name", with("/", xa("1")), with("/", when(http7.OnCookie, "X-A", "2")), false},
		{"there and absent", with("/", xa("*")), with("/", xa("!")), true},
		{"a value and absent", with("/", xa("!")), with("/", xa("1")), true},
		{"an expression and absent", with("/", xa("~1")), with("/", xa("!")), true},
		{"absent twice", with("/", xa("!")), with("/", xa("!")), false},
		{"there and a value", with("/", xa("*")), with("/", xa("1")), false},
		{"an expression and a value that fits", with("/", xa("~1")), with("/", xa("12")), false},
		{"an expression and a value that does not", with("/", xa("~1")), with("/", xa("2")), true},
		{"two expressions", with("/", xa("~^1")), with("/", xa("~^2")), false},
		{"two values of content", with("/", sku("1")), with("/", sku("2")), true},
		{"JSON and XML", with("/", sku("1")), with("/", when(http7.OnContent, "/items", "1")), true},
		{"two countries", with("/", countries("DE")), with("/", countries("FR", "IT")), true},
		{"a country of both", with("/", countries("DE", "FR")), with("/", countries("FR", "IT")), false},
		{"two blocks", with("/", clients("10.0.0.0/8")), with("/", clients("192.0.2.0/24", "2001:db8::/32")), true},
		{"a block in a block", with("/", clients("10.1.0.0/16")), with("/", clients("10.0.0.0/8")), false},
		{"one of several conditions", with("/", xa("1"), when(http7.OnQuery, "a", "1")), with("/", when(http7.OnQuery, "b", "1"), xa("2")), true},
		{"server names", with("/", when(http7.OnSNI, "", "a")), with("/", when(http7.OnSNI, "", "b")), true},
		{"server names in capitals", with("/", when(http7.OnSNI, "", "a")), with("/", when(http7.OnSNI, "", "A")), false},
		{"segments with other names", path("/a/{x}"), path("/a/{y}"), false},
		{"escapes of one path", path("/%61"), path("/a"), false},
		{"expressions with prefixes that part", path("~^/a/x"), path("~^/a/y"), true},
		{"expressions with one prefix", path(`~^/a/\d`), path("~^/a/[a-z]"), false},
		{"expressions of which one prefix begins with the other", path(`~^/a/\d`), path("~^/a/b"), true}, // the longer one is more specific
		{"expressions that are bound to nothing", path("~a"), path("~b"), false},
		{"international names of one host", host("bücher.a"), host("xn--bcher-kva.a"), false},
	} {
		_, f := Compile([]*http7.Route{c.a, c.b})
		if got := len(f.Conflicts) == 0; got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

func TestManyRoutesThatAValueTellsApartCompileAtOnce(t *testing.T) {
	var routes []*http7.Route
	for i := range 5000 {
		routes = append(routes, with("/", when(http7.OnHeader, "X-B", "1"), when(http7.OnHeader, "X-Tenant", fmt.Sprint(i))))
	}
	began := spent()
	table, f := Compile(append(routes, with("/", when(http7.OnHeader, "X-Tenant", "17"), when(http7.OnHeader, "X-B", "1"))))
	if len(f.Conflicts) != 1 || f.Conflicts[0].First != routes[17] {
		t.Fatalf("%d conflicts, want that of route 17 alone", len(f.Conflicts))
	}
	if took := spent() - began; took > 10*time.Second {
		t.Fatalf("took %v", took)
	}
	x := ask("GET", "h", "/")
	x.Request.AddRaw([]byte("X-Tenant"), []byte("4999"))
	x.Request.AddRaw([]byte("X-B"), []byte("1"))
	if table.Find(x, x.Method).Route != routes[4999] {
		t.Fatal("not found")
	}
}

func TestManyRoutesOfOnePlaceCompileAtOnce(t *testing.T) {
	var routes []*http7.Route
	for i := range 3000 {
		r := with("/", when(http7.OnQuery, "a", fmt.Sprint("~", i)))
		r.Priority = i
		routes = append(routes, r)
	}
	began := spent()
	_, f := Compile(routes)
	if took := spent() - began; took > 10*time.Second || len(f.Conflicts)+len(f.Shadows) > 0 {
		t.Fatalf("%d conflicts, %d shadows, took %v", len(f.Conflicts), len(f.Shadows), took)
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
