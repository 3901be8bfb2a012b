package validate

import (
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schemas that are held against the same value may be reached in several ways, and a validator goes all of them: twenty that
// are in allOf of each other, each twice, make a million looks at every value.

// looks says how many looks at one value a schema takes, which is at most mostBeside+1. It keeps those of a document.
type looks map[*jsonschema.Schema]int

// mostBeside is how many schemas one value may be held against.
const mostBeside = 20_000

// over returns the schemas that root consists of and that are held against one value too often, of each the outermost. Nothing
// in root may be part of itself for the same value.
func (k looks) over(root *jsonschema.Schema) (all []*jsonschema.Schema) {
	seen := map[*jsonschema.Schema]bool{}
	for todo := []*jsonschema.Schema{root}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[s] {
			continue
		}
		if k.of(s) > mostBeside {
			all = append(all, meant(s))
		}
		for _, part := range together(s, seen) {
			todo = append(todo, inner(part)...)
		}
	}
	slices.SortFunc(all, func(a, b *jsonschema.Schema) int { return strings.Compare(a.Location, b.Location) })
	return all
}

// meant returns the schema that s is another name of.
func meant(s *jsonschema.Schema) *jsonschema.Schema {
	for s.Ref != nil && len(beside(s)) == 1 {
		s = s.Ref
	}
	return s
}

// of returns the number of looks that s takes at a value.
func (k looks) of(s *jsonschema.Schema) int {
	n, known := k[s]
	if known {
		return n
	}
	n = 1
	for _, b := range beside(s) {
		n = min(n+k.of(b), mostBeside+1)
	}
	k[s] = n
	return n
}

// together returns s and all that is held against the same value, each once, but for those that were seen.
func together(s *jsonschema.Schema, seen map[*jsonschema.Schema]bool) (all []*jsonschema.Schema) {
	for todo := []*jsonschema.Schema{s}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[s] {
			continue
		}
		seen[s] = true
		all = append(all, s)
		todo = append(todo, beside(s)...)
	}
	return all
}
