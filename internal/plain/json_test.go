package plain_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"weir/internal/plain"
)

func TestJSONIsReadAsItStands(t *testing.T) {
	for text, want := range map[string]any{
		`null`:                      nil,
		` true `:                    true,
		`"é"`:                       "é",
		`12345678901234567890.0001`: json.Number("12345678901234567890.0001"),
		`[]`:                        []any{},
		`{}`:                        map[string]any{},
		`[1,[2],{"a":[]}]`:          []any{json.Number("1"), []any{json.Number("2")}, map[string]any{"a": []any{}}},
		`{"a":{"b":null},"c":"d"}`:  map[string]any{"a": map[string]any{"b": nil}, "c": "d"},
		`"\ud83d\uDE00\\ud800\n"`:   "😀\\ud800\n",
		`[{"a":1},{"a":2}]`:         []any{map[string]any{"a": json.Number("1")}, map[string]any{"a": json.Number("2")}},
	} {
		got, at, err := plain.JSON([]byte(text), 8)
		if err != nil || at != "" || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v at %q, %v; want %#v", text, got, at, err, want)
		}
	}
}

func TestJSONThatReadersDifferAboutIsAnError(t *testing.T) {
	for _, c := range []struct {
		text, at string
		want     error
	}{
		{``, "", plain.ErrNotJSON},
		{`{`, "", plain.ErrNotJSON},
		{`{} {}`, "", plain.ErrNotJSON},
		{`{'a':1}`, "", plain.ErrNotJSON},
		{`{"a":1,}`, "", plain.ErrNotJSON},
		{`[01]`, "", plain.ErrNotJSON},
		{`NaN`, "", plain.ErrNotJSON},
		{"\"\xff\"", "", plain.ErrNotJSON},
		{"\ufeff{}", "", plain.ErrNotJSON},
		{`// x` + "\n{}", "", plain.ErrNotJSON},
		{`{"a\ud800":1}`, "", plain.ErrNotJSON},
		{`["\udc00\ud800"]`, "", plain.ErrNotJSON},
		{`"\ud83d\ud83d\ude00"`, "", plain.ErrNotJSON},
		{`"\\\udfff"`, "", plain.ErrNotJSON},
		{`"\ud83d"`, "", plain.ErrNotJSON},
		{`{"a":1,"a":2}`, "/a", plain.ErrTwice},
		{`{"a":1,"\u0061":2}`, "/a", plain.ErrTwice},
		{`{"x":[0,{"a/b":1,"c":2,"a/b":1}]}`, "/x/1/a~1b", plain.ErrTwice},
		{`{"~":{"":1,"":1}}`, "/~0/", plain.ErrTwice},
		{`{"n":[1e400,-1E-400,1e+401]}`, "/n/2", plain.ErrNumber},
		{`1e99999999999999999999`, "", plain.ErrNumber},
		{strings.Repeat("1", 401), "", plain.ErrNumber},
		{"[" + strings.Repeat("1,", 99_999) + "1]", "/99999", plain.ErrMany},
		{`[[[[]]]]`, "/0/0/0", plain.ErrDeep},
		{strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "/0/0/0", plain.ErrDeep},
	} {
		if v, at, err := plain.JSON([]byte(c.text), 3); err != c.want || at != c.at {
			t.Errorf("%.40s: %v at %q, %v; want %v at %q", c.text, v, at, err, c.want, c.at)
		}
	}
}

func TestManyValuesMayNotBeDeep(t *testing.T) {
	for deep, most := range map[int]int{9: 99_900, 100: 9_900} {
		for n, want := range map[int]error{most: nil, most + 200: plain.ErrMany} {
			text := strings.Repeat("[", deep) + strings.Repeat("1,", n) + "1" + strings.Repeat("]", deep)
			if _, _, err := plain.JSON([]byte(text), 128); err != want {
				t.Errorf("%d values %d deep: %v, want %v", n, deep, err, want)
			}
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{"b":null}]}`, `{"a":1,"a":2}`, `[[[]]]`, `"\ud800"`, `1e9`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, at, err := plain.JSON(text, 16)
		if err != nil {
			if v != nil || err == plain.ErrNotJSON && at != "" {
				t.Fatalf("%v at %q, %v", v, at, err)
			}
			return
		}
		var want any
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		if err := d.Decode(&want); err != nil || !reflect.DeepEqual(v, want) {
			t.Fatalf("%#v, encoding/json has %#v, %v", v, want, err)
		}
	})
}

func BenchmarkJSON(b *testing.B) {
	text := []byte(`{"id":"6f1c","items":[{"sku":"A-1","n":2,"price":9.99},{"sku":"B-2","n":1,"price":120}],"note":"as agreed"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := plain.JSON(text, 16); err != nil {
			b.Fatal(err)
		}
	}
}
