package validate_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// template is a path of a document as a person would match it.
type template struct {
	text    string
	name    string // of its first parameter; "" without one
	matches *regexp.Regexp
	order   string // of its segments, how much each takes
}

// drawnTemplate draws a path whose parameters are called after it.
func drawnTemplate(random *rand.Rand, called string) template {
	t := template{}
	pattern := ""
	for i := range 1 + random.IntN(3) {
		name := called + string(rune('a'+i))
		switch text := []string{"a", "b", "a.b"}[random.IntN(3)]; random.IntN(3) {
		case 0:
			t.text, pattern, t.order = t.text+"/"+text, pattern+"/"+regexp.QuoteMeta(text), t.order+"0"
		case 1:
			t.text, pattern, t.order = t.text+"/"+text+"{"+name+"}", pattern+"/"+regexp.QuoteMeta(text)+"[^/]+", t.order+"1"
			t.name = cmp.Or(t.name, name)
		default:
			t.text, pattern, t.order = t.text+"/{"+name+"}", pattern+"/[^/]+", t.order+"2"
			t.name = cmp.Or(t.name, name)
		}
	}
	t.matches = regexp.MustCompile("^" + pattern + "$")
	return t
}

// OpenAPI, Paths Object: concrete paths come before templated ones. Which template a request was for is told by the parameter
// that is wrong, since none is ever right.
func TestPathsAreFoundAsANaiveReaderFindsThem(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	found := 0
	for range 60 {
		var all []template
		document := "openapi: 3.1.0\npaths:\n"
		molds := map[string]bool{}
		for i := range 6 {
			d := drawnTemplate(random, fmt.Sprintf("t%d", i))
			mold := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(d.text, "{}")
			if molds[mold] {
				continue // the same path with other names, which is an error
			}
			molds[mold] = true
			all = append(all, d)
			document += "  " + d.text + ":\n    get: {parameters: ["
			for _, m := range regexp.MustCompile(`\{([^}]*)\}`).FindAllStringSubmatch(d.text, -1) {
				document += "{name: " + m[1] + ", in: path, required: true, schema: false}, "
			}
			document += "{name: " + strconv.Quote("of "+d.text) + ", in: query, required: true}]}\n"
		}
		s := compile(t, written(t, "api.yaml", document), nil)[0]
		for range 60 {
			path := ""
			for range 1 + random.IntN(3) {
				path += "/" + []string{"a", "b", "ab", "a.b", "a.bb", "c", "a%2Fb", "a%0Ab", ""}[random.IntN(9)]
			}
			want := "undocumented_path"
			best := template{order: "9"}
			for _, d := range all {
				if d.matches.MatchString(path) && d.order+" "+d.text < best.order+" "+best.text { // OpenAPI leaves equals to the reader
					best, want = d, `"name":`+strconv.Quote("of "+d.text)
				}
			}
			if best.text != "" {
				found++
			}
			x := request("GET "+path, "")
			if got := told(x, ask(&s, x, "")); !strings.Contains(got, want) || best.name != "" && !strings.Contains(got, `"in":"path","name":"`+best.name+`"`) {
				t.Fatalf("%s is %s, want %s in\n%s", path, got, want, document)
			}
		}
	}
	if found < 500 {
		t.Errorf("only %d paths were found", found)
	}
}

// sample is a value and how a style writes it (OpenAPI, Style Examples).
type sample struct {
	value string // as YAML and JSON have it
	parts []string
	names []string // of an object
}

func drawnSample(random *rand.Rand, object bool) sample {
	var s sample
	var members []string
	for i := range 1 + random.IntN(4) {
		n := strconv.Itoa(random.IntN(1000))
		s.parts = append(s.parts, n)
		if object {
			s.names = append(s.names, string(rune('a'+i)))
			members = append(members, `"`+s.names[i]+`": `+n)
		}
	}
	if s.value = "[" + strings.Join(s.parts, ", ") + "]"; object {
		s.value = "{" + strings.Join(members, ", ") + "}"
	}
	return s
}

// each joins what a function makes of every part.
func (s sample) each(separator string, write func(name, part string) string) string {
	var all []string
	for i, p := range s.parts {
		name := ""
		if s.names != nil {
			name = s.names[i]
		}
		all = append(all, write(name, p))
	}
	return strings.Join(all, separator)
}

// plainly writes the parts, behind their names if they have some.
func (s sample) plainly(separator string) string {
	return s.each(separator, func(name, part string) string {
		if name != "" {
			return name + separator + part
		}
		return part
	})
}

func (s sample) paired(separator string) string {
	return s.each(separator, func(name, part string) string { return name + "=" + part })
}

// styles are the rows of the table of styles, and how each writes a list or an object.
var styles = []struct {
	in, style       string
	explode, object bool
	write           func(s sample) string
}{
	{"path", "simple", false, false, func(s sample) string { return s.plainly(",") }},
	{"path", "simple", false, true, func(s sample) string { return s.plainly(",") }},
	{"path", "simple", true, true, func(s sample) string { return s.paired(",") }},
	{"path", "label", true, false, func(s sample) string { return "." + s.plainly(".") }},
	{"path", "label", true, true, func(s sample) string { return "." + s.paired(".") }},
	{"path", "label", false, false, func(s sample) string { return "." + s.plainly(",") }},
	{"path", "label", false, true, func(s sample) string { return "." + s.plainly(",") }},
	{"path", "matrix", false, false, func(s sample) string { return ";p=" + s.plainly(",") }},
	{"path", "matrix", false, true, func(s sample) string { return ";p=" + s.plainly(",") }},
	{"path", "matrix", true, false, func(s sample) string { return s.each("", func(_, part string) string { return ";p=" + part }) }},
	{"path", "matrix", true, true, func(s sample) string { return ";" + s.paired(";") }},
	{"query", "form", true, false, func(s sample) string { return s.each("&", func(_, part string) string { return "p=" + part }) }},
	{"query", "form", true, true, func(s sample) string { return s.paired("&") }},
	{"query", "form", false, false, func(s sample) string { return "p=" + s.plainly(",") }},
	{"query", "form", false, true, func(s sample) string { return "p=" + s.plainly(",") }},
	{"query", "spaceDelimited", false, false, func(s sample) string { return "p=" + s.plainly("%20") }},
	{"query", "spaceDelimited", false, true, func(s sample) string { return "p=" + s.plainly("+") }},
	{"query", "pipeDelimited", false, false, func(s sample) string { return "p=" + s.plainly("|") }},
	{"query", "pipeDelimited", false, true, func(s sample) string { return "p=" + s.plainly("%7C") }},
	{"query", "deepObject", true, true, func(s sample) string {
		return s.each("&", func(name, part string) string { return url.QueryEscape("p["+name+"]") + "=" + part })
	}},
	{"header", "simple", false, false, func(s sample) string { return s.plainly(", ") }},
	{"header", "simple", false, true, func(s sample) string { return s.plainly(",") }},
	{"header", "simple", true, true, func(s sample) string { return s.paired(",") }},
	{"cookie", "form", false, false, func(s sample) string { return s.plainly(",") }},
	{"cookie", "form", false, true, func(s sample) string { return s.plainly(",") }},
}

// What a client writes by the table is the value that it means, and no other one.
func TestWhatTheTableOfStylesWritesIsReadAsWhatWasMeant(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for _, row := range styles {
		for range 8 {
			means := drawnSample(random, row.object)
			schema := `{type: array, items: {type: integer}, const: ` + means.value + `}`
			if row.object {
				schema = `{type: object, additionalProperties: {type: integer}, properties: {a: {type: integer}, b: {type: integer}, c: {type: integer}, d: {type: integer}}, const: ` + means.value + `}`
			}
			path := "/a"
			if row.in == "path" {
				path = "/{p}"
			}
			document := "openapi: 3.1.0\npaths:\n  " + path + ":\n    get:\n      parameters:\n        - {name: p, in: " + row.in + ", required: true, style: " + row.style +
				", explode: " + strconv.FormatBool(row.explode) + ", schema: " + schema + "}\n"
			s := compile(t, written(t, "api.yaml", document), nil)[0]
			other := means
			other.parts = slices.Clone(means.parts)
			i := random.IntN(len(other.parts))
			other.parts[i] += "1"
			for sent, fits := range map[string]bool{row.write(means): true, row.write(other): false} {
				line, field := "GET /a", "X-None: of it"
				switch row.in {
				case "path":
					line = "GET /" + sent
				case "query":
					line += "?" + sent
				case "header":
					field = "p: " + sent
				case "cookie":
					field = "Cookie: p=" + sent
				}
				x := request(line, "", field)
				if got := told(x, ask(&s, x, "")); (got == "") != fits || !fits && !strings.Contains(got, `"in":"`+row.in+`","name":"p"`) {
					t.Errorf("%s %s, explode %v: %s for %s: %s", row.in, row.style, row.explode, sent, means.value, got)
				}
			}
		}
	}
}
