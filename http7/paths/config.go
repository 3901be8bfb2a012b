package paths

import (
	"fmt"

	"weir/internal/conf"
)

// Config says what a listener does with paths that two readers could see differently. By default they
// are refused with 400 and the fault ambiguous_path. Control bytes, escaped backslashes and escapes
// that are not UTF-8 are refused whatever is written here.
type Config struct {
	// EmptySegments is for "//" inside a path: "refuse", "merge" (one slash stays) or "keep". With
	// "keep" the endpoint must tell "/a//b" from "/a/b", as Weir then does. Default: "refuse".
	EmptySegments string `toml:"empty_segments"`
	// DotSegments is for "." and ".." in any spelling: "refuse" or "resolve" (RFC 3986 §5.2.4; what
	// would go above the root is still refused). Default: "refuse".
	DotSegments string `toml:"dot_segments"`
	// EncodedSlash is for "%2F": "refuse" or "keep". With "keep" it is no separator here, and the
	// endpoint must not make one of it. Default: "refuse".
	EncodedSlash string `toml:"encoded_slash"`
	// Parameters is for ";" as in "/a;v=1/b": "refuse" or "keep". With "keep" it is part of its segment
	// here, while servlet containers cut it off: guard nothing by path in front of them.
	// Default: "refuse".
	Parameters string `toml:"parameters"`
}

// The words of a Config.
const (
	WordRefuse  = "refuse"
	WordMerge   = "merge"
	WordResolve = "resolve"
	WordKeep    = "keep"
)

// Default returns the values of absent keys.
func Default() Config {
	return Config{EmptySegments: WordRefuse, DotSegments: WordRefuse, EncodedSlash: WordRefuse, Parameters: WordRefuse}
}

// key is one key of a Config with the rules that it may name.
type key struct {
	name  string
	value string
	rule  *Rule
	words []string
}

func (c *Config) keys(r *Rules) [4]key {
	return [...]key{
		{"empty_segments", c.EmptySegments, &r.EmptySegments, []string{WordRefuse, WordMerge, WordKeep}},
		{"dot_segments", c.DotSegments, &r.DotSegments, []string{WordRefuse, WordResolve}},
		{"encoded_slash", c.EncodedSlash, &r.EncodedSlash, []string{WordRefuse, WordKeep}},
		{"parameters", c.Parameters, &r.Parameters, []string{WordRefuse, WordKeep}},
	}
}

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	for _, k := range c.keys(new(Rules)) {
		p.OneOf(k.name, k.value, "a rule for paths", k.words...)
	}
}

// Compile returns the rules of c; an empty text is "refuse". It fails on what Check reports.
func Compile(c *Config) (Rules, error) {
	var r Rules
	for _, k := range c.keys(&r) {
		rule, ok := ruleOf(k.value, k.words)
		if !ok {
			return Rules{}, fmt.Errorf("paths: %s: %q is not one of %s", k.name, k.value, conf.Quoted(k.words, "or"))
		}
		*k.rule = rule
	}
	return r, nil
}

func ruleOf(value string, words []string) (Rule, bool) {
	for _, w := range words {
		if w == value {
			return rules[w], true
		}
	}
	return Refuse, value == ""
}

var rules = map[string]Rule{WordRefuse: Refuse, WordMerge: Merge, WordResolve: Resolve, WordKeep: Keep}
