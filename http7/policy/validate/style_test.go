package validate_test

import (
	"fmt"
	"strings"
	"testing"
)

// The values of the table "Style Examples" of OpenAPI 3.1.1 (§4.8.12.4), as schemas that nothing else fits.
const (
	empty  = `{type: string, const: ""}`
	text   = `{type: string, const: blue}`
	number = `{type: integer, const: 7}`
	list   = `{type: array, items: {type: string}, const: [blue, black, brown]}`
	counts = `{type: array, items: {type: integer}, const: [1, 2]}`
	colour = `{type: object, properties: {R: {type: integer}, G: {type: integer}, B: {type: integer}}, const: {R: 100, G: 200, B: 150}}`
)

func TestEveryStyleIsReadAsItsTableHasIt(t *testing.T) {
	for _, c := range []struct {
		in, style string
		explode   bool
		schema    string
		written   string
		want      bool
	}{
		{"query", "form", false, empty, "color=", true},
		{"query", "form", false, text, "color=blue", true},
		{"query", "form", true, text, "color=blue", true},
		{"query", "form", true, number, "color=7", true},
		{"query", "form", true, number, "color=07", false},
		{"query", "form", true, number, "color=%37", true},
		{"query", "form", false, list, "color=blue,black,brown", true},
		{"query", "form", false, list, "color=blue%2Cblack%2Cbrown", true},
		{"query", "form", true, list, "color=blue&color=black&color=brown", true},
		{"query", "form", true, list, "color=blue,black,brown", false},
		{"query", "form", true, counts, "color=1&x=y&color=2", true},
		{"query", "form", false, colour, "color=R,100,G,200,B,150", true},
		{"query", "form", true, colour, "R=100&G=200&B=150", true},
		{"query", "form", true, colour, "R=100&G=200&B=150&R=1", false},
		{"query", "spaceDelimited", false, list, "color=blue%20black%20brown", true},
		{"query", "spaceDelimited", false, list, "color=blue+black+brown", true},
		{"query", "spaceDelimited", false, colour, "color=R%20100%20G%20200%20B%20150", true},
		{"query", "pipeDelimited", false, list, "color=blue%7Cblack%7Cbrown", true},
		{"query", "pipeDelimited", false, list, "color=blue|black|brown", true},
		{"query", "pipeDelimited", false, colour, "color=R|100|G|200|B|150", true},
		{"query", "deepObject", true, colour, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150", true},
		{"query", "deepObject", true, colour, "color[R]=100&color[G]=200", false},
		{"path", "simple", false, text, "blue", true},
		{"path", "simple", false, text, "bl%75e", true},
		{"path", "simple", false, number, "7", true},
		{"path", "simple", false, list, "blue,black,brown", true},
		{"path", "simple", true, list, "blue,black,brown", true},
		{"path", "simple", false, colour, "R,100,G,200,B,150", true},
		{"path", "simple", true, colour, "R=100,G=200,B=150", true},
		{"path", "simple", true, colour, "R,100,G,200,B,150", false},
		{"path", "label", false, text, ".blue", true},
		{"path", "label", false, text, "blue", false},
		{"path", "label", false, list, ".blue,black,brown", true},
		{"path", "label", true, list, ".blue.black.brown", true},
		{"path", "label", false, list, ".blue.black.brown", true}, // up to 3.0.3 and 3.1.0
		{"path", "label", false, list, ".blue.black", false},
		{"path", "label", false, counts, ".1.2", true},
		{"path", "label", false, counts, ".1.x", false},
		{"path", "label", false, `{type: array, items: {type: string}, const: [a.b]}`, ".a.b", true},
		{"path", "label", false, `{type: array, items: {type: number}, const: [1.5]}`, ".1.5", true},
		{"path", "label", false, colour, ".R.100.G.200.B.150", true},
		{"path", "label", false, `{type: object, properties: {R: {type: integer}}}`, ".R.x", false},
		{"path", "label", false, colour, ".R,100,G,200,B,150", true},
		{"path", "label", true, colour, ".R=100.G=200.B=150", true},
		{"path", "matrix", false, text, ";color=blue", true},
		{"path", "matrix", false, text, ";colour=blue", false},
		{"path", "matrix", false, text, "blue", false},
		{"path", "matrix", false, list, ";color=blue,black,brown", true},
		{"path", "matrix", true, list, ";color=blue;color=black;color=brown", true},
		{"path", "matrix", true, counts, ";color=1;color=2", true},
		{"path", "matrix", false, colour, ";color=R,100,G,200,B,150", true},
		{"path", "matrix", true, colour, ";R=100;G=200;B=150", true},
		{"header", "simple", false, text, "blue", true},
		{"header", "simple", false, number, " 7 ", true},
		{"header", "simple", false, list, "blue, black,brown", true},
		{"header", "simple", false, colour, "R,100,G,200, B,150", true},
		{"header", "simple", true, colour, "R=100, G=200,B=150", true},
		{"cookie", "form", false, text, "color=blue", true},
		{"cookie", "form", false, text, "a=b; color=blue; c=d", true},
		{"cookie", "form", false, text, "colour=blue", false},
		{"cookie", "form", false, list, "color=blue,black,brown", true},
		{"cookie", "form", false, list, "color=blue%2Cblack%2Cbrown", true},
		{"cookie", "form", false, colour, "color=R,100,G,200,B,150", true},
	} {
		path, target, field := "/a", "/a", ""
		switch c.in {
		case "path":
			path, target = "/a/{color}", "/a/"+c.written
		case "query":
			target = "/a?" + c.written
		case "header":
			field = "Color: " + c.written
		case "cookie":
			field = "Cookie: " + c.written
		}
		document := fmt.Sprintf("openapi: 3.1.0\npaths:\n  %s:\n    get:\n      parameters:\n        - {name: color, in: %s, required: true, style: %s, explode: %v, schema: %s}\n", path, c.in, c.style, c.explode, c.schema)
		s := compile(t, written(t, "api.yaml", document), nil)[0]
		var fields []string
		if field != "" {
			fields = append(fields, field)
		}
		x := request("GET "+target, "", fields...)
		if got := told(x, ask(&s, x, "")); (got == "") != c.want {
			t.Errorf("%s, %s, explode %v: %s: %s", c.in, c.style, c.explode, c.written, got)
		}
	}
}

func TestATextIsReadAsTheTypesSayThatItMayHave(t *testing.T) {
	for _, c := range []struct{ schema, written, want string }{
		{`{type: string}`, "7", ""},
		{`{type: string}`, "true", ""},
		{`{type: boolean}`, "true", ""},
		{`{type: boolean}`, "TRUE", "is a string, must be a boolean"},
		{`{type: boolean}`, "1", "must be a boolean"},
		{`{type: number}`, "-1.5e3", ""},
		{`{type: number}`, "1e9999", "must be a number"},
		{`{type: number}`, "0x10", "must be a number"},
		{`{type: number}`, "+1", "must be a number"},
		{`{type: number}`, "NaN", "must be a number"},
		{`{type: number}`, "1_000", "must be a number"},
		{`{type: number}`, "", "must be a number"},
		{`{type: integer}`, "9007199254740993", ""},
		{`{type: integer, maximum: 9007199254740992}`, "9007199254740993", "is more than"},
		{`{type: [integer, "null"]}`, "", ""},
		{`{type: [integer, "null"]}`, "null", ""},
		{`{type: [string, "null"], minLength: 1}`, "", "is shorter than 1"},
		{`{oneOf: [{type: integer}, {type: string, pattern: "^[a-z]+$"}]}`, "7", ""},
		{`{oneOf: [{type: integer}, {type: string, pattern: "^[a-z]+$"}]}`, "seven", ""},
		{`{oneOf: [{type: integer}, {type: string, pattern: "^[a-z]+$"}]}`, "Seven", "fits none of the forms"},
		{`{enum: [1, 2]}`, "2", ""},
		{`{enum: [1, 2]}`, "3", "is none of the values"},
		{`{enum: [a, true]}`, "true", ""},
		{`{$ref: "#/components/schemas/N"}`, "7", ""},
		{`{allOf: [{$ref: "#/components/schemas/N"}, {minimum: 8}]}`, "7", "is less than 8"},
		{`{}`, "anything", ""},
		{`true`, "anything", ""},
		{`false`, "anything", "is what is not allowed"},
	} {
		document := "openapi: 3.1.0\npaths:\n  /a:\n    get:\n      parameters: [{name: q, in: query, schema: " + c.schema + "}]\ncomponents: {schemas: {N: {type: integer}}}\n"
		s := compile(t, written(t, "api.yaml", document), nil)[0]
		x := request("GET /a?q="+strings.ReplaceAll(c.written, "+", "%2B"), "")
		if got := told(x, ask(&s, x, "")); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s of %q: %s; want %q", c.schema, c.written, got, c.want)
		}
	}
}
