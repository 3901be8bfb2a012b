package validate

import (
	"encoding/json"
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

// shapeOf returns the shape of a schema of the document root. Of several schemas that hold together, or of which one does, it is
// all that any says.
func shapeOf(root, schema any) *shape {
	s := &shape{}
	s.take(root, schema, mostShape)
	return s
}

func (s *shape) take(root, schema any, depth int) {
	for range mostReferences {
		m, _ := schema.(map[string]any)
		if m == nil || depth == 0 {
			return
		}
		ref, refers := m["$ref"].(string)
		if !refers || besideReferences(root) {
			s.takeOwn(root, m, depth)
		}
		if !refers {
			return
		}
		schema = referred(root, ref)
	}
}

// besideReferences reports whether what stands beside a reference holds as well: since OpenAPI 3.1.
func besideReferences(root any) bool {
	m, _ := root.(map[string]any)
	version, _ := m["openapi"].(string)
	return strings.HasPrefix(version, "3.1.")
}

func (s *shape) takeOwn(root any, m map[string]any, depth int) {
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
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := m[keyword].([]any)
		for _, sub := range list {
			s.take(root, sub, depth-1)
		}
	}
	s.members(root, m, depth)
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

func (s *shape) members(root any, m map[string]any, depth int) {
	if items, ok := m["items"]; ok {
		s.types |= isArray
		s.items = &shape{}
		s.items.take(root, items, depth-1)
	}
	if properties, ok := m["properties"].(map[string]any); ok {
		s.types |= isObject
		if s.named == nil {
			s.named = map[string]*shape{}
		}
		for name, p := range properties {
			s.named[name] = &shape{}
			s.named[name].take(root, p, depth-1)
		}
	}
	if extra, ok := m["additionalProperties"].(map[string]any); ok {
		s.types |= isObject
		s.other = &shape{}
		s.other.take(root, extra, depth-1)
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
