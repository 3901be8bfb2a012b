package validate_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/validate"
	"weir/internal/conf"
)

func mustSize(t testing.TB, text string) (s conf.Size) {
	t.Helper()
	if err := s.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return s
}

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestACodingHidesNothing(t *testing.T) {
	s := compile(t, orders, nil)[0]
	for _, c := range []struct{ what, coding, body, want string }{
		{"a good body", "gzip", gzipped(t, good), ""},
		{"a bad one", "gzip", gzipped(t, "[]"), "invalid_body"},
		{"a good one that is not coded", "gzip", good, "unreadable_body"},
		{"one with something behind it", "gzip", gzipped(t, good) + "[]", "unreadable_body"},
		{"a bomb", "gzip", gzipped(t, strings.Repeat(" ", 4<<20)), "invalid_body_too_large"},
		{"a coding that nobody knows", "rot13", good, "unknown_content_coding"},
		{"codings without end", "gzip, gzip, gzip", good, "unknown_content_coding"},
	} {
		x := request("POST /v1/orders", c.body, jsonType, "Content-Encoding: "+c.coding)
		if got := told(x, ask(&s, x, c.body)); c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	x := request("POST /v1/orders", good, jsonType, "Content-Type: text/plain")
	if got := told(x, ask(&s, x, good)); !strings.HasPrefix(got, "unknown_media_type") {
		t.Errorf("two types: %s", got)
	}
}

const modernDocument = `openapi: 3.1.0
info: {title: Pets, version: "1"}
servers: [{url: /}]
paths:
  /pets:
    post:
      requestBody:
        content:
          application/json:
            schema:
              $ref: "#/components/schemas/Pet"
              required: [tag]
      responses: {"201": {description: made}}
components:
  schemas:
    Pet:
      type: [object, "null"]
      properties:
        name: {const: Rex}
        tag: {type: [string, "null"], pattern: "^[a-z]+$"}
        pair: {type: array, prefixItems: [{type: string}, {type: integer}], items: false}
        born: {type: integer, exclusiveMinimum: 1900}
        parent: {$ref: "#/components/schemas/Pet"}
      unevaluatedProperties: false
`

func TestADocumentOfVersion31IsJSONSchemaOf2020(t *testing.T) {
	s := compile(t, written(t, "pets.yaml", modernDocument), nil)[0]
	for body, want := range map[string]string{
		`{"tag":"a"}`:                     "",
		`{"tag":null,"parent":null}`:      "",
		`null`:                            "",
		`{}`:                              `lacks \"tag\"`,
		`{"tag":"A"}`:                     "does not match ^[a-z]+$",
		`{"tag":"a","name":"Max"}`:        "is none of the values that are allowed",
		`{"tag":"a","pair":["x",1]}`:      "",
		`{"tag":"a","pair":["x","y"]}`:    `"pointer":"/pair/1"`,
		`{"tag":"a","pair":["x",1,2]}`:    `"pointer":"/pair/2"`,
		`{"tag":"a","born":1900}`:         "is not more than 1900",
		`{"tag":"a","parent":{"born":1}}`: `"pointer":"/parent/born"`,
		`{"tag":"a","other":1}`:           `"pointer":"`,
	} {
		x := request("POST /pets", body, jsonType)
		if got := told(x, ask(&s, x, body)); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

func TestABareSchemaIsAboutEveryBody(t *testing.T) {
	for draft, text := range map[string]string{
		"2020": `{"type":"object","required":["a"],"properties":{"a":{"prefixItems":[{"type":"integer"}]},"next":{"$ref":"#"}}}`,
		"07":   `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","required":["a"],"properties":{"a":{"items":[{"type":"integer"}]},"next":{"$ref":"#"}}}`,
	} {
		path := written(t, "order.json", text)
		s := compile(t, "", func(c *validate.Config) { c.JSONSchema = path })[0]
		for body, want := range map[string]string{
			"":                                "",
			`{"a":[1]}`:                       "",
			`{"a":[1],"next":{"a":[2]}}`:      "",
			`{"a":["x"]}`:                     `"pointer":"/a/0"`,
			`{"a":[1],"next":{}}`:             `"pointer":"/next","reason":"lacks \"a\""`,
			`{"a":[1]`:                        "unreadable_body",
			`{"a":[1],"a":[2]}`:               "unreadable_body",
			strings.Repeat("[", 200) + "[{}]": "unreadable_body",
		} {
			for _, length := range []int64{int64(len(body)), -1} {
				x := request("PUT /any/path", body, "Content-Type: application/merge-patch+json")
				x.Body.Length = length
				if got := told(x, ask(&s, x, body)); want == "" && got != "" || !strings.Contains(got, want) {
					t.Errorf("%s, %s: %s, want %s", draft, body, got, want)
				}
			}
		}
		x := request("PUT /any/path", "a=b", formType)
		if got := told(x, ask(&s, x, "a=b")); !strings.HasPrefix(got, "unknown_media_type") {
			t.Errorf("a form: %s", got)
		}
	}
}

func TestObservingSaysTheSameAsEnforcing(t *testing.T) {
	enforcing := compile(t, orders, nil)[0]
	observing := compile(t, orders, func(c *validate.Config) { c.Mode = conf.Observe })[0]
	if observing.Mode != http7.Observe || enforcing.Mode != http7.Enforce {
		t.Fatal(observing.Mode, enforcing.Mode)
	}
	refused := 0
	for _, line := range []string{"GET /v1/orders", "GET /v1/orders?page=0", "GET /v2", "PUT /v1/orders"} {
		a, b := request(line, ""), request(line, "")
		f, g := ask(&enforcing, a, ""), ask(&observing, b, "")
		if told(a, f) != told(b, g) {
			t.Errorf("%s: %s, %s", line, told(a, f), told(b, g))
		}
		if f != nil {
			refused++
		}
	}
	if refused != 3 {
		t.Errorf("%d are refused, want 3", refused)
	}
	c := validate.Default()
	c.Mode = conf.ModeOff
	if steps, err := validate.Compile(&c, "edge", nil); err != nil || len(steps) != 0 {
		t.Errorf("off: %v, %v", steps, err)
	}
}

func TestWhatALogLacksIsAskedFor(t *testing.T) {
	s := compile(t, orders, nil)[0]
	want := "cookie:sid header:x-sizes header:x-trace"
	if got := strings.Join(s.Reads, " "); got != want {
		t.Errorf("reads %s, want %s", got, want)
	}
	x := request("GET /v1/orders", "")
	x.Dry, x.Recorded = true, &http7.Recorded{Fields: map[string]bool{"header:x-trace": true}}
	if f := ask(&s, x, ""); f != nil || len(x.Recorded.Missed) != 2 {
		t.Errorf("%v, missed %v", f, x.Recorded.Missed)
	}
	x = request("GET /v1/orders?page=0", "")
	x.Dry, x.Recorded = true, &http7.Recorded{Fields: map[string]bool{}}
	if f := ask(&s, x, ""); f == nil {
		t.Error("what the line has is enough to refuse it")
	}
}

func TestARefusalNamesThePlaceAndNoValue(t *testing.T) {
	s := compile(t, orders, func(c *validate.Config) { c.Name = "orders-v1" })[0]
	const secret = "hunter2"
	body := `{"customer":["` + secret + `"],"password":7,"items":[{"sku":"` + secret + `","n":"` + secret + `"}]}`
	x := request("POST /v1/orders?page="+secret, body, jsonType, "Authorization: Bearer "+secret)
	f := ask(&s, x, body)
	if f == nil || f.Status != 422 {
		t.Fatal(f)
	}
	http7.FaultAnswer(x, f)
	chunk, _, _ := x.Answer.Source.Next()
	for what, text := range map[string]string{"the answer": string(chunk), "the log": x.Cause.Error()} {
		if strings.Contains(text, secret) || !strings.Contains(text, "/items/0/n") || !strings.Contains(text, "/customer") {
			t.Errorf("%s: %s", what, text)
		}
	}
	if !strings.HasPrefix(x.Cause.Error(), "orders-v1: invalid_body; body /") {
		t.Error(x.Cause)
	}
	x = request("PATCH /v1/orders", "")
	http7.FaultAnswer(x, ask(&s, x, ""))
	name, _ := http7.NewName("Allow")
	if allow, _ := x.Answer.Header.First(name); string(allow) != "GET, POST, HEAD" {
		t.Errorf("Allow: %s", allow)
	}
}
