package config

import (
	"slices"
	"strconv"
	"strings"

	"weir/http7/match"
	"weir/http7/paths"
	"weir/internal/conf"
)

// checkReach notes paths that no listener of the route lets come as far as a match: those with "//", an
// encoded slash or a parameter, where all of them refuse that or write it otherwise.
func (c *Config) checkReach(p *conf.Problems, r *Route) {
	for i, path := range r.Match.Path {
		if !odd(path) {
			continue
		}
		if _, err := match.CheckPattern(path); err != nil || c.reaches(r, path) {
			continue // it has been told what is wrong
		}
		p.Index("path", i).Add("", "no listener of this route lets "+strconv.Quote(path)+" through",
			`write it without "//", "%2F" and ";", or allow them in paths of the listener`)
	}
}

// odd reports whether the rules of a listener may change what a path pattern means.
func odd(path string) bool {
	return !strings.HasPrefix(path, "~") && (strings.Contains(path, "//") || strings.Contains(path, "%") || strings.Contains(path, ";"))
}

// reaches reports whether a path of that pattern comes to the match as it is on some listener of r.
func (c *Config) reaches(r *Route, pattern string) bool {
	form, f := paths.Literal(example(pattern))
	if f != nil {
		return false
	}
	served := false
	for name, l := range c.Listeners {
		if l.Kind != KindHTTP || len(r.Listeners) > 0 && !slices.Contains(r.Listeners, name) {
			continue
		}
		served = true
		rules, err := paths.Compile(&l.Paths)
		if err != nil {
			return true // told of the listener
		}
		if got, _, f := rules.Canonical(nil, []byte(form)); f == nil && string(got) == form {
			return true
		}
	}
	return !served
}

// example returns a path that a pattern matches.
func example(pattern string) string {
	segments := strings.Split(strings.TrimSuffix(pattern, "/*"), "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = "x"
		}
	}
	if path := strings.Join(segments, "/"); path != "" {
		return path
	}
	return "/"
}
