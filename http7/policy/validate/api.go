package validate

import (
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"weir/http7"
	"weir/internal/plain"
)

// api is a compiled description. It never changes.
type api struct {
	base   string // what stands before every path, without a slash at its end
	routes map[int][]*route
	bodies *media // of a bare JSON Schema: what every body must fit
}

// route is one path of a document.
type route struct {
	path       string
	steps      []step
	operations map[string]*operation
	refused    *http7.Fault // of other methods
}

// operation is what is done by one method at one path.
type operation struct {
	parameters []*parameter
	body       *content // nil: none is described
	answers    map[string]*answer
}

// content is what a body may be.
type content struct {
	required bool
	media    []*media
}

// media is one type of a body.
type media struct {
	kind, sub string // in lower case, "*" for any
	schema    *jsonschema.Schema
	depth     int // how deep its values may be nested
	shape     *shape
	styles    map[string]*parameter // how properties of forms are written, where it is said
}

// answer is what an answer may be.
type answer struct {
	headers []*parameter
	content *content // nil: nothing is said of its body
}

// loader makes an api of a document.
type loader struct {
	doc    *document
	root   map[string]any
	asked  *schemas // of requests
	told   *schemas // of answers; nil: they are not looked at
	api    *api
	depths depths
	shapes *shapes
}

// methods are those that a path item names.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// load makes an api of the text of an OpenAPI document. Its troubles say what is wrong with it.
func load(text []byte, answers bool) (*api, []trouble) {
	d := parse(text)
	if d.value == nil {
		return nil, d.troubles
	}
	l := &loader{doc: d, depths: depths{}, api: &api{routes: map[int][]*route{}}}
	if l.root, _ = d.value.(map[string]any); l.root == nil {
		return nil, []trouble{d.at("", "it is not an object")}
	}
	l.shapes = &shapes{l.root, map[string]*shape{}}
	draft := l.version()
	if draft == nil || !l.prepare(draft, answers) {
		return nil, d.troubles
	}
	l.servers()
	l.paths()
	if len(d.troubles) > 0 {
		return nil, d.troubles
	}
	return l.api, nil
}

// loadSchema makes an api of the text of a JSON Schema.
func loadSchema(text []byte) (*api, []trouble) {
	d := parse(text)
	if d.value == nil {
		return nil, d.troubles
	}
	s, err := newSchemas(d, d.value, jsonschema.Draft2020)
	if err != nil {
		return nil, []trouble{(&schemas{doc: d}).placed("", err)}
	}
	m := &media{kind: "application", sub: "json", schema: s.compile("")}
	m.depth = depths{}.of(m.schema)
	if len(d.troubles) > 0 {
		return nil, d.troubles
	}
	return &api{bodies: m}, nil
}

// version returns the JSON Schema that the document's version of OpenAPI is based on.
func (l *loader) version() *jsonschema.Draft {
	text, _ := l.root["openapi"].(string)
	switch {
	case strings.HasPrefix(text, "3.0."):
		return jsonschema.Draft4
	case strings.HasPrefix(text, "3.1."):
		return jsonschema.Draft2020
	}
	what := "the version is neither 3.0 nor 3.1 of OpenAPI"
	if _, ok := l.root["swagger"]; ok {
		what = "this is Swagger 2.0; convert it to OpenAPI 3"
	}
	l.trouble("/openapi", what)
	return nil
}

func (l *loader) prepare(draft *jsonschema.Draft, answers bool) bool {
	value := any(l.root)
	if draft == jsonschema.Draft4 {
		value = modern(value)
	}
	var err error
	if l.asked, err = newSchemas(l.doc, without(value, "readOnly"), draft); err == nil && answers {
		l.told, err = newSchemas(l.doc, without(value, "writeOnly"), draft)
	}
	if err != nil {
		l.doc.troubles = append(l.doc.troubles, (&schemas{doc: l.doc}).placed("", err))
	}
	return err == nil
}

func (l *loader) trouble(pointer, text string) {
	l.doc.troubles = append(l.doc.troubles, l.doc.at(pointer, text))
}

// servers takes the path of the first server for what stands before every path.
func (l *loader) servers() {
	list, _ := l.root["servers"].([]any)
	if len(list) == 0 {
		return
	}
	first, _ := list[0].(map[string]any)
	text, _ := first["url"].(string)
	variables, _ := first["variables"].(map[string]any)
	for name, v := range variables {
		v, _ := v.(map[string]any)
		value, _ := v["default"].(string)
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	u, err := url.Parse(text)
	if err != nil || strings.Contains(text, "{") {
		l.trouble("/servers/0/url", "it is not a URL")
		return
	}
	l.api.base = strings.TrimSuffix(u.Path, "/")
}

func (l *loader) paths() {
	paths, ok := l.root["paths"].(map[string]any)
	if !ok && !l.pathless() {
		l.trouble("/paths", "there are no paths")
		return
	}
	for _, path := range sorted(paths) {
		if strings.HasPrefix(path, "x-") {
			continue
		}
		pointer := string(plain.AppendPointer([]byte("/paths"), path))
		item, at := l.object(paths[path], pointer)
		if item == nil {
			continue
		}
		l.path(path, pointer, at, item)
	}
	for _, list := range l.api.routes {
		sort.SliceStable(list, func(i, j int) bool { return narrower(list[i].steps, list[j].steps) })
	}
}

// pathless reports whether the document is one that may have no paths: since OpenAPI 3.1, beside webhooks or components.
func (l *loader) pathless() bool {
	_, has := l.root["paths"]
	return !has && since31(l.root) && (l.root["webhooks"] != nil || l.root["components"] != nil)
}

func sorted[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// object returns the object that v, at pointer, is or refers to, and where that stands; nil with a trouble if there is none.
func (l *loader) object(v any, pointer string) (map[string]any, string) {
	at := pointer
	for range mostReferences {
		m, ok := v.(map[string]any)
		if !ok {
			l.trouble(at, "it is not an object")
			return nil, at
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return m, at
		}
		if !strings.HasPrefix(ref, "#") {
			l.trouble(at, strconv.Quote(ref)+": "+errOutside.Error())
			return nil, at
		}
		target, err := url.PathUnescape(ref[1:])
		if err == nil {
			v, ok = find(l.root, target)
		}
		if err != nil || !ok {
			l.trouble(at, strconv.Quote(ref)+" refers to nothing")
			return nil, at
		}
		at = target
	}
	l.trouble(pointer, "its references lead in a circle")
	return nil, at
}

// path takes one path item, which stands at at.
func (l *loader) path(path, pointer, at string, item map[string]any) {
	r := &route{path: path, operations: map[string]*operation{}}
	var err error
	if r.steps, err = parsePath(path); err != nil {
		l.trouble(pointer, err.Error())
		return
	}
	shared := l.parameters(item["parameters"], at+"/parameters")
	for _, m := range methods {
		v, ok := item[m]
		if !ok {
			continue
		}
		if o := l.operation(v, at+"/"+m, shared); o != nil {
			r.operations[strings.ToUpper(m)] = o
			l.named(r, o, at+"/"+m)
		}
	}
	r.refused = unknownMethod(r.operations)
	if other := l.alike(r); other != nil {
		l.trouble(pointer, "it is the same as "+strconv.Quote(other.path)+" with other names")
	}
	l.api.routes[len(r.steps)] = append(l.api.routes[len(r.steps)], r)
}

// alike returns the route so far whose template takes the same paths as r's (OpenAPI, Paths Object: they must not exist).
func (l *loader) alike(r *route) *route {
	same := func(a, b step) bool { return a.mold() == b.mold() }
	for _, other := range l.api.routes[len(r.steps)] {
		if slices.EqualFunc(r.steps, other.steps, same) {
			return other
		}
	}
	return nil
}

// named notes parameters of the path that the operation does not describe, and the other way round.
func (l *loader) named(r *route, o *operation, at string) {
	var names []string
	for _, s := range r.steps {
		names = append(names, s.names...)
	}
	for _, p := range o.parameters {
		if p.in != inPath {
			continue
		}
		if !slices.Contains(names, p.name) {
			l.trouble(at, "the path has no parameter "+strconv.Quote(p.name))
		}
		names = slices.DeleteFunc(names, func(n string) bool { return n == p.name })
	}
	for _, n := range names {
		l.trouble(at, "the path's parameter "+strconv.Quote(n)+" is not described")
	}
}

func (l *loader) operation(v any, pointer string, shared []*parameter) *operation {
	m, at := l.object(v, pointer)
	if m == nil {
		return nil
	}
	o := &operation{parameters: l.parameters(m["parameters"], at+"/parameters")}
	for _, p := range shared {
		if !slices.ContainsFunc(o.parameters, p.is) {
			o.parameters = append(o.parameters, p)
		}
	}
	if v, ok := m["requestBody"]; ok {
		if body, at := l.object(v, at+"/requestBody"); body != nil {
			o.body = l.content(l.asked, body["content"], at+"/content")
			o.body.required = body["required"] == true
		}
	}
	if l.told != nil {
		o.answers = l.answers(m["responses"], at+"/responses")
	}
	return o
}

// content takes the media types of a body or an answer.
func (l *loader) content(s *schemas, v any, pointer string) *content {
	c := &content{}
	types, ok := v.(map[string]any)
	if !ok && v != nil {
		l.trouble(pointer, "it is not an object")
	}
	for _, t := range sorted(types) {
		at := string(plain.AppendPointer([]byte(pointer), t))
		if m := l.media(s, t, types[t], at); m != nil {
			c.media = append(c.media, m)
		}
	}
	slices.SortStableFunc(c.media, func(a, b *media) int { return a.breadth() - b.breadth() })
	return c
}

func (l *loader) media(s *schemas, name string, v any, pointer string) *media {
	described, at := l.object(v, pointer)
	if described == nil {
		return nil
	}
	name, _, _ = strings.Cut(strings.ToLower(name), ";")
	kind, sub, ok := strings.Cut(strings.TrimSpace(name), "/")
	if !ok {
		l.trouble(pointer, "it is not a media type")
		return nil
	}
	m := &media{kind: kind, sub: sub, styles: map[string]*parameter{}}
	if schema, ok := described["schema"]; ok {
		m.schema = s.compile(at + "/schema")
		m.depth = l.depths.of(m.schema)
		m.shape = l.shapes.of(schema)
	}
	encoding, _ := described["encoding"].(map[string]any)
	for property, e := range encoding {
		if e, ok := e.(map[string]any); ok {
			m.styles[property] = styled(property, e)
		}
	}
	return m
}

func (l *loader) answers(v any, pointer string) map[string]*answer {
	all := map[string]*answer{}
	described, _ := v.(map[string]any)
	for _, status := range sorted(described) {
		at := pointer + "/" + status
		m, at := l.object(described[status], at)
		if m == nil {
			continue
		}
		a := &answer{}
		if types, ok := m["content"]; ok {
			a.content = l.content(l.told, types, at+"/content")
		}
		headers, _ := m["headers"].(map[string]any)
		for _, name := range sorted(headers) {
			if h := l.header(name, headers[name], string(plain.AppendPointer([]byte(at+"/headers"), name))); h != nil {
				a.headers = append(a.headers, h)
			}
		}
		all[strings.ToUpper(status)] = a
	}
	return all
}

// unknownMethod makes the refusal of methods that a path does not have.
func unknownMethod(has map[string]*operation) *http7.Fault {
	allow := sorted(has)
	if has[http.MethodGet] != nil && has[http.MethodHead] == nil {
		allow = append(allow, http.MethodHead)
	}
	return &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: "undocumented_method", Status: 405, GRPC: 12, ProxyStatus: "http_request_denied",
		Title: "Method Not Allowed", Detail: "The API has no such method at this path.", Extra: "Allow: " + strings.Join(allow, ", ") + "\r\n",
	}
}
