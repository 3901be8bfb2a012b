package validate_test

import (
	"strings"
	"testing"

	"weir/http7/policy/validate"
)

const (
	jsonType = "Content-Type: application/json"
	formType = "Content-Type: application/x-www-form-urlencoded"
	good     = `{"customer":"Anna","items":[{"sku":"A","n":2}],"note":null,"total":9.5,"due":"2026-11-21"}`
	id       = "0b2e6a1c-6a0e-4d3c-8b1e-2f7a9c4d5e6f"
)

func TestParametersAreHeldAgainstTheirSchemas(t *testing.T) {
	s := compile(t, orders, nil)[0]
	for _, c := range []struct {
		ask    string
		fields string
		want   string // "" passes; else what the refusal says
	}{
		{"GET /v1/orders", "", ""},
		{"GET /v1/orders?page=2&page2=x&_=1", "", ""},
		{"GET /v1/orders?page=0", "", `invalid_parameters "errors":[{"in":"query","name":"page","pointer":"","reason":"is less than 1"}]`},
		{"GET /v1/orders?page=two", "", `"reason":"is a string, must be an integer"`},
		{"GET /v1/orders?page=1.5", "", `must be an integer`},
		{"GET /v1/orders?page=1&page=2", "", `"name":"page","pointer":"","reason":"is more than once`},
		{"GET /v1/orders?page=1&p%61ge=2", "", `once`},
		{"GET /v1/orders?page=%zz", "", `is not percent-encoded right`},
		{"GET /v1/orders?tags=a&tags=b&tags=1", "", ""},
		{"GET /v1/orders?tags=a&tags=b&tags=c&tags=d", "", `has more than 3 items`},
		{"GET /v1/orders?ids=1,2,3", "", ""},
		{"GET /v1/orders?ids=1,x", "", `"name":"ids","pointer":"/1","reason":"is a string, must be an integer"`},
		{"GET /v1/orders?ids=1&ids=2", "", `once`},
		{"GET /v1/orders?span=1.5|2", "", ""},
		{"GET /v1/orders?span=1", "", `has fewer than 2 items`},
		{"GET /v1/orders?filter[paid]=true&filter[min]=1e2", "", ""},
		{"GET /v1/orders?filter[paid]=yes", "", `"pointer":"/paid","reason":"is a string, must be a boolean"`},
		{"GET /v1/orders?filter[other]=1", "", `has what is not described: \"other\"`},
		{"GET /v1/orders?filter[paid]=true&filter[paid]=false", "", `once`},
		{"GET /v1/orders?lat=1&lon=2", "", ""},
		{"GET /v1/orders?lat=1", "", `"name":"box","pointer":"","reason":"lacks \"lon\""`},
		{`GET /v1/orders?where={"status":"paid"}`, "", ""},
		{`GET /v1/orders?where={"status":1,"status":2}`, "", `same name twice`},
		{`GET /v1/orders?where={}`, "", `lacks \"status\"`},
		{"GET /v1/orders", "X-Trace: deadbeef", ""},
		{"GET /v1/orders", "x-trace: DEADBEEF", `"in":"header","name":"X-Trace","pointer":"","reason":"does not match`},
		{"GET /v1/orders", "X-Sizes: 1, 2,3", ""},
		{"GET /v1/orders", "X-Sizes: 1, b", `"pointer":"/1"`},
		{"GET /v1/orders", "Cookie: a=b; sid=abcd", ""},
		{"GET /v1/orders", "Cookie: sid=abc", `"in":"cookie","name":"sid","pointer":"","reason":"is shorter than 4"`},
		{"GET /v1/orders", "Cookie: sid=abcd; sid=efgh", `once`},
		{"GET /v1/orders/" + id, "", ""},
		{"GET /v1/orders/%30b2e6a1c-6a0e-4d3c-8b1e-2f7a9c4d5e6f", "", ""},
		{"GET /v1/orders/17", "", `"in":"path","name":"id","pointer":"","reason":"is not of the format uuid"`},
		{"GET /v1/orders/latest", "", ""},
		{"HEAD /v1/orders?page=0", "", `is less than 1`},
		{"DELETE /v1/orders/" + id, "", `"name":"reason","pointer":"","reason":"is missing"`},
		{"DELETE /v1/orders/" + id + "?reason=fraud", "", ""},
		{"DELETE /v1/orders/" + id + "?reason=", "", `is none of the values that are allowed`},
		{"GET /v1/files/report.pdf", "", ""},
		{"GET /v1/files/a.b.png", "", ""},
		{"GET /v1/files/report.exe", "", `"name":"ext"`},
		{"GET /v1/files/a-long-report.pdf", "", `is longer than 8`},
		{"GET /v1/matrix/;x=1;y=2/.3,4", "", ""},
		{"GET /v1/matrix/;x=1/.3", "", `lacks \"y\"`},
		{"GET /v1/matrix/x=1;y=2/.3", "", `does not begin with a semicolon`},
		{"GET /v1/matrix/;x=1;y=2/3", "", `does not begin with a dot`},
		{"GET /v1/nothing", "", "undocumented_path "},
		{"GET /orders", "", "undocumented_path "},
		{"GET /v1/orders/", "", "undocumented_path "},
		{"GET /v1/orders/a/b", "", "undocumented_path "},
		{"PATCH /v1/orders", "", "undocumented_method "},
		{"get /v1/orders", "", "undocumented_method "},
	} {
		var fields []string
		if c.fields != "" {
			fields = append(fields, c.fields)
		}
		x := request(c.ask, "", fields...)
		got := told(x, ask(&s, x, ""))
		if c.want == "" && got != "" || !strings.Contains(got, strings.ReplaceAll(c.want, "is more than once", "is there more than once")) {
			t.Errorf("%s %s: %s; want %s", c.ask, c.fields, got, c.want)
		}
	}
}

func TestBodiesAreHeldAgainstTheirSchemas(t *testing.T) {
	s := compile(t, orders, nil)[0]
	const post, put, forms = "POST /v1/orders", "PUT /v1/tree", "POST /v1/forms"
	multi := func(parts ...string) string {
		var b strings.Builder
		for i := 0; i < len(parts); i += 2 {
			b.WriteString("--x\r\nContent-Disposition: form-data; " + parts[i] + "\r\n\r\n" + parts[i+1] + "\r\n")
		}
		return b.String() + "--x--\r\n"
	}
	for _, c := range []struct {
		ask, contentType, body string
		want                   string
	}{
		{post, "application/json", good, ""},
		{post, "Application/JSON; charset=utf-8", good, ""},
		{post, "application/json", `{"id":"` + id + `",` + good[1:], ""},
		{post, "application/json", "", "missing_body"},
		{post, "application/json", "{", "unreadable_body"},
		{post, "application/json", `{"customer":"Anna","customer":"Bert","items":[{"sku":"A","n":2}]}`, `unreadable_body "errors":[{"in":"body","pointer":"/customer","reason":"an object has the same name twice"}]`},
		{post, "application/json", `[]`, `invalid_body "errors":[{"in":"body","pointer":"","reason":"is an array, must be an object"}]`},
		{post, "application/json", `{"customer":"","items":[{"sku":"A","n":0},{"n":1.5}]}`, `"pointer":"/items/0/n","reason":"is less than 1"`},
		{post, "application/json", `{"customer":"Anna","items":[]}`, `"pointer":"/items","reason":"has fewer than 1 items"`},
		{post, "application/json", `{"customer":"Anna","items":[{"sku":"A","n":3000000000}]}`, `is not of the format int32`},
		{post, "application/json", `{"customer":"Anna","items":[{"sku":"A","n":1}],"total":0}`, `is not more than 0`},
		{post, "application/json", `{"customer":"Anna","items":[{"sku":"A","n":1}],"due":"soon"}`, `is not of the format date`},
		{post, "application/json", `{"customer":"Anna","items":[{"sku":"A","n":1}],"admin":true}`, `has what is not described: \"admin\"`},
		{post, "application/json", `{"items":[{"sku":"A","n":1}]}`, `lacks \"customer\"`},
		{post, "application/json", `{"customer":"Anna","items":[{"sku":"A","n":1e999}]}`, `"pointer":"/items/0/n","reason":"a number is out of range"`},
		{post, "text/plain", good, "unknown_media_type"},
		{post, "application/json, text/plain", good, "unknown_media_type"},
		{post, "", good, "unknown_media_type"},
		{"GET /v1/orders", "application/json", good, "unwanted_body"},
		{put, "application/vnd.tree+json", `{"value":1,"left":{"value":"abc","right":{"value":2}}}`, ""},
		{put, "application/json", `{"value":1,"left":{"value":"abcd"}}`, `"pointer":"/left/value","reason":"fits none of the forms that are allowed"`},
		{put, "application/json", `{"value":1,"left":{}}`, `"pointer":"/left","reason":"lacks \"value\""`},
		{forms, "application/x-www-form-urlencoded", "name=Anna&age=7&sizes=1+2+3&tags=a&tags=7&meta=%7B%22k%22:1%7D", ""},
		{forms, "application/x-www-form-urlencoded", "name=Anna&age=old", `"pointer":"/age"`},
		{forms, "application/x-www-form-urlencoded", "name=Anna&age=7&age=8", `\"age\" is there more than once`},
		{forms, "application/x-www-form-urlencoded", "name=Anna&admin=1", `\"admin\"`},
		{forms, "application/x-www-form-urlencoded", "name=Anna&meta=%7B%7D", `"pointer":"/meta","reason":"lacks \"k\""`},
		{forms, "application/x-www-form-urlencoded", "name=%", "unreadable_body"},
		{forms, "application/x-www-form-urlencoded", strings.Repeat("tags=a&", 1001) + "name=b", "unreadable_body"},
		{forms, "multipart/form-data; boundary=x", multi(`name="name"`, "Anna", `name="age"`, "7", `name="file"; filename="a.bin"`, "\x00\xff"), ""},
		{forms, "multipart/form-data; boundary=x", multi(`name="age"`, "7"), `lacks \"name\"`},
		{forms, "multipart/form-data; boundary=x", multi(`name="name"`, "Anna", `name="admin"`, "1"), `\"admin\"`},
		{forms, "multipart/form-data; boundary=x", multi(`name="name"`, "Anna", `name="name"`, "Bert"), "more than once"},
		{forms, "multipart/form-data; boundary=x", multi(`name="name"; name="age"`, "Anna"), "unreadable_body"},
		{forms, "multipart/form-data; boundary=x", multi(`name="name"`, "Anna")[:30], "unreadable_body"},
		{forms, "multipart/form-data; boundary=x", "name=Anna\r\n" + multi(`name="name"`, "Anna"), "unreadable_body"},
		{forms, "multipart/form-data; boundary=x", multi(`name="name"`, "Anna") + "--x\r\n", "unreadable_body"},
		{forms, "multipart/form-data", multi(`name="name"`, "Anna"), "unreadable_body"},
		{forms, "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=name\r\nContent-Transfer-Encoding: base64\r\n\r\nQW5uYQ==\r\n--x--\r\n", "unreadable_body"},
		{forms, "text/plain", "hello", ""},
		{forms, "text/plain", "hello!", "is longer than 5"},
		{forms, "text/csv", "a,b", ""},
		{forms, "application/octet-stream", "\x00\xff", ""},
		{forms, "", "", ""},
	} {
		var fields []string
		if c.contentType != "" {
			fields = append(fields, "Content-Type: "+c.contentType)
		}
		x := request(c.ask, c.body, fields...)
		got := told(x, ask(&s, x, c.body))
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s %s %.80q: %s; want %s", c.ask, c.contentType, c.body, got, c.want)
		}
	}
}

func TestOfABodyOfUnknownLengthTheSameHolds(t *testing.T) {
	s := compile(t, orders, nil)[0]
	for _, c := range []struct{ ask, body, want string }{
		{"POST /v1/orders", good, ""},
		{"POST /v1/orders", "[]", "invalid_body"},
		{"POST /v1/orders", "", "missing_body"},
		{"GET /v1/orders", "", ""},
		{"GET /v1/orders", good, "unwanted_body"},
		{"POST /v1/orders", good + strings.Repeat(" ", 1<<20), "invalid_body_too_large"},
	} {
		x := request(c.ask, c.body, jsonType)
		x.Body.Length = -1
		if got := told(x, ask(&s, x, c.body)); c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %.20q: %s, want %s", c.ask, c.body, got, c.want)
		}
	}
}

func TestRequestsForWhatIsNotDocumentedMayPass(t *testing.T) {
	s := compile(t, orders, func(c *validate.Config) { c.Undocumented = "pass"; c.BasePath = "/api/" })[0]
	for line, want := range map[string]string{
		"GET /api/orders":        "",
		"GET /api/orders?page=0": "",
		"GET /api/other":         "edge.validate:undocumented_path",
		"PUT /api/orders":        "edge.validate:undocumented_method",
		"GET /apiorders":         "edge.validate:undocumented_path",
	} {
		x := request(line, "")
		f := ask(&s, x, "")
		if (f != nil) != strings.Contains(line, "page=0") || strings.Join(x.Verdicts, ";") != want {
			t.Errorf("%s: %v, %v; want %q", line, f, x.Verdicts, want)
		}
	}
}
