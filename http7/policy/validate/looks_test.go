package validate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/http7/policy/validate"
)

const posted = "openapi: 3.1.0\npaths: {/a: {post: {requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/S0'}}}}, responses: {}}}}\ncomponents:\n  schemas:\n"

// diamonds is a document of schemas each of which leads to the next one in several ways.
func diamonds(levels, ways int, link func(refs []string) string) string {
	var b strings.Builder
	b.WriteString(posted)
	for i := range levels {
		refs := make([]string, ways)
		for w := range refs {
			refs[w] = fmt.Sprintf("{$ref: '#/components/schemas/S%d'}", i+1)
		}
		fmt.Fprintf(&b, "    S%d: {%s}\n", i, link(refs))
	}
	fmt.Fprintf(&b, "    S%d: {type: object, required: [a]}\n", levels)
	return b.String()
}

func by(keyword string) func(refs []string) string {
	return func(refs []string) string { return keyword + ": [" + strings.Join(refs, ", ") + "]" }
}

func asProperties(refs []string) string {
	for i := range refs {
		refs[i] = fmt.Sprintf("p%d: %s", i, refs[i])
	}
	return "required: [p0], properties: {" + strings.Join(refs, ", ") + "}"
}

// A document of a few lines took for ever to load, and so would every value that was held against it.
func TestSchemasThatLeadToTheSameOnesInManyWaysAreAnErrorSoon(t *testing.T) {
	const trouble = ": every value would be held against more than 20000 schemas"
	for _, c := range []struct {
		what, text, want string
	}{
		{"25 levels of allOf", diamonds(25, 2, by("allOf")), "api.yaml:5:9: /components/schemas/S0" + trouble},
		{"25 levels of anyOf", diamonds(25, 2, by("anyOf")), trouble},
		{"25 levels of oneOf", diamonds(25, 2, by("oneOf")), trouble},
		{"300 levels", diamonds(300, 2, by("allOf")), trouble},
		{"4 levels of 60", diamonds(4, 60, func(refs []string) string { return "required: [a], " + by("allOf")(refs) }), trouble},
		{"within a value", strings.ReplaceAll(diamonds(25, 2, by("allOf")), "{$ref: '#/components/schemas/S0'}", "{items: {properties: {x: {$ref: '#/components/schemas/S0'}}}}"), "api.yaml:5:9: /components/schemas/S0" + trouble},
		{"of names", strings.Replace(diamonds(25, 2, by("allOf")), "schema: {$ref: '#/components/schemas/S0'}", "schema: {propertyNames: {$ref: '#/components/schemas/S0'}}", 1), trouble},
		{"if, then and else", diamonds(20, 3, func(r []string) string { return "if: " + r[0] + ", then: " + r[1] + ", else: " + r[2] }), trouble},
		{"11 levels of allOf", diamonds(11, 2, by("allOf")), ""},
		{"a chain of 1,000", diamonds(1000, 1, by("allOf")), ""},
		{"4 levels of 60 properties", diamonds(4, 60, asProperties), ""},
		{"a choice of 3,000", diamonds(1, 3000, by("oneOf")), ""},
	} {
		begun := time.Now()
		got := said(c.text, func(cfg *validate.Config) { cfg.Responses = "observe" })
		if c.want == "" && got != "" || !strings.Contains(got, c.want) || strings.Count(got, "\n") > 1 {
			t.Errorf("%s: said %.300s; want %q", c.what, got, c.want)
		}
		if took := time.Since(begun); took > 20*time.Second { // some milliseconds
			t.Errorf("%s: took %v", c.what, took)
		}
	}
}

func TestABareSchemaIsBoundAsWell(t *testing.T) {
	var defs []string
	for i := range 25 {
		defs = append(defs, fmt.Sprintf(`"s%d":{"allOf":[{"$ref":"#/$defs/s%d"},{"$ref":"#/$defs/s%d"}]}`, i, i+1, i+1))
	}
	text := `{"$ref":"#/$defs/s0","$defs":{"s25":{"type":"object"},` + strings.Join(defs, ",") + `}}`
	got := said(text, func(c *validate.Config) { c.OpenAPI, c.JSONSchema = "", "api.yaml" })
	if !strings.Contains(got, "more than 20000 schemas") {
		t.Errorf("said %q", got)
	}
}

// What a schema is said to be in two places is one shape: the second made the first forgotten, and the text of a number a string.
func TestAPropertyThatTwoPartsDescribeIsReadByBoth(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	document := strings.Replace(posted, "application/json", form, 1) + `    S0:
      allOf:
        - {properties: {n: {type: integer}, list: {type: array}, o: {properties: {a: {type: integer}}}}, additionalProperties: {type: boolean}}
        - {properties: {n: {minimum: 3}, list: {items: {type: integer}}, o: {properties: {a: {minimum: 3}}}}}
        - {properties: {n: {maximum: 9}}, additionalProperties: {description: any}}
`
	for body, want := range map[string]string{
		"n=7":              "",
		"n=2":              "is less than 3",
		"n=10":             "is more than 9",
		"n=x":              "must be an integer",
		"list=1&list=2":    "",
		"list=1&list=x":    `"pointer":"/list/1"`,
		"b=true":           "",
		"b=1":              "must be a boolean",
		`o={"a":3}`:        "",
		`o={"a":1}`:        `"pointer":"/o/a"`,
		"n=7&list=&b=true": `"pointer":"/list/0"`,
	} {
		s := compile(t, written(t, "api.yaml", document), nil)[0]
		x := request("POST /a", body, "Content-Type: "+form)
		if got := told(x, ask(&s, x, body)); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: told %s, want %q", body, got, want)
		}
	}
}

// What is deep in parts of parts was still required of those who must not send it.
func TestWhatOnlyAnswersHaveIsNotRequiredHoweverDeepItIsDescribed(t *testing.T) {
	document := posted + "    S0: {required: [id, name], allOf: [{$ref: '#/components/schemas/S1'}]}\n"
	for i := 1; i < 9; i++ {
		document += fmt.Sprintf("    S%d: {allOf: [{$ref: '#/components/schemas/S%d'}, {$ref: '#/components/schemas/S%d'}]}\n", i, i+1, i+1)
	}
	document += "    S9: {properties: {id: {$ref: '#/components/schemas/Id'}, name: {type: string}}}\n    Id: {type: integer, readOnly: true}\n"
	s := compile(t, written(t, "api.yaml", document), nil)[0]
	for body, want := range map[string]string{`{"name":"a"}`: "", `{"id":7}`: `lacks \"name\"`, `{}`: `lacks \"name\"`} {
		x := request("POST /a", body, jsonType)
		if got := told(x, ask(&s, x, body)); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: told %s, want %q", body, got, want)
		}
	}
}

// OpenAPI 3.1 lets a document describe webhooks or components alone.
func TestADocumentWithoutPathsDescribesNothing(t *testing.T) {
	const hooks = "openapi: 3.1.0\nwebhooks: {made: {post: {responses: {}}}}\n"
	for text, want := range map[string]string{
		hooks: "",
		"openapi: 3.1.0\ncomponents: {schemas: {A: {type: object}}}\n":                 "",
		"openapi: 3.1.0\npaths: {}\n":                                                  "",
		"openapi: 3.1.0\ninfo: {}\n":                                                   "api.yaml:1:1: /paths: there are no paths",
		"openapi: 3.1.0\npaths:\nwebhooks: {}\n":                                       "/paths: there are no paths", // null is no object
		"openapi: 3.1.0\npaths: []\nwebhooks: {}\n":                                    "/paths: there are no paths",
		"openapi: 3.0.3\ncomponents: {schemas: {A: {type: object}}}\n":                 "/paths: there are no paths",
		"openapi: 3.1.0\nservers: [{url: '{'}]\ncomponents: {}\n":                      "/servers/0/url: it is not a URL",
		"openapi: 3.1.0\nservers: [{url: 'http://a/v1'}]\nwebhooks: {a: {post: {}}}\n": "",
	} {
		if got := said(text, nil); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: said %q, want %q", text, got, want)
		}
	}
	path := written(t, "api.yaml", hooks)
	for undocumented, want := range map[string]string{"refuse": "undocumented_path", "pass": ""} {
		s := compile(t, path, func(c *validate.Config) { c.Undocumented = undocumented })[0]
		x := request("POST /made", "{}", jsonType)
		if got := told(x, ask(&s, x, "{}")); !strings.Contains(got, want) || want == "" && (got != "" || len(x.Verdicts) != 1) {
			t.Errorf("%s: %q, remarks %q", undocumented, got, x.Verdicts)
		}
	}
}
