package validate

import (
	"reflect"
	"slices"
)

// without returns a copy of a document in which no property is required that has the keyword, "readOnly" or "writeOnly",
// since it is not part of messages in the other direction.
func without(root any, keyword string) any {
	return (&lifting{root: root, keyword: keyword, parts: map[uintptr][]map[string]any{}}).copy(root, nil)
}

// lifting copies a document.
type lifting struct {
	root    any
	keyword string
	parts   map[uintptr][]map[string]any // of schemas that were looked at
}

// copy returns a copy of v. around are the schemas whose allOf v is part of: they hold together with it.
func (l *lifting) copy(v any, around []any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = l.copy(v[i], around)
		}
		return out
	case map[string]any:
		together := append(slices.Clip(around), any(v))
		out := make(map[string]any, len(v))
		for k := range v {
			if k == "allOf" {
				out[k] = l.copy(v[k], together)
			} else {
				out[k] = l.copy(v[k], nil)
			}
		}
		l.lift(out, together)
		return out
	}
	return v
}

// lift takes out of the names that schema requires those that one of together gives the keyword.
func (l *lifting) lift(schema map[string]any, together []any) {
	names, ok := schema["required"].([]any)
	if !ok {
		return
	}
	left := slices.DeleteFunc(slices.Clone(names), func(name any) bool {
		text, _ := name.(string)
		return slices.ContainsFunc(together, func(s any) bool { return l.marked(s, text) })
	})
	if schema["required"] = left; len(left) == 0 && len(names) > 0 {
		delete(schema, "required") // draft 4 wants one at least
	}
}

// marked reports whether a schema, or one that it consists of, has a property of that name with the keyword.
func (l *lifting) marked(schema any, name string) bool {
	return slices.ContainsFunc(l.partsOf(schema), func(part map[string]any) bool {
		properties, _ := part["properties"].(map[string]any)
		p, ok := properties[name].(map[string]any)
		target, _ := resolve(l.root, p).(map[string]any)
		return ok && (p[l.keyword] == true || target[l.keyword] == true)
	})
}

// partsOf returns what a schema consists of, over references and allOf, each once.
func (l *lifting) partsOf(schema any) []map[string]any {
	first, _ := schema.(map[string]any)
	if all, known := l.parts[identity(first)]; known {
		return all
	}
	var all []map[string]any
	seen := map[uintptr]bool{}
	for todo := []any{schema}; len(todo) > 0; {
		m, _ := resolve(l.root, todo[len(todo)-1]).(map[string]any)
		todo = todo[:len(todo)-1]
		if m == nil || seen[identity(m)] {
			continue
		}
		seen[identity(m)] = true
		all = append(all, m)
		parts, _ := m["allOf"].([]any)
		todo = append(todo, parts...)
	}
	l.parts[identity(first)] = all
	return all
}

// identity tells an object of a document from all others.
func identity(m map[string]any) uintptr { return reflect.ValueOf(m).Pointer() }
