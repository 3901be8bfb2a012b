package validate

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
)

// shape is what of a schema says how a text is read as a value: its types.
type shape struct {
	types types
	items *shape            // of arrays; nil: strings
	named map[string]*shape // the properties of objects
	other *shape            // of properties that are not named; nil: strings
}

// types is a set of types of JSON.
type types uint8

const (
	isNull types = 1 << iota
	isBool
	isNumber
	isString
	isArray
	isObject
)

var typeNames = map[string]types{"null": isNull, "boolean": isBool, "number": isNumber, "integer": isNumber, "string": isString, "array": isArray, "object": isObject}

// mostShape is how deep the shape of a parameter or form goes; deeper values have no place in them.
const mostShape = 4

// shapes makes the shapes of the schemas of a document, each once.
type shapes struct {
	root any
	made map[string]*shape // by the schemas that hold together and the depth
}

// of returns the shape of a schema. Of several schemas that hold together, or of which one does, it is all that any says.
func (l *shapes) of(schema any) *shape { return l.together([]any{schema}, mostShape) }

func (l *shapes) together(schemas []any, depth int) *shape {
	var parts []map[string]any
	if depth > 0 {
		parts = l.parts(schemas)
	}
	key := []byte{byte(depth)}
	for _, m := range parts {
		key = binary.LittleEndian.AppendUint64(key, uint64(identity(m)))
	}
	s := l.made[string(key)]
	if s == nil {
		s = &shape{}
		l.made[string(key)] = s
		for _, m := range parts {
			s.take(m)
		}
		l.members(s, parts, depth)
	}
	return s
}

// parts returns what schemas consist of, over references and combinations, each once.
func (l *shapes) parts(schemas []any) (all []map[string]any) {
	seen := map[uintptr]bool{}
	for todo := slices.Clone(schemas); len(todo) > 0; {
		m, _ := todo[0].(map[string]any)
		todo = todo[1:]
		if m == nil || seen[identity(m)] {
			continue
		}
		seen[identity(m)] = true
		ref, refers := m["$ref"].(string)
		if refers {
			todo = append(todo, referred(l.root, ref))
			if !since31(l.root) {
				continue
			}
		}
		all = append(all, m)
		for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
			list, _ := m[keyword].([]any)
			todo = append(todo, list...)
		}
	}
	return all
}

// since31 reports whether a document is of OpenAPI 3.1: there what stands beside a reference in a schema holds as well.
func since31(root any) bool {
	m, _ := root.(map[string]any)
	version, _ := m["openapi"].(string)
	return strings.HasPrefix(version, "3.1.")
}

// take adds the types that a schema says.
func (s *shape) take(m map[string]any) {
	switch t := m["type"].(type) {
	case string:
		s.types |= typeNames[t]
	case []any:
		for _, t := range t {
			name, _ := t.(string)
			s.types |= typeNames[name]
		}
	}
	if m["nullable"] == true {
		s.types |= isNull
	}
	values, _ := m["enum"].([]any)
	for _, v := range append(values[:len(values):len(values)], m["const"]) {
		s.types |= typeOf(v)
	}
}

// typeOf returns the type of a value that is allowed; null says nothing, for it stands for what is absent, too.
func typeOf(v any) types {
	switch v.(type) {
	case bool:
		return isBool
	case json.Number:
		return isNumber
	case string:
		return isString
	}
	return 0
}

// members makes the shapes of what is in arrays and objects of s.
func (l *shapes) members(s *shape, parts []map[string]any, depth int) {
	var items, others []any
	named := map[string][]any{}
	for _, m := range parts {
		if v, ok := m["items"]; ok {
			s.types |= isArray
			items = append(items, v)
		}
		if properties, ok := m["properties"].(map[string]any); ok {
			s.types |= isObject
			for name, p := range properties {
				named[name] = append(named[name], p)
			}
		}
		if extra, ok := m["additionalProperties"].(map[string]any); ok {
			s.types |= isObject
			others = append(others, extra)
		}
	}
	if items != nil {
		s.items = l.together(items, depth-1)
	}
	if others != nil {
		s.other = l.together(others, depth-1)
	}
	s.named = make(map[string]*shape, len(named))
	for name, all := range named {
		s.named[name] = l.together(all, depth-1)
	}
}

// has reports whether a value of the type is one of those that s may have; nil may be anything.
func (s *shape) has(t types) bool { return s != nil && s.types&t != 0 }

// member returns the shape of a property.
func (s *shape) member(name string) *shape {
	if s == nil {
		return nil
	}
	if m := s.named[name]; m != nil {
		return m
	}
	return s.other
}

// plain returns what a text stands for: a number, a boolean or null if s may be one and it is one, else a string.
func (s *shape) plain(text string) any {
	switch {
	case s == nil:
		return text
	case s.has(isNumber) && isNumeral(text):
		return json.Number(text)
	case s.has(isBool) && (text == "true" || text == "false"):
		return text == "true"
	case s.has(isNull) && !s.has(isString) && (text == "" || text == "null"):
		return nil
	}
	return text
}

// isNumeral reports whether text is a number of JSON of ordinary size.
func isNumeral(text string) bool {
	if text == "" || len(text) > 40 || !strings.ContainsRune("-0123456789", rune(text[0])) || !json.Valid([]byte(text)) {
		return false
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		return len(text)-i <= 4 // an exponent of three digits, or of two and a sign
	}
	return true
}
