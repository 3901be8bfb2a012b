package content

import (
	"fmt"
	"strings"
	"testing"

	"weir/http7"
)

// read returns what stands at a path of a body, one after another with commas between, "{}" for what
// is no plain value; "broken" for a body that is refused.
func read(t testing.TB, path, body string) string {
	t.Helper()
	var p Paths
	n, kind := p.AddEvery(path)
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

func TestOfManyValuesAsManyAreKeptAsConditionsAskFor(t *testing.T) {
	distinct := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`"\\u0041%d"`, i))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	two := "[" + strings.Repeat("1,2,", 262_000) + "1]"
	for _, c := range []struct {
		about, path, body string
		every, ok         bool
		found, text       int // no more than that
	}{
		{"two in turn, where a text is asked for", "*", two, false, true, 2, 0},
		{"two in turn, where each counts", "*", two, true, true, 2, 0},
		{"many, where a text is asked for", "*", distinct(100_000), false, true, fewValues, 100},
		{"as many as may be", "*", distinct(MostValues), true, true, MostValues, 1 << 16},
		{"one more", "*", distinct(MostValues + 1), true, false, MostValues, 1 << 16},
		{"very many", "*", distinct(100_000), true, false, MostValues, 1 << 16},
		{"elements in turn", "/a/*", "<a>" + strings.Repeat("<b/><c>1</c>", 80_000) + "</a>", true, true, 2, 100},
	} {
		var p Paths
		add := p.Add
		if c.every {
			add = p.AddEvery
		}
		n, kind := add(c.path)
		var v Values
		if ok := p.Read(kind, []byte(c.body), &v); ok != c.ok || len(v.found) > c.found || len(v.text) > c.text || !v.After(v.First(n)).Valid() {
			t.Errorf("%s: read %v, %d values and %d bytes; want %v, %d and %d", c.about, ok, len(v.found), len(v.text), c.ok, c.found, c.text)
		}
	}
}

func TestAPathThatOneConditionAsksForEveryValueOfHasThemForAll(t *testing.T) {
	for _, order := range []string{"every few", "few every", "few every few"} {
		var p Paths
		for _, word := range strings.Fields(order) {
			if word == "every" {
				p.AddEvery("*")
			} else {
				p.Add("*")
			}
		}
		var v Values
		if !p.Read(JSON, []byte("[1,2,3,4,5,6,7,8,9,10]"), &v) || len(v.found) != 10 {
			t.Errorf("%s: %d values", order, len(v.found))
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
