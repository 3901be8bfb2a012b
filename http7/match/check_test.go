package match

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weir/http7"
)

// mistake returns what err says, which must be a Mistake with a hint.
func mistake(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	m, ok := err.(*Mistake)
	if !ok || m.Hint == "" || m.Error() != m.What {
		t.Errorf("%v is no mistake with a hint", err)
		return err.Error()
	}
	return m.What
}

func TestPathPatternsAreChecked(t *testing.T) {
	many := strings.Repeat("/{a}", 17)
	for i := range 17 {
		many = strings.Replace(many, "{a}", "{"+strings.Repeat("b", i+1)+"}", 1)
	}
	for _, c := range []struct {
		pattern  string
		captures []string
		want     string
	}{
		{"/", nil, ""},
		{"/a", nil, ""},
		{"/a/", nil, ""},
		{"/a//b", nil, ""},
		{"/*", []string{"rest"}, ""},
		{"/a/*", []string{"rest"}, ""},
		{"/v1/order/{id}", []string{"id"}, ""},
		{"/{a}/x/{b_2}/*", []string{"a", "b_2", "rest"}, ""},
		{"/{rest}", []string{"rest"}, ""},
		{"/%20/%C3%BC", nil, ""},
		{"/a;b=c", nil, ""},
		{`~^/a/(?P<n>\d+)/(?P<m>x)$`, []string{"n", "m"}, ""},
		{`~^/a/(\d+)$`, nil, ""},
		{"~b", nil, ""},

		{"", nil, `"" does not begin with /`},
		{"a", nil, `"a" does not begin with /`},
		{"*", nil, `"*" does not begin with /`},
		{"/a/*/b", nil, `"/a/*/b" has a * that is not its end`},
		{"/a*", nil, `"/a*" has a * that is not its end`},
		{"/a/**", nil, `"/a/**" has a * that is not its end`},
		{"/a?b", nil, `"/a?b" has more than a path`},
		{"/a#b", nil, `"/a#b" has more than a path`},
		{"/a b", nil, `"/a b" has characters that no path has`},
		{"/ä", nil, `"/ä" has characters that no path has`},
		{"/a/../b", nil, `"/a/../b" is not a path that requests come with`},
		{"/./a", nil, `"/./a" is not a path that requests come with`},
		{"/a%00", nil, `"/a%00" is not a path that requests come with`},
		{"/a-{id}", nil, `"/a-{id}" has braces that are not a whole segment`},
		{"/{id}.json", nil, `"/{id}.json" has braces that are not a whole segment`},
		{"/{id", nil, `"/{id" has braces that are not a whole segment`},
		{"/{}", nil, `"/{}" has a {segment} without a proper name`},
		{"/{1}", nil, `"/{1}" has a {segment} without a proper name`},
		{"/{a-b}", nil, `"/{a-b}" has a {segment} without a proper name`},
		{"/{a...}", nil, `"/{a...}" has a {segment} without a proper name`},
		{"/{a}/{a}", nil, `"/{a}/{a}" names {a} twice`},
		{"/{rest}/*", nil, `"/{rest}/*" names {rest} twice`},
		{many, nil, `"` + many + `" captures too much`},
		{"~(", nil, "\"~(\" is not a regular expression: missing closing ): `(`"},
		{"~(?P<a>x)(?P<a>y)", nil, `"~(?P<a>x)(?P<a>y)" names {a} twice`},
		{`~(a)\1`, nil, "\"~(a)\\\\1\" is not a regular expression: invalid escape sequence: `\\1`"},
		{"~(?:abcdefghijkl){1000}", nil, `"~(?:abcdefghijkl){1000}" is too large a regular expression`},
		{"~a{1001}", nil, "\"~a{1001}\" is not a regular expression: invalid repeat count: `{1001}`"},
	} {
		captures, err := CheckPattern(c.pattern)
		if got := mistake(t, err); got != c.want {
			t.Errorf("%q: %q, want %q", c.pattern, got, c.want)
		}
		if err == nil && !slices.Equal(captures, c.captures) {
			t.Errorf("%q captures %q, want %q", c.pattern, captures, c.captures)
		}
	}
}

func TestConditionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		is   http7.Condition
		want string
	}{
		{http7.Condition{On: http7.OnHeader, Name: "X-A", Value: "1"}, ""},
		{http7.Condition{On: http7.OnHeader, Name: "X-A", Test: http7.Matches, Value: "^a"}, ""},
		{http7.Condition{On: http7.OnQuery, Name: "", Test: http7.Exists}, ""},
		{http7.Condition{On: http7.OnCookie, Name: "uid", Test: http7.Missing}, ""},
		{http7.Condition{On: http7.OnClaim, Name: "plan", Value: "gold"}, ""},
		{http7.Condition{On: http7.OnSNI, Value: "a"}, ""},
		{http7.Condition{On: http7.OnCountry, Test: http7.OneOf, Values: []string{"DE"}}, ""},
		{http7.Condition{On: http7.OnClient, Test: http7.OneOf, Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, ""},
		{http7.Condition{On: http7.OnContent, Name: "order.type", Value: "refund"}, ""},
		{http7.Condition{On: http7.OnContent, Name: "/order/@type", Test: http7.Exists}, ""},

		{http7.Condition{On: http7.OnHeader, Name: "X A"}, `"X A" is not a header name`},
		{http7.Condition{On: http7.OnHeader, Name: "X-A", Test: http7.Matches, Value: "("}, "\"~(\" is not a regular expression: missing closing ): `(`"},
		{http7.Condition{On: http7.OnHeader, Name: "X-A", Test: http7.OneOf}, "headers are matched by one value"},
		{http7.Condition{On: http7.OnCookie, Name: "a;b"}, `"a;b" is not a cookie name`},
		{http7.Condition{On: http7.OnClaim}, "a claim without a name"},
		{http7.Condition{On: http7.OnClient, Value: "10.0.0.1"}, "clients are matched by blocks of addresses alone"},
		{http7.Condition{On: http7.OnClient, Test: http7.OneOf}, "clients are matched by blocks of addresses alone"},
		{http7.Condition{On: http7.OnCountry, Test: http7.OneOf}, "a list of no countries matches nothing"},
		{http7.Condition{On: http7.OnContent, Name: "a..b"}, `"a..b" is not a path to a value: a name is missing beside a dot`},
		{http7.Condition{On: http7.OnContent, Name: "/a/@b/c"}, `"/a/@b/c" is not a path to a value: an attribute stands at the end, behind its element`},
	} {
		if got := mistake(t, CheckCondition(c.is)); got != c.want {
			t.Errorf("%+v: %q, want %q", c.is, got, c.want)
		}
	}
}

func TestWhatTheChecksRefuseTakesNoRequest(t *testing.T) {
	for _, r := range []*http7.Route{
		path("~("),
		with("/*", http7.Condition{On: http7.OnHeader, Name: "X-A", Test: http7.Matches, Value: "("}),
		with("/*", http7.Condition{On: http7.OnContent, Name: "a..b", Test: http7.Exists}),
		with("/*", http7.Condition{On: http7.OnHeader, Name: "X A", Value: "1"}),
	} {
		x := ask("POST", "h", "/(")
		x.Request.AddRaw([]byte("X-A"), []byte("("))
		x.Request.AddRaw([]byte("Content-Type"), []byte("application/json"))
		x.Body = http7.Body{Length: 7, Collected: []byte(`{"a":1}`), Whole: true}
		if got := found(t, x, r); got != "none" {
			t.Errorf("%+v is found", r)
		}
	}
}

// with is short for a route with conditions.
func with(p string, conditions ...http7.Condition) *http7.Route {
	r := path(p)
	r.Conditions = conditions
	return r
}

// What people bring from other proxies: the first hints led to another refusal, or to a path that nothing matches.
func TestHintsLeadToWhatIsTaken(t *testing.T) {
	for path, want := range map[string]string{
		"^/h/":            "a regular expression begins with ~: write '~^/h/'",
		"*.jpg":           `write a regular expression: '~\.jpg$'`,
		"*.tar.gz":        `write a regular expression: '~\.tar\.gz$'`,
		"a":               `write "/a"`,
		`~* \.(gif|jpg)$`: `for letters of either case write "~(?i)\\.(gif|jpg)$"`,
	} {
		_, err := CheckPattern(path)
		var m *Mistake
		if !errors.As(err, &m) || m.Hint != want {
			t.Errorf("%s: %+v, want the hint %s", path, err, want)
		}
	}
}
