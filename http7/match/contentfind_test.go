package match

import (
	"fmt"
	"strings"
	"testing"

	"weir/http7"
)

func posted(kind, body string) *http7.Exchange {
	x := ask("POST", "h", "/orders")
	if kind != "" {
		x.Request.AddRaw([]byte("Content-Type"), []byte(kind))
	}
	x.Body.Length = int64(len(body))
	return x
}

// said tells a Found in a word.
func said(f Found) string {
	switch {
	case f.Need:
		return "need for " + f.Asks.Name
	case f.Fault != nil:
		return f.Fault.Name
	}
	return named(f.Route)
}

func TestOfManyValuesOneThatDoesNotFitIsSeen(t *testing.T) {
	numbered := func(n int, last string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "a%d,", i)
		}
		return `["` + strings.ReplaceAll(b.String(), ",", `","`) + last + `"]`
	}
	same := func(last string) string { return `[` + strings.Repeat(`"a",`, 10_000) + `"` + last + `"]` }
	for _, c := range []struct{ about, test, body, want string }{
		{"all alike", "a", same("a"), "found"},
		{"the last is another", "a", same("b"), "none"},
		{"many, and the text among the first", "a0", numbered(10_000, "b"), "none"},
		{"many, and any will do", "*", numbered(10_000, "b"), "found"},
		{"many, and none may be there", "!", numbered(10_000, "b"), "none"},
		{"each fits", "~^a", numbered(4000, "a"), "found"},
		{"the last does not fit", "~^a", numbered(4000, "b"), "none"},
		{"more than anybody looks at", "~^a", numbered(4096, "a"), "bad_content"},
	} {
		r := with("/orders", when(http7.OnContent, "*", c.test))
		r.Name = "found"
		table, _ := Compile([]*http7.Route{r})
		x := posted("application/json", c.body)
		x.Body.Collected, x.Body.Whole = []byte(c.body), true
		if got := said(table.Find(x, x.Method)); got != c.want {
			t.Errorf("%s: %s, want %s", c.about, got, c.want)
		}
	}
}

func TestTheBodyIsAskedForOnlyWhenAllElseHolds(t *testing.T) {
	refund := with("/orders", when(http7.OnContent, "order.type", "refund"), when(http7.OnHeader, "X-A", "!"))
	refund.Name, refund.Methods = "refund", []string{"POST"}
	soap := with("/orders", when(http7.OnContent, "/Envelope/Body/*", "*"), when(http7.OnHeader, "X-A", "!"))
	soap.Name, soap.Methods = "soap", []string{"POST"}
	plain := path("/*")
	plain.Name = "plain"
	table, f := Compile([]*http7.Route{plain, refund, soap})
	if len(f.Conflicts) > 0 {
		t.Fatalf("%+v", f.Conflicts)
	}
	other := func(change func(x *http7.Exchange)) *http7.Exchange {
		x := posted("application/json", `{"order":{"type":"refund"}}`)
		change(x)
		return x
	}
	for _, c := range []struct {
		what          string
		x             *http7.Exchange
		first, second string // the second once the body is there
		body          string
	}{
		{"content that fits", posted("application/json", "x"), "need for refund", "refund", `{"order":{"type":"refund"}}`},
		{"content that does not", posted("application/json", "x"), "need for refund", "plain", `{"order":{"type":"sale"}}`},
		{"a value that comes twice", posted("application/json", "x"), "need for refund", "plain", `{"order":{"type":"refund"},"order":{"type":"sale"}}`},
		{"an object in its place", posted("application/json", "x"), "need for refund", "plain", `{"order":{"type":{"refund":1}}}`},
		{"broken content", posted("application/json", "x"), "need for refund", "bad_content", `{"order":`},
		{"an empty body after all", other(func(x *http7.Exchange) { x.Body.Length = -1 }), "need for refund", "plain", ``},
		{"XML", posted("text/xml", "x"), "need for soap", "soap", `<s:Envelope xmlns:s="s"><s:Body><GetOrder/></s:Body></s:Envelope>`},
		{"broken XML", posted("text/xml", "x"), "need for soap", "bad_content", `<Envelope>`},
		{"another type", posted("text/plain", "x"), "plain", "plain", `{"order":{"type":"refund"}}`},
		{"no type", posted("", "x"), "plain", "plain", `{`},
		{"no body", posted("application/json", ""), "plain", "plain", ``},
		{"another method", other(func(x *http7.Exchange) { x.Method = []byte("PUT") }), "plain", "plain", `{`},
		{"another path", other(func(x *http7.Exchange) { x.Path = []byte("/order") }), "plain", "plain", `{`},
		{"another condition fails", other(func(x *http7.Exchange) { x.Request.AddRaw([]byte("x-a"), []byte("1")) }), "plain", "plain", `{`},
		{"a coding", other(func(x *http7.Exchange) { x.Request.AddRaw([]byte("Content-Encoding"), []byte("gzip")) }), "plain", "plain", `{`},
	} {
		if got := said(table.Find(c.x, c.x.Method)); got != c.first {
			t.Errorf("%s: %s at first, want %s", c.what, got, c.first)
		}
		c.x.Body.Collected, c.x.Body.Whole = []byte(c.body), true
		if got := said(table.Find(c.x, c.x.Method)); got != c.second {
			t.Errorf("%s: %s with the body, want %s", c.what, got, c.second)
		}
	}
}

func TestAbsentContentIsAbsentFromContent(t *testing.T) {
	table, _ := Compile([]*http7.Route{with("/orders", when(http7.OnContent, "a", "!"))})
	for _, c := range []struct {
		kind, body string
		want       bool
	}{
		{"application/json", `{"b":1}`, true},
		{"application/json", `{"a":null}`, false},
		{"application/json", ``, false}, // no content, no condition on it
		{"text/plain", `{"b":1}`, false},
	} {
		x := posted(c.kind, c.body)
		x.Body.Collected, x.Body.Whole = []byte(c.body), true
		if got := table.Find(x, x.Method).Route != nil; got != c.want {
			t.Errorf("%s %s: %v, want %v", c.kind, c.body, got, c.want)
		}
	}
}

func TestAMoreSpecificRouteSparesTheBody(t *testing.T) {
	exact := path("/orders", "POST")
	if got := found(t, posted("application/json", "{"), exact, with("/*", when(http7.OnContent, "a", "1"))); got != exact.Name {
		t.Fatalf("found %s", got)
	}
}
