package rule

import (
	"slices"
	"testing"
)

func TestWhichAnswersInvalidate(t *testing.T) {
	for _, c := range []struct {
		method string
		status int
		want   bool
	}{
		{"POST", 200, true}, {"PUT", 201, true}, {"DELETE", 204, true}, {"PATCH", 200, true}, {"M-SEARCH", 200, true}, {"FOO", 200, true},
		{"POST", 303, true}, {"POST", 399, true}, {"POST", 304, true},
		{"POST", 400, false}, {"POST", 404, false}, {"POST", 500, false}, {"POST", 503, false}, {"POST", 103, false},
		{"GET", 200, false}, {"HEAD", 200, false}, {"OPTIONS", 200, false}, {"TRACE", 200, false},
		{"get", 200, true}, // methods have a case
	} {
		if got := Invalidates([]byte(c.method), c.status); got != c.want {
			t.Errorf("RFC 9111 4.4: %s %d: %v, want %v", c.method, c.status, got, c.want)
		}
	}
}

func TestLocationsOfTheSameOriginAreInvalidated(t *testing.T) {
	for _, c := range []struct {
		what, scheme, host, answer string
		want                       []Place
	}{
		{"none", "https", "a.example", "X-A: 1", nil},
		{"a path", "https", "a.example", "Location: /x?y=1", []Place{{"/x", "y=1"}}},
		{"another path", "https", "a.example", "Content-Location: /x", []Place{{"/x", ""}}},
		{"both", "https", "a.example", "Content-Location: /x | location: /y", []Place{{"/x", ""}, {"/y", ""}}},
		{"a relative one", "https", "a.example", "Location: c", []Place{{"/a/c", ""}}},
		{"one with dots", "https", "a.example", "Location: ../c/./d?e", []Place{{"/c/d", "e"}}},
		{"a query", "https", "a.example", "Location: ?z=2", []Place{{"/a/b", "z=2"}}},
		{"a fragment", "https", "a.example", "Location: /x#top", []Place{{"/x", ""}}},
		{"escapes stay", "https", "a.example", "Location: /x%2fy%20z", []Place{{"/x%2fy%20z", ""}}},
		{"the same origin", "https", "a.example", "Location: https://a.example/x", []Place{{"/x", ""}}},
		{"the same origin in other letters", "https", "a.example", "Location: HTTPS://A.Example/x", []Place{{"/x", ""}}},
		{"the same origin with its port", "https", "a.example", "Location: https://a.example:443/x", []Place{{"/x", ""}}},
		{"the same origin without its port", "http", "a.example:80", "Location: http://a.example/x", []Place{{"/x", ""}}},
		{"the same origin without scheme", "https", "a.example", "Location: //a.example/x", []Place{{"/x", ""}}},
		{"the same origin by address", "http", "[::1]:8080", "Location: http://[::1]:8080/x", []Place{{"/x", ""}}},
		{"another host", "https", "a.example", "Location: https://b.example/x", nil},
		{"another scheme", "https", "a.example", "Location: http://a.example/x", nil},
		{"another port", "https", "a.example", "Location: https://a.example:8443/x", nil},
		{"another host without scheme", "https", "a.example", "Location: //b.example/x", nil},
		{"no web address", "https", "a.example", "Location: mailto:a@a.example", nil},
		{"no address", "https", "a.example", "Location: http://[::1/x", nil},
		{"bad escapes", "https", "a.example", "Location: /x%zz", nil},
		{"empty", "https", "a.example", "Location:", []Place{{"/a/b", "q=1"}}},
		{"more than a few", "https", "a.example", "Location: /1 | Location: /2 | Location: /3 | Location: /4 | Location: /5",
			[]Place{{"/1", ""}, {"/2", ""}, {"/3", ""}, {"/4", ""}}},
	} {
		got := InvalidatedBy(fields(c.answer), c.scheme, []byte(c.host), []byte("/a/b"), []byte("q=1"))
		if !slices.Equal(got, c.want) {
			t.Errorf("RFC 9111 4.4: %s: %q makes %q invalid, want %q", c.what, c.answer, got, c.want)
		}
	}
}
