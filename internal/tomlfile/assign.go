package tomlfile

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
)

// assigner fills values from a fitted tree.
type assigner struct {
	shapes
	rest func() // called between the elements of lists
}

// assign fills v, which is zero, from a tree that the fitter has brought into the shape of v's type.
// An error means that it has not.
func (s *assigner) assign(v reflect.Value, n *Node) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return s.assign(v.Elem(), n)
	}
	if n.Kind == String && isText(v.Type()) {
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Text))
	}
	switch v.Kind() {
	case reflect.Struct:
		return s.assignStruct(v, n)
	case reflect.Map:
		return s.assignMap(v, n)
	case reflect.Slice:
		return s.assignSlice(v, n)
	}
	return assignScalar(v, n)
}

func misfit(v reflect.Value, n *Node) error {
	return fmt.Errorf("%s where a %s is wanted", kindNouns[n.Kind], v.Type())
}

func (s *assigner) assignStruct(v reflect.Value, n *Node) error {
	if n.Kind != Table {
		return misfit(v, n)
	}
	known := s.of(v.Type()).known
	for i, k := range n.Keys {
		f, ok := known[k]
		if !ok {
			return fmt.Errorf("no key %q in a %s", k, v.Type())
		}
		if err := s.assign(v.FieldByIndex(f.index), n.values[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *assigner) assignMap(v reflect.Value, n *Node) error {
	if n.Kind != Table {
		return misfit(v, n)
	}
	if len(n.Keys) == 0 {
		return nil
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Keys)))
	for i, k := range n.Keys {
		value := reflect.New(v.Type().Elem()).Elem()
		if err := s.assign(value, n.values[i]); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(k).Convert(v.Type().Key()), value)
	}
	return nil
}

func (s *assigner) assignSlice(v reflect.Value, n *Node) error {
	if n.Kind != Array {
		return misfit(v, n)
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
	for i, item := range n.Items {
		s.rest()
		if err := s.assign(v.Index(i), item); err != nil {
			return err
		}
	}
	return nil
}

func assignScalar(v reflect.Value, n *Node) error {
	switch {
	case v.Kind() == reflect.String && n.Kind == String:
		v.SetString(n.Text)
		return nil
	case v.Kind() == reflect.Bool && n.Kind == Bool:
		v.SetBool(n.Text == "true")
		return nil
	case v.CanInt() && n.Kind == Integer, v.CanFloat() && (n.Kind == Float || n.Kind == Integer):
		return assignNumber(v, n)
	}
	return misfit(v, n)
}

func assignNumber(v reflect.Value, n *Node) error {
	number, err := parseNumber(n)
	if err != nil {
		return fmt.Errorf("%s: %w", strconv.Quote(n.Text), err)
	}
	switch i := number.(type) {
	case int64:
		if v.CanFloat() {
			v.SetFloat(float64(i))
			return nil
		}
		v.SetInt(i)
	case float64:
		v.SetFloat(i)
	}
	return nil
}
