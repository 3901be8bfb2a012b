package validate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"weir/http7"
	"weir/internal/plain"
)

// Where parameters are.
const (
	inPath   = "path"
	inQuery  = "query"
	inHeader = "header"
	inCookie = "cookie"
	inBody   = "body"
)

// The styles of parameters (OpenAPI, Style Values).
const (
	simple = "simple"
	label  = "label"
	matrix = "matrix"
	formed = "form"
	spaced = "spaceDelimited"
	piped  = "pipeDelimited"
	deep   = "deepObject"
)

// stylesOf are the styles of a place, the default first.
var stylesOf = map[string][]string{
	inPath:   {simple, label, matrix},
	inQuery:  {formed, spaced, piped, deep},
	inHeader: {simple},
	inCookie: {formed},
}

// parameter is one parameter of an operation, a field of an answer, or a property of a form.
type parameter struct {
	in, name string
	field    http7.Name // of those in header
	selector string     // as logs name it; "" for what every line of a log has
	required bool
	empty    bool // it may be there without a value (allowEmptyValue)
	style    string
	explode  bool
	json     bool // its text is a document
	depth    int  // how deep that may be nested
	schema   *jsonschema.Schema
	shape    *shape
}

// parameters takes a list of parameters.
func (l *loader) parameters(v any, pointer string) (all []*parameter) {
	list, ok := v.([]any)
	if !ok && v != nil {
		l.trouble(pointer, "it is not a list")
	}
	for i := range list {
		m, at := l.object(list[i], pointer+"/"+strconv.Itoa(i))
		if m == nil {
			continue
		}
		p := &parameter{}
		p.in, _ = m["in"].(string)
		p.name, _ = m["name"].(string)
		if p.in == inHeader && slices.Contains([]string{"accept", "content-type", "authorization"}, strings.ToLower(p.name)) {
			continue // OpenAPI, Parameter Object: they are ignored
		}
		if slices.ContainsFunc(all, func(q *parameter) bool { return q.is(p) }) {
			l.trouble(at, "the parameter "+strconv.Quote(p.name)+" in "+p.in+" is there twice")
			continue
		}
		if l.parameter(p, l.asked, m, at) {
			all = append(all, p)
		}
	}
	return all
}

// is reports whether p and q are the same parameter: names of fields are the same in any case.
func (p *parameter) is(q *parameter) bool {
	return p.in == q.in && (p.name == q.name || p.in == inHeader && strings.EqualFold(p.name, q.name))
}

// header takes a field of an answer.
func (l *loader) header(name string, v any, pointer string) *parameter {
	m, at := l.object(v, pointer)
	if m == nil || strings.EqualFold(name, "content-type") {
		return nil
	}
	p := &parameter{in: inHeader, name: name}
	if !l.parameter(p, l.told, m, at) {
		return nil
	}
	return p
}

// parameter completes p, whose place and name are known, and reports whether all is well.
func (l *loader) parameter(p *parameter, s *schemas, m map[string]any, at string) bool {
	styles, ok := stylesOf[p.in]
	switch {
	case !ok:
		l.trouble(at+"/in", `it is none of "path", "query", "header" and "cookie"`)
		return false
	case p.name == "":
		l.trouble(at+"/name", "the parameter has no name")
		return false
	case p.in == inPath && m["required"] != true:
		l.trouble(at, "a parameter of the path has to be required")
		return false
	}
	p.required = m["required"] == true
	p.empty = p.in == inQuery && m["allowEmptyValue"] == true
	p.style = styles[0]
	if text, ok := m["style"].(string); ok {
		if p.style = text; !slices.Contains(styles, text) {
			l.trouble(at+"/style", strconv.Quote(text)+" is no style of a parameter in "+p.in)
			return false
		}
	}
	p.explode = p.style == formed
	if b, ok := m["explode"].(bool); ok {
		p.explode = b
	}
	return l.place(p, at) && l.value(p, s, m, at)
}

// place notes by what a request has p.
func (l *loader) place(p *parameter, at string) (ok bool) {
	switch p.in {
	case inHeader:
		p.selector = "header:" + strings.ToLower(p.name)
		if p.field, ok = http7.NewName(p.name); !ok {
			l.trouble(at+"/name", strconv.Quote(p.name)+" is not a field name")
		}
		return ok
	case inCookie:
		p.selector = "cookie:" + p.name
	}
	return true
}

// value takes the schema of p, or that of the document that it is.
func (l *loader) value(p *parameter, s *schemas, m map[string]any, at string) bool {
	schema, ok := m["schema"]
	at += "/schema"
	if types, isDocument := m["content"].(map[string]any); isDocument {
		at = strings.TrimSuffix(at, "/schema") + "/content"
		names := sorted(types)
		if len(names) != 1 {
			l.trouble(at, "a parameter has one type of content")
			return false
		}
		described, _ := types[names[0]].(map[string]any)
		schema, ok = described["schema"]
		at = string(plain.AppendPointer([]byte(at), names[0])) + "/schema"
		p.json = isJSON(strings.ToLower(names[0]))
	}
	if ok {
		p.schema = s.compile(at)
		p.depth = l.depths.of(p.schema)
		p.shape = l.shapes.of(schema)
	}
	return true
}

// styled returns how a property of a form is written (OpenAPI, Encoding Object).
func styled(property string, encoding map[string]any) *parameter {
	p := &parameter{in: inBody, name: property, style: formed, explode: true}
	if text, ok := encoding["style"].(string); ok {
		p.style, p.explode = text, text == formed
	}
	if b, ok := encoding["explode"].(bool); ok {
		p.explode = b
	}
	if text, ok := encoding["contentType"].(string); ok {
		p.json = isJSON(strings.ToLower(text))
	}
	return p
}
