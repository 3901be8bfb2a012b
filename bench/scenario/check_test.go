package scenario

import (
	"strings"
	"testing"

	"weir/internal/conf"
)

// problemsOf lists what a check notes, as "key: text".
func problemsOf(check func(*conf.Problems)) string {
	p := conf.NewProblems()
	check(p)
	var list []string
	for _, problem := range p.List() {
		list = append(list, problem.Path.String()+": "+problem.Text)
	}
	return strings.Join(list, "; ")
}

func TestRequestsAreChecked(t *testing.T) {
	good := Request{Name: "a", Weight: 1, Method: "GET", Path: "/"}
	for _, c := range []struct {
		change func(*Request)
		want   string
	}{
		{func(*Request) {}, ""},
		{func(r *Request) { r.Path = "" }, "path: the request has no path"},
		{func(r *Request) { r.Weight = 0 }, "weight: 0 is out of range"},
		{func(r *Request) { r.Weight = -1 }, "weight: -1 is out of range"},
		{func(r *Request) { r.Weight = maxWeight }, ""},
		{func(r *Request) { r.Weight = maxWeight + 1 }, "weight: 1000001 is out of range"},
		{func(r *Request) { r.Method = "get" }, `method: "get" is not a method`},
		{func(r *Request) { r.Method = "purge" }, ""},
		{func(r *Request) { r.Method = "A B" }, `method: "A B" is not a method`},
		{func(r *Request) { r.Method = "CONNECT" }, "method: a scenario opens no tunnels"},
		{func(r *Request) { r.Host = "a.example" }, ""},
		{func(r *Request) { r.Host = "[::1]:80" }, ""},
		{func(r *Request) { r.Host = "http://a" }, `host: "http://a" is not a host`},
		{func(r *Request) { r.Host = "a b" }, `host: "a b" is not a host`},
		{func(r *Request) { r.Host = "a\r\nX: y" }, `host: "a\r\nX: y" is not a host`},
		{func(r *Request) { r.Host = "user@a" }, `host: "user@a" is not a host`},
		{func(r *Request) { r.Name = "a\tb" }, "name: a name holds no control characters"},
		{func(r *Request) { r.Body, r.BodyFile = "a", "b" }, "body_file: the request has a body and a body_file"},
		{func(r *Request) { r.Expect.Body.Matches = "[" }, "expect.body.matches: not a regular expression: missing closing ]: `[`"},
		{func(r *Request) { r.Expect.Body.Equals = "a${b}" }, "expect.body.equals: ${…} has no meaning here"},
		{func(r *Request) { r.Expect.Body.Equals = strings.Repeat("x", 1<<20) }, ""},
		{func(r *Request) { r.Expect.Body.Equals = strings.Repeat("x", 1<<20+1) }, "expect.body.equals: the text is longer than 1 MiB, which is all that is seen of an answer"},
		{func(r *Request) { r.Expect.Body.Contains = []string{"ok", "${"} }, "expect.body.contains[1]: ${…} has no meaning here"},
	} {
		r := good
		c.change(&r)
		if got := problemsOf(r.check); got != c.want {
			t.Errorf("%+.80v: %s, want %s", r, got, c.want)
		}
	}
}

func TestFieldNamesAreChecked(t *testing.T) {
	for name, want := range map[string]string{
		"X-Tenant":          "",
		"Accept":            "",
		"Cookie":            "",
		"Host":              "Host: the host is not written among the headers",
		"hOST":              "hOST: the host is not written among the headers",
		"Content-Length":    "Content-Length: the generator writes Content-Length itself",
		"transfer-encoding": "transfer-encoding: the generator writes transfer-encoding itself",
		"Connection":        "Connection: the generator writes Connection itself",
		"Expect":            "Expect: the generator writes Expect itself",
		"A B":               `"A B": "A B" is not the name of a header field`,
		"A:":                `"A:": "A:" is not the name of a header field`,
		"Ä":                 `"Ä": "Ä" is not the name of a header field`,
	} {
		if got := problemsOf(func(p *conf.Problems) { checkFieldName(name, p) }); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestPathsAndFieldsRefuseWhatTheyCanNotHold(t *testing.T) {
	for _, c := range []struct {
		to    sink
		value string
		first bool
		want  string
	}{
		{pathSink{}, "/a?b=c%20d&e", true, ""},
		{pathSink{}, "a", false, ""},
		{pathSink{}, "", false, ""},
		{pathSink{}, "", true, `a path begins with /, not with ""`},
		{pathSink{}, "a", true, `a path begins with /, not with "a"`},
		{pathSink{}, "/a b", true, "a path holds no ' '"},
		{pathSink{}, "/a\tb", true, `a path holds no '\t'`},
		{pathSink{}, "b#c", false, "a path holds no '#'"},
		{pathSink{}, "é", false, "a path holds no 'é'"},
		{pathSink{}, "\x7f", false, `a path holds no '\x7f'`},
		{fieldSink{}, "a, b; c=\"é\"\td", true, ""},
		{fieldSink{}, "", true, ""},
		{fieldSink{}, "a\nb", false, `a header field's value holds no '\n'`},
		{fieldSink{}, "a\x00b", false, `a header field's value holds no '\x00'`},
		{fieldSink{}, "a\x7fb", false, `a header field's value holds no '\x7f'`},
	} {
		text, hint := c.to.refuse(c.value, c.first)
		if text != c.want || (text != "") != (hint != "") {
			t.Errorf("%T %q: %q (%q), want %q", c.to, c.value, text, hint, c.want)
		}
	}
}

func TestEveryRowIsTriedInItsPlace(t *testing.T) {
	d := &table{file: "x.csv", columns: []string{"v"}, rows: 3, text: "/a/b\nc", ends: []uint32{2, 4, 6}}
	for _, c := range []struct {
		encode encoding
		to     sink
		first  bool
		want   string
	}{
		{inPath, pathSink{}, false, ""},
		{inPath, pathSink{}, true, `x.csv, column v, row 1: a path begins with /, not with "%2Fa"`},
		{asIs, pathSink{}, true, `x.csv, column v, row 3: a path begins with /, not with "\nc"`},
		{asIs, pathSink{}, false, `x.csv, column v, row 3: a path holds no '\n'`},
		{asIs, fieldSink{}, false, `x.csv, column v, row 3: a header field's value holds no '\n'`},
		{inJSON, fieldSink{}, false, ""},
	} {
		v := piece{kind: column, encode: c.encode, data: d}
		if text, _ := v.refused(c.to, c.first); text != c.want {
			t.Errorf("%v in %T: %s, want %s", c.encode, c.to, text, c.want)
		}
	}
}
