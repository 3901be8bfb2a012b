package arch

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Graph returns the import graph as sorted lines: "http7/wire -> http7" for an import inside the
// module or of a third party, with " (test)" behind a third party that only tests import.
// The standard library and the module's own imports in tests are left out.
func (t *Tree) Graph() []string {
	set := map[string]bool{}
	for _, p := range t.Packages {
		code := map[string]bool{}
		for _, f := range p.Files {
			for _, imp := range f.Imports() {
				dir, local := t.local(imp)
				switch {
				case local && !f.Test:
					set[p.Path+" -> "+dir] = true
				case t.thirdParty(imp):
					code[imp] = code[imp] || !f.Test
				}
			}
		}
		for imp, inCode := range code {
			line := p.Path + " -> " + imp
			if !inCode {
				line += " (test)"
			}
			set[line] = true
		}
	}
	return sorted(set)
}

// CompareGraph says what differs between the checked-in list and the graph, one line per arrow.
// Empty lines and lines that begin with # in the list are comments.
func CompareGraph(list string, graph []string) []string {
	want := map[string]bool{}
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			want[line] = true
		}
	}
	var out []string
	for _, g := range graph {
		if !want[g] {
			out = append(out, "new arrow: "+g)
		}
		delete(want, g)
	}
	for _, w := range sorted(want) {
		out = append(out, "arrow gone: "+w)
	}
	return out
}

// needs returns the module's own packages that p imports outside its tests.
func (t *Tree) needs(p *Package) []string {
	set := map[string]bool{}
	for _, f := range p.Files {
		if f.Test {
			continue
		}
		for _, imp := range f.Imports() {
			if dir, ok := t.local(imp); ok {
				set[dir] = true
			}
		}
	}
	return sorted(set)
}

// LongestChain returns the longest path of imports inside the module, from the top down.
func (t *Tree) LongestChain() []string {
	byPath := map[string]*Package{}
	for _, p := range t.Packages {
		byPath[p.Path] = p
	}
	memo := map[string][]string{}
	var chain func(path string) []string
	chain = func(path string) []string {
		if c, ok := memo[path]; ok {
			return c
		}
		memo[path] = []string{path}
		var best []string
		if p := byPath[path]; p != nil {
			for _, next := range t.needs(p) {
				if c := chain(next); len(c) > len(best) {
					best = c
				}
			}
		}
		memo[path] = append([]string{path}, best...)
		return memo[path]
	}
	var longest []string
	for _, p := range t.Packages {
		if c := chain(p.Path); len(c) > len(longest) {
			longest = c
		}
	}
	return longest
}

// Arrow is a rule about imports: packages that match From import nothing that matches To,
// except as Except allows. Patterns are a path, a path with "/..." for it and all below, or "...".
// To may name packages of the module, of the standard library or of third parties.
type Arrow struct {
	From, To []string
	// Except lists "package" (may import all of To) or "package -> import".
	Except []string
	// Tests extends the rule to test files.
	Tests bool
	Why   string
}

// Forbidden returns every import that breaks a rule.
func (t *Tree) Forbidden(rules []Arrow) []string {
	var out []string
	for _, r := range rules {
		for _, p := range t.Packages {
			if !matchPath(p.Path, r.From) || slices.Contains(r.Except, p.Path) {
				continue
			}
			for _, f := range p.Files {
				if !f.Test || r.Tests {
					out = append(out, t.breaches(r, p, f)...)
				}
			}
		}
	}
	return out
}

func (t *Tree) breaches(r Arrow, p *Package, f *File) []string {
	var out []string
	for _, imp := range f.Imports() {
		if dir, ok := t.local(imp); ok {
			imp = dir
		}
		self := imp == p.Path
		if self || !matchPath(imp, r.To) || slices.Contains(r.Except, p.Path+" -> "+imp) {
			continue
		}
		out = append(out, fmt.Sprintf("%s imports %s: %s", f.Path, imp, r.Why))
	}
	return out
}

func matchPath(p string, patterns []string) bool {
	for _, pat := range patterns {
		base, deep := strings.CutSuffix(pat, "/...")
		if pat == "..." || p == base || deep && strings.HasPrefix(p, base+"/") {
			return true
		}
	}
	return false
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
