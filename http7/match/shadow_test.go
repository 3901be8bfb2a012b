package match

import (
	"net/netip"
	"testing"

	"weir/http7"
)

// first gives a route a higher priority.
func first(r *http7.Route) *http7.Route {
	r.Priority = 1
	return r
}

func clients(blocks ...string) http7.Condition {
	c := http7.Condition{On: http7.OnClient, Test: http7.OneOf}
	for _, b := range blocks {
		c.Prefixes = append(c.Prefixes, netip.MustParsePrefix(b))
	}
	return c
}

func countries(list ...string) http7.Condition {
	return http7.Condition{On: http7.OnCountry, Test: http7.OneOf, Values: list}
}

func TestRoutesThatCanNeverMatchAreTold(t *testing.T) {
	xa := func(text string) http7.Condition { return when(http7.OnHeader, "X-A", text) }
	const higher = `route "other" asks for no more and has the higher priority`
	for _, c := range []struct {
		what   string
		route  *http7.Route
		others []*http7.Route
		want   string // "": it may match
	}{
		{what: "nothing in its way", route: path("/a"), others: []*http7.Route{path("/b"), path("/*")}},
		{what: "an expression behind /*", route: path("~^/a"), others: []*http7.Route{path("/*")},
			want: `route "other" takes all of it first: "/*" comes before every regular expression of its host`},
		{what: "an expression behind any path", route: path("~^/a"), others: []*http7.Route{{}},
			want: `route "other" takes all of it first: "/*" comes before every regular expression of its host`},
		{what: "an expression below a prefix", route: path(`~^/a/b/\d+$`), others: []*http7.Route{path("/a/*")},
			want: `route "other" takes all of it first: "/a/*" comes before every regular expression of its host`},
		{what: "an expression beside a prefix", route: path(`~^/a\d+$`), others: []*http7.Route{path("/a/*")}},
		{what: "an expression bound to nothing", route: path(`~/a/b`), others: []*http7.Route{path("/a/*")}},
		{what: "an expression behind a prefix of one method", route: path(`~^/a`), others: []*http7.Route{path("/*", "GET")}},
		{what: "the same method", route: path(`~^/a`, "GET"), others: []*http7.Route{path("/*", "PUT", "GET")},
			want: `route "other" takes all of it first: "/*" comes before every regular expression of its host`},
		{what: "methods that others share", route: path(`~^/a`, "GET", "PUT"), others: []*http7.Route{path("/*", "PUT"), path("/*", "GET")},
			want: `route "other" takes all of it first: "/*" comes before every regular expression of its host`},
		{what: "an expression behind a prefix with a condition", route: path(`~^/a`), others: []*http7.Route{with("/*", xa("1"))}},
		{what: "an expression that asks for the same", route: with(`~^/a`, xa("1")), others: []*http7.Route{with("/*", xa("*"))},
			want: `route "other" takes all of it first: "/*" comes before every regular expression of its host`},
		{what: "a prefix of another host", route: path(`~^/a`), others: []*http7.Route{host("h", "/*")}},
		{what: "a path that is none", route: path(`~^a/b`), want: `no path begins with "a/b"`},
		{what: "an expression with a letter outside ASCII", route: path(`~^/é$`), want: `no path holds "é", which is written "%C3%A9" in all of them`},
		{what: "an escape in small letters", route: path(`~^/%c3%a9$`), want: `no path holds "%c3", which is written "%C3" in all of them`},
		{what: "an escape as all paths have it", route: path(`~^/%C3%A9%20%2F%25%3B$`)},
		{what: "a blank", route: path(`~a b`), want: `no path holds " ", which is written "%20" in all of them`},
		{what: "an escape of what stands raw", route: path(`~^/%41`), want: `no path holds "%41", which is written "A" in all of them`},
		{what: "an escape that is refused", route: path(`~^/a%5Cb`), want: `no path holds "%5C"`},
		{what: "a percent sign without digits", route: path(`~^/a%zz`), want: `no path holds "%zz"`},
		{what: "a percent sign before what is not known", route: path(`~^/a%[0-9A-F]{2}`)},
		{what: "half of an escape", route: path(`~^/a%2`)},
		{what: "braces and a bar", route: path(`~^/a\{b`), want: `no path holds "{", which is written "%7B" in all of them`},
		{what: "all that paths hold", route: path(`~^/aZ09-._\~!\$&'\(\)\*\+,;=:@/\.\.x`)},
		{what: "one of two letters", route: path(`~^/(é|e)$`)},
		{what: "letters of either case", route: path(`~(?i)^/É$`)},
		{what: "a header that is dropped", route: with("/a", when(http7.OnHeader, "X_T", "1")),
			want: `fields with "_" in their names are dropped before any route is looked for, so headers.X_T is never there`},
		{what: "and must not be there", route: with("/a", when(http7.OnHeader, "X_T", "!"))},
		{what: "a parameter of that name", route: with("/a", when(http7.OnQuery, "x_t", "1"))},
		{what: "a value with a blank", route: with("/a", xa("1 ")), want: `no value of a field begins or ends with a blank, so headers.X-A is never "1 "`},
		{what: "a blank inside", route: with("/a", xa("1 2"))},
		{what: "a parameter with a blank", route: with("/a", when(http7.OnQuery, "x", " "))},
		{what: "OPTIONS *", route: path(`~^\*$`)},

		{what: "the same with a lower priority", route: path("/a"), others: []*http7.Route{first(path("/a"))}, want: higher},
		{what: "the same shape", route: path("/{x}"), others: []*http7.Route{first(path("/{y}"))}, want: higher},
		{what: "another shape", route: path("/a"), others: []*http7.Route{first(path("/{y}"))}},
		{what: "a method set", route: path("/a", "GET", "PUT"), others: []*http7.Route{first(path("/a", "PUT", "GET", "HEAD"))}, want: higher},
		{what: "half of a method set", route: path("/a", "GET", "PUT"), others: []*http7.Route{first(path("/a", "GET"))}},
		{what: "a value that is there", route: with("/a", xa("1")), others: []*http7.Route{first(with("/a", xa("*")))}, want: higher},
		{what: "one of the values", route: with("/a", xa("*")), others: []*http7.Route{first(with("/a", xa("1")))}},
		{what: "a value that fits", route: with("/a", xa("12")), others: []*http7.Route{first(with("/a", xa("~^1")))}, want: higher},
		{what: "a value that does not", route: with("/a", xa("2")), others: []*http7.Route{first(with("/a", xa("~^1")))}},
		{what: "the same expression", route: with("/a", xa("~b")), others: []*http7.Route{first(with("/a", xa("~b")))}, want: higher},
		{what: "the same absence", route: with("/a", xa("!")), others: []*http7.Route{first(with("/a", when(http7.OnHeader, "x-a", "!")))}, want: higher},
		{what: "another thing", route: with("/a", xa("1")), others: []*http7.Route{first(with("/a", when(http7.OnHeader, "X-B", "1")))}},
		{what: "a block inside", route: with("/a", clients("10.1.0.0/16")), others: []*http7.Route{first(with("/a", clients("192.0.2.0/24", "10.0.0.0/8")))}, want: higher},
		{what: "a block around", route: with("/a", clients("10.0.0.0/8")), others: []*http7.Route{first(with("/a", clients("10.1.0.0/16")))}},
		{what: "countries", route: with("/a", countries("DE")), others: []*http7.Route{first(with("/a", countries("FR", "DE")))}, want: higher},
		{what: "more countries", route: with("/a", countries("DE", "IT")), others: []*http7.Route{first(with("/a", countries("FR", "DE")))}},
		{what: "one path of two", route: route(nil, []string{"/a", "/b"}, nil), others: []*http7.Route{first(path("/a"))}},
		{what: "both paths", route: route(nil, []string{"/a", "/b"}, nil), others: []*http7.Route{first(path("/a")), first(path("/b"))}, want: higher},
		{what: "one host of two", route: route([]string{"h", "g"}, nil, nil), others: []*http7.Route{first(host("g"))}},

		{what: "itself", route: with("/a", xa("1"), when(http7.OnHeader, "x-a", "2")), want: "its conditions on headers.X-A and headers.x-a exclude each other"},
		{what: "JSON and XML at once", route: with("/a", when(http7.OnContent, "a", "1"), when(http7.OnContent, "/a", "1")), want: "its conditions on body.a and body./a exclude each other"},
	} {
		c.route.Name = "this"
		for _, o := range c.others {
			o.Name = "other"
		}
		_, f := Compile(append([]*http7.Route{c.route}, c.others...))
		got := ""
		for _, s := range f.Shadows {
			if got += s.Why; s.Route != c.route || (s.By == nil) != (len(c.others) == 0) {
				t.Errorf("%s: names %s", c.what, s.Route.Name)
			}
		}
		if got != c.want || len(f.Conflicts) > 0 {
			t.Errorf("%s: %q, want %q; conflicts %v", c.what, got, c.want, f.Conflicts)
		}
	}
}
