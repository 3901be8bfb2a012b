package rewrite_test

import (
	"slices"
	"testing"

	"weir/http7/policy/policytest"
	"weir/http7/policy/rewrite"
	"weir/internal/conf"
	"weir/internal/config"
)

func TestWhatIsWrongIsNotedAtItsKey(t *testing.T) {
	for _, c := range []struct {
		c    edits
		want []string
	}{
		{edits{StripPrefix: "/site"}, nil},
		{edits{Regex: "^/(?P<a>.*)$", To: "/${a}/{rest}"}, nil},
		{edits{}, []string{"warning: the rewrite changes nothing"}},
		{edits{StripPrefix: "site", Prefix: "/"}, []string{
			`strip_prefix: "site" is not the beginning of a path`, `prefix: "/" is the beginning of every path: nothing would change`}},
		{edits{StripPrefix: "/a/../b", Prefix: "/a//b"}, []string{
			`strip_prefix: "/a/../b" is a path that could be read in more than one way`, `prefix: "/a//b" is a path that could be read in more than one way`}},
		{edits{Prefix: "/a?b"}, []string{`prefix: "/a?b" is not the beginning of a path`}},
		{edits{Prefix: "/%zz"}, []string{`prefix: "/%zz" is a path that could be read in more than one way`}},
		{edits{Regex: "^/a"}, []string{"regex: nothing stands in for what the regular expression matches"}},
		{edits{To: "/a"}, []string{"to: there is no regular expression whose matches this would stand in for"}},
		{edits{Regex: "(", To: "/a"}, []string{"regex: not a regular expression: missing closing ): `(`"}},
		{edits{Regex: "^/(?=a)", To: "/a"}, []string{"regex: not a regular expression: invalid or unsupported Perl syntax: `(?=`"}},
		{edits{Regex: "(a{1000}){1000}", To: "/a"}, []string{"regex: not a regular expression: invalid repeat count: `{1000}`"}},
		{edits{Regex: "^/(a)", To: "/$2"}, []string{`to: the regular expression has no group "2"`}},
		{edits{Regex: "^/a", To: "/{path.b}"}, []string{`to: the route's path captures no "b"`}},
	} {
		p := conf.NewProblems()
		c.c.Check(p, []string{"rest"})
		var got []string
		for _, problem := range p.List() {
			at := problem.Path.String()
			if problem.Warning {
				at = "warning"
			}
			got = append(got, at+": "+problem.Text)
			if problem.Hint == "" {
				t.Errorf("%s has no hint", problem.Text)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %q, want %q", c.c, got, c.want)
		}
		if _, err := rewrite.Compile(&c.c, []string{"rest"}); (err == nil) == p.Failed() {
			t.Errorf("%+v: compiled with %v", c.c, err)
		}
	}
}

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	wants := []map[string]string{
		{"/site/a?x=1": "/v2/a?x=1", "/site": "/v2/"},
		{"/shop/7/cart.php?x=1": "/cart?shop=7&x=1", "/shop/7/cart": "/shop/7/cart"},
	}
	for i, c := range policytest.Examples(t, len(wants), rest, config.Parse, config.Options{}) {
		s, err := rewrite.Compile(c.Routes[0].Rewrite, c.Routes[0].Match.Captures())
		if err != nil {
			t.Fatal(err)
		}
		for target, want := range wants[i] {
			if got := sent(asked(target), s); got != want {
				t.Errorf("example %d: %s: got %q, want %q", i+1, target, got, want)
			}
		}
	}
}

// rest is what a whole config needs besides a route.
const rest = "listeners.web.address = \":8080\"\nupstreams.api.endpoints = [\"127.0.0.1:1\"]\n"
