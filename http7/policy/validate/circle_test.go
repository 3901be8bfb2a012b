package validate_test

import (
	"strconv"
	"strings"
	"testing"

	"weir/http7/policy/validate"
)

// A schema that is part of itself for the same value was taken, and then refused every body with "is not as its schema says".
func TestASchemaThatIsPartOfItselfForTheSameValueIsAnError(t *testing.T) {
	const head = "openapi: 3.1.0\npaths:\n  /a:\n    post:\n      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}\ncomponents:\n  schemas:\n"
	const trouble = ": the schema is part of itself, for the same value"
	for schemas, want := range map[string]string{
		"    A: {$ref: '#/components/schemas/A'}\n":                                                                                                               "api.yaml:8:8: /components/schemas/A" + trouble,
		"    A: {$ref: '#/components/schemas/B'}\n    B: {$ref: '#/components/schemas/A'}\n":                                                                      trouble,
		"    A: {allOf: [{type: object}, {$ref: '#/components/schemas/A'}]}\n":                                                                                    trouble,
		"    A: {type: object, properties: {b: {$ref: '#/components/schemas/B'}}}\n    B: {not: {$ref: '#/components/schemas/B'}}\n":                              "api.yaml:9:8: /components/schemas/B" + trouble,
		"    A: {type: object, properties: {a: {$ref: '#/components/schemas/A'}}}\n":                                                                              "",
		"    A: {anyOf: [{type: string}, {type: array, items: {$ref: '#/components/schemas/A'}}]}\n":                                                              "",
		"    A: {allOf: [{$ref: '#/components/schemas/B'}, {$ref: '#/components/schemas/B'}]}\n    B: {additionalProperties: {$ref: '#/components/schemas/A'}}\n": "",
	} {
		got := said(head+schemas, nil)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: said %q, want %q", schemas, got, want)
		}
		if both := said(head+schemas, func(c *validate.Config) { c.Responses = "observe" }); both != got {
			t.Errorf("%s: with answers said %q, without %q", schemas, both, got)
		}
	}
	if got := said(`{"properties":{"a":{"$anchor":"a","$ref":"#a"}}}`, func(c *validate.Config) { c.OpenAPI, c.JSONSchema = "", "api.yaml" }); !strings.Contains(got, "/properties/a"+trouble) {
		t.Errorf("a bare schema: said %q", got)
	}
}

func TestManySchemasThatAreTheSameAreFollowedOnce(t *testing.T) {
	var b strings.Builder
	b.WriteString("openapi: 3.1.0\npaths:\n  /a:\n    post:\n      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/S0'}}}}\ncomponents:\n  schemas:\n")
	for i := range 8 { // each is twice in the one before
		n := strconv.Itoa(i + 1)
		b.WriteString("    S" + strconv.Itoa(i) + ": {allOf: [{$ref: '#/components/schemas/S" + n + "'}, {$ref: '#/components/schemas/S" + n + "'}]}\n")
	}
	b.WriteString("    S8: {$ref: '#/components/schemas/S4'}\n")
	if got := said(b.String(), nil); strings.Count(got, "part of itself") != 1 {
		t.Errorf("said %q", got)
	}
}

// What the Paths and Parameter Objects of OpenAPI forbid was taken, and one of the two never held against anything.
func TestWhatADocumentMustNotSayTwice(t *testing.T) {
	const id = "parameters: [{name: id, in: path, required: true}]"
	for text, want := range map[string]string{
		"  /a/{id}: {" + id + ", get: {}}\n  /a/{x}: {post: {parameters: [{name: x, in: path, required: true}]}}\n":      `api.yaml:4:11: /paths/~1a~1{x}: it is the same as "/a/{id}" with other names`,
		"  /a/{id}.json: {" + id + ", get: {}}\n  /a/{id}: {" + id + ", get: {}}\n  /a/b: {get: {}}\n":                   "",
		"  /a: {get: {parameters: [{name: x, in: query}, {name: x, in: query}]}}\n":                                      `api.yaml:3:49: /paths/~1a/get/parameters/1: the parameter "x" in query is there twice`,
		"  /a: {parameters: [{name: X-A, in: header}, {name: x-a, in: header}]}\n":                                       `"x-a" in header is there twice`,
		"  /a: {parameters: [{name: x, in: query}], get: {parameters: [{name: x, in: query}, {name: x, in: header}]}}\n": "",
	} {
		if got := said("openapi: 3.0.0\npaths:\n"+text, nil); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: said %q, want %q", text, got, want)
		}
	}
}

// What may be empty was refused, since nothing is no value of its schema.
func TestAParameterThatMayBeEmptyIsNotHeldAgainstItsSchema(t *testing.T) {
	path := written(t, "api.yaml", `openapi: 3.0.3
paths:
  /a:
    get:
      parameters:
        - {name: flag, in: query, required: true, allowEmptyValue: true, schema: {type: boolean}}
        - {name: list, in: query, allowEmptyValue: true, schema: {type: array, items: {type: integer}}}
        - {name: n, in: query, schema: {type: integer}}
`)
	for query, want := range map[string]string{
		"flag=":            "",
		"flag":             "",
		"flag=true&list=":  "",
		"flag=yes":         `"name":"flag"`,
		"flag=&flag=":      `"name":"flag"`,
		"flag&list=&list=": `"name":"list"`,
		"list=":            `"name":"flag","pointer":"","reason":"is missing"`,
		"flag&n=":          `"name":"n"`,
	} {
		s := compile(t, path, nil)
		x := request("GET /a?"+query, "")
		if got := told(x, ask(&s[0], x, "")); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: told %q, want %q", query, got, want)
		}
	}
}
