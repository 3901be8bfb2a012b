package validate

import "slices"

// without returns a copy of a document in which no property is required that has the keyword, "readOnly" or "writeOnly",
// since it is not part of messages in the other direction.
func without(root any, keyword string) any {
	return (&lifting{root: root, keyword: keyword}).copy(root, nil)
}

// lifting copies a document.
type lifting struct {
	root    any
	keyword string
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
		return slices.ContainsFunc(together, func(s any) bool { return l.marked(s, text, mostParts) })
	})
	if schema["required"] = left; len(left) == 0 && len(names) > 0 {
		delete(schema, "required") // draft 4 wants one at least
	}
}

// mostParts is how deep allOf in allOf is followed.
const mostParts = 4

// marked reports whether a schema, or one that it consists of, has a property of that name with the keyword.
func (l *lifting) marked(schema any, name string, depth int) bool {
	m, _ := resolve(l.root, schema).(map[string]any)
	if m == nil || depth == 0 {
		return false
	}
	properties, _ := m["properties"].(map[string]any)
	if p, ok := properties[name].(map[string]any); ok {
		target, _ := resolve(l.root, p).(map[string]any)
		if p[l.keyword] == true || target[l.keyword] == true {
			return true
		}
	}
	parts, _ := m["allOf"].([]any)
	return slices.ContainsFunc(parts, func(part any) bool { return l.marked(part, name, depth-1) })
}
