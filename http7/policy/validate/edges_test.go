package validate_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/validate"
	"weir/internal/conf"
)

// A schema in another file was taken for one of this file, for the whole of it, or for what stands at its place here.
//
// What stands where a document wants something else is told in its place; nothing of it is passed over.
func TestWhatStandsInTheWrongPlaceOfADocumentIsSaid(t *testing.T) {
	const get, post = "openapi: 3.1.0\npaths:\n  /a:\n    get: ", "openapi: 3.1.0\npaths:\n  /a:\n    post:\n      "
	for _, c := range []struct{ what, text, want string }{
		{"an operation that is a text", get + "yes\n", "api.yaml:4:10: /paths/~1a/get: it is not an object"},
		{"a path item that is a list", "openapi: 3.1.0\npaths:\n  /a: []\n", "api.yaml:3:7: /paths/~1a: it is not an object"},
		{"parameters that are no list", get + "{parameters: {name: q}}\n", "api.yaml:4:23: /paths/~1a/get/parameters: it is not a list"},
		{"a parameter that is a text", get + "{parameters: [q]}\n", "api.yaml:4:24: /paths/~1a/get/parameters/0: it is not an object"},
		{"a body that is a list", post + "requestBody: []\n", "/paths/~1a/post/requestBody: it is not an object"},
		{"a content that is a list", post + "requestBody: {content: []}\n", "/paths/~1a/post/requestBody/content: it is not an object"},
		{"a media type that is a text", post + "requestBody: {content: {application/json: yes}}\n", "/content/application~1json: it is not an object"},
		{"a schema that is a text", post + "requestBody: {content: {application/json: {schema: Order}}}\n", "/application~1json/schema: "},
		{"a parameter of two types", get + "{parameters: [{name: q, in: query, content: {application/json: {}, text/plain: {}}}]}\n", "/parameters/0/content: a parameter has one type of content"},
		{"a parameter of no type", get + "{parameters: [{name: q, in: query, content: {}}]}\n", "/parameters/0/content: a parameter has one type of content"},
		{"a brace that closes alone", "openapi: 3.1.0\npaths:\n  /a}: {}\n", "a brace is closed that was not opened"},
		{"a brace without a name", "openapi: 3.1.0\npaths:\n  /{}: {}\n", "a brace is not closed, or has no name in it"},
		{"a name twice in a path", "openapi: 3.1.0\npaths:\n  /{a}/{a}: {}\n", `api.yaml:3:13: /paths/~1{a}~1{a}: the name "a" is there twice`},
		{"a name twice in a segment", "openapi: 3.1.0\npaths:\n  /{a}-{a}: {}\n", `the name "a" is there twice`},
		{"a schema of another file", post + "requestBody: {content: {application/json: {schema: {$ref: other.yaml}}}}\n", `/application~1json/schema: "other.yaml": it refers to something outside the file`},
		{"a schema in another file", post + "requestBody: {content: {application/json: {schema: {$ref: './other.yaml#/components/schemas/A'}}}}\ncomponents: {schemas: {A: {type: object}}}\n", `/application~1json/schema: "other.yaml": it refers to something outside the file`},
		{"a schema in another file, within", post + "requestBody: {content: {application/json: {schema: {items: {$ref: '../b/other.yaml#/A'}}}}}\nA: {type: object}\n", "it refers to something outside the file"},
		{"behind an alias", "openapi: 3.1.0\nx-get: &get {parameters: [{name: q, in: nowhere}]}\npaths:\n  /a: {get: *get}\n", "api.yaml:2:41: /paths/~1a/get/parameters/0/in: it is none of"},
		{"a key that is a list", "openapi: 3.1.0\n[a]: b\npaths: {}\n", "api.yaml:2:1: : a key is not a text"},
		{"a number that JSON has not", "openapi: 3.1.0\nx-n: .inf\npaths: {}\n", `api.yaml:2:6: /x-n: ".inf" is not a number of JSON`},
		{"a server that is no URL", "openapi: 3.1.0\nservers: [{url: 'http://[::1'}]\npaths: {}\n", "/servers/0/url: it is not a URL"},
		{"a variable that has no value", "openapi: 3.1.0\nservers: [{url: '/{v}'}]\npaths: {}\n", "/servers/0/url: it is not a URL"},
		{"an extension among the paths", "openapi: 3.1.0\npaths: {x-note: 7}\n", ""},
		{"a reference of a whole body", post + "requestBody: {$ref: '#/components/requestBodies/B'}\ncomponents: {requestBodies: {B: 7}}\n", "/components/requestBodies/B: it is not an object"},
	} {
		got := said(c.text, nil)
		want := strings.Replace(c.want, ": : ", ": ", 1)
		if c.want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: said %q, want %q", c.what, got, c.want)
		}
	}
}

// Answers are described apart: what is wrong there is told where answers are looked at.
func TestWhatIsWrongWithADescribedAnswerIsSaidWhereItIsLookedAt(t *testing.T) {
	const head = "openapi: 3.1.0\npaths:\n  /a:\n    get:\n      responses:\n        '200': "
	for text, want := range map[string]string{
		"yes\n":                                 "/paths/~1a/get/responses/200: it is not an object",
		"{headers: {X-A: yes}}\n":               "/responses/200/headers/X-A: it is not an object",
		"{headers: {'X A': {}}}\n":              `/responses/200/headers/X A/name: "X A" is not a field name`,
		"{headers: {X-A: {style: form}}}\n":     `"form" is no style of a parameter in header`,
		"{headers: {Content-Type: {style: a}}}": "", // it is that of the content (OpenAPI, Response Object)
		"{content: []}\n":                       "/responses/200/content: it is not an object",
		"{content: {application/json: {schema: {type: strng}}}}\n":       "/application~1json/schema/type: not a schema: ",
		"{content: {application/json: {schema: {$ref: 'a.yaml'}}}}\n":    "it refers to something outside the file",
		"{content: {application/json: {schema: {$ref: '#/nowhere'}}}}\n": "/nowhere",
	} {
		if got := said(head+text, nil); got != "" {
			t.Errorf("%s: where answers are not looked at said %q", text, got)
		}
		if got := said(head+text, func(c *validate.Config) { c.Responses = "observe" }); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: said %q, want %q", text, got, want)
		}
	}
}

func TestWhatIsWrongWithABareSchemaIsSaid(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "json_schema: api.yaml:1:1: there is nothing in it",
		"{":                                      "json_schema: api.yaml:1:",
		`{"type":"strng"}`:                       "/type: not a schema: ",
		`{"$ref":"other.json"}`:                  "it refers to something outside the file",
		`{"$ref":"#/$defs/none"}`:                "/$defs/none",
		`{"$schema":"https://example.com/mine"}`: "outside the file",
		`{"pattern":"(?<=a)b"}`:                  "/pattern: ",
		`{"patternProperties":{"(?!a)":{}}}`:     "api.yaml:1:1: not a schema: is not of the format regex",
		`{"$schema":"http://json-schema.org/draft-04/schema#","patternProperties":{"(?!a)":{}}}`: "the pattern (?!a) is not one of RE2, which has no look-around",
		`{"$schema":"http://json-schema.org/draft-04/schema#","$ref":"http://192.0.2.1/s.json"}`: `"http://192.0.2.1/s.json": it refers to something outside the file`,
		`{"$defs":{"a":{"$id":"https://example.com/a"},"b":{"$id":"https://example.com/a"}}}`:    "https://example.com/a",
		`{"propertyNames":{"$ref":"#/propertyNames"}}`:                                           "/propertyNames: the schema is part of itself, for the same value",
		`{"propertyNames":{"$ref":"#"},"maxLength":9}`:                                           "",
		`{"items":{"$ref":"#/items"}}`:                                                           "/items: the schema is part of itself, for the same value",
		`{"items":{"$ref":"#"}}`:                                                                 "",
		`7`:                                                                                      "api.yaml:1:1: ",
		`true`:                                                                                   "",
		`{"$id":"https://example.com/a","$defs":{"b":{"type":"string"}},"$ref":"#/$defs/b"}`: "",
	} {
		got := said(text, func(c *validate.Config) { c.OpenAPI, c.JSONSchema = "", "api.yaml" })
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: said %q, want %q", text, got, want)
		}
	}
}

// A config that was good and whose document has gone, or gone bad, since: no step, and an error that names it.
func TestADocumentThatIsNotGoodAnyMoreCompilesNoStep(t *testing.T) {
	path := written(t, "api.yaml", "openapi: 3.1.0\npaths: {}\n")
	c := validate.Default()
	c.OpenAPI = path
	if steps, err := validate.Compile(&c, "edge", nil); err != nil || len(steps) != 1 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	if err := os.WriteFile(path, []byte("openapi: 3.1.0\npaths:\n  a: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := validate.Compile(&c, "edge", nil); err == nil || err.Error() != "edge.validate: "+path+":3:6: /paths/a: a path begins with a slash" {
		t.Errorf("a bad one: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := validate.Compile(&c, "edge", nil); err == nil || !strings.Contains(err.Error(), "edge.validate: \""+path+"\" can't be read: ") {
		t.Errorf("none: %v", err)
	}
	c.Mode = conf.ModeOff
	if steps, err := validate.Compile(&c, "edge", nil); err != nil || steps != nil {
		t.Errorf("off: %d steps, %v", len(steps), err)
	}
}

const edges = `openapi: 3.1.0
paths:
  /q:
    get:
      parameters:
        - {name: list, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: doc, in: cookie, content: {application/json: {schema: {type: object, required: [a]}}}}
        - {name: c, in: cookie, schema: {type: string, maxLength: 3}}
        - {name: any, in: query}
        - {name: deep, in: query, style: deepObject, schema: {type: object, properties: {l: {type: array, items: {type: integer}}}, additionalProperties: {type: integer}}}
        - {name: lone, in: query, schema: {type: object, properties: {x: {type: integer}, y: {type: integer}}}}
  /p/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer, maximum: 99}}]
    get: {}
    post: {requestBody: {content: {application/json: {schema: {type: object}}, text/plain: {}}}}
    head: {}
  /up:
    get: {requestBody: {required: true, content: {application/json: {schema: {type: object}}}}}
  /form:
    post:
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {additionalProperties: {type: integer}, properties: {name: {}, csv: {type: array, items: {type: integer}}}}
            encoding: {csv: {style: form, explode: false}}
`

func TestRequestsAtTheEdges(t *testing.T) {
	s := compile(t, written(t, "api.yaml", edges), func(c *validate.Config) { c.BodyLimit = conf.Bytes(1 << 10) })[0]
	for _, c := range []struct {
		what, line, body string
		fields           []string
		want             string
	}{
		{"an empty list", "GET /q?list=", "", nil, ""},
		{"a list of one", "GET /q?list=7", "", nil, ""},
		{"a list with an empty item", "GET /q?list=7,", "", nil, `"pointer":"/1","reason":"is a string, must be an integer"`},
		{"a parameter of which nothing is said", "GET /q?any=%00", "", nil, ""},
		{"one twice of which nothing is said", "GET /q?any=1&any=2", "", nil, "more than once"},
		{"an escape that is none", "GET /q?any=%4", "", nil, `invalid_parameters "errors":[{"in":"query","pointer":"","reason":"is not percent-encoded right"}]`},
		{"an escape that is none, of what nobody described", "GET /q?%zz", "", nil, "is not percent-encoded right"},
		{"a thousand parameters", "GET /q?" + strings.Repeat("z&", 1000), "", nil, ""},
		{"a thousand and one", "GET /q?" + strings.Repeat("z&", 1001), "", nil, "has too many parameters"},
		{"a list within an object", "GET /q?deep[l]=1&deep[l]=2&deep[m]=3", "", nil, ""},
		{"a member twice", "GET /q?deep[m]=1&deep[m]=2", "", nil, `"name":"deep","pointer":"","reason":"is there more than once"`},
		{"members of members", "GET /q?deep[m][n]=1", "", nil, "has members that are nested"},
		{"a bracket that is not closed", "GET /q?deep[m=1", "", nil, ""}, // another parameter, which nobody described
		{"members that are parameters, twice", "GET /q?x=1&x=2", "", nil, `"name":"lone","pointer":"","reason":"is there more than once"`},
		{"members that are parameters", "GET /q?x=1&y=z", "", nil, `"name":"lone","pointer":"/y"`},
		{"a cookie that is a document", "GET /q", "", []string{"Cookie: doc=%7B%22a%22:1%7D"}, ""},
		{"a cookie that is none", "GET /q", "", []string{"Cookie: doc={"}, `"in":"cookie","name":"doc"`},
		{"a cookie whose document does not fit", "GET /q", "", []string{"Cookie: doc={}"}, `lacks \"a\"`},
		{"a cookie with an escape", "GET /q", "", []string{"Cookie: c=%61%62%63"}, ""},
		{"a cookie with a percent sign", "GET /q", "", []string{"Cookie: c=5%"}, ""}, // RFC 6265 knows no escapes
		{"a cookie that is too long either way", "GET /q", "", []string{"Cookie: c=100%"}, "is longer than 3"},

		{"the number of a path", "GET /p/99", "", nil, ""},
		{"too large a number of a path", "GET /p/100", "", nil, `"in":"path","name":"id","pointer":"","reason":"is more than 99"`},
		{"no number of a path", "GET /p/", "", nil, "undocumented_path"},
		{"a segment more", "GET /p/1/", "", nil, "undocumented_path"},
		{"a method in small letters", "get /p/1", "", nil, "undocumented_method"},
		{"a method that OpenAPI has not", "PROPFIND /p/1", "", nil, "undocumented_method"},
		{"HEAD that is described", "HEAD /p/100", "", nil, "is more than 99"},
		{"HEAD for GET", "HEAD /q?list=x", "", nil, "must be an integer"},

		{"a body of another type", "POST /p/1", "<a/>", []string{"Content-Type: application/xml"}, "unknown_media_type"},
		{"a type that is none", "POST /p/1", "{}", []string{"Content-Type: json"}, "unknown_media_type"},
		{"two types", "POST /p/1", "{}", []string{"Content-Type: application/json", "Content-Type: text/plain"}, "unknown_media_type"},
		{"no type", "POST /p/1", "{}", nil, "unknown_media_type"},
		{"a type without a schema", "POST /p/1", "\xff", []string{"Content-Type: text/plain"}, ""},
		{"a body as long as may be", "POST /p/1", `{"a":"` + strings.Repeat("b", 1016) + `"}`, []string{jsonType}, ""},
		{"one that is longer", "POST /p/1", `{"a":"` + strings.Repeat("b", 1017) + `"}`, []string{jsonType}, "invalid_body_too_large"},
		{"a body where none is described", "GET /p/1", "{}", []string{jsonType}, "unwanted_body"},
		{"a body that is missing", "GET /up", "", nil, "missing_body"},

		{"a form", "POST /form", "a=1&b=2&csv=1,2", []string{"Content-Type: application/x-www-form-urlencoded"}, ""},
		{"a list that is spread where it is not", "POST /form", "csv=1&csv=2", []string{"Content-Type: application/x-www-form-urlencoded"}, "more than once"},
		{"a form with an escape that is none", "POST /form", "a=%", []string{"Content-Type: application/x-www-form-urlencoded"}, "is not percent-encoded right"},
		{"eleven that are wrong", "POST /form", strings.Repeat("a=x&", 1)[:3] + "&b=x&c=x&d=x&e=x&f=x&g=x&h=x&i=x&j=x&k=x", []string{"Content-Type: application/x-www-form-urlencoded"}, `"reason":"is a string, must be an integer"`},
	} {
		x := request(c.line, c.body, c.fields...)
		got := told(x, ask(&s, x, c.body))
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s; want %q", c.what, got, c.want)
		}
		if n := strings.Count(got, `"in":`); n > 10 {
			t.Errorf("%s: %d places are told", c.what, n)
		}
	}
}

// Of a request with many wrong parameters ten are told, of a body ten places.
func TestTenFindingsAreToldAtMost(t *testing.T) {
	var parameters, query []string
	for i := range 15 {
		parameters = append(parameters, fmt.Sprintf("{name: p%d, in: query, schema: {type: integer}}", i))
		query = append(query, fmt.Sprintf("p%d=x", i))
	}
	document := "openapi: 3.1.0\npaths: {/a: {post: {parameters: [" + strings.Join(parameters, ", ") + "], requestBody: {content: {application/json: {schema: {items: {type: integer}}}}}}}}\n"
	s := compile(t, written(t, "api.yaml", document), nil)[0]
	for target, body := range map[string]string{"/a?" + strings.Join(query, "&"): "[1]", "/a": "[" + strings.Repeat(`"x",`, 14) + `"x"]`} {
		x := request("POST "+target, body, jsonType)
		got := told(x, ask(&s, x, body))
		if n := strings.Count(got, `"in":`); n != 10 {
			t.Errorf("%s: %d are told: %s", target, n, got)
		}
		if log := x.Cause.Error(); !strings.Contains(log, "; and 7 more") {
			t.Errorf("%s: the log is told %s", target, log)
		}
	}
}

// A connection that changes its protocol has no body of HTTP any more (RFC 9110 §7.8).
func TestAnUpgradeIsHeldAgainstItsParametersAlone(t *testing.T) {
	s := compile(t, written(t, "api.yaml", edges), nil)[0]
	bare := compile(t, "", func(c *validate.Config) {
		c.JSONSchema = written(t, "s.json", `{"type":"object"}`)
	})[0]
	for line, want := range map[string]string{"GET /up": "", "GET /p/7": "", "GET /p/100": "is more than 99", "GET /none": "undocumented_path"} {
		x := request(line, "")
		x.Upgrade = []byte("websocket")
		if got := told(x, ask(&s, x, "")); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %q", line, got, want)
		}
	}
	x := request("GET /", "7", jsonType)
	x.Upgrade = []byte("websocket")
	if f := ask(&bare, x, "7"); f != nil {
		t.Errorf("a bare schema: %v", f)
	}
}

// What drafts before 2019-09 say with dependencies, and 2020-12 with $dynamicRef.
func TestKeywordsOfOlderAndNewerDrafts(t *testing.T) {
	const draft7 = `"$schema":"http://json-schema.org/draft-07/schema#",`
	tree := `{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://example.com/strict","$dynamicAnchor":"node","$ref":"#/$defs/tree","required":["data"],` +
		`"$defs":{"tree":{"$id":"https://example.com/tree","$dynamicAnchor":"node","properties":{"children":{"items":{"$dynamicRef":"#node"}}}}}}`
	for _, c := range []struct{ schema, body, want string }{
		{`{` + draft7 + `"dependencies":{"a":["b"]}}`, `{"a":1,"b":2}`, ""},
		{`{` + draft7 + `"dependencies":{"a":["b"]}}`, `{"a":1}`, `lacks \"b\", which \"a\" needs`},
		{`{` + draft7 + `"dependencies":{"a":{"required":["b"]}}}`, `{"a":1}`, `lacks \"b\"`},
		{`{` + draft7 + `"dependencies":{"a":{"required":["b"]}}}`, `{"c":1}`, ""},
		{`{` + draft7 + `"dependencies":{"a":false}}`, `{"a":1}`, "is what is not allowed"},
		{`{` + draft7 + `"propertyNames":false}`, `{"a":1}`, "is what is not allowed"},
		{`{` + draft7 + `"propertyNames":{"pattern":"^x"}}`, `{"a":1}`, "does not match ^x"},
		{`{"dependentSchemas":{"a":{"required":["b"]}}}`, `{"a":1}`, `lacks \"b\"`},
		{`{"dependentSchemas":{"a":{"properties":{"b":{"$ref":"#"}}}}}`, `{"a":1,"b":{"a":1,"b":{}}}`, ""},
		{`{"minContains":2,"contains":{"type":"integer"}}`, `[1,"a"]`, "has not the items that it must contain"},
		{`{"maxContains":1,"contains":{"type":"integer"}}`, `[1,2]`, "has not the items that it must contain"},
		{`{"unevaluatedItems":false,"prefixItems":[{}]}`, `[1,2]`, "is what is not allowed"},
		{`{"uniqueItems":true}`, `[1,2,1.0]`, "has the same item at 0 and 2"},
		{`{"minProperties":1}`, `{}`, "has fewer than 1 members"},
		{`{"maxProperties":1}`, `{"a":1,"b":2}`, "has more than 1 members"},
		{`{"multipleOf":0.01}`, `19.99`, ""}, // exact, where binary fractions are not
		{`{"multipleOf":0.01}`, `19.999`, "is no multiple of 0.01"},
		{tree, `{"data":1,"children":[{"data":2}]}`, ""},
		{tree, `{"data":1,"children":[{"daat":2}]}`, `"pointer":"/children/0","reason":"lacks \"data\""`},
	} {
		path := written(t, "schema.json", c.schema)
		s := compile(t, "", func(cfg *validate.Config) { cfg.JSONSchema = path })[0]
		x := request("POST /", c.body, jsonType)
		if got := told(x, ask(&s, x, c.body)); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s of %s: %s; want %q", c.schema, c.body, got, c.want)
		}
	}
}

func TestAnswersAtTheEdges(t *testing.T) {
	path := written(t, "api.yaml", `openapi: 3.1.0
paths:
  /a:
    get:
      responses:
        "200":
          headers:
            X-One: {schema: {type: integer}}
            X-Doc: {content: {application/json: {schema: {type: object}}}}
          content:
            application/json: {schema: {type: object, required: [a]}}
            text/csv: {schema: {type: string, maxLength: 1}}
            application/x-bare+json: {}
`)
	for _, c := range []struct {
		what   string
		fields []string
		body   string
		want   string // what is said
		wrong  bool
	}{
		{"a good one", []string{jsonType}, `{"a":1}`, "", false},
		{"of a type that is not read", []string{"Content-Type: text/csv"}, "long", "", false},
		{"of a type without a schema", []string{"Content-Type: application/x-bare+json"}, "{", "", false},
		{"of a type with a parameter", []string{"Content-Type: Application/JSON; charset=utf-8"}, `{"b":1}`, `lacks "a"`, true},
		{"a type that is none", []string{"Content-Type: /"}, "{}", "its type is not described", true},
		{"a coding that nobody knows", []string{jsonType, "Content-Encoding: compress"}, "x", "not looked at", false},
		{"a coding that it does not have", []string{jsonType, "Content-Encoding: gzip"}, `{"a":1}`, "would refuse", true},
		{"a field twice", []string{jsonType, "X-One: 1", "X-One: 2"}, `{"a":1}`, "header X-One is there more than once", true},
		{"a field that is a document", []string{jsonType, `X-Doc: {"a":1}`}, `{"a":1}`, "", false},
		{"a field that is none", []string{jsonType, `X-Doc: {`}, `{"a":1}`, "header X-Doc ", true},
		{"a body that is two", []string{jsonType}, `{"a":1}{"a":1}`, "not one JSON value", true},
		{"a name twice", []string{jsonType}, `{"a":1,"a":2}`, "body", true},
	} {
		for _, mode := range []string{"observe", "enforce"} {
			steps, p := counted(t, path, func(cfg *validate.Config) { cfg.Responses = mode })
			x := request("GET /a", "")
			if f := ask(&steps[0], x, ""); f != nil {
				t.Fatal(f)
			}
			got := answer(x, steps, 200, c.fields, c.body)
			if (got.fault != nil) != (c.wrong && mode == "enforce") || (p.Count("edge.validate.responses invalid") == 1) != c.wrong {
				t.Errorf("%s, %s: %v, %s", c.what, mode, got.fault, got.said)
			}
			if want := strings.TrimSuffix(c.want, "would refuse"); !strings.Contains(got.said, want) || !c.wrong && want == "" && got.said != "" {
				t.Errorf("%s, %s: said %q, want %q", c.what, mode, got.said, c.want)
			}
			if got.fault == nil && got.body != c.body {
				t.Errorf("%s, %s: %q leaves", c.what, mode, got.body)
			}
		}
	}
}

// A log has no body, and not every field: what it lacks is named, and nothing is held against it.
func TestARecordedRequestIsJudgedByWhatIsKnownOfIt(t *testing.T) {
	document := "openapi: 3.1.0\npaths: {/a: {get: {parameters: [{name: X-A, in: header, required: true}, {name: c, in: cookie, required: true}, {name: q, in: query, schema: {type: integer}}]}}}\n"
	s := compile(t, written(t, "api.yaml", document), nil)[0]
	if got := strings.Join(s.Reads, " "); got != "cookie:c header:x-a" {
		t.Errorf("it reads %q", got)
	}
	for _, c := range []struct {
		line, known, missed, want string
	}{
		{"GET /a", "", "header:x-a cookie:c", ""},
		{"GET /a", "header:x-a", "cookie:c", `"name":"X-A"`},
		{"GET /a?q=x", "", "header:x-a cookie:c", `"name":"q"`},
		{"GET /a?q=1", "header:x-a cookie:c", "", `"name":"c"`},
		{"GET /b", "", "", "undocumented_path"},
	} {
		x := request(c.line, "")
		x.Recorded = &http7.Recorded{Fields: map[string]bool{}}
		for _, known := range strings.Fields(c.known) {
			x.Recorded.Fields[known] = true
		}
		got := told(x, ask(&s, x, ""))
		if missed := strings.Join(x.Recorded.Missed, " "); c.want == "" && got != "" || !strings.Contains(got, c.want) || missed != c.missed {
			t.Errorf("%s with %q: %s, missed %q; want %q, %q", c.line, c.known, got, missed, c.want, c.missed)
		}
	}
}
