package validate

import "github.com/santhosh-tekuri/jsonschema/v6"

// A schema may contain itself where it is held against a value within the value. One that is held against the same value
// again has no meaning (JSON Schema 2020-12, core, §9.4.1), and a validator refuses every value by it.

// circles finds such schemas. It keeps those of a document that it has looked at.
type circles map[*jsonschema.Schema]bool

// of returns the schemas that root consists of and that are held against a value again and again, one for each circle.
func (c circles) of(root *jsonschema.Schema) (all []*jsonschema.Schema) {
	for todo := appendSchemas(nil, root); len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, seen := c[s]; seen {
			continue
		}
		if at := c.follow(s, &todo); at != nil {
			all = append(all, at)
		}
	}
	return all
}

// follow looks at s and all that is held against the same value, and returns one that it comes back to; nil if there is none.
// What is held against values within is put into inside.
func (c circles) follow(s *jsonschema.Schema, inside *[]*jsonschema.Schema) (at *jsonschema.Schema) {
	const open, done = true, false
	c[s] = open
	*inside = append(*inside, inner(s)...)
	for _, next := range beside(s) {
		isOpen, seen := c[next]
		switch {
		case isOpen:
			at = next
		case !seen:
			if found := c.follow(next, inside); found != nil {
				at = found
			}
		}
	}
	c[s] = done
	return at
}
