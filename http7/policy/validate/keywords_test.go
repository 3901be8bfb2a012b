package validate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"weir/http7/policy/validate"
)

// In the manner of the JSON Schema Test Suite: a schema, a value, and what is said of it; "" is that it fits.
func TestEveryKeywordSaysWhatItWants(t *testing.T) {
	for _, c := range []struct{ schema, value, want string }{
		{`true`, `1`, ""},
		{`false`, `1`, "is what is not allowed"},
		{`{"type":"string"}`, `"a"`, ""},
		{`{"type":"string"}`, `null`, "is null, must be a string"},
		{`{"type":["string","null"]}`, `[]`, "is an array, must be "},
		{`{"type":"integer"}`, `1.0`, ""},
		{`{"type":"integer"}`, `1e2`, ""},
		{`{"type":"integer"}`, `1.5`, "must be an integer"},
		{`{"type":"number"}`, `"1"`, "is a string, must be a number"},
		{`{"enum":[1,"a",null]}`, `null`, ""},
		{`{"enum":[1,"a",null]}`, `"b"`, "is none of the values that are allowed"},
		{`{"const":{"a":[1]}}`, `{"a":[1.0]}`, ""},
		{`{"const":1}`, `true`, "is none of the values that are allowed"},
		{`{"minLength":2,"maxLength":3}`, `"öü"`, ""},
		{`{"minLength":2}`, `"ö"`, "is shorter than 2"},
		{`{"maxLength":2}`, `"abc"`, "is longer than 2"},
		{`{"pattern":"^a+$"}`, `"aaa"`, ""},
		{`{"pattern":"^a+$"}`, `"ab"`, "does not match ^a+$"},
		{`{"minimum":1,"maximum":2}`, `1.5`, ""},
		{`{"minimum":1}`, `0.999`, "is less than 1"},
		{`{"maximum":2.5}`, `2.51`, "is more than 2.5"},
		{`{"exclusiveMinimum":1}`, `1`, "is not more than 1"},
		{`{"exclusiveMaximum":1}`, `1.0`, "is not less than 1"},
		{`{"multipleOf":0.01}`, `19.99`, ""},
		{`{"multipleOf":0.01}`, `19.995`, "is no multiple of 0.01"},
		{`{"multipleOf":3}`, `9007199254740993`, ""},
		{`{"minItems":1,"maxItems":2}`, `[1,2]`, ""},
		{`{"minItems":1}`, `[]`, "has fewer than 1 items"},
		{`{"maxItems":1}`, `[1,2]`, "has more than 1 items"},
		{`{"uniqueItems":true}`, `[1,[1],"1"]`, ""},
		{`{"uniqueItems":true}`, `[{"a":1},2,{"a":1.0}]`, "has the same item at 0 and 2"},
		{`{"contains":{"const":1}}`, `[2]`, "has not the items that it must contain"},
		{`{"contains":{"const":1},"maxContains":1}`, `[1,1]`, "has not the items that it must contain"},
		{`{"minProperties":1,"maxProperties":2}`, `{"a":1}`, ""},
		{`{"minProperties":1}`, `{}`, "has fewer than 1 members"},
		{`{"maxProperties":0}`, `{"a":1}`, "has more than 0 members"},
		{`{"required":["a","b"]}`, `{"c":1}`, `lacks "a", "b"`},
		{`{"required":["a","b","c","d","e","f"]}`, `{}`, `"d", "e" and more`},
		{`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, `lacks "b", which "a" needs`},
		{`{"dependentSchemas":{"a":{"required":["b"]}}}`, `{"a":1}`, `lacks "b"`},
		{`{"additionalProperties":false,"properties":{"a":{}}}`, `{"a":1,"b":2}`, `has what is not described: "b"`},
		{`{"propertyNames":{"maxLength":1}}`, `{"ab":1}`, "is longer than 1"},
		{`{"patternProperties":{"^n":{"type":"number"}}}`, `{"n1":"x"}`, "is a string, must be a number"},
		{`{"prefixItems":[{"type":"string"}],"items":false}`, `["a",1]`, "is what is not allowed"},
		{`{"anyOf":[{"type":"string"},{"minimum":2}]}`, `3`, ""},
		{`{"anyOf":[{"type":"string"},{"minimum":2}]}`, `1`, "fits none of the forms that are allowed"},
		{`{"oneOf":[{"minimum":1},{"minimum":2}]}`, `3`, "fits more than one of the forms that are allowed"},
		{`{"oneOf":[{"minimum":1},{"minimum":2}]}`, `0`, "fits none of the forms that are allowed"},
		{`{"allOf":[{"minimum":1},{"maximum":2}]}`, `3`, "is more than 2"},
		{`{"not":{"type":"string"}}`, `"a"`, "is what is not allowed"},
		{`{"if":{"type":"string"},"then":{"minLength":2},"else":{"minimum":2}}`, `"a"`, "is shorter than 2"},
		{`{"if":{"type":"string"},"then":{"minLength":2},"else":{"minimum":2}}`, `1`, "is less than 2"},
		{`{"properties":{"a":{}},"unevaluatedProperties":false}`, `{"b":1}`, "is what is not allowed"},
		{`{"format":"date-time"}`, `"2026-11-21T21:00:00Z"`, ""},
		{`{"format":"date-time"}`, `"yesterday"`, "is not of the format date-time"},
		{`{"format":"email"}`, `"a@example.com"`, ""},
		{`{"format":"email"}`, `"a.example.com"`, "is not of the format email"},
		{`{"format":"ipv4"}`, `"192.0.2.256"`, "is not of the format ipv4"},
		{`{"format":"ipv6"}`, `"2001:db8::1"`, ""},
		{`{"format":"uuid"}`, `"0b2e6a1c"`, "is not of the format uuid"},
		{`{"format":"int32"}`, `2147483647`, ""},
		{`{"format":"int32"}`, `2147483648`, "is not of the format int32"},
		{`{"format":"int32"}`, `"x"`, ""},
		{`{"format":"int64"}`, `9223372036854775808`, "is not of the format int64"},
		{`{"format":"byte"}`, `"aGk="`, ""},
		{`{"format":"byte"}`, `"a-_="`, "is not of the format byte"},
		{`{"format":"nobody-knows-it"}`, `"x"`, ""},
		{`{"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}`, `1`, "is a number, must be a string"},
		{`{"$defs":{"a":{"$anchor":"here","type":"string"}},"$ref":"#here"}`, `1`, "must be a string"},
		{`{"properties":{"a~b":{"properties":{"c/d":{"type":"string"}}}}}`, `{"a~b":{"c/d":1}}`, `"pointer":"/a~0b/c~1d"`},
	} {
		path := written(t, "schema.json", c.schema)
		s := compile(t, "", func(cfg *validate.Config) { cfg.JSONSchema = path })[0]
		x := request("POST /", c.value, jsonType)
		got := told(x, ask(&s, x, c.value))
		if members, ok := strings.CutPrefix(got, "invalid_body "); ok && !json.Valid([]byte("{"+members+"}")) {
			t.Errorf("%s of %s: no JSON: %s", c.schema, c.value, members)
		}
		if plainText := strings.ReplaceAll(got, `\"`, `"`); c.want == "" && got != "" || !strings.Contains(plainText, c.want) {
			t.Errorf("%s of %s: %s; want %q", c.schema, c.value, got, c.want)
		}
	}
}

// What OpenAPI 3.0 says in its own way: nullable, exclusive bounds that are switches, and properties of one direction.
func TestSchemasOfVersion30SayWhatTheySayThere(t *testing.T) {
	for _, c := range []struct{ schema, value, want string }{
		{`{"type":"string"}`, `null`, "is null, must be a string"},
		{`{"type":"string","nullable":true}`, `null`, ""},
		{`{"type":"integer","minimum":1,"exclusiveMinimum":true}`, `1`, "is not more than 1"},
		{`{"type":"integer","maximum":1,"exclusiveMaximum":false}`, `1`, ""},
		{`{"type":"object","required":["id","name"],"properties":{"id":{"type":"string","readOnly":true},"name":{}}}`, `{"name":1}`, ""},
		{`{"type":"object","required":["id","name"],"properties":{"id":{"type":"string","readOnly":true},"name":{}}}`, `{}`, `lacks \"name\"`},
		{`{"allOf":[{"properties":{"id":{"readOnly":true},"name":{}}},{"required":["id","name"]}]}`, `{"name":1}`, ""},
		{`{"allOf":[{"properties":{"id":{"readOnly":true},"name":{}}},{"required":["id","name"]}]}`, `{}`, `lacks \"name\"`},
		{`{"required":["id"],"allOf":[{"allOf":[{"$ref":"#/components/schemas/Base"}]}]}`, `{}`, ""},
		{`{"properties":{"id":{"readOnly":true}},"allOf":[{"allOf":[{"required":["id"]}]}]}`, `{}`, ""},
		{`{"required":["id"],"properties":{"in":{"properties":{"id":{"readOnly":true}}}}}`, `{}`, `lacks \"id\"`},
		{`{"anyOf":[{"properties":{"id":{"readOnly":true}}},{"required":["id"]}],"required":["id"]}`, `{}`, `lacks \"id\"`},
		{`{"type":"object","required":["secret"],"properties":{"secret":{"type":"string","writeOnly":true}}}`, `{}`, `lacks \"secret\"`},
		{`{"type":"object","required":["id"],"properties":{"id":{"$ref":"#/components/schemas/Id"}}}`, `{}`, ""},
		{`{"$ref":"#/components/schemas/Id"}`, `1`, "must be a string"},
		{`{"type":"object","properties":{"nullable":{"type":"boolean"},"type":{"enum":["a"]}}}`, `{"nullable":true,"type":"a"}`, ""},
		{`{"type":"array","items":{"type":"integer"},"example":["no","integers"]}`, `[1]`, ""},
		{`{"allOf":[{"type":"object","properties":{"a":{"type":"integer"}}},{"required":["a"]}],"discriminator":{"propertyName":"a"}}`, `{"a":"x"}`, "must be an integer"},
	} {
		path := written(t, "api.json", `{"openapi":"3.0.2","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":`+c.schema+`}}}}}},"components":{"schemas":{"Id":{"type":"string","readOnly":true},"Base":{"properties":{"id":{"readOnly":true}}}}}}`)
		s := compile(t, path, nil)[0]
		x := request("POST /a", c.value, jsonType)
		if got := told(x, ask(&s, x, c.value)); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s of %s: %s; want %q", c.schema, c.value, got, c.want)
		}
	}
}
