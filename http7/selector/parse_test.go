package selector

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/http7"
)

func valuesOf(t testing.TB, query, name string) []string {
	x := asked("h", "/")
	x.Query = []byte(query)
	s := compiled(t, "query:a")
	s.parts[0].name = name
	values := taken(t, s.Append(nil, x), 1)[0]
	i := 0
	for c := http7.Parameters(x.Query, name); c.Next(); i++ {
		if got := string(c.Append(nil)); i >= len(values) || got != values[i] {
			t.Fatalf("the cursor over %q of ?%s found %q, the selection %q", name, query, got, values)
		}
	}
	if i != len(values) {
		t.Fatalf("the cursor over %q of ?%s found %d, the selection %q", name, query, i, values)
	}
	return values
}

func TestParametersAreReadAsAFormIs(t *testing.T) {
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"", nil},
		{"&", nil},
		{"a b=1", []string{"1"}},
		{"a+b=1", []string{"1"}},
		{"a%20b=1", []string{"1"}},
		{"%61%20%62=1", []string{"1"}},
		{"x=y&a+b=1&a+b=2", []string{"1", "2"}},
		{"a+b", []string{""}},
		{"a+b=", []string{""}},
		{"a+b=c=d", []string{"c=d"}},
		{"a+b=%C3%B6+%2b", []string{"ö +"}},
		{"a+b=100%", []string{"100%"}},
		{"a+b=%zz%4", []string{"%zz%4"}},
		{"a+b=%00", []string{"\x00"}},
		{"a+b=1;a+b=2", []string{"1;a b=2"}}, // a semicolon separates nothing (WHATWG URL §5.1)
		{"A+B=1", nil},
		{"a+bc=1&a+=2&=3", nil},
	} {
		if got := valuesOf(t, c.query, "a b"); !slices.Equal(got, c.want) {
			t.Errorf("?%s has %q, want %q", c.query, got, c.want)
		}
	}
}

// formDecoded is WHATWG's percent-decode after "+" was replaced, written the obvious way.
func formDecoded(s string) string {
	s = strings.ReplaceAll(s, "+", " ")
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil && !strings.ContainsAny(s[i+1:i+3], "+-_") {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// FuzzQuery compares the reader with the obvious way to read a query.
func FuzzQuery(f *testing.F) {
	f.Add("a=1&b=2", "a")
	f.Add("%61=%4g&a=%2B+%", "a")
	f.Add("&&=&a", "")
	f.Fuzz(func(t *testing.T, query, name string) {
		var want []string
		for pair := range strings.SplitSeq(query, "&") {
			key, value, _ := strings.Cut(pair, "=")
			if pair != "" && formDecoded(key) == name {
				want = append(want, formDecoded(value))
			}
		}
		if got := valuesOf(t, query, name); !slices.Equal(got, want) {
			t.Fatalf("%q of ?%s is %q, want %q", name, query, got, want)
		}
	})
}
