package validate_test

import (
	"strings"
	"testing"
)

// What YAML has and JSON has not, in a document: the constants of schemas show how it was read.
func TestYAMLIsReadAsJSON(t *testing.T) {
	for _, c := range []struct{ yaml, json, want string }{
		{`{const: 0x1F}`, `31`, ""},
		{`{const: 0o17}`, `15`, ""},
		{`{const: 1.50}`, `1.5`, ""},
		{`{const: 12345678901234567890}`, `12345678901234567890`, ""},
		{`{const: 12345678901234567890}`, `12345678901234567891`, "is none of"},
		{`{const: .5}`, `0.5`, ""},
		{`{const: yes}`, `"yes"`, ""},
		{`{const: "007"}`, `"007"`, ""},
		{`{const: 2026-11-21}`, `"2026-11-21"`, ""},
		{`{const: ~}`, `null`, ""},
		{`{const: True}`, `true`, ""},
		{`{enum: [a, &x b, *x]}`, `"b"`, ""},
		{"\n                const: |\n                  two\n                  lines\n", `"two\nlines\n"`, ""},
	} {
		document := "openapi: 3.1.0\npaths:\n  /a:\n    post:\n      requestBody:\n        content:\n          application/json:\n            schema: " + c.yaml + "\n"
		s := compile(t, written(t, "api.yaml", document), nil)[0]
		x := request("POST /a", c.json, jsonType)
		if got := told(x, ask(&s, x, c.json)); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s of %s: %s; want %q", c.yaml, c.json, got, c.want)
		}
	}
	if got := said("openapi: 3.1.0\npaths: {}\nx: .inf\n", nil); !strings.Contains(got, `3:4: /x: ".inf" is not a number of JSON`) {
		t.Error(got)
	}
	if got := said("openapi: 3.1.0\npaths: {}\n? [a]\n: b\n", nil); !strings.Contains(got, "3:3: a key is not a text") {
		t.Error(got)
	}
}

func TestWhatComesFirstAmongPathsAndTypesIsTheMostConcrete(t *testing.T) {
	const document = `openapi: 3.1.0
servers: [{url: "/{v}", variables: {v: {default: v2}}}]
paths:
  /{a}/{b}: {get: {parameters: [{name: a, in: path, required: true}, {name: b, in: path, required: true}, {name: both, in: query, required: true}]}}
  /{a}/x: {get: {parameters: [{name: a, in: path, required: true}, {name: end, in: query, required: true}]}}
  /y/{b}: {get: {parameters: [{name: b, in: path, required: true}, {name: begin, in: query, required: true}]}}
  /y/p-{b}: {get: {parameters: [{name: b, in: path, required: true}, {name: mixed, in: query, required: true}]}}
  /y/x: {get: {parameters: [{name: none, in: query, required: true}]}}
  /types:
    post:
      requestBody:
        content:
          "*/*": {schema: {const: any}}
          application/*: {schema: {const: application}}
          application/vnd.a+json: {schema: {const: a}}
`
	s := compile(t, written(t, "api.yaml", document), nil)[0]
	for path, want := range map[string]string{"/v2/q/r": "both", "/v2/q/x": "end", "/v2/y/r": "begin", "/v2/y/p-1": "mixed", "/v2/y/p-": "begin", "/v2/y/x": "none"} {
		x := request("GET "+path, "")
		if got := told(x, ask(&s, x, "")); !strings.Contains(got, `"name":"`+want+`"`) {
			t.Errorf("%s: %s, want the path that has %s", path, got, want)
		}
	}
	for kind, want := range map[string]string{"application/vnd.a+json": `"a"`, "application/json": `"application"`, "model/vnd.b+json": `"any"`} {
		x := request("POST /v2/types", want, "Content-Type: "+kind)
		if got := told(x, ask(&s, x, want)); got != "" {
			t.Errorf("%s: %s", kind, got)
		}
	}
}
