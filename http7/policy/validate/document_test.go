package validate_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"weir/http7/policy/validate"
	"weir/internal/conf"
)

// said checks a section whose document is text.
func said(text string, edit func(c *validate.Config)) string {
	c := validate.Default()
	c.OpenAPI = "api.yaml"
	if edit != nil {
		edit(&c)
	}
	p := conf.NewProblems()
	p.ReadBy(func(path string) ([]byte, error) {
		if path != "api.yaml" {
			return nil, errors.New("no such file")
		}
		return []byte(text), nil
	})
	c.Check(p)
	var b strings.Builder
	for _, pr := range p.List() {
		b.WriteString(pr.Path.String() + ": " + pr.Text + "\n")
	}
	return b.String()
}

func TestWhatIsWrongInADocumentIsSaidWithItsPlace(t *testing.T) {
	const head = "openapi: 3.1.0\npaths:\n  /a/{id}:\n"
	for _, c := range []struct{ what, text, want string }{
		{"nothing", "", "openapi: api.yaml:1:1: there is nothing in it"},
		{"no YAML", "openapi: 3.1.0\npaths: [\n", "openapi: api.yaml:2:1: did not find expected node content"},
		{"a list", "- a\n", "api.yaml:1:1: it is not an object"},
		{"Swagger", "swagger: '2.0'\n", "api.yaml:1:1: /openapi: this is Swagger 2.0; convert it"},
		{"another version", "openapi: 4.0.0\n", "api.yaml:1:10: /openapi: the version is neither 3.0 nor 3.1"},
		{"no paths", "openapi: 3.1.0\ninfo: {}\n", "api.yaml:1:1: /paths: there are no paths"},
		{"a key twice", "openapi: 3.1.0\nopenapi: 3.1.0\n", "api.yaml:2:1: /openapi: it is there twice"},
		{"a merge key", "openapi: 3.1.0\na: &a {b: c}\npaths:\n  <<: *a\n", "api.yaml:4:3: /paths: merge keys are not taken"},
		{"an alias of itself", "openapi: 3.1.0\npaths: &p\n  /a: *p\n", "api.yaml:3:7: /paths/~1a/~1a: the alias *p is within what it stands for"},
		{"a path without a slash", "openapi: 3.1.0\npaths:\n  a: {}\n", "api.yaml:3:6: /paths/a: a path begins with a slash"},
		{"a brace that is open", "openapi: 3.1.0\npaths:\n  /a/{id: {}\n", "a brace is not closed"},
		{"a parameter that is not described", head + "    get: {}\n", `api.yaml:4:10: /paths/~1a~1{id}/get: the path's parameter "id" is not described`},
		{"a parameter too many", head + "    get:\n      parameters:\n        - {name: id, in: path, required: true}\n        - {name: x, in: path, required: true}\n", `the path has no parameter "x"`},
		{"a parameter that is not required", head + "    get:\n      parameters:\n        - {name: id, in: path}\n", "api.yaml:6:11: /paths/~1a~1{id}/get/parameters/0: a parameter of the path has to be required"},
		{"a parameter nowhere", head + "    get:\n      parameters:\n        - {name: id, in: body}\n", `api.yaml:6:26: /paths/~1a~1{id}/get/parameters/0/in: it is none of`},
		{"a parameter without a name", head + "    get:\n      parameters:\n        - {in: query}\n", "the parameter has no name"},
		{"a style of another place", head + "    get:\n      parameters:\n        - {name: id, in: path, required: true, style: form}\n", `"form" is no style of a parameter in path`},
		{"a field that is none", head + "    get:\n      parameters:\n        - {name: id, in: path, required: true}\n        - {name: 'a b', in: header}\n", `"a b" is not a field name`},
		{"a reference to nothing", head + "    $ref: '#/components/pathItems/A'\n", `api.yaml:4:5: /paths/~1a~1{id}: "#/components/pathItems/A" refers to nothing`},
		{"a reference in a circle", head + "    $ref: '#/paths/~1a~1%7Bid%7D'\n", "its references lead in a circle"},
		{"a reference to another file", head + "    $ref: 'other.yaml#/a'\n", "it refers to something outside the file"},
		{"a schema's reference to another file", head + "    post:\n      parameters: [{name: id, in: path, required: true}]\n      requestBody:\n        content:\n          application/json:\n            schema:\n              $ref: http://192.0.2.1/s.json\n", "it refers to something outside the file"},
		{"a schema's reference to nothing", head + "    post:\n      parameters: [{name: id, in: path, required: true, schema: {$ref: '#/components/schemas/X'}}]\n", "/components/schemas/X"},
		{"a type that is none", head + "    get:\n      parameters:\n        - name: id\n          in: path\n          required: true\n          schema:\n            type: strng\n", "api.yaml:10:19: /paths/~1a~1{id}/get/parameters/0/schema/type: not a schema: "},
		{"a bound that is a text", head + "    get:\n      parameters: [{name: id, in: path, required: true, schema: {maxLength: ten}}]\n", "schema/maxLength: not a schema: is a string, must be an integer"},
		{"a pattern that looks ahead", head + "    get:\n      parameters: [{name: id, in: path, required: true, schema: {pattern: '^(?!a)'}}]\n", "pattern"},
		{"a media type that is none", head + "    post:\n      parameters: [{name: id, in: path, required: true}]\n      requestBody: {content: {json: {}}}\n", "it is not a media type"},
	} {
		if got := said(c.text, nil); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s; want %s", c.what, got, c.want)
		}
	}
}

func TestADocumentInJSONIsReadAsInYAML(t *testing.T) {
	text := "{\n\t\"openapi\": \"3.0.0\",\n\t\"paths\": {\n\t\t\"a\": {}\n\t}\n}"
	if got := said(text, nil); !strings.Contains(got, "api.yaml:4:8: /paths/a: a path begins with a slash") {
		t.Error(got)
	}
}

func TestAliasesThatMakeTooMuchAreAnError(t *testing.T) {
	var b strings.Builder
	b.WriteString("openapi: 3.1.0\na0: &a0 [x,x,x,x,x,x,x,x]\n")
	for i := range 9 {
		ref := "*a" + string(rune('0'+i))
		b.WriteString("a" + string(rune('1'+i)) + ": &a" + string(rune('1'+i)) + " [" + strings.Repeat(ref+",", 8) + "]\n")
	}
	if got := said(b.String(), nil); !strings.Contains(got, "aliases make too much of the file") {
		t.Error(got)
	}
}

func TestWhatIsWrongInASectionIsSaid(t *testing.T) {
	const fine = "openapi: 3.1.0\npaths: {}\n"
	for _, c := range []struct {
		what string
		edit func(c *validate.Config)
		want string
	}{
		{"nothing", nil, ""},
		{"no document", func(c *validate.Config) { c.OpenAPI = "" }, "nothing is validated"},
		{"two documents", func(c *validate.Config) { c.JSONSchema = "api.yaml" }, "json_schema: there is a document of OpenAPI as well"},
		{"a document that is not there", func(c *validate.Config) { c.OpenAPI = "none.yaml" }, `openapi: "none.yaml" can't be read: no such file`},
		{"answers of a schema", func(c *validate.Config) { c.OpenAPI, c.JSONSchema, c.Responses = "", "api.yaml", "observe" }, "responses: a schema alone says nothing of answers"},
		{"another word for answers", func(c *validate.Config) { c.Responses = "on" }, `responses: "on" is not what becomes of answers`},
		{"another word for requests", func(c *validate.Config) { c.Undocumented = "drop" }, `undocumented: "drop" is not what becomes of`},
		{"no body", func(c *validate.Config) { c.BodyLimit = conf.Bytes(0) }, `body_limit: "0B" is out of range`},
		{"a path without a slash", func(c *validate.Config) { c.BasePath = "v1" }, `base_path: "v1" is not a path`},
	} {
		if got := said(fine, c.edit); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s; want %q", c.what, got, c.want)
		}
	}
}

func FuzzDocument(f *testing.F) {
	text, err := os.ReadFile(orders)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("openapi: 3.1.0\npaths:\n  /a/{b}:\n    get: {parameters: [{name: b, in: path, required: true, schema: {$ref: '#/paths'}}]}\n")
	f.Add(`{"openapi":"3.0.0","paths":{"/":{"$ref":"#/paths/~1"}}}`)
	f.Fuzz(func(_ *testing.T, text string) {
		said(text, func(c *validate.Config) { c.Responses = "observe" })
	})
}
