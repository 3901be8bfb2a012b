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
