package validate_test

import (
	"strings"
	"testing"

	"weir/http7/policy/validate"
)

// The versions 3.0 and 3.1 of OpenAPI read the same schema in different ways: what each says of a value, "" if it fits.
func TestTheVersionsOfOpenAPIDiffer(t *testing.T) {
	for _, c := range []struct {
		what, schema, value string
		inThree0, inThree1  string
	}{
		{"nullable is a word of 3.0", `{type: string, nullable: true}`, `null`, "", "must be a string"},
		{"nullable, and an enum without null", `{type: string, nullable: true, enum: [a]}`, `null`, "none of the values", "must be a string"},
		{"nullable, and an enum with null", `{type: string, nullable: true, enum: [a, null]}`, `null`, "", "must be a string"},
		{"nullable without a type", `{nullable: true, maxLength: 1}`, `null`, "", ""},
		{"what stands beside a reference", `{$ref: "#/components/schemas/Short", minLength: 3}`, `"a"`, "", "is shorter than 3"},
		{"what a reference leads to", `{$ref: "#/components/schemas/Short", minLength: 3}`, `"abcdef"`, "is longer than 5", "is longer than 5"},
		{"const", `{const: a}`, `"b"`, "", "none of the values"},
		{"if and then", `{if: {type: string}, then: {minLength: 2}}`, `"a"`, "", "is shorter than 2"},
		{"contains", `{type: array, items: {}, contains: {type: integer}}`, `["a"]`, "", "must contain"},
		{"propertyNames", `{propertyNames: {maxLength: 1}}`, `{"ab":1}`, "", "is longer than 1"},
		{"dependentRequired", `{dependentRequired: {a: [b]}}`, `{"a":1}`, "", `lacks \"b\"`},
		{"prefixItems", `{prefixItems: [{type: string}]}`, `[1]`, "", "must be a string"},
		{"unevaluatedProperties", `{properties: {a: {}}, unevaluatedProperties: false}`, `{"b":1}`, "", "not allowed"},
		{"1.0 is an integer", `{type: integer}`, `1.0`, "", ""},
		{"discriminator is no assertion", `{oneOf: [{$ref: "#/components/schemas/Cat"}, {$ref: "#/components/schemas/Dog"}], discriminator: {propertyName: kind}}`, `{"kind":"Dog","barks":true}`, "", ""},
		{"a kind that is none", `{oneOf: [{$ref: "#/components/schemas/Cat"}, {$ref: "#/components/schemas/Dog"}], discriminator: {propertyName: kind}}`, `{"kind":"Cow"}`, "fits none", "fits none"},
		{"a kind with what is another's", `{oneOf: [{$ref: "#/components/schemas/Cat"}, {$ref: "#/components/schemas/Dog"}], discriminator: {propertyName: kind}}`, `{"kind":"Cat","barks":true}`, "fits none", "fits none"},
		{"both forms at once", `{oneOf: [{type: object}, {required: [a]}]}`, `{"a":1}`, "more than one", "more than one"},
		{"any of both", `{anyOf: [{type: object}, {required: [a]}]}`, `{"a":1}`, "", ""},
		{"an example is no assertion", `{type: integer, example: a, default: b}`, `1`, "", ""},
		{"format: double says nothing of the range", `{type: number, format: double}`, `1e300`, "", ""},
	} {
		for version, want := range map[string]string{"3.0.3": c.inThree0, "3.1.0": c.inThree1} {
			document := "openapi: " + version + "\npaths: {/a: {post: {requestBody: {content: {application/json: {schema: " + c.schema + "}}}, responses: {}}}}\n" +
				"components:\n  schemas:\n    Short: {type: string, maxLength: 5}\n" +
				"    Cat: {type: object, required: [kind], additionalProperties: false, properties: {kind: {type: string, enum: [Cat]}}}\n" +
				"    Dog: {type: object, required: [kind], additionalProperties: false, properties: {kind: {type: string, enum: [Dog]}, barks: {type: boolean}}}\n"
			s := compile(t, written(t, "api.yaml", document), nil)[0]
			x := request("POST /a", c.value, jsonType)
			if got := told(x, ask(&s, x, c.value)); want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("%s, %s: %s; want %q", c.what, version, got, want)
			}
		}
	}
}

// A parameter is read by the types that its schema allows in the version of its document.
func TestTypesBesideAReferenceCountWhereTheVersionSaysSo(t *testing.T) {
	for _, c := range []struct{ version, schema, written, want string }{
		{"3.1.0", `{$ref: "#/components/schemas/Any", type: integer}`, "7", ""},
		{"3.1.0", `{$ref: "#/components/schemas/Any", type: array, items: {type: integer}}`, "7", ""},
		{"3.1.0", `{$ref: "#/components/schemas/Any", type: integer}`, "x", "must be an integer"},
		{"3.0.3", `{$ref: "#/components/schemas/Text", type: integer}`, "7", ""},
		{"3.0.3", `{$ref: "#/components/schemas/Count"}`, "7", ""},
		{"3.0.3", `{type: integer, nullable: true}`, "", ""},
		{"3.1.0", `{type: integer, nullable: true}`, "", "must be an integer"},
	} {
		document := "openapi: " + c.version + "\npaths: {/a: {get: {parameters: [{name: q, in: query, schema: " + c.schema + "}], responses: {}}}}\n" +
			"components: {schemas: {Any: {description: whatever}, Text: {type: string}, Count: {type: integer}}}\n"
		s := compile(t, written(t, "api.yaml", document), nil)[0]
		x := request("GET /a?q="+c.written, "")
		if got := told(x, ask(&s, x, "")); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s of %q: %s; want %q", c.version, c.schema, c.written, got, c.want)
		}
	}
}

func TestAWordOfAnotherVersionInADocumentIsSaidWithItsPlace(t *testing.T) {
	const body = "\npaths:\n  /a:\n    post:\n      requestBody:\n        content:\n          application/json:\n            schema:\n              $ref: '#/components/schemas/N'\ncomponents:\n  schemas:\n    N:\n      type: integer\n      "
	for _, c := range []struct{ version, keyword, want string }{
		{"3.0.3", "minimum: 1\n      exclusiveMinimum: true", ""},
		{"3.0.3", "minimum: 1\n      exclusiveMinimum: 1", "api.yaml:15:25: /components/schemas/N/exclusiveMinimum: not a schema: is a number, must be a boolean"},
		{"3.1.0", "exclusiveMinimum: 1", ""},
		{"3.1.0", "exclusiveMinimum: true", "api.yaml:14:25: /components/schemas/N/exclusiveMinimum: not a schema: is a boolean, must be a number"},
		{"3.1.0", "multipleOf: 0", "api.yaml:14:19: /components/schemas/N/multipleOf: not a schema: is not more than 0"},
		{"3.0.3", "required: []", "api.yaml:14:17: /components/schemas/N/required: not a schema: has fewer than 1 items"},
		{"3.1.0", "required: []", ""},
		{"3.1.0", "required: [a, a]", "/components/schemas/N/required: not a schema: has the same item at 0 and 1"},
		{"3.1.0", "pattern: '('", "/components/schemas/N/pattern: "},
		{"3.1.0", "properties: {a: {properties: {b: {type: text}}}}", "/components/schemas/N/properties/a/properties/b/type: not a schema: "},
	} {
		if got := said("openapi: "+c.version+body+c.keyword+"\n", nil); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s, %s: %s; want %q", c.version, c.keyword, got, c.want)
		}
	}
}

// RFC 6901: what a reference's fragment may be, and what it leads to.
func TestReferencesArePointers(t *testing.T) {
	for _, c := range []struct{ ref, want string }{
		{"#/components/parameters/a~1b", ""},
		{"#/components/parameters/m~0n", ""},
		{"#/components/parameters/c%25d", ""},
		{"#/components/parameters/%C3%A9", ""},
		{"#/components/parameters/a%7E1b", ""},
		{"#/components/x-list/1", ""},
		{"#/components/x-list/01", "refers to nothing"}, // §4: no zeros in front
		{"#/components/x-list/+1", "refers to nothing"},
		{"#/components/x-list/-", "refers to nothing"},
		{"#/components/x-list/2", "refers to nothing"},
		{"#components/parameters/m~0n", "refers to nothing"}, // §3: a slash before each step
		{"#/components/parameters/a/b", "refers to nothing"},
		{"#/components/parameters/%zz", "refers to nothing"},
		{"#/info/title/x", "refers to nothing"},
	} {
		text := "openapi: 3.1.0\ninfo: {title: t}\npaths: {/a: {get: {parameters: [{$ref: '" + c.ref + "'}]}}}\ncomponents:\n" +
			"  x-list: [{}, {name: q, in: query}]\n" +
			"  parameters: {a/b: {name: q, in: query}, m~n: {name: q, in: query}, c%d: {name: q, in: query}, é: {name: q, in: query}}\n"
		if got := said(text, nil); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s; want %q", c.ref, got, c.want)
		}
	}
}

func TestEveryTroubleOfADocumentIsToldInItsPlace(t *testing.T) {
	got := said("openapi: 3.0.0\npaths:\n  /a:\n    get:\n      parameters:\n        - {name: a, in: nowhere}\n    put:\n      parameters:\n        - {in: query}\n  /b/{c: {}\n", nil)
	for _, want := range []string{
		`api.yaml:6:25: /paths/~1a/get/parameters/0/in: it is none of "path", "query", "header" and "cookie"`,
		"api.yaml:9:11: /paths/~1a/put/parameters/0/name: the parameter has no name", "api.yaml:10:10: /paths/~1b~1{c: a brace is not closed",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s; want %s", got, want)
		}
	}
	many := said("openapi: 3.0.0\npaths:\n"+strings.Repeat("  a: {}\n", 1)+func() (all string) {
		for c := 'b'; c <= 'z'; c++ {
			all += "  " + string(c) + ": {}\n"
		}
		return all
	}(), nil)
	if strings.Count(many, "a path begins with a slash") != 20 || !strings.Contains(many, "openapi: api.yaml: 6 more problems") {
		t.Errorf("of 26: %s", many)
	}
}

func TestOfABareSchemaTheDraftIsWhatItSays(t *testing.T) {
	for _, c := range []struct{ schema, value, want string }{
		{`{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true}`, `1`, "is not more than 1"},
		{`{"$schema":"http://json-schema.org/draft-04/schema#","const":1}`, `2`, ""},
		{`{"$schema":"http://json-schema.org/draft-06/schema#","const":1}`, `2`, "none of the values"},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","if":{"type":"string"},"then":false}`, `"a"`, "not allowed"},
		{`{"$schema":"https://json-schema.org/draft/2019-09/schema","items":[{"type":"string"}],"additionalItems":false}`, `["a",1]`, "not described"},
		{`{"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{"type":"string"}],"items":false}`, `["a",1]`, "not allowed"},
	} {
		path := written(t, "schema.json", c.schema)
		s := compile(t, "", func(cfg *validate.Config) { cfg.JSONSchema = path })[0]
		x := request("POST /", c.value, jsonType)
		if got := told(x, ask(&s, x, c.value)); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s of %s: %s; want %q", c.schema, c.value, got, c.want)
		}
	}
}
