package validate

import (
	"math"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A schema that contains itself in several alternatives makes a validator look at the inner value once for each, and at what
// is in that once more for each of those: the work doubles with every level of the value. depths says how deep a value of
// a schema may be nested so that it is looked at some thousand times at most; mostDepth for most schemas. It keeps what it has
// found of the schemas of a document.
type depths map[*jsonschema.Schema]int

// of returns how deep a value of root may be nested.
func (d depths) of(root *jsonschema.Schema) int {
	if root == nil {
		return mostDepth
	}
	g := graphOf(root)
	depth := mostDepth
	for s := range g.edges {
		depth = min(depth, d.turning(g, s))
	}
	return max(depth, leastDepth)
}

// turning returns how deep a value of s may be for the ways in which s contains itself.
func (d depths) turning(g *graph, s *jsonschema.Schema) int {
	if known, ok := d[s]; ok {
		return known
	}
	d[s] = mostDepth
	if len(beside(s)) > 1 {
		if fan := g.fan(s); fan > 1 {
			turns := int(math.Log(mostLooks) / math.Log(float64(fan)))
			d[s] = max(1, turns) * g.round(s)
		}
	}
	return d[s]
}

const (
	// mostLooks is what a validator does in some tens of milliseconds.
	mostLooks  = 5000
	leastDepth = 3
	// mostFan is where counting ends.
	mostFan = 64
)

// graph is all that a schema consists of.
type graph struct {
	edges map[*jsonschema.Schema][]*jsonschema.Schema // to what it consists of
	back  map[*jsonschema.Schema][]*jsonschema.Schema // the other way round
}

func graphOf(root *jsonschema.Schema) *graph {
	g := &graph{edges: map[*jsonschema.Schema][]*jsonschema.Schema{}, back: map[*jsonschema.Schema][]*jsonschema.Schema{}}
	for todo := []*jsonschema.Schema{root}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, seen := g.edges[s]; seen {
			continue
		}
		g.edges[s] = append(beside(s), inner(s)...)
		for _, next := range g.edges[s] {
			g.back[next] = append(g.back[next], s)
			todo = append(todo, next)
		}
	}
	return g
}

// fan returns in how many ways a value of s leads to an inner value of s.
func (g *graph) fan(s *jsonschema.Schema) int {
	leads := map[*jsonschema.Schema]bool{}
	for todo := []*jsonschema.Schema{s}; len(todo) > 0; {
		t := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !leads[t] {
			leads[t] = true
			todo = append(todo, g.back[t]...)
		}
	}
	return g.descents(s, leads, map[*jsonschema.Schema]int{})
}

// round returns how many levels of a value lie between s and the next s within, at least.
func (g *graph) round(s *jsonschema.Schema) int {
	seen := map[*jsonschema.Schema]bool{}
	level := []*jsonschema.Schema{s}
	for depth := 0; len(level) > 0; depth++ {
		var next []*jsonschema.Schema
		for len(level) > 0 {
			t := level[len(level)-1]
			level = level[:len(level)-1]
			if depth > 0 && t == s {
				return depth
			}
			if seen[t] {
				continue
			}
			seen[t] = true
			level = append(level, beside(t)...)
			next = append(next, inner(t)...)
		}
		level = next
	}
	return 1
}

// descents counts the ways from s, over what is held against the same value, to inner values that lead on. known are the
// schemas that it has been asked about.
func (g *graph) descents(s *jsonschema.Schema, leads map[*jsonschema.Schema]bool, known map[*jsonschema.Schema]int) int {
	if n, ok := known[s]; ok {
		return n
	}
	known[s] = 0 // of a circle
	n := 0
	if slices.ContainsFunc(inner(s), func(in *jsonschema.Schema) bool { return leads[in] }) {
		n = 1
	}
	for _, a := range beside(s) {
		n = min(n+g.descents(a, leads, known), mostFan)
	}
	known[s] = n
	return n
}

// beside returns the schemas that are held against the same value as s.
func beside(s *jsonschema.Schema) (all []*jsonschema.Schema) {
	all = appendSchemas(all, s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else)
	if s.DynamicRef != nil {
		all = appendSchemas(all, s.DynamicRef.Ref)
	}
	all = appendSchemas(all, s.AllOf...)
	all = appendSchemas(all, s.AnyOf...)
	all = appendSchemas(all, s.OneOf...)
	for _, d := range s.DependentSchemas {
		all = appendSchemas(all, d)
	}
	for _, d := range s.Dependencies {
		all = appendAny(all, d)
	}
	return all
}

// inner returns the schemas that are held against values in a value of s, or against its names.
func inner(s *jsonschema.Schema) (all []*jsonschema.Schema) {
	all = appendSchemas(all, s.PropertyNames, s.UnevaluatedProperties, s.UnevaluatedItems, s.Contains, s.Items2020)
	all = appendSchemas(all, s.PrefixItems...)
	for _, p := range s.Properties {
		all = appendSchemas(all, p)
	}
	for _, p := range s.PatternProperties {
		all = appendSchemas(all, p)
	}
	return appendAny(appendAny(appendAny(all, s.AdditionalProperties), s.Items), s.AdditionalItems)
}

func appendSchemas(to []*jsonschema.Schema, all ...*jsonschema.Schema) []*jsonschema.Schema {
	for _, s := range all {
		if s != nil {
			to = append(to, s)
		}
	}
	return to
}

// appendAny appends what stands where a schema, several or something else may stand.
func appendAny(to []*jsonschema.Schema, v any) []*jsonschema.Schema {
	switch v := v.(type) {
	case *jsonschema.Schema:
		return appendSchemas(to, v)
	case []*jsonschema.Schema:
		return appendSchemas(to, v...)
	}
	return to
}
