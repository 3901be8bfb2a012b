package tomlfile

import (
	"encoding"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// FromValue returns the tree of a config value, such as a struct of defaults. It leaves out nil
// pointers, lists and maps, empty texts, values that say that they are zero, and structs of
// nothing else. Secrets are written by their source or masked. It panics on types that no config
// is made of, which is a mistake in the program.
func FromValue(v any) *Node {
	if n := fromValue(reflect.ValueOf(v)); n != nil {
		return n
	}
	return NewTable()
}

func fromValue(v reflect.Value) *Node {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if n := fromValue(v.Elem()); n != nil {
			return n
		}
		return NewTable()
	case reflect.Struct:
		return fromStruct(v)
	case reflect.Slice:
		return fromSlice(v)
	case reflect.Map:
		return fromMap(v)
	}
	return fromScalar(v)
}

func fromScalar(v reflect.Value) *Node {
	switch v.Kind() {
	case reflect.String:
		if v.Len() == 0 {
			return nil
		}
		return &Node{Kind: String, Text: v.String()}
	case reflect.Bool:
		return &Node{Kind: Bool, Text: strconv.FormatBool(v.Bool())}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return &Node{Kind: Integer, Text: strconv.FormatInt(v.Int(), 10)}
	case reflect.Float64:
		return fromFloat(v.Float())
	}
	panic(fmt.Sprintf("tomlfile: no config holds a %s", v.Type()))
}

// fromFloat writes a number so that it reads as a float again: 2 as 2.0.
func fromFloat(f float64) *Node {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") && !math.IsInf(f, 0) && !math.IsNaN(f) {
		text += ".0"
	}
	return &Node{Kind: Float, Text: strings.ToLower(text)}
}

func fromStruct(v reflect.Value) *Node {
	if z, ok := v.Interface().(interface{ IsZero() bool }); ok && z.IsZero() {
		return nil
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		return fromText(v, m)
	}
	n := NewTable()
	for _, f := range fieldsOf(v.Type()) {
		if child := fromValue(v.FieldByIndex(f.index)); child != nil {
			n.Set(f.key, child)
		}
	}
	if len(n.Keys) == 0 {
		return nil
	}
	return n
}

// fromText writes a value of conf. One that may be an integer and is one is written without
// quotes.
func fromText(v reflect.Value, m encoding.TextMarshaler) *Node {
	if s, ok := m.(conf.Secret); ok {
		return fromSecret(s)
	}
	b, err := m.MarshalText()
	if err != nil {
		panic(fmt.Sprintf("tomlfile: %s: %v", v.Type(), err))
	}
	if _, ok := reflect.New(v.Type()).Interface().(conf.IntegerValue); ok {
		if _, err := strconv.Atoi(string(b)); err == nil {
			return &Node{Kind: Integer, Text: string(b)}
		}
	}
	return &Node{Kind: String, Text: string(b)}
}

func fromSecret(s conf.Secret) *Node {
	n := NewTable()
	n.form = formInline
	switch {
	case s.Env != "":
		n.Set("env", &Node{Kind: String, Text: s.Env})
	case s.File != "":
		n.Set("file", &Node{Kind: String, Text: s.File})
	default:
		return &Node{Kind: String, Text: conf.Mask}
	}
	return n
}

func fromSlice(v reflect.Value) *Node {
	if v.IsNil() {
		return nil
	}
	n := &Node{Kind: Array}
	for i := range v.Len() {
		item := fromValue(v.Index(i))
		if item == nil {
			item = &Node{Kind: String}
		}
		n.Items = append(n.Items, item)
	}
	return n
}

func fromMap(v reflect.Value) *Node {
	if v.IsNil() {
		return nil
	}
	n := NewTable()
	values := map[string]reflect.Value{}
	for _, k := range v.MapKeys() {
		values[k.String()] = v.MapIndex(k)
	}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		child := fromValue(values[k])
		if child == nil {
			child = &Node{Kind: String}
		}
		n.Set(k, child)
	}
	return n
}
