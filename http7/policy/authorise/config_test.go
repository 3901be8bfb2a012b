package authorise

import (
	"strings"
	"testing"

	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

// told are the problems of a config, each "key: text"; warnings begin with "warning ".
func told(rules ...Rule) string {
	p, c := conf.NewProblems(), Config(rules)
	c.Check(p.In("authorise"))
	return policytest.Said(p)
}

func TestProblemsOfAConfig(t *testing.T) {
	fine := Rule{Require: "scope:a"}
	for _, c := range []struct {
		what  string
		rules []Rule
		want  string
	}{
		{"right", []Rule{{Methods: []string{"GET", "M-SEARCH"}, Paths: []string{"/a/*", "/b/{id}"}, Require: `path != "/a/b"`}, fine}, ""},
		{"none", Default(), ""},
		{"methods", []Rule{{Methods: []string{"get", "A B"}, Require: "true"}}, `authorise[0].methods[0]: "get" is not "GET"` + "\n" + `authorise[0].methods[1]: "A B" is not a method`},
		{"paths", []Rule{{Paths: []string{"a", "/a*", "/a?b", "/a{b}", "/a/../b", "/a/*/b"}, Require: "true"}},
			`authorise[0].paths[0]: "a" does not begin with /` + "\n" + `authorise[0].paths[1]: "/a*" has a * that is not its end` + "\n" + `authorise[0].paths[2]: "/a?b" has more than a path` + "\n" +
				`authorise[0].paths[3]: "/a{b}" has braces that are not a whole segment` + "\n" + `authorise[0].paths[4]: "/a/../b" is not a path that requests come with` + "\n" + `authorise[0].paths[5]: "/a/*/b" has a * that is not its end`},
		{"require", []Rule{fine, {Paths: []string{"/a"}}}, "authorise[1].require: nothing is required\nwarning authorise[1]: no request comes here: rule 1 before it is for all of them"},
		{"text", []Rule{{Require: "path == 1"}}, `authorise[0].require: the requirement is wrong at "== 1": invalid operation: == (mismatched types string and int)`},
		{"never", []Rule{{Methods: []string{"GET"}, Require: "true"}, fine, fine}, "warning authorise[2]: no request comes here: rule 2 before it is for all of them"},
		{"observed", []Rule{{Mode: conf.Observe, Require: "true"}, fine, {Mode: conf.Observe, Require: "true"}}, ""},
	} {
		got := strings.Split(told(c.rules...), "\n")
		want := strings.Split(c.want, "\n")
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Errorf("%s: got\n%s\nwant\n%s", c.what, strings.Join(got, "\n"), c.want)
				break
			}
		}
	}
}
