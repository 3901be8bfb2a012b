package content

import (
	"strings"
	"testing"

	"weir/http7"
)

// read returns what stands at a path of a body, one after another with commas between, "{}" for what
// is no plain value; "broken" for a body that is refused.
func read(t testing.TB, path, body string) string {
	t.Helper()
	var p Paths
	n, kind := p.Add(path)
	var v Values
	if !p.Read(kind, []byte(body), &v) {
		return "broken"
	}
	return told(&v, n)
}

func told(v *Values, number int) string {
	var list []string
	for w := v.First(number); w.Valid(); w = v.After(w) {
		text := string(w.Text())
		if w.Compound() {
			text = "{}"
		}
		list = append([]string{text}, list...)
	}
	return strings.Join(list, ",")
}

func head(fields ...string) *http7.Header {
	var h http7.Header
	for i := 0; i < len(fields); i += 2 {
		h.AddRaw([]byte(fields[i]), []byte(fields[i+1]))
	}
	return &h
}

func TestKindsOfContent(t *testing.T) {
	const ct, ce = "Content-Type", "Content-Encoding"
	for _, c := range []struct {
		head *http7.Header
		want Kind
	}{
		{head(), None},
		{head(ct, "application/json"), JSON},
		{head(ct, "Application/JSON; charset=utf-8"), JSON},
		{head(ct, "application/json ;a=b"), JSON},
		{head(ct, "application/problem+json"), JSON},
		{head(ct, "application/vnd.a+JSON"), JSON},
		{head(ct, "text/json"), None},
		{head(ct, "application/jsonx"), None},
		{head(ct, "text/xml"), XML},
		{head(ct, "application/xml"), XML},
		{head(ct, "application/soap+xml; action=a"), XML},
		{head(ct, "text/plain"), None},
		{head(ct, ""), None},
		{head(ct, "application/json", ct, "application/a+json"), JSON},
		{head(ct, "application/json", ct, "text/plain"), None},
		{head(ct, "text/plain", ct, "application/json"), None},
		{head(ct, "application/json", ct, "text/xml"), None},
		{head(ct, "application/json", ce, "identity"), JSON},
		{head(ct, "application/json", ce, "gzip"), None},
		{head(ce, "gzip"), None},
	} {
		if got := KindOf(c.head); got != c.want {
			t.Errorf("%s is %d, want %d", c.head.AppendLines(nil, 0), got, c.want)
		}
	}
}

func TestPathsThatLeadNowhereAreRefused(t *testing.T) {
	for _, c := range []struct {
		path string
		kind Kind
		want string
	}{
		{"order.type", JSON, ""},
		{"a", JSON, ""},
		{"*", JSON, ""},
		{`k8s\.io.name`, JSON, ""},
		{"", JSON, "a name is missing beside a dot"},
		{".a", JSON, "a name is missing beside a dot"},
		{"a.", JSON, "a name is missing beside a dot"},
		{"a..b", JSON, "a name is missing beside a dot"},
		{strings.Repeat("a.", 64) + "a", JSON, "it leads deeper than bodies may be"},
		{"/order/type", XML, ""},
		{"/order/*/@id", XML, ""},
		{"/", XML, "an element has no name"},
		{"/a//b", XML, "an element has no name"},
		{"/@a", XML, "an attribute stands at the end, behind its element"},
		{"/a/@b/c", XML, "an attribute stands at the end, behind its element"},
		{"/a/@", XML, "an element has no name"},
		{"/s:a", XML, `"s:a" is no name; prefixes are left out`},
		{"/a[1]", XML, `"a[1]" is no name; prefixes are left out`},
		{"/a*", XML, `"a*" is no name; prefixes are left out`},
		{"/a/@*", XML, `"@*" is no name; prefixes are left out`},
		{strings.Repeat("/a", 65), XML, "it leads deeper than bodies may be"},
	} {
		kind, err := Check(c.path)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if kind != c.kind || text != c.want {
			t.Errorf("%q: kind %d, %q; want %d, %q", c.path, kind, text, c.kind, c.want)
		}
	}
}

func TestOneReadServesAllPaths(t *testing.T) {
	var p Paths
	paths := []string{"a.b", "a.*", "*.b", "a", "/x/y", "a..b", "a.b"}
	var numbers []int
	for _, path := range paths {
		n, _ := p.Add(path)
		numbers = append(numbers, n)
	}
	if numbers[6] != numbers[0] {
		t.Errorf("the same path has the numbers %d and %d", numbers[0], numbers[6])
	}
	var v Values
	for range 2 { // the second time Values is used again
		if !p.Read(JSON, []byte(`{"a":{"b":"1","c":"2"},"d":{"b":"3"}}`), &v) {
			t.Fatal("broken")
		}
		for i, want := range []string{"1", "1,2", "1,3", "{}", "", ""} {
			if got := told(&v, numbers[i]); got != want {
				t.Errorf("%s is %q, want %q", paths[i], got, want)
			}
		}
	}
	if !p.Read(XML, []byte(`<x><y>4</y></x>`), &v) || told(&v, numbers[4]) != "4" || told(&v, numbers[0]) != "" {
		t.Errorf("from XML: %q", told(&v, numbers[4]))
	}
	if p.Read(None, nil, &v) {
		t.Error("a body of no kind was read")
	}
}
