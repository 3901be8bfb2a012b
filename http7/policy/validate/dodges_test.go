package validate_test

import (
	"strings"
	"testing"
)

// roles describes an API at which nobody may make himself an administrator.
const roles = `openapi: 3.1.0
info: { title: roles, version: "1" }
paths:
  /users:
    get:
      parameters:
        - { name: where, in: query, style: deepObject, schema: { type: object, properties: { role: { type: string }, tags: { type: array } } } }
        - { name: roles, in: query, content: { application/json: { schema: { type: array, items: { type: string, maxLength: 9 } } } } }
        - { name: X-Roles, in: header, content: { application/json: { schema: { type: array, items: { type: string, maxLength: 9 } } } } }
      responses: { "200": { description: they } }
    post:
      requestBody:
        content:
          application/json: { schema: { $ref: "#/components/schemas/User" } }
          application/vnd.any: { schema: { type: string } }
          multipart/form-data: { schema: { $ref: "#/components/schemas/User" } }
          application/x-www-form-urlencoded: { schema: { $ref: "#/components/schemas/User" } }
          text/plain: { schema: { type: string, pattern: "^[a-z+-]*$" } }
      responses: { "201": { description: made } }
components: { schemas: { User: { type: object, properties: { role: { enum: [guest] }, name: { type: string } } } } }
`

func TestABodyThatIsReadInTwoWaysIsRefused(t *testing.T) {
	s := compile(t, written(t, "roles.yaml", roles), nil)[0]
	const form = "multipart/form-data; boundary=x"
	part := func(head, text string) string {
		return "--x\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + text + "\r\n"
	}
	role := part(`name="role"`, "admin")
	for _, c := range []struct {
		what, contentType, body string
		want                    string // "" passes; else what the refusal says
	}{
		{"a form", form, part(`name="role"`, "guest") + "--x--\r\n", ""},
		{"a form with a file", form, part(`name="photo"; filename="a.png"`, "\x89PNG") + "--x--\r\n", ""},
		{"another role", form, role + "--x--\r\n", "invalid_body"},
		{"a part behind the end", form, part(`name="name"`, "Anna") + "--x--\r\n" + role + "--x--\r\n", "unreadable_body"},
		{"a part before the first", form, "--x \r\n\r\n" + role + "--x--\r\n", "unreadable_body"},
		{"a boundary after a bare LF", form, part(`name="name"`, "Anna\n"+strings.ReplaceAll(role, "\r", "")) + "--x--\r\n", "unreadable_body"},
		{"two boundaries", form + "; boundary*0=y", strings.ReplaceAll(part(`name="name"`, "Anna\r\n"+role+"--x--"), "--x", "--y") + "--y--\r\n", "unreadable_body"},
		{"a name in two ways", form, part(`name="role"; name*=utf-8''name`, "admin") + "--x--\r\n", "unreadable_body"},
		{"two dispositions", form, strings.Replace(role, "\r\n\r\n", "\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n", 1) + "--x--\r\n", "unreadable_body"},
		{"a part in base64", form, strings.Replace(role, "\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1) + "--x--\r\n", "unreadable_body"},
		{"many parts", form, strings.Repeat(part(`name="name"`, "a"), 1001) + "--x--\r\n", "too many parts"},
		{"a part of the head is nothing", form, "--x\r\nwhat\r\n\r\n1\r\n--x--\r\n", "unreadable_body"},

		{"UTF-8, as it is said", "application/json; charset=UTF-8", `{"name":"Ånna"}`, ""},
		{"ASCII, whatever is said", `application/json; charset="iso-8859-1"`, `{"name":"Anna"}`, ""},
		{"UTF-8 that is said to be Latin", "application/json; charset=iso-8859-1", `{"name":"Ånna"}`, "unknown_media_type"},
		{"JSON that is said to be UTF-7", "application/json; charset=utf-7", `{"name":"+ACIsIg-role+ACI:+ACI-admin"}`, "unknown_media_type"},
		{"a form that is said to be EBCDIC", "application/x-www-form-urlencoded; charset=ibm037", "name=Anna", "its charset is not UTF-8"},
		{"text that is said to be UTF-7", "text/plain; charset=utf-7", "+adw-", "unknown_media_type"},
		{"what nobody reads, in any charset", "application/vnd.any; charset=utf-7", "+adw-", ""},
		{"JSON behind a mark of byte order", "application/json", "\ufeff{}", "unreadable_body"},
		{"JSON in UTF-16", "application/json", "{\x00}\x00", "unreadable_body"},
		{"two types", "application/json, text/plain", "{}", "unknown_media_type"},
		{"a type with a parameter twice", "application/json; charset=utf-8; charset=utf-7", "{}", "unknown_media_type"},
		{"a name twice, once escaped", "application/json", `{"role":"admin","r\u006fle":"guest"}`, "unreadable_body"},
		{"half a character", "application/json", `{"role":"guest","role\ud800":"admin"}`, "unreadable_body"},
		{"a form with the name twice", "application/x-www-form-urlencoded", "role=guest&role=admin", "once"},
	} {
		x := request("POST /users", c.body, "Content-Type: "+c.contentType)
		got := told(x, ask(&s, x, c.body))
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s; want %s", c.what, got, c.want)
		}
	}
}

func TestAParameterThatIsReadInTwoWaysIsRefused(t *testing.T) {
	s := compile(t, written(t, "roles.yaml", roles), nil)[0]
	for _, c := range []struct{ ask, fields, want string }{
		{"GET /users?where[role]=guest&where[tags]=a&where[tags]=b", "", ""},
		{"GET /users?where[role][$ne]=guest", "", "has members that are nested"},
		{"GET /users?where[role][]=guest", "", "has members that are nested"},
		{"GET /users?where%5Brole%5D%5B%24ne%5D=guest", "", "has members that are nested"},
		{`GET /users?roles=["guest"]`, "", ""},
		{`GET /users?roles=[{}]`, "", `"pointer":"/0"`},
		{`GET /users?roles=[{}]&roles=1`, "", "once"},
		{`GET /users`, `X-Roles: ["guest"]`, ""},
		{`GET /users`, `X-Roles: {}`, "must be an array"},
	} {
		x := request(c.ask, "")
		if c.fields != "" {
			x = request(c.ask, "", c.fields)
		}
		got := told(x, ask(&s, x, ""))
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %s; want %s", c.ask, c.fields, got, c.want)
		}
	}
}

func TestNamesOfABodyAreToldInShort(t *testing.T) {
	text := strings.Replace(roles, "User: { type: object,", "User: { type: object, additionalProperties: { type: array, items: { type: integer } },", 1)
	s := compile(t, written(t, "roles.yaml", text), nil)[0]
	long := strings.Repeat("ü", 100_000)
	for _, c := range []struct{ contentType, body string }{
		{"application/json", `{"` + long + `":["x"]}`},
		{"application/json", `{"` + long + `":1,"` + long + `":2}`},
		{"application/x-www-form-urlencoded", long + "=x"},
	} {
		x := request("POST /users", c.body, "Content-Type: "+c.contentType)
		got := told(x, ask(&s, x, c.body))
		if len(got) > 500 || !strings.Contains(got, "ü…") || len(x.Cause.Error()) > 500 || !strings.Contains(x.Cause.Error(), "ü…") {
			t.Errorf("%.40s: %d bytes to the client, %d to the log: %.80s", c.body, len(got), len(x.Cause.Error()), got)
		}
	}
}
