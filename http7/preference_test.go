package http7

import (
	"fmt"
	"mime"
	"strconv"
	"strings"
	"testing"
)

func walk(value string) string {
	var b strings.Builder
	for p := PreferencesOf([]byte(value)); ; {
		element, weight, ok := p.Next()
		if !ok {
			return b.String()
		}
		fmt.Fprintf(&b, "%s=%d|", element, weight)
	}
}

func TestPreferencesAreElementsWithWeights(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"", ""},
		{" , ,", ""},
		{"gzip", "gzip=1000|"},
		{"gzip, deflate, br, zstd", "gzip=1000|deflate=1000|br=1000|zstd=1000|"},
		{"gzip;q=0.5", "gzip=500|"},
		{"gzip ; Q=0.25 ,\tbr;q=1.000", "gzip=250|br=1000|"},
		{"*;q=0", "*=0|"},
		{"a;q=0.", "a=0|"},
		{"a;q=0.1239", "a=123|"},
		{"a;q=1.0001", "a=1000|"},
		{"text/html;level=1;q=0.3;ext=x", "text/html;level=1=300|"},
		{`text/plain;a="x,y;q=0";q=0.2, b`, `text/plain;a="x,y;q=0"=200|b=1000|`},
		{`a;b="\",";q=0.1,c`, `a;b="\","=100|c=1000|`},
		{`a;b="open,c;q=0.1`, `a;b="open,c;q=0.1=1000|`},
		{"a;quality=1, b;qq=0", "a;quality=1=1000|b;qq=0=1000|"},
		{"a;;q=0.1", "a;=100|"},
		{";q=0.5, b", "b=1000|"},
		{"a;q=1.001, b;q=2, c;q=-1, d;q=, e;q=.5, f;q=01, g;q=0.5x, h;q=0.5 0, i;q, j", "i;q=1000|j=1000|"},
		{"a;q=0.5;q=0.1", "a=500|"},
	} {
		if got := walk(c.value); got != c.want {
			t.Errorf("%q: got %s, want %s", c.value, got, c.want)
		}
	}
}

func TestPreferencesAllocateNothing(t *testing.T) {
	value := []byte("text/html, application/xhtml+xml;q=0.9, */*;q=0.8")
	if n := testing.AllocsPerRun(1000, func() {
		for p := PreferencesOf(value); ; {
			if _, _, ok := p.Next(); !ok {
				return
			}
		}
	}); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}

// FuzzPreferences compares the walk with the standard library's reader of media types, for values that
// both can read, and asks of all values that elements are trimmed, whole and in order.
func FuzzPreferences(f *testing.F) {
	for _, s := range []string{"gzip, br;q=0.5, *;q=0", "text/html;level=1;q=0.3, */*", `a;b="c,d";q=1`, ",;q=1,,", `"`, "a;q=0.5;x=y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		rest := value
		for p := PreferencesOf([]byte(value)); ; {
			element, weight, ok := p.Next()
			if !ok {
				break
			}
			at := strings.Index(rest, string(element))
			if at < 0 || weight < 0 || weight > 1000 || len(element) == 0 || string(trimOWS(element)) != string(element) {
				t.Fatalf("%q: element %q of weight %d", value, element, weight)
			}
			rest = rest[at+len(element):]
		}
		agree(t, value)
	})
}

// agree compares the elements of a value without quotes with mime.ParseMediaType's reading.
func agree(t *testing.T, value string) {
	if strings.ContainsAny(value, `"\`) {
		return
	}
	want := ""
	for item := range strings.SplitSeq(value, ",") {
		media, params, err := mime.ParseMediaType(item)
		if err != nil || strings.ContainsAny(media, " \t\r\n\v\f") || len(params) > 1 || strings.ContainsAny(item, "\r\n\v\f\u0085\u00a0*") {
			return
		}
		q, weighted := params["q"]
		if weighted != (len(params) == 1) {
			return
		}
		weight := 1000
		if weighted {
			v, err := strconv.ParseFloat(q, 64)
			if err != nil || len(q) > 5 || v < 0 || v > 1 || q[0] != '0' && q[0] != '1' || strings.ContainsAny(q, "eExX_") || len(q) > 1 && q[1] != '.' {
				return
			}
			weight = int(v*1000 + 0.5)
		}
		want += fmt.Sprintf("%s=%d|", media, weight)
	}
	if got := strings.ToLower(walk(value)); got != want && !strings.ContainsAny(value, " \t") && !strings.Contains(value, ";;") && !strings.Contains(value, ";,") && !strings.HasSuffix(value, ";") {
		t.Fatalf("%q: got %s, want %s", value, got, want)
	}
}
