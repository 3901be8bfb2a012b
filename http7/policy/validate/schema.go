package validate

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas compiles the schemas of one document.
type schemas struct {
	doc      *document
	compiler *jsonschema.Compiler
	value    any // the document, as the compiler has it
	circles  circles
	looks    looks
	circular bool // some schema is part of itself
}

// here is the name of the document among schemas; nothing is loaded by it. It has a path, so that the name of another file
// makes another one of it (RFC 3986 §5.2).
const here = "weir:///document"

// errOutside says that a document refers to another.
var errOutside = errors.New("it refers to something outside the file")

// alone loads nothing.
type alone struct{}

// Load implements [jsonschema.URLLoader].
func (alone) Load(string) (any, error) { return nil, errOutside }

// newSchemas prepares to compile the schemas of value, which is d's or made of it.
func newSchemas(d *document, value any, draft *jsonschema.Draft) (*schemas, error) {
	c := jsonschema.NewCompiler()
	c.UseLoader(alone{})
	c.DefaultDraft(draft)
	c.AssertFormat()
	for i := range formats {
		c.RegisterFormat(&formats[i])
	}
	if err := c.AddResource(here, value); err != nil {
		return nil, err
	}
	return &schemas{doc: d, compiler: c, value: value, circles: circles{}, looks: looks{}}, nil
}

// compile returns the schema at pointer, or notes in doc what is wrong with it.
func (s *schemas) compile(pointer string) *jsonschema.Schema {
	schema, err := s.compiler.Compile(here + "#" + fragment(pointer))
	if err != nil {
		s.doc.troubles = append(s.doc.troubles, s.placed(pointer, err))
		return nil
	}
	circles := s.circles.of(schema)
	s.wrong(circles, pointer, "the schema is part of itself, for the same value")
	if len(circles) == 0 && !s.circular {
		s.wrong(s.looks.over(schema), pointer, "every value would be held against more than "+strconv.Itoa(mostBeside)+" schemas: others lead to the same ones in too many ways")
	}
	s.circular = s.circular || len(circles) > 0
	return schema
}

// wrong notes the same trouble of several schemas, each once.
func (s *schemas) wrong(all []*jsonschema.Schema, pointer, text string) {
	for _, at := range all {
		if t := s.doc.at(within(at.Location, pointer), text); !slices.Contains(s.doc.troubles, t) {
			s.doc.troubles = append(s.doc.troubles, t)
		}
	}
}

// fragment writes a pointer as the fragment of a URL (RFC 6901 §6).
func fragment(pointer string) string {
	steps := strings.Split(pointer, "/")
	for i := range steps {
		steps[i] = url.PathEscape(steps[i])
	}
	return strings.Join(steps, "/")
}

// placed says where in the file an error of the compiler is.
func (s *schemas) placed(pointer string, err error) trouble {
	var invalid *jsonschema.SchemaValidationError
	var pattern *jsonschema.InvalidRegexError
	var load *jsonschema.LoadURLError
	switch {
	case errors.As(err, &invalid):
		var why *jsonschema.ValidationError
		if errors.As(invalid.Err, &why) {
			at, text := deepest(why)
			return s.doc.at(within(invalid.URL, pointer)+at, "not a schema: "+text)
		}
	case errors.As(err, &pattern):
		return s.doc.at(within(pattern.URL, pointer), "the pattern "+pattern.Regex+" is not one of RE2, which has no look-around and no references")
	case errors.As(err, &load):
		name := strings.TrimPrefix(load.URL, strings.TrimSuffix(here, "document"))
		return s.doc.at(pointer, strconv.Quote(name)+": "+errOutside.Error())
	}
	return s.doc.at(pointer, strings.ReplaceAll(err.Error(), here, ""))
}

// within returns the pointer of a location in the document, or instead if it is none.
func within(location, instead string) string {
	name, frag, ok := strings.Cut(location, "#")
	p, err := url.PathUnescape(frag)
	if !ok || err != nil || name != here {
		return instead
	}
	return p
}

// formats are those of OpenAPI (https://spec.openapis.org/registry/format) that the library does not have.
var formats = []jsonschema.Format{
	{Name: "int32", Validate: integer(32)},
	{Name: "int64", Validate: integer(64)},
	{Name: "byte", Validate: func(v any) error {
		if s, ok := v.(string); ok {
			_, err := base64.StdEncoding.DecodeString(s)
			return err
		}
		return nil
	}},
}

func integer(bits uint) func(v any) error {
	limit := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return func(v any) error {
		n, ok := v.(json.Number)
		if !ok {
			return nil
		}
		r, ok := new(big.Rat).SetString(string(n))
		if !ok || !r.IsInt() || r.Num().CmpAbs(limit) > 0 || r.Num().Cmp(limit) == 0 {
			return errors.New("out of range")
		}
		return nil
	}
}

// modern returns a copy of a document of OpenAPI 3.0 whose schemas say what they say in JSON Schema of draft 4: nullable
// becomes a type (OpenAPI 3.0.3, Schema Object). The rest of what is special there is no assertion.
func modern(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = modern(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = modern(v[k])
		}
		if t, ok := v["type"].(string); ok && v["nullable"] == true {
			out["type"] = []any{t, "null"}
		}
		return out
	}
	return v
}

// resolve follows references within the document.
func resolve(root, v any) any {
	for range mostReferences {
		m, ok := v.(map[string]any)
		if !ok {
			return v
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return v
		}
		v = referred(root, ref)
	}
	return nil
}

// referred returns what a reference leads to within the document, nil if that is nothing.
func referred(root any, ref string) any {
	fragment, ok := strings.CutPrefix(ref, "#")
	pointer, err := url.PathUnescape(fragment)
	if err != nil || !ok {
		return nil
	}
	v, _ := find(root, pointer)
	return v
}

// mostReferences is how many references may lead to one another.
const mostReferences = 32

// deepest returns the pointer and the text of the first leaf of err.
func deepest(err *jsonschema.ValidationError) (at, text string) {
	for len(err.Causes) > 0 {
		err = err.Causes[0]
	}
	return pointerOf(err.InstanceLocation), reason(err.ErrorKind)
}
