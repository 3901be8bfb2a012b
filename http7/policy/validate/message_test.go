package validate_test

import (
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/validate"
)

// OpenAPI 3.1.1, Parameter Object: fields and cookies.
func TestFieldsAndCookiesAreReadAsTheyAreSent(t *testing.T) {
	const document = `openapi: 3.1.0
paths:
  /a:
    get:
      parameters:
        - { name: X-Count, in: header, schema: { type: integer, minimum: 1 } }
        - { name: X-Ids, in: header, schema: { type: array, items: { type: integer }, maxItems: 3 } }
        - { name: X-Box, in: header, explode: true, schema: { type: object, properties: { w: { type: integer } }, required: [w] } }
        - { name: X-Doc, in: header, content: { application/json: { schema: { type: object, required: [a], properties: { a: { type: integer } } } } } }
        - { name: X-Needed, in: header, required: true, schema: { type: string } }
        - { name: accept, in: header, required: true, schema: { const: nothing } }
        - { name: Content-Type, in: header, required: true, schema: { const: nothing } }
        - { name: AUTHORIZATION, in: header, required: true, schema: { const: nothing } }
        - { name: n, in: cookie, schema: { type: integer } }
        - { name: Sid, in: cookie, schema: { type: string, minLength: 2 } }
`
	s := compile(t, written(t, "api.yaml", document), nil)[0]
	for _, c := range []struct {
		what   string
		fields []string
		want   string
	}{
		{"what is needed alone", nil, ""},
		{"a number", []string{"X-Count: 7"}, ""},
		{"a name in any case (RFC 9110 §5.1)", []string{"x-COUNT: 0"}, `"in":"header","name":"X-Count","pointer":"","reason":"is less than 1"`},
		{"space around a value (RFC 9110 §5.5)", []string{"X-Count:  7\t"}, ""},
		{"a value twice that is no list", []string{"X-Count: 7", "X-Count: 8"}, `"name":"X-Count","pointer":"","reason":"is there more than once"`},
		{"a list on one line", []string{"X-Ids: 1,2 , 3"}, ""},
		{"a list on two lines (RFC 9110 §5.3)", []string{"X-Ids: 1, 2", "X-Ids: 3"}, ""},
		{"a list that is too long over two lines", []string{"X-Ids: 1, 2", "X-Ids: 3, 4"}, "has more than 3 items"},
		{"the third is none", []string{"X-Ids: 1, 2", "X-Ids: x"}, `"name":"X-Ids","pointer":"/2","reason":"is a string, must be an integer"`},
		{"members", []string{"X-Box: w=1,h=2"}, ""},
		{"a member that is none", []string{"X-Box: w=x"}, `"name":"X-Box","pointer":"/w"`},
		{"a member that is missing", []string{"X-Box: h=2"}, `lacks \"w\"`},
		{"a document", []string{`X-Doc: {"a":1}`}, ""},
		{"a document that does not fit", []string{`X-Doc: {"a":"x"}`}, `"name":"X-Doc","pointer":"/a"`},
		{"a document that is none", []string{`X-Doc: {`}, `"name":"X-Doc"`},
		{"fields that are described elsewhere", []string{"Accept: */*", "Content-Type: a/b", "Authorization: Basic x"}, ""},
		{"cookies", []string{"Cookie: n=7; Sid=ab"}, ""},
		{"cookies on two lines (RFC 9113 §8.2.3)", []string{"Cookie: n=7", "Cookie: Sid=ab"}, ""},
		{"a cookie of another case", []string{"Cookie: sid=a; N=x"}, ""},
		{"a cookie that does not fit", []string{"Cookie: n=x"}, `"in":"cookie","name":"n","pointer":"","reason":"is a string, must be an integer"`},
		{"a cookie on two lines, twice", []string{"Cookie: n=7", "Cookie: n=8"}, "more than once"},
		{"two that are wrong", []string{"X-Count: 0", "Cookie: Sid=a"}, `"reason":"is less than 1"},{"in":"cookie","name":"Sid"`},
	} {
		x := request("GET /a", "", append(c.fields, "X-Needed: ")...)
		if got := told(x, ask(&s, x, "")); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s; want %q", c.what, got, c.want)
		}
	}
	x := request("GET /a", "")
	if got := told(x, ask(&s, x, "")); got != `invalid_parameters "errors":[{"in":"header","name":"X-Needed","pointer":"","reason":"is missing"}]` {
		t.Errorf("without what is needed: %s", got)
	}
}

func TestParametersOfAnOperationComeBeforeThoseOfItsPath(t *testing.T) {
	const document = `openapi: 3.0.0
paths:
  /a:
    parameters:
      - { name: n, in: query, required: true, schema: { type: integer } }
      - { name: n, in: header, schema: { type: integer } }
    get: { parameters: [{ name: n, in: query, schema: { type: string, maxLength: 1 } }] }
    put: {}
`
	s := compile(t, written(t, "api.yaml", document), nil)[0]
	for ask7, want := range map[string]string{
		"GET /a": "", "GET /a?n=x": "", "GET /a?n=xy": "is longer than 1",
		"PUT /a": `"in":"query","name":"n","pointer":"","reason":"is missing"`, "PUT /a?n=1": "", "PUT /a?n=x": "must be an integer",
	} {
		x := request(ask7, "")
		if got := told(x, ask(&s, x, "")); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %s; want %q", ask7, got, want)
		}
	}
	x := request("GET /a", "", "N: x")
	if got := told(x, ask(&s, x, "")); !strings.Contains(got, `"in":"header"`) {
		t.Errorf("a field of the same name: %s", got)
	}
}

// RFC 3986 §3.3 and OpenAPI, Path Templating: a value is what stands between slashes, decoded once.
func TestAValueOfThePathIsDecodedOnce(t *testing.T) {
	const document = "openapi: 3.0.0\npaths:\n  /a/{v}/b: {get: {parameters: [{name: v, in: path, required: true, schema: {type: string, enum: [x/y, 'a b', '%41', a+b, é]}}]}}\n"
	s := compile(t, written(t, "api.yaml", document), nil)[0]
	for path, want := range map[string]string{
		"/a/x%2Fy/b": "", "/a/x%2fy/b": "", "/a/x/y/b": "undocumented_path ", "/a/a%20b/b": "", "/a/a+b/b": "", "/a/%2541/b": "", "/a/%41/b": "none of the values",
		"/a/%C3%A9/b": "", "/a//b": "undocumented_path ", "/a/x%2/b": "undocumented_path ", "/%61/a+b/%62": "", "/a/a+b/b/": "undocumented_path ",
	} {
		x := request("GET "+path, "")
		if got := told(x, ask(&s, x, "")); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %s; want %q", path, got, want)
		}
	}
}

// OpenAPI, Encoding Object and Special Considerations for multipart Content.
func TestPropertiesOfFormsAreReadAsTheirEncodingSays(t *testing.T) {
	const document = `openapi: 3.0.3
paths:
  /a:
    post:
      requestBody:
        required: true
        content:
          application/x-www-form-urlencoded:
            schema: { $ref: "#/components/schemas/F" }
            encoding: { piped: { style: pipeDelimited, explode: false }, deep: { style: deepObject }, listed: { explode: false } }
          multipart/form-data:
            schema: { $ref: "#/components/schemas/F" }
components:
  schemas:
    Line: { type: object, required: [sku], properties: { sku: { type: string }, n: { type: integer } } }
    F:
      type: object
      additionalProperties: false
      properties:
        text: { type: string }
        count: { type: integer, minimum: 1 }
        yes: { type: boolean }
        maybe: { type: integer, nullable: true }
        many: { type: array, items: { type: integer } }
        listed: { type: array, items: { type: integer } }
        piped: { type: array, items: { type: integer } }
        line: { $ref: "#/components/schemas/Line" }
        lines: { type: array, items: { $ref: "#/components/schemas/Line" } }
`
	s := compile(t, written(t, "api.yaml", document), nil)[0]
	multi := func(parts ...string) string {
		var b strings.Builder
		for i := 0; i < len(parts); i += 2 {
			b.WriteString("--x\r\nContent-Disposition: form-data; name=\"" + parts[i] + "\"\r\n\r\n" + parts[i+1] + "\r\n")
		}
		return b.String() + "--x--\r\n"
	}
	const form, multipart = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
	for _, c := range []struct{ what, kind, body, want string }{
		{"a text", form, "text=a+b%26", ""},
		{"a number", form, "count=7", ""},
		{"a number that is too small", form, "count=0", `"in":"body","pointer":"/count","reason":"is less than 1"`},
		{"a boolean", form, "yes=true", ""},
		{"another word for it", form, "yes=on", `"pointer":"/yes","reason":"is a string, must be a boolean"`},
		{"nothing, which may be", form, "maybe=", ""},
		{"several", form, "many=1&many=2", ""},
		{"one of several", form, "many=1", ""},
		{"the second is none", form, "many=1&many=x", `"pointer":"/many/1"`},
		{"a list", form, "listed=1,2", ""},
		{"a list, and again", form, "listed=1,2&listed=3", "more than once"},
		{"a list with pipes", form, "piped=1%7C2", ""},
		{"a list with commas in place of pipes", form, "piped=1,2", `"pointer":"/piped/0"`},
		{"what is not described", form, "other=1", `has what is not described: \"other\"`},
		{"a document", form, `line=%7B%22sku%22:%22a%22%7D`, ""},
		{"an empty pair", form, "&text=a&", ""},
		{"half an escape", form, "text=%4", "unreadable_body"},
		{"a text in a part", multipart, multi("text", "a+b%26"), ""},
		{"a number in a part", multipart, multi("count", "0"), `"pointer":"/count"`},
		{"several parts", multipart, multi("many", "1", "many", "2"), ""},
		{"the second part is none", multipart, multi("many", "1", "many", "x"), `"pointer":"/many/1"`},
		{"a document in a part", multipart, multi("line", `{"sku":"a","n":2}`), ""},
		{"a document that does not fit", multipart, multi("line", `{"n":2}`), `"pointer":"/line","reason":"lacks \"sku\""`},
		{"documents in parts", multipart, multi("lines", `{"sku":"a"}`, "lines", `{"sku":"b","n":1}`), ""},
		{"the second document does not fit", multipart, multi("lines", `{"sku":"a"}`, "lines", `{"sku":"b","n":"x"}`), `"pointer":"/lines/1/n"`},
		{"the second document is none", multipart, multi("lines", `{"sku":"a"}`, "lines", `{`), "unreadable_body"},
		{"no parts", multipart, "--x--\r\n", ""},
	} {
		for _, length := range []int64{int64(len(c.body)), -1} { // known, or in chunks
			x := request("POST /a", c.body, "Content-Type: "+c.kind)
			x.Body.Length = length
			if got := told(x, ask(&s, x, c.body)); c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%s, length %d: %s; want %q", c.what, length, got, c.want)
			}
		}
	}
}

// Every coding that is taken hides nothing, and what is chunked is not less.
func TestCodedFormsAreReadToo(t *testing.T) {
	s := compile(t, orders, nil)[0]
	for _, c := range []struct{ kind, body, want string }{
		{"application/x-www-form-urlencoded", "name=Anna", ""},
		{"application/x-www-form-urlencoded", "name=Anna&admin=1", `\"admin\"`},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=name\r\n\r\nAnna\r\n--x--\r\n", ""},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=admin\r\n\r\n1\r\n--x--\r\n", `\"admin\"`},
		{"text/plain", "hello!", "is longer than 5"},
	} {
		body := gzipped(t, c.body)
		for _, length := range []int64{int64(len(body)), -1} {
			x := request("POST /v1/forms", body, "Content-Type: "+c.kind, "Content-Encoding: GZIP")
			x.Body.Length = length
			if got := told(x, ask(&s, x, body)); c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%s %q, length %d: %s; want %q", c.kind, c.body, length, got, c.want)
			}
		}
	}
}

// OpenAPI, Responses Object: a status is described by itself, else by its class, else by the default; a type of body by the
// most concrete range.
func TestAnAnswerIsHeldAgainstWhatIsMostConcrete(t *testing.T) {
	const document = `openapi: 3.1.0
paths:
  /a:
    get:
      responses:
        "200": { description: a, content: { application/json: { schema: { const: exact } }, application/*: { schema: { const: range } }, "*/*": { schema: { const: any } } } }
        "2XX": { description: b, headers: { X-Ids: { required: true, schema: { type: array, items: { type: integer } } }, content-type: { required: true, schema: { const: none } } }, content: { application/json: { schema: { const: class } } } }
        default: { description: c, content: { application/json: { schema: { $ref: "#/components/schemas/Secret" } } } }
    head: { responses: { "200": { description: a, headers: { X-N: { required: true, schema: { type: integer } } } } } }
components:
  schemas:
    Secret: { type: object, required: [id, code], properties: { id: { type: string, readOnly: true }, code: { type: string, writeOnly: true } } }
`
	for _, c := range []struct {
		what, ask string
		status    int
		fields    []string
		body      string
		want      string
	}{
		{"the status", "GET /a", 200, []string{jsonType}, `"exact"`, ""},
		{"the status, wrong", "GET /a", 200, []string{jsonType}, `"class"`, "edge.validate.responses:api.yaml; body is none of the values that are allowed"},
		{"the range", "GET /a", 200, []string{"Content-Type: application/vnd.x+json"}, `"range"`, ""},
		{"any type", "GET /a", 200, []string{"Content-Type: text/x+json"}, `"any"`, ""},
		{"any type, of the range", "GET /a", 200, []string{"Content-Type: text/x+json"}, `"range"`, "is none of"},
		{"the class", "GET /a", 201, []string{jsonType, "x-ids: 1, 2"}, `"class"`, ""},
		{"the class, without its field", "GET /a", 201, []string{jsonType}, `"class"`, "header X-Ids is missing"},
		{"the class, with a wrong field", "GET /a", 201, []string{jsonType, "X-Ids: 1", "X-Ids: x"}, `"class"`, "header X-Ids /1 is a string, must be an integer"},
		{"the default", "GET /a", 500, []string{jsonType}, `{"id":"1"}`, ""},
		{"the default, without what answers have", "GET /a", 500, []string{jsonType}, `{"code":"1"}`, `lacks "id"`},
		{"a body that is no JSON", "GET /a", 500, []string{jsonType}, `oh`, "not one JSON value"},
		{"a name twice", "GET /a", 500, []string{jsonType}, `{"id":"1","id":"2"}`, "same name twice"},
		{"another type than the default's", "GET /a", 500, []string{"Content-Type: text/html"}, `oh`, "its type is not described"},
		{"HEAD by itself", "HEAD /a", 200, []string{"X-N: 1"}, "", ""},
		{"HEAD without its field", "HEAD /a", 200, nil, "", "header X-N is missing"},
	} {
		steps, p := counted(t, written(t, "api.yaml", document), func(cfg *validate.Config) { cfg.Responses = "observe" })
		x := request(c.ask, "")
		if f := ask(&steps[0], x, ""); f != nil {
			t.Fatal(f)
		}
		var chunks []string
		if c.body != "" {
			chunks = []string{c.body[:1], c.body[1:]}
		}
		got := answer(x, steps, c.status, c.fields, chunks...)
		if got.fault != nil || got.body != c.body {
			t.Errorf("%s: observing changes it: %v, %q", c.what, got.fault, got.body)
		}
		if c.want == "" && got.said != "" || !strings.Contains(got.said, c.want) {
			t.Errorf("%s: %s; want %q", c.what, got.said, c.want)
		}
		if n := p.Count("edge.validate.responses invalid"); (n == 1) != (c.want != "") {
			t.Errorf("%s: counted %d", c.what, n)
		}
	}
}

// Schemas may lead in circles: both directions, through lists, maps and alternatives.
func TestCirclesOfSchemasAreFollowedAsFarAsTheValueGoes(t *testing.T) {
	const document = `openapi: 3.1.0
paths:
  /a:
    post:
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Person" } } } }
      responses: { "200": { description: a, content: { application/json: { schema: { $ref: "#/components/schemas/Person" } } } } }
components:
  schemas:
    Person: { type: object, required: [name], properties: { name: { type: string }, boss: { $ref: "#/components/schemas/Person" }, team: { $ref: "#/components/schemas/Team" } } }
    Team: { type: object, properties: { members: { type: array, items: { $ref: "#/components/schemas/Person" } }, by: { type: object, additionalProperties: { $ref: "#/components/schemas/Team" } } } }
`
	path := written(t, "api.yaml", document)
	for body, want := range map[string]string{
		`{"name":"a"}`: "",
		`{"name":"a","boss":{"name":"b","boss":{"name":"c"}}}`:                                "",
		`{"name":"a","boss":{"name":"b","boss":{}}}`:                                          "/boss/boss lacks \"name\"",
		`{"name":"a","team":{"members":[{"name":"b"},{"name":"c","team":{"members":[{}]}}]}}`: "/team/members/1/team/members/0 lacks \"name\"",
		`{"name":"a","team":{"by":{"x/y":{"by":{"~":{"members":1}}}}}}`:                       "/team/by/x~1y/by/~0/members is a number, must be an array",
	} {
		steps := compile(t, path, func(c *validate.Config) { c.Responses = "observe" })
		x := request("POST /a", body, jsonType)
		f := ask(&steps[0], x, body)
		cause := ""
		if f != nil {
			cause = x.Cause.Error()
		}
		if want == "" && f != nil || !strings.Contains(cause, want) {
			t.Errorf("%s: %s; want %q", body, cause, want)
		}
		x = request("POST /a", `{"name":"a"}`, jsonType)
		if f := ask(&steps[0], x, `{"name":"a"}`); f != nil {
			t.Fatal(f)
		}
		if got := answer(x, steps, 200, []string{jsonType}, body); want == "" && got.said != "" || !strings.Contains(got.said, want) {
			t.Errorf("an answer %s: %s; want %q", body, got.said, want)
		}
	}
}

// RFC 9110 §8.3.1: types are the same in any case and with any parameters; what is not one is not guessed.
func TestTheTypeOfABodyIsReadAsAField(t *testing.T) {
	s := compile(t, orders, nil)[0]
	for kind, want := range map[string]string{
		"application/json": "", "APPLICATION/Json": "", "application/json;charset=\"utf-8\"": "", "application/json ; a=b": "",
		"application/problem+json": "unknown_media_type", "text/json": "unknown_media_type", "json": "unknown_media_type", "application/": "unknown_media_type",
		"application/json; charset": "unknown_media_type", "*/*": "unknown_media_type", "application/*": "unknown_media_type",
	} {
		x := request("POST /v1/orders", good, "Content-Type: "+kind)
		f := ask(&s, x, good)
		if got := told(x, f); want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s; want %q", kind, got, want)
		}
		if f != nil && (f.Status != 415 || f.Side != http7.Client) {
			t.Errorf("%s: %+v", kind, f)
		}
	}
}
