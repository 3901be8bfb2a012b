package tomlfile

import (
	"encoding"
	"reflect"
	"strings"

	"weir/internal/conf"
)

// field is one key of a struct type.
type field struct {
	key   string
	typ   reflect.Type
	index []int
}

// shape is what is known of a struct type: its keys in order, and by name.
type shape struct {
	fields []field
	known  map[string]field
	// hides says that a secret may be somewhere in a value of the type.
	hides bool
}

// shapes are those of the types that one decoding has met.
type shapes map[reflect.Type]*shape

// of returns the shape of a struct type.
func (s shapes) of(t reflect.Type) *shape {
	if known := s[t]; known != nil {
		return known
	}
	fields := fieldsOf(t)
	made := &shape{fields: fields, known: make(map[string]field, len(fields))}
	s[t] = made // before its fields, lest a type that holds itself never ends
	for _, f := range fields {
		made.known[f.key] = f
		made.hides = made.hides || s.hides(f.typ)
	}
	return made
}

// hides reports whether a value of type t may hold a secret.
func (s shapes) hides(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t == secretType || t.Kind() == reflect.Struct && s.of(t).hides
}

// fieldsOf lists the keys of a struct in the order of its fields, those of embedded structs
// included.
func fieldsOf(t reflect.Type) []field {
	var list []field
	for i := range t.NumField() {
		f := t.Field(i)
		key := strings.Split(f.Tag.Get("toml"), ",")[0]
		switch {
		case f.Anonymous && key == "":
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				list = append(list, inner)
			}
		case f.IsExported() && key != "" && key != "-":
			list = append(list, field{key, f.Type, []int{i}})
		}
	}
	return list
}

var (
	textType   = reflect.TypeFor[encoding.TextUnmarshaler]()
	secretType = reflect.TypeFor[conf.Secret]()
)

// isText reports whether a value of type t may be written as one text of its own kind.
func isText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textType) }

// isTable reports whether a value of type t may be written as a table.
func isTable(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && (!isText(t) || len(fieldsOf(t)) > 0)
}
