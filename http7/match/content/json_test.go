package content

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestValuesInJSON(t *testing.T) {
	deep := strings.Repeat("[", 63) + "1" + strings.Repeat("]", 63)
	for _, c := range []struct{ path, body, want string }{
		{"order.type", `{"order":{"type":"refund"}}`, "refund"},
		{"order.type", ` { "order" : { "a" : 1 , "type" : "refund" } } `, "refund"},
		{"order.type", `{"order":{"Type":"refund"}}`, ""},
		{"order.type", `{"order":"type"}`, ""},
		{"order.type", `{"order":[{"type":"a"}]}`, ""},
		{"order.type", `{"order":{"type":"a"},"order":{"type":"b","type":"c"}}`, "a,b,c"},
		{"order.type", `{"order":{"type":{"a":1}}}`, "{}"},
		{"order.type", `{"order":{"type":[]}}`, "{}"},
		{"order", `{"order":{"type":1}}`, "{}"},
		{"items.0.sku", `{"items":[{"sku":"a"},{"sku":"b"}]}`, "a"},
		{"items.1.sku", `{"items":[{"sku":"a"},{"sku":"b"}]}`, "b"},
		{"items.01.sku", `{"items":[{"sku":"a"},{"sku":"b"}]}`, ""},
		{"items.*.sku", `{"items":[{"sku":"a"},{"sku":"b"},{}]}`, "a,b"},
		{"items.*", `{"items":["a","a","b","b","a",{},[],{}]}`, "a,b,{}"},
		{"items.0", `{"items":{"0":"a"}}`, "a"},
		{"items.*", `{"items":{"0":"a","x":2}}`, "a,2"},
		{`k8s\.io.a`, `{"k8s.io":{"a":1}}`, "1"},
		{`\*`, `{"a":1,"*":2}`, "2"},
		{`\\a`, `{"\\a":1}`, "1"},
		{"a", `{"a":true}`, "true"},
		{"a", `{"a":false}`, "false"},
		{"a", `{"a":null}`, "null"},
		{"a", `{"a":-1.50e+3}`, "-1.50e+3"},
		{"a", `{"a":0}`, "0"},
		{"a", `{"a":""}`, ""},
		{"a", `{"a":"\u0041\n\"\/\ud83d\ude00"}`, "A\n\"/😀"},
		{"aé", `{"a\u00e9":"ü"}`, "ü"},
		{"0", `["x"]`, "x"},
		{"a", `"text"`, ""},
		{"a", `1`, ""},
		{"a", deep, ""},
		{strings.TrimSuffix(strings.Repeat("0.", 63), "."), deep, "1"},

		{"a", ``, "broken"},
		{"a", ` `, "broken"},
		{"a", `{`, "broken"},
		{"a", `{"a"`, "broken"},
		{"a", `{"a":}`, "broken"},
		{"a", `{"a":1,}`, "broken"},
		{"a", `{"a":1 "b":2}`, "broken"},
		{"a", `{a:1}`, "broken"},
		{"a", `{'a':1}`, "broken"},
		{"a", `[1,]`, "broken"},
		{"a", `[1 2]`, "broken"},
		{"a", `[`, "broken"},
		{"a", `]`, "broken"},
		{"a", `{"a":1}{"a":2}`, "broken"},
		{"a", `{"a":1} x`, "broken"},
		{"a", `{"a":01}`, "broken"},
		{"a", `{"a":1.}`, "broken"},
		{"a", `{"a":.1}`, "broken"},
		{"a", `{"a":1e}`, "broken"},
		{"a", `{"a":+1}`, "broken"},
		{"a", `{"a":-}`, "broken"},
		{"a", `{"a":NaN}`, "broken"},
		{"a", `{"a":tru}`, "broken"},
		{"a", `{"a":truex}`, "broken"},
		{"a", "{\"a\":\"\n\"}", "broken"},
		{"a", `{"a":"\x"}`, "broken"},
		{"a", `{"a":"\u00g0"}`, "broken"},
		{"a", `{"a":"\u12"}`, "broken"},
		{"a", `{"a":"\`, "broken"},
		{"a", `{"a":"x`, "broken"},
		{"a", `{"a":"\ud83d"}`, "broken"},
		{"a", `{"a":"\ude00\ud83d"}`, "broken"},
		{"a", `{"a":"\ud83d\u0041"}`, "broken"},
		{"a", "{\"a\":\"\xff\"}", "broken"},
		{"a", "{\"\xff\":1}", "broken"},
		{"a", "\xef\xbb\xbf{}", "broken"},
		{"a", "// c\n{}", "broken"},
		{"a", strings.Repeat("[", 65) + strings.Repeat("]", 65), "broken"},
		{"a", strings.Repeat(`{"a":`, 100_000), "broken"},
	} {
		if got := read(t, c.path, c.body); got != c.want {
			t.Errorf("%s of %.80s is %q, want %q", c.path, c.body, got, c.want)
		}
	}
}

// tokens reads JSON with the library's decoder, which keeps members of the same name apart, and writes
// every plain value behind its path.
func tokens(d *json.Decoder, path string, depth int) (list []string, ok bool) {
	if depth > MostDepth {
		return nil, false
	}
	t, err := d.Token()
	if err != nil {
		return nil, false
	}
	delim, compound := t.(json.Delim)
	if !compound {
		if t == nil {
			t = "null"
		}
		return []string{path + "=" + fmt.Sprint(t)}, true
	}
	if depth == MostDepth {
		return nil, false
	}
	for i := 0; d.More(); i++ {
		name := strconv.Itoa(i)
		if delim == '{' {
			t, err := d.Token()
			if err != nil {
				return nil, false
			}
			name = t.(string)
		}
		more, ok := tokens(d, path+"."+name, depth+1)
		if !ok {
			return nil, false
		}
		list = append(list, more...)
	}
	_, err = d.Token()
	return list, err == nil
}

// FuzzJSON compares the reader with the standard library: it reads nothing that the library calls
// broken, refuses else only what is told above it, and finds the same values.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":{"b":[1,"x",null,true]}}`, `[[[]]]`, `{"a":"\u0041\ud83d\ude00"}`, `{"a":1,"a":2}`, `1e5`, "\"\xff\"", `{"a\\":"\b"}`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var p Paths
		var v Values
		numbers := make([]int, 6)
		for depth := range numbers {
			numbers[depth], _ = p.AddEvery("*" + strings.Repeat(".*", depth))
		}
		ok := p.Read(JSON, body, &v)
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		want, shallow := tokens(d, "", 0)
		stricter := v.every > MostValues || !utf8.Valid(body) || !shallow || bytes.Contains(body, []byte(`\u`))
		if valid := json.Valid(body); ok && !valid || valid && !ok && !stricter {
			t.Fatalf("%q is read: %v, the library: %v", body, ok, valid)
		}
		if !ok {
			return
		}
		for depth, n := range numbers {
			compare(t, body, want, depth+1, &v, n)
		}
	})
}

// compare looks at the values that stand so deep.
func compare(t *testing.T, body []byte, all []string, depth int, v *Values, number int) {
	t.Helper()
	var got []string
	for w := v.First(number); w.Valid(); w = v.After(w) {
		if !w.Compound() {
			got = append(got, string(w.Text()))
		}
	}
	if bytes.ContainsAny(body, `.=\`) {
		return // names that this test's own writing of paths does not tell apart
	}
	var want []string
	for _, line := range all {
		path, value, _ := strings.Cut(line, "=")
		if strings.Count(path, ".") == depth {
			want = append(want, value)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	got, want = slices.Compact(got), slices.Compact(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%q at depth %d: %q, the library finds %q", body, depth, got, want)
	}
}

func TestReadingJSONAllocatesNothing(t *testing.T) {
	var p Paths
	n, _ := p.Add("items.*.sku")
	m, _ := p.Add("order.type")
	var v Values
	body := []byte(`{"order":{"type":"re\u0066und","note":"x"},"items":[{"sku":"a"},{"sku":"b","n":12.5}]}`)
	allocs := testing.AllocsPerRun(100, func() {
		if !p.Read(JSON, body, &v) || !v.First(n).Valid() || string(v.First(m).Text()) != "refund" {
			t.Error("not read")
		}
	})
	if allocs != 0 {
		t.Fatalf("allocates %v times", allocs)
	}
}

func TestALargeBodyLeavesNoLargeBlocks(t *testing.T) {
	var p Paths
	p.Add("*")
	var v Values
	if !p.Read(JSON, []byte("["+strings.Repeat(`"\n",`, 100_000)+`1]`), &v) {
		t.Fatal("broken")
	}
	v.Drop()
	if cap(v.found) > mostFound || cap(v.text) > mostText {
		t.Fatalf("%d values and %d bytes are kept", cap(v.found), cap(v.text))
	}
}

func BenchmarkJSON(b *testing.B) {
	var p Paths
	p.Add("items.*.sku")
	body := []byte(`{"items":[` + strings.Repeat(`{"sku":"4711","price":12.5,"text":"a longer text of one item","tags":["a","b"]},`, 1000) + `{}]}`)
	var v Values
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if !p.Read(JSON, body, &v) {
			b.Fatal("broken")
		}
	}
}
