package waf_test

import (
	"errors"
	"strings"
	"testing"

	"weir/http7/policy/waf"
	"weir/internal/conf"
)

func TestWhatIsWrongInASectionIsSaid(t *testing.T) {
	for _, c := range []struct {
		what string
		edit func(c *waf.Config)
		want string
	}{
		{"the default", func(*waf.Config) {}, ""},
		{"a rule set that nobody has", func(c *waf.Config) { c.Ruleset = "crd" }, `ruleset: "crd" is not a rule set`},
		{"no paranoia", func(c *waf.Config) { c.Paranoia = 0 }, "paranoia: 0 is out of range"},
		{"too much of it", func(c *waf.Config) { c.Paranoia = 5 }, "paranoia: 5 is out of range"},
		{"no threshold", func(c *waf.Config) { c.Threshold = 0 }, "threshold: 0 is out of range"},
		{"no method", func(c *waf.Config) { c.Methods = nil }, "methods: no request would pass"},
		{"a method in two words", func(c *waf.Config) { c.Methods = []string{"GET", "GET HEAD"} }, `methods[1]: "GET HEAD" is not a method`},
		{"a media range", func(c *waf.Config) { c.ContentTypes = []string{"text/*"} }, `content_types[0]: "text/*" is not a media type`},
		{"a media type with a bar", func(c *waf.Config) { c.ContentTypes = []string{"text/a|b"} }, `content_types[0]: "text/a|b" is not a media type`},
		{"no body", func(c *waf.Config) { c.BodyLimit = conf.OffSize }, `body_limit: "off" is out of range`},
		{"a huge body", func(c *waf.Config) { c.BodyLimit = conf.Bytes(9 << 20) }, `body_limit: "9MiB" is out of range`},
		{"another way with large bodies", func(c *waf.Config) { c.OnLarger = "cut" }, `on_larger: "cut" is not what becomes of larger bodies`},
		{"an exclusion of nothing", func(c *waf.Config) { c.Exclude = []waf.Exclusion{{}} }, "exclude[0].rules: no rule is excluded"},
		{"an exclusion of a word", func(c *waf.Config) { c.Exclude = []waf.Exclusion{{Rules: []string{"sqli"}}} }, `exclude[0].rules[0]: "sqli" is not a rule's number`},
		{"a range backwards", func(c *waf.Config) { c.Exclude = []waf.Exclusion{{Rules: []string{"942999-942100"}}} }, "ends before it begins"},
		{"the rule that judges", func(c *waf.Config) { c.Exclude = []waf.Exclusion{{Rules: []string{"949110"}}} }, "names rules that are not about attacks"},
		{"a rule that is not there", func(c *waf.Config) { c.Exclude = []waf.Exclusion{{Rules: []string{"942998"}}} }, `exclude[0].rules[0]: "942998" is no rule of the core rule set`},
		{"a target that is none", func(c *waf.Config) {
			c.Exclude = []waf.Exclusion{{Rules: []string{"942100"}, Target: "PARAMS:q"}}
		}, `exclude[0].target: "PARAMS:q" begins with no variable of the rules`},
		{"own rules without rules", func(c *waf.Config) { c.Ruleset = "own" }, "rules: there are no rules at all"},
		{"rules that are not there", func(c *waf.Config) { c.Rules = "/none.conf" }, `rules: "/none.conf" can't be read`},
		{"rules that are none", func(c *waf.Config) { c.Rules = "bad.conf" }, "rules: bad.conf:1: failed to compile"},
	} {
		cfg := waf.Default()
		c.edit(&cfg)
		p := conf.NewProblems()
		p.ReadBy(func(path string) ([]byte, error) {
			if path == "bad.conf" {
				return []byte("SecRule ARGS \"@nothing x\" \"id:1\"\n"), nil
			}
			return nil, errors.New("no such file")
		})
		cfg.Check(p)
		if got := said(p); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s; want %q", c.what, got, c.want)
		}
	}
}

func said(p *conf.Problems) string {
	var b strings.Builder
	for _, pr := range p.List() {
		b.WriteString(pr.Path.String() + ": " + pr.Text + "\n")
	}
	return b.String()
}

func TestACheckCompilesNoRules(t *testing.T) {
	c := waf.Default()
	steps, err := waf.Compile(&c, "edge", nil)
	if err != nil || len(steps) != 1 || steps[0].Name != "edge.waf" {
		t.Fatalf("%v, %v", steps, err)
	}
	c.Exclude = []waf.Exclusion{{Rules: []string{"942998"}}}
	if _, err := waf.Compile(&c, "edge", nil); err == nil {
		t.Error("a rule that is not there is excluded")
	}
}
