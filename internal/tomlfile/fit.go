package tomlfile

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// fitter turns a tree as it was written into one of the exact shape of a Go type. What does not
// fit is noted and left out, so that one look finds everything.
type fitter struct {
	report *Report
	root   *Node
	top    []field // of the whole file
	shapes shapes
	path   conf.Path
	around []field // of the table that holds the one that is fitted
	outer  int     // length of that one's path; 0: the file itself
}

// fit returns n in the shape of t, or nil if it does not fit.
func (f *fitter) fit(n *Node, t reflect.Type) *Node {
	if n.broken {
		return nil
	}
	t = deref(t)
	if t == secretType && n.Kind == String {
		return f.secret(n)
	}
	if isText(t) && (n.Kind != Table || !isTable(t)) {
		return f.text(n, t)
	}
	switch t.Kind() {
	case reflect.Struct:
		return f.structure(n, t)
	case reflect.Map:
		return f.table(n, t)
	case reflect.Slice:
		return f.list(n, t)
	}
	return f.scalar(n, t)
}

// wrong notes that n is no value of the wanted kind.
func (f *fitter) wrong(n *Node, noun, hint string) *Node {
	f.add(n.Val, n, describe(n)+" is not "+noun, hint)
	return nil
}

func (f *fitter) add(at Span, n *Node, text, hint string) {
	path := append(conf.Path(nil), f.path...)
	if n.alias != "" {
		// A shared node is fitted, and reported, where it was written too.
		f.report.add(Finding{path: path, cause: true})
		return
	}
	_, key := f.root.nearest(path)
	if at.Nowhere() {
		at = n.Key
	}
	f.report.add(Finding{At: at, path: path, Key: key, Text: text, Hint: hint})
}

// describe names a value as a person would.
func describe(n *Node) string {
	switch n.Kind {
	case String:
		return strconv.Quote(n.Text)
	case Table, Array:
		return kindNouns[n.Kind]
	}
	return n.Text
}

// below fits a child.
func (f *fitter) below(key string, n *Node, t reflect.Type) *Node {
	f.path = append(f.path, key)
	fitted := f.fit(n, t)
	f.path = f.path[:len(f.path)-1]
	return fitted
}

func (f *fitter) text(n *Node, t reflect.Type) *Node {
	v := reflect.New(t).Interface()
	value, _ := v.(conf.Value)
	_, integers := v.(conf.IntegerValue)
	if n.Kind != String && (n.Kind != Integer || !integers) {
		noun, hint := "a text", "write it in quotes"
		if value != nil {
			noun, hint = value.Wants()
		}
		return f.wrong(n, noun, hint)
	}
	if err := v.(interface{ UnmarshalText([]byte) error }).UnmarshalText([]byte(n.Text)); err != nil {
		f.badValue(n, err)
		return nil
	}
	return &Node{Kind: String, Text: n.Text}
}

// badValue notes what a value's own kind says of its text.
func (f *fitter) badValue(n *Node, err error) {
	text, hint := err.Error(), ""
	var b *conf.BadValue
	if errors.As(err, &b) {
		text, hint = b.Text, b.Hint
	}
	f.add(n.Val, n, text, hint)
}

// secret keeps the text of a secret from being printed. One that is a variable and nothing else is
// taken for { env = "NAME" }, so that its source can be shown.
func (f *fitter) secret(n *Node) *Node {
	if !n.Val.Nowhere() {
		n.Val.File.mask(n.Val)
	}
	if name := variable(n.source); name != "" {
		t := NewTable()
		t.Set("env", &Node{Kind: String, Text: name})
		return t
	}
	return f.text(n, secretType)
}

func (f *fitter) scalar(n *Node, t reflect.Type) *Node {
	switch t.Kind() {
	case reflect.String:
		if n.Kind == String {
			return n
		}
		return f.wrong(n, "a text", quoteHint(n))
	case reflect.Bool:
		if n.Kind == Bool {
			return n
		}
		return f.wrong(n, "true or false", "write true or false, without quotes")
	case reflect.Float64:
		switch n.Kind {
		case Float:
			return n
		case Integer:
			return f.whole(n)
		}
		return f.wrong(n, "a number", numberHint(n))
	}
	return f.integer(n, t)
}

// whole writes an integer for a float in decimal: go-toml reads no 0x1F as a float.
func (f *fitter) whole(n *Node) *Node {
	v, err := parseNumber(n)
	i, ok := v.(int64)
	if err != nil || !ok {
		return f.wrong(n, "a number that fits here", "")
	}
	decimal := *n
	decimal.Text = strconv.FormatInt(i, 10)
	return &decimal
}

func quoteHint(n *Node) string {
	if n.Kind == Table || n.Kind == Array {
		return "write one text in quotes"
	}
	return "write it in quotes: " + strconv.Quote(n.Text)
}

func numberHint(n *Node) string {
	if n.Kind != String {
		return ""
	}
	if _, err := strconv.Atoi(n.Text); err == nil {
		return "write it without quotes: " + n.Text
	}
	return "write it in digits and without quotes, such as 1000"
}

func (f *fitter) integer(n *Node, t reflect.Type) *Node {
	if n.Kind != Integer {
		return f.wrong(n, "a whole number", numberHint(n))
	}
	v, err := parseNumber(n)
	i, ok := v.(int64)
	if err != nil || !ok || reflect.Zero(t).OverflowInt(i) {
		return f.wrong(n, "a number that fits here", "")
	}
	return n
}

func (f *fitter) list(n *Node, t reflect.Type) *Node {
	out := &Node{Kind: Array, Items: []*Node{}}
	if n.Kind == Table && n.form != formInline && isTable(deref(t.Elem())) && !n.Val.Nowhere() {
		name := f.path.String()
		f.add(n.Val, n, "a list of tables is written in double brackets", "write [["+name+"]], once for each of them")
		return nil
	}
	whole := true
	for i, item := range n.List() {
		f.report.rest()
		fitted := f.below(index(i), item, t.Elem())
		if fitted == nil {
			fitted = placeholder(deref(t.Elem()))
		}
		whole = whole && fitted != nil
		out.Items = append(out.Items, fitted)
	}
	if !whole {
		return nil
	}
	return out
}

func deref(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// placeholder stands for a list's element that did not fit, so that the indexes of those behind it
// stay right. It is nil if there can be none; then the whole list is left out.
func placeholder(t reflect.Type) *Node {
	switch {
	case isTable(t):
		return NewTable()
	case t.Kind() == reflect.String:
		return &Node{Kind: String}
	}
	return nil
}

func (f *fitter) table(n *Node, t reflect.Type) *Node {
	if n.Kind != Table {
		return f.wrong(n, "a table", f.tableHint(n))
	}
	out := NewTable()
	for i, k := range n.Keys {
		if fitted := f.below(k, n.values[i], t.Elem()); fitted != nil {
			out.Set(k, fitted)
		}
	}
	return out
}

func (f *fitter) tableHint(n *Node) string {
	if n.Kind == Array && n.form == formTables {
		return "write [" + f.path.String() + ".name] in single brackets, with a name for each"
	}
	return "write { key = … }, or a header [" + f.path.String() + "]"
}

func (f *fitter) structure(n *Node, t reflect.Type) *Node {
	if n.Kind != Table {
		noun, hint := "a table", f.tableHint(n)
		if v, ok := reflect.New(t).Interface().(conf.Value); ok {
			noun, hint = v.Wants()
		}
		return f.wrong(n, noun, hint)
	}
	shape := f.shapes.of(t)
	out := NewTable()
	for i, k := range n.Keys {
		fd, ok := shape.known[k]
		if !ok {
			f.unknown(k, n.values[i], shape.fields)
			continue
		}
		around, outer := f.around, f.outer
		f.around, f.outer = shape.fields, len(f.path)
		if fitted := f.below(k, n.values[i], fd.typ); fitted != nil {
			out.Set(k, fitted)
		}
		f.around, f.outer = around, outer
	}
	return out
}

// unknown notes a key that the struct does not have. What was probably meant counts as reported
// too, so that nothing complains that it is missing.
func (f *fitter) unknown(key string, n *Node, fields []field) {
	keys := make([]string, len(fields))
	for i, fd := range fields {
		keys[i] = fd.key
	}
	hint := "valid keys are " + strings.Join(keys, ", ")
	meant := cmp.Or(elsewhere(key, keys), conf.Nearest(key, keys), deeper(key, fields))
	f.path = append(f.path, key)
	where := "here"
	if len(f.path) > 1 {
		where = "in " + f.path[:len(f.path)-1].String()
	}
	if meant == "" && len(f.path) > 1 {
		hint = cmp.Or(f.aroundHint(key), f.topHint(key), deeperHint(key, fields)) + hint
	}
	if meant != "" {
		hint = "did you mean " + meant + "? " + hint
		also := append(append(conf.Path(nil), f.path[:len(f.path)-1]...), strings.Split(meant, ".")[0])
		f.report.add(Finding{path: also, cause: true})
	}
	f.add(n.Key, n, "there is no key "+strconv.Quote(key)+" "+where, hint)
	f.path = f.path[:len(f.path)-1]
}

// aroundHint says that key is one of the table around the one it was found in.
func (f *fitter) aroundHint(key string) string {
	if f.outer == 0 || !slices.ContainsFunc(f.around, func(fd field) bool { return fd.key == key }) {
		return ""
	}
	return key + " is a key of " + f.path[:f.outer].String() + ", around this table; "
}

// topHint says where key, found further down, belongs if it is one of the whole file.
func (f *fitter) topHint(key string) string {
	i := slices.IndexFunc(f.top, func(fd field) bool { return fd.key == key })
	switch {
	case i < 0:
		return ""
	case isTable(deref(f.top[i].typ)):
		return key + " stands at the top of a file, as a table: [" + key + "]; "
	}
	return key + " stands at the top of a file, before the first [table]; "
}

// elsewhere returns which of keys is meant by a word that other proxies and the standards have for it; "" if none is.
func elsewhere(key string, keys []string) string {
	ours := ""
	switch strings.ReplaceAll(strings.ToLower(key), "-", "_") {
	case "key_auth", "keyauth", "api_keys":
		ours = "api_key"
	case "basic_auth", "basicauth", "htpasswd":
		ours = "basic"
	case "jwt_auth", "jwt_authn", "bearer":
		ours = "jwt"
	case "ext_authz", "auth_request", "external_auth":
		ours = "forward_auth"
	case "ip_restriction", "ip_allow_list", "ip_whitelist", "acl", "rbac":
		ours = "ip_filter"
	case "rate_limiting", "ratelimit", "limit_req":
		ours = "rate_limit"
	case "limit_conn", "in_flight_req":
		ours = "concurrency"
	case "modsecurity", "coraza":
		ours = "waf"
	case "jwks_uri", "jwks_url", "jwks_file":
		ours = "jwks"
	case "iss":
		ours = "issuer"
	case "aud":
		ours = "audience"
	case "whitelist", "allowlist", "whitelist_source_range":
		ours = "allow"
	case "blacklist", "denylist", "block":
		ours = "deny"
	case "redirect_uri", "redirect_url":
		ours = "callback"
	}
	if slices.Contains(keys, ours) {
		return ours
	}
	return ""
}

// deeper looks for key one level further down: "connect" is meant as "timeouts.connect". What several tables have is meant
// as that of none.
func deeper(key string, fields []field) string {
	if all := allDeeper(key, fields); len(all) > 0 && len(all) < several {
		return all[0]
	}
	return ""
}

const several = 4

// deeperHint says that several tables have key.
func deeperHint(key string, fields []field) string {
	if all := allDeeper(key, fields); len(all) >= several {
		return "each of its tables has one of its own, such as " + all[0] + "; "
	}
	return ""
}

func allDeeper(key string, fields []field) (all []string) {
	for _, fd := range fields {
		t := deref(fd.typ)
		if t.Kind() == reflect.Struct && slices.ContainsFunc(fieldsOf(t), func(inner field) bool { return inner.key == key }) {
			all = append(all, fd.key+"."+key)
		}
	}
	return all
}
