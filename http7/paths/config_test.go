package paths

import (
	"testing"

	"weir/internal/conf"
)

func TestConfigsCompileToTheirRules(t *testing.T) {
	for _, c := range []struct {
		what string
		c    Config
		want Rules
	}{
		{"the default", Default(), Rules{}},
		{"nothing written", Config{}, Rules{}},
		{"merge and resolve", Config{EmptySegments: "merge", DotSegments: "resolve"}, Rules{EmptySegments: Merge, DotSegments: Resolve}},
		{"keep all", Config{EmptySegments: "keep", DotSegments: "refuse", EncodedSlash: "keep", Parameters: "keep"}, Rules{EmptySegments: Keep, EncodedSlash: Keep, Parameters: Keep}},
	} {
		got, err := Compile(&c.c)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v", c.what, got, err)
		}
	}
	d, p := Default(), conf.NewProblems()
	if d.Check(p); len(p.List()) > 0 {
		t.Errorf("the default has problems: %v", p.List())
	}
}

func TestRulesThatAKindDoesNotKnowAreProblems(t *testing.T) {
	for _, c := range []struct {
		key, hint string
		c         Config
	}{
		{"empty_segments", `did you mean "merge"? it is one of "refuse", "merge" or "keep"`, Config{EmptySegments: "merged"}},
		{"dot_segments", `it is one of "refuse" or "resolve"`, Config{DotSegments: "keep"}},
		{"encoded_slash", `it is one of "refuse" or "keep"`, Config{EncodedSlash: "merge"}},
		{"parameters", `it is one of "refuse" or "keep"`, Config{Parameters: "7"}},
	} {
		full := Default()
		for i, k := range c.c.keys(new(Rules)) {
			if k.value != "" {
				*[]*string{&full.EmptySegments, &full.DotSegments, &full.EncodedSlash, &full.Parameters}[i] = k.value
			}
		}
		p := conf.NewProblems()
		full.Check(p)
		if l := p.List(); len(l) != 1 || l[0].Path.String() != c.key || l[0].Hint != c.hint {
			t.Errorf("%s: got %+v", c.key, l)
		}
		if r, err := Compile(&full); err == nil || r != (Rules{}) {
			t.Errorf("%s: compiled to %+v", c.key, r)
		}
	}
}
