package config

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"weir/health"
	"weir/http7/cache"
	"weir/http7/forward"
	"weir/http7/policy/apikey"
	"weir/http7/policy/basic"
	"weir/http7/policy/clientcert"
	"weir/http7/policy/compress"
	"weir/http7/policy/concurrency"
	"weir/http7/policy/cors"
	"weir/http7/policy/forwardauth"
	"weir/http7/policy/geo"
	"weir/http7/policy/introspect"
	"weir/http7/policy/jwt"
	"weir/http7/policy/mirror"
	"weir/http7/policy/oidc"
	"weir/http7/policy/quota"
	"weir/http7/policy/ratelimit"
	"weir/http7/policy/requestid"
	"weir/http7/policy/translate"
	"weir/http7/policy/validate"
	"weir/http7/policy/waf"
	"weir/http7/redirect"
	"weir/http7/sticky"
	"weir/internal/certs"
	"weir/internal/certs/acme"
	"weir/internal/conf"
	"weir/internal/discover"
	"weir/internal/shared"
	"weir/lb"
)

// manual reads the comments of the Config structs and knows their defaults.
type manual struct {
	t        *testing.T
	comments map[string]string // "weir/lb.Config" and "weir/lb.Config.Balance"
	parsed   map[string]bool
	defaults map[reflect.Type]any
	defs     map[string]any
}

func newManual(t *testing.T) *manual {
	return &manual{t: t, comments: map[string]string{}, parsed: map[string]bool{}, defs: map[string]any{}, defaults: map[reflect.Type]any{
		reflect.TypeFor[Config]():              Default(),
		reflect.TypeFor[Listener]():            DefaultListener(KindHTTP),
		reflect.TypeFor[certs.Config]():        certs.Default(),
		reflect.TypeFor[certs.ClientAuth]():    certs.DefaultClientAuth(),
		reflect.TypeFor[acme.Config]():         acme.Default(),
		reflect.TypeFor[acme.DNS]():            acme.DefaultDNS(),
		reflect.TypeFor[acme.OnDemand]():       acme.DefaultOnDemand(),
		reflect.TypeFor[Route]():               DefaultRoute(),
		reflect.TypeFor[Respond]():             DefaultRespond(),
		reflect.TypeFor[Upstream]():            DefaultUpstream(),
		reflect.TypeFor[health.Config]():       health.Default(),
		reflect.TypeFor[discover.Config]():     discover.Default(),
		reflect.TypeFor[sticky.Config]():       sticky.Default(),
		reflect.TypeFor[lb.QueueConfig]():      lb.DefaultQueue(),
		reflect.TypeFor[lb.BreakerConfig]():    lb.DefaultBreaker(),
		reflect.TypeFor[forward.HedgeConfig](): forward.DefaultHedge(),
		reflect.TypeFor[health.HTTPConfig]():   health.DefaultHTTP(),
		reflect.TypeFor[lb.EndpointConfig]():   lb.DefaultEndpoint(),
		reflect.TypeFor[cors.Config]():         cors.Default(),
		reflect.TypeFor[requestid.Config]():    requestid.Default(),
		reflect.TypeFor[compress.Config]():     compress.Default(),
		reflect.TypeFor[cache.Config]():        cache.Default(),
		reflect.TypeFor[CacheStore]():          DefaultCacheStore(),
		reflect.TypeFor[translate.Config]():    translate.Default(),
		reflect.TypeFor[mirror.Config]():       mirror.Default(),
		reflect.TypeFor[redirect.Config]():     redirect.Default(),
		reflect.TypeFor[Side]():                DefaultSide(),
		reflect.TypeFor[geo.Config]():          geo.Default(),
		reflect.TypeFor[jwt.Config]():          jwt.Default(),
		reflect.TypeFor[forwardauth.Config]():  forwardauth.Default(),
		reflect.TypeFor[ratelimit.Config]():    ratelimit.Default(),
		reflect.TypeFor[quota.Config]():        quota.Default(),
		reflect.TypeFor[concurrency.Config]():  concurrency.Default(),
		reflect.TypeFor[apikey.Config]():       apikey.Default(),
		reflect.TypeFor[basic.Config]():        basic.Default(),
		reflect.TypeFor[clientcert.Config]():   clientcert.Default(),
		reflect.TypeFor[introspect.Config]():   introspect.Default(),
		reflect.TypeFor[oidc.Config]():         oidc.Default(),
		reflect.TypeFor[validate.Config]():     validate.Default(),
		reflect.TypeFor[waf.Config]():          waf.Default(),
		reflect.TypeFor[Shared]():              Shared{Config: shared.Default()},
	}}
}

// read parses the package of t once.
func (m *manual) read(t reflect.Type) {
	pkg := t.PkgPath()
	if m.parsed[pkg] {
		return
	}
	m.parsed[pkg] = true
	dir := filepath.Join("..", "..", strings.TrimPrefix(pkg, "weir"))
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				m.readTypes(pkg, g)
			}
		}
	}
}

func (m *manual) readTypes(pkg string, g *ast.GenDecl) {
	for _, s := range g.Specs {
		spec := s.(*ast.TypeSpec)
		name := pkg + "." + spec.Name.Name
		m.comments[name] = oneLine(g.Doc.Text())
		if body, ok := spec.Type.(*ast.StructType); ok {
			above := ""
			for _, f := range body.Fields.List {
				doc := oneLine(f.Doc.Text())
				for _, n := range f.Names {
					if doc == "" && strings.Contains(above, " and "+n.Name+" ") {
						doc = above // "Cert and Key are …" stands for both
					}
					m.comments[name+"."+n.Name] = doc
				}
				above = doc
			}
		}
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// key is one key of a table in the manual.
type key struct {
	name, doc string
	typ       reflect.Type
	standard  reflect.Value // its default; invalid if there is none
}

// keys lists the keys of a struct in order. Every one must have a comment.
func (m *manual) keys(t reflect.Type, standard reflect.Value) []key {
	m.read(t)
	var list []key
	for i := range t.NumField() {
		f := t.Field(i)
		value := reflect.Value{}
		if standard.IsValid() {
			value = standard.Field(i)
		}
		name := f.Tag.Get("toml")
		switch {
		case f.Anonymous:
			list = append(list, m.keys(f.Type, value)...)
		case name != "" && name != "-":
			doc := m.comments[t.PkgPath()+"."+t.Name()+"."+f.Name]
			if doc == "" {
				m.t.Errorf("%s.%s has no comment, which would be its manual", t, f.Name)
			}
			list = append(list, key{name, doc, f.Type, value})
		}
	}
	return list
}

func (m *manual) standard(t reflect.Type, inherited reflect.Value) reflect.Value {
	if d, ok := m.defaults[t]; ok {
		return reflect.ValueOf(d)
	}
	return inherited
}

func deref(t reflect.Type, v reflect.Value) (reflect.Type, reflect.Value) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
		if v.IsValid() {
			v = v.Elem()
		}
	}
	return t, v
}

// isTable reports whether a type is documented as a table of its own.
func isTable(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("toml"); t.Field(i).Anonymous || tag != "" && tag != "-" {
			return true
		}
	}
	return false
}

// schema returns the JSON Schema of a type.
func (m *manual) schema(t reflect.Type, standard reflect.Value) map[string]any {
	t, standard = deref(t, standard)
	v := reflect.New(t).Interface()
	value, isValue := v.(conf.Value)
	switch {
	case isValue && isTable(t):
		return map[string]any{"anyOf": []any{map[string]any{"type": "string"}, m.reference(t, standard)}}
	case isValue:
		return scalarSchema(value)
	case t.Kind() == reflect.Struct:
		return m.reference(t, standard)
	case t.Kind() == reflect.Slice:
		item := m.schema(t.Elem(), reflect.Value{})
		return map[string]any{"anyOf": []any{map[string]any{"type": "array", "items": item}, item}}
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": m.schema(t.Elem(), reflect.Value{})}
	}
	kinds := map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Bool: "boolean", reflect.Float64: "number"}
	if kinds[t.Kind()] == "" {
		m.t.Fatalf("no schema for %s", t)
	}
	return map[string]any{"type": kinds[t.Kind()]}
}

func scalarSchema(v conf.Value) map[string]any {
	noun, hint := v.Wants()
	s := map[string]any{"type": "string", "description": noun + ": " + hint}
	if _, ok := v.(conf.IntegerValue); ok {
		s["type"] = []string{"string", "integer"}
	}
	if _, ok := v.(*conf.Mode); ok {
		s = map[string]any{"enum": conf.Mode{}.Choices()}
	}
	return s
}

// reference returns a reference to the definition of a struct type, and makes it.
func (m *manual) reference(t reflect.Type, standard reflect.Value) map[string]any {
	name := strings.ToLower(strings.ReplaceAll(t.String(), ".", "-"))
	ref := map[string]any{"$ref": "#/$defs/" + name}
	if _, done := m.defs[name]; done {
		return ref
	}
	m.defs[name] = nil
	properties := map[string]any{}
	for _, k := range m.keys(t, m.standard(t, standard)) {
		p := m.schema(k.typ, k.standard)
		p["description"] = k.doc
		if n := m.text(k); n != "" {
			p["default"] = json.RawMessage(n)
		}
		properties[k.name] = p
	}
	m.defs[name] = map[string]any{
		"type": "object", "description": m.comments[t.PkgPath()+"."+t.Name()],
		"properties": properties, "additionalProperties": false,
	}
	return ref
}

// text returns a scalar key's default as JSON, or "".
func (m *manual) text(k key) string {
	if !k.standard.IsValid() || isTable(k.typ) || k.typ.Kind() == reflect.Pointer {
		return ""
	}
	switch v := k.standard.Interface().(type) {
	case interface{ IsZero() bool }:
		if v.IsZero() {
			return ""
		}
	}
	switch v := k.standard.Interface().(type) {
	case fmt.Stringer:
		return quoted(v.String())
	case string:
		if v != "" {
			return quoted(v)
		}
	case int, float64:
		return fmt.Sprint(v)
	case []string:
		if v != nil {
			return quoted(v)
		}
	}
	return ""
}

func quoted(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestTheSchemaSaysWhatTheStructsSay(t *testing.T) {
	m := newManual(t)
	root := m.reference(reflect.TypeFor[Config](), reflect.Value{})
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Weir"
	root["$defs"] = m.defs
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "schema.json", append(b, '\n'))
}

func TestTheReferenceSaysWhatTheCommentsSay(t *testing.T) {
	m := newManual(t)
	var b strings.Builder
	b.WriteString(referenceHead)
	m.write(&b, "", "", reflect.TypeFor[Config](), reflect.Value{})
	compare(t, filepath.Join("..", "..", "docs", "reference.md"), []byte(b.String()))
}

const referenceHead = `# Configuration reference

Made from the comments of the Config structs by ` + "`go test ./internal/config -update`" + `; don't edit it by hand.
Keys that are not listed here are refused.

Durations are "1500ms", "5s", "1h30m" or "7d"; sizes "16KiB" or "10MiB"; rates of bytes "240B/s"; shares "20%"; sets of
statuses "2xx", "200-299" or "502,503". "off" is valid for every duration, size, rate and limit unless a key says otherwise.
A list of one may be written without brackets. Texts may hold ` + "`${ENV_NAME}` and `${ENV_NAME:-default}`" + `; ` + "`$${`" + ` stands for
` + "`${`" + `. Secrets are ` + "`{ env = \"NAME\" }` or `{ file = \"/path\" }`" + `. File names are relative to the working
directory, those of ` + "`include`" + ` to the file that they stand in.
`

// write adds the section of a table, then those of the tables in it.
func (m *manual) write(b *strings.Builder, name, doc string, t reflect.Type, standard reflect.Value) {
	keys := m.keys(t, m.standard(t, standard))
	if name != "" {
		fmt.Fprintf(b, "\n## `%s`\n\n%s\n\n%s\n", name, doc, aboutTable(t.Name(), m.comments[t.PkgPath()+"."+t.Name()]))
	}
	var rows, tables []key
	for _, k := range keys {
		if isTable(elem(k.typ)) && k.typ != reflect.TypeFor[conf.Secret]() {
			tables = append(tables, k)
			continue
		}
		rows = append(rows, k)
	}
	if len(rows) > 0 {
		b.WriteString("\n| key | value | meaning |\n|---|---|---|\n")
	}
	for _, k := range rows {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", k.name, m.kind(k.typ), strings.ReplaceAll(k.doc, "|", "\\|"))
	}
	for _, k := range tables {
		if name == "[defaults]" {
			fmt.Fprintf(b, "\n`[defaults.%s]`: %s\n", k.name, k.doc)
			continue
		}
		m.write(b, header(name, k), k.doc, elem(k.typ), under(k))
	}
}

// aboutTable is a type's comment without the type's name, which says nothing to an operator.
func aboutTable(name, comment string) string {
	rest, ok := strings.CutPrefix(comment, name+" ")
	switch {
	case !ok:
		return comment
	case strings.HasPrefix(rest, "are "), strings.HasPrefix(rest, "bound "):
		return "These keys " + rest
	}
	return "This table " + rest
}

func under(k key) reflect.Value {
	t, v := deref(k.typ, k.standard)
	if t.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v
}

// header is how a table is written below the one named above.
func header(above string, k key) string {
	name := strings.Trim(above, "[]")
	if name != "" {
		name += "."
	}
	name += k.name
	switch k.typ.Kind() {
	case reflect.Map:
		return "[" + name + ".NAME]"
	case reflect.Slice:
		return "[[" + name + "]]"
	}
	return "[" + name + "]"
}

// elem is the type of a list's or map's values, or the type itself.
func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

// kind names the values of a type for the reference.
func (m *manual) kind(t reflect.Type) string {
	t, _ = deref(t, reflect.Value{})
	if v, ok := reflect.New(t).Interface().(conf.Value); ok {
		noun, _ := v.Wants()
		return strings.TrimPrefix(strings.TrimPrefix(noun, "a "), "an ")
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list: " + m.kind(t.Elem())
	case reflect.Map:
		return "table: name = " + m.kind(t.Elem())
	case reflect.Int:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.String:
		return "text"
	}
	return t.Kind().String()
}

func TestTheSchemaIsGivenOutWhole(t *testing.T) {
	want, err := os.ReadFile("schema.json")
	if err != nil || string(Schema()) != string(want) {
		t.Fatalf("Schema() is not schema.json (%v)", err)
	}
	if !json.Valid(want) {
		t.Fatal("schema.json is not JSON")
	}
}
