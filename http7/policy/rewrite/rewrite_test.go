package rewrite_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/paths"
	"weir/http7/policy/rewrite"
	"weir/internal/conf"
)

// asked is the exchange of a target whose path is canonical, on a route with the path "/{first}/*".
func asked(target string) *http7.Exchange {
	x := &http7.Exchange{Conn: &http7.Conn{Listener: "web"}, Method: []byte("GET"), Authority: []byte("api.example.com"), Target: []byte(target)}
	path, query, found := strings.Cut(target, "?")
	if x.Path = []byte(path); found {
		x.Query = []byte(query)
	}
	segments := strings.SplitN(path, "/", 3)
	x.Captures.Reset([]string{"first", "rest"})
	if len(segments) == 3 {
		x.Captures.Set(0, []byte(segments[1]))
		x.Captures.Set(1, []byte(segments[2]))
	}
	x.Request.AddRaw([]byte("X-Tenant"), []byte("a/../b c"))
	return x
}

func compile(t testing.TB, c rewrite.Config) http7.Step {
	t.Helper()
	s, err := rewrite.Compile(&c, []string{"first", "rest"})
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	if s.Name != "rewrite" || s.Stage != http7.Rewrite || s.Blocks {
		t.Fatalf("%+v: the step is %+v", c, s)
	}
	return s
}

// sent is what the endpoint is asked for: the target as it came, x.Out, or "!" and the name of a fault.
func sent(x *http7.Exchange, s http7.Step) string {
	if s.Request != nil {
		if v := s.Request.Request(x); v.Fault != nil {
			return "!" + v.Fault.Name
		}
	}
	if x.Out == nil {
		return string(x.Target)
	}
	return string(x.Out)
}

type edits = rewrite.Config

func TestTargetsAreRewritten(t *testing.T) {
	for _, c := range []struct {
		what         string
		c            edits
		target, want string
	}{
		{"a prefix is stripped", edits{StripPrefix: "/site"}, "/site/a/b?x=1", "/a/b?x=1"},
		{"down to the root", edits{StripPrefix: "/site"}, "/site", "/"},
		{"a slash is left", edits{StripPrefix: "/site"}, "/site/", "/"},
		{"whole segments alone", edits{StripPrefix: "/site"}, "/sites/a", "/sites/a"},
		{"a slash at the end means nothing", edits{StripPrefix: "/site/"}, "/site/a", "/a"},
		{"several segments", edits{StripPrefix: "/a/b"}, "/a/b/c", "/c"},
		{"in whatever spelling", edits{StripPrefix: "/%61 ä"}, "/a%20%C3%A4/x", "/x"},
		{"a shorter path", edits{StripPrefix: "/site"}, "/", "/"},
		{"a prefix is put in front", edits{Prefix: "/v2"}, "/a?x", "/v2/a?x"},
		{"of the root", edits{Prefix: "/v2/"}, "/", "/v2/"},
		{"one for another", edits{StripPrefix: "/site", Prefix: "/v2"}, "/site/a", "/v2/a"},
		{"an empty query stays one", edits{Prefix: "/v2"}, "/a?", "/v2/a?"},

		{"the example", edits{StripPrefix: "/site", Prefix: "/v2", Regex: `^/(.*)\.php$`, To: "/$1"}, "/site/a/index.php?x=1", "/v2/a/index?x=1"},
		{"an expression that does not match", edits{Regex: `^/(.*)\.php$`, To: "/$1"}, "/a/index.html", "/a/index.html"},
		{"a part of the path", edits{Regex: `^/api`, To: "/v2"}, "/api/a/api", "/v2/a/api"},
		{"each match", edits{Regex: `_`, To: "-"}, "/a_b/c_d_", "/a-b/c-d-"},
		{"groups by name", edits{Regex: `^/(?P<lang>de|en)/(?P<page>.*)$`, To: "/${page}/${lang}"}, "/en/a/b", "/a/b/en"},
		{"nothing in its place", edits{Regex: `\.php$`, To: "{cookie.none}"}, "/a.php", "/a"},
		{"a new query", edits{Regex: `^/u/(\d+)$`, To: "/user?id=$1"}, "/u/7?x=1", "/user?id=7"},
		{"a new query with the old one", edits{Regex: `^/u/(\d+)$`, To: "/user?id=$1&{query}"}, "/u/7?x=1", "/user?id=7&x=1"},
		{"a new query with the old one, which is none", edits{Regex: `^/u/(\d+)$`, To: "/user?id=$1&{query}"}, "/u/7", "/user?id=7"},
		{"the old one in the middle, which is empty", edits{Regex: `^/u/(\d+)$`, To: "/user?id=$1&{query}&x"}, "/u/7?", "/user?id=7&x"},
		{"no query", edits{Regex: `^/u`, To: "/v?"}, "/u?x=1", "/v"},
		{"no query where nothing matches", edits{Regex: `^/u`, To: "/v?"}, "/w?x=1", "/w?x=1"},
		{"a new query alone", edits{Regex: `^/a$`, To: "/a?b"}, "/a", "/a?b"},
		{"variables", edits{Regex: `^/.*`, To: "/{path.first}/x/{method}/{rest}"}, "/a/b/c", "/a/x/GET/b/c"},
		{"a value of a field is one segment", edits{Regex: `^/.*`, To: "/q?t={header.X-Tenant}"}, "/a", "/q?t=a%2F..%2Fb%20c"},
		{"spelt as paths are", edits{Regex: `^/b`, To: "/%62[ä]"}, "/b", "/b%5B%C3%A4%5D"},
		{"OPTIONS *", edits{Prefix: "/v2"}, "*", "*"},
	} {
		if got := sent(asked(c.target), compile(t, c.c)); got != c.want {
			t.Errorf("%s: %s: got %q, want %q", c.what, c.target, got, c.want)
		}
	}
}

func TestWhatIsNotCanonicalDoesNotLeave(t *testing.T) {
	for _, c := range []struct {
		what         string
		c            edits
		target, want string
	}{
		{"an empty segment", edits{Regex: `^/a(.*)`, To: "/b/$1"}, "/a/c", "!ambiguous_path"},
		{"a dot segment", edits{Regex: `^/a(.*)b$`, To: "/$1"}, "/a..b", "!ambiguous_path"},
		{"a slash in a value", edits{Regex: `^/.*`, To: "/t/{header.X-Tenant}"}, "/a", "!ambiguous_path"},
		{"no slash in front", edits{Regex: `^/`, To: "x"}, "/a", "!ambiguous_path"},
		{"nothing at all", edits{Regex: `^.*$`, To: "{cookie.none}"}, "/a", "!ambiguous_path"},
		{"a host", edits{Regex: `^/a(.*)`, To: "/$1"}, "/a/evil.example", "!ambiguous_path"},
		{"an escape that is cut", edits{Regex: `%`, To: "x%25"}, "/a%20", "/ax%2520"},
		{"half an escape", edits{Regex: `^/(..)..$`, To: "/$1"}, "/a%20", "!ambiguous_path"},
		{"half of UTF-8", edits{Regex: `%A4`, To: "x"}, "/%C3%A4", "!ambiguous_path"},
		{"a path that grows", edits{Regex: `.`, To: "/" + strings.Repeat("a", 1000)}, "/" + strings.Repeat("b", 100), "!target_too_long"},
		{"a query that grows", edits{Regex: `^(.*)$`, To: "$1?" + strings.Repeat("$1", 1000)}, "/" + strings.Repeat("b", 100), "!target_too_long"},
		// What the listener let through may stay, and nothing else comes in.
		{"kept slashes", edits{StripPrefix: "/site"}, "/site/a//b", "/a//b"},
		{"kept slashes in front", edits{StripPrefix: "/site"}, "/site//b", "//b"},
		{"kept parameters", edits{Prefix: "/v2"}, "/a;v=1", "/v2/a;v=1"},
		{"kept encoded slashes", edits{Prefix: "/v2"}, "/a%2Fb", "/v2/a%2Fb"},
		{"dots beside kept slashes", edits{Regex: `x`, To: ".."}, "/a//x", "!ambiguous_path"},
		{"slashes beside kept parameters", edits{Regex: `x`, To: "/"}, "/a;/x", "!ambiguous_path"},
	} {
		if got := sent(asked(c.target), compile(t, c.c)); got != c.want {
			t.Errorf("%s: %s: got %q, want %q", c.what, c.target, got, c.want)
		}
	}
}

func TestWhatLeavesAlreadyIsRewritten(t *testing.T) {
	s := compile(t, edits{StripPrefix: "/site", Prefix: "/v2"})
	x := asked("/site/%61?x=1") // as received; the hall has set Path and Out
	x.Path, x.Out = []byte("/site/a"), []byte("/site/a?x=1")
	if got := sent(x, s); got != "/v2/a?x=1" {
		t.Errorf("got %q", got)
	}
	if got := sent(x, compile(t, edits{Prefix: "/v3"})); got != "/v3/v2/a?x=1" { // two rewrites in a row
		t.Errorf("got %q", got)
	}
	if string(x.Path) != "/site/a" || string(x.Query) != "x=1" {
		t.Errorf("the request became %q ? %q", x.Path, x.Query)
	}
}

func TestObserveRecordsAndOffIsNoStep(t *testing.T) {
	for _, c := range []struct {
		mode conf.Mode
		c    edits
		path string
		want []string
	}{
		{conf.Observe, edits{StripPrefix: "/site"}, "/site/a", []string{"rewrite:would change the target"}},
		{conf.Observe, edits{StripPrefix: "/site"}, "/other", nil},
		{conf.Observe, edits{Regex: "a", To: ".."}, "/a", []string{"rewrite:would refuse the path"}},
		{conf.ModeOff, edits{StripPrefix: "/site"}, "/site/a", nil},
	} {
		c.c.Mode = c.mode
		x, s := asked(c.path), compile(t, c.c)
		if got := sent(x, s); got != c.path || !slices.Equal(x.Verdicts, c.want) {
			t.Errorf("%v %+v of %s: sent %q, said %q, want %q", c.mode, c.c, c.path, got, x.Verdicts, c.want)
		}
		if (s.Request == nil) != (c.mode == conf.ModeOff) || (s.Mode == http7.Observe) != (c.mode == conf.Observe) {
			t.Errorf("%v: the step is %+v", c.mode, s)
		}
	}
	if s := compile(t, rewrite.Default()); s.Request != nil {
		t.Error("what changes nothing is a step")
	}
}

func TestARecordThatLacksAFieldSaysSo(t *testing.T) {
	s := compile(t, edits{Regex: "^/a", To: "/{header.X-A}{jwt.b}"})
	if want := []string{"header:x-a", "claim:b"}; !slices.Equal(s.Reads, want) {
		t.Errorf("reads %q, want %q", s.Reads, want)
	}
	x := asked("/a")
	x.Recorded = &http7.Recorded{Fields: map[string]bool{"claim:b": true}}
	if sent(x, s); !slices.Equal(x.Recorded.Missed, []string{"header:x-a"}) {
		t.Errorf("missed %q", x.Recorded.Missed)
	}
}

// FuzzRewrite: whatever is asked and whatever groups take, what leaves is canonical under the rules that
// the request's path showed, in one line.
func FuzzRewrite(f *testing.F) {
	for _, regex := range []string{`^/(.*)$`, `([^/]*)/`, `.`, `%..`, `(?i)a|b`} {
		for _, to := range []string{"/$1", "$1/{rest}", "/{path.first}?{query}", "{header.X-Tenant}", "/$0$0"} {
			f.Add("/a/%C3%A4/b%20/c;d//e%2Ff?x=1", regex, to, "/a", "/v2")
		}
	}
	f.Fuzz(func(t *testing.T, target, regex, to, strip, prefix string) {
		s, err := rewrite.Compile(&rewrite.Config{Regex: regex, To: to, StripPrefix: strip, Prefix: prefix}, nil)
		if err != nil || s.Request == nil {
			return
		}
		x := asked(target)
		rules := paths.Rules{EmptySegments: paths.Keep, EncodedSlash: paths.Keep, Parameters: paths.Keep}
		if form, changed, f := rules.Canonical(nil, x.Path); f != nil || changed || len(form) > 1000 {
			return
		}
		if strings.ContainsFunc(string(x.Query), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return // the parser of requests refuses it
		}
		got := sent(x, s)
		if got[0] == '!' || got == "*" {
			return
		}
		path, query, _ := strings.Cut(got, "?")
		shown := paths.Shown(x.Path)
		if _, changed, f := shown.Canonical(nil, []byte(path)); f != nil || changed {
			t.Fatalf("%q with %q -> %q leaves as %q: %v", target, regex, to, got, f)
		}
		if strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }) {
			t.Fatalf("%q with %q -> %q leaves as %q", target, regex, to, got)
		}
	})
}

// TestStrippingAndPrefixingAreOpposites on random canonical paths.
func TestStrippingAndPrefixingAreOpposites(t *testing.T) {
	there, back := compile(t, edits{Prefix: "/v2/x"}), compile(t, edits{StripPrefix: "/v2/x"})
	r := rand.New(rand.NewPCG(5, 3))
	for range 2_000 {
		target := ""
		for range 1 + r.IntN(4) {
			target += "/" + []string{"a", "b%20c", "%C3%A4", "v2", "x"}[r.IntN(5)]
		}
		target += []string{"", "/", "?q", "?"}[r.IntN(4)]
		x := asked(target)
		sent(x, there)
		if got := sent(x, back); got != target {
			t.Fatalf("%q came back as %q", target, got)
		}
	}
}

func TestRewritingAllocatesNothing(t *testing.T) {
	for _, c := range []struct {
		what  string
		c     edits
		most  float64
		x     *http7.Exchange
		wants string
	}{
		{"strip and prefix", edits{StripPrefix: "/site", Prefix: "/v2"}, 0, asked("/site/a/b?x=1"), "/v2/a/b?x=1"},
		{"escapes, and what the listener keeps", edits{StripPrefix: "/site", Prefix: "/v2"}, 0, asked("/site/%C3%A4%20;v=1/b%2Fc?x=1"), "/v2/%C3%A4%20;v=1/b%2Fc?x=1"},
		{"an expression that does not match", edits{Regex: `^/old/(\d+)$`, To: "/new/$1"}, 0, asked("/site/a/b?x=1"), ""},
		// The standard library returns the places of groups in a slice of their own.
		{"an expression that matches", edits{Regex: `^/site/(.*)$`, To: "/new/$1"}, 1, asked("/site/a/b?x=1"), "/new/a/b?x=1"},
	} {
		s, path, query := compile(t, c.c), c.x.Path, c.x.Query
		one := func() {
			c.x.Release()
			c.x.Path, c.x.Query = path, query
			_ = s.Request.Request(c.x)
		}
		one()
		if n := testing.AllocsPerRun(1000, one); n > c.most || string(c.x.Out) != c.wants {
			t.Errorf("%s: allocates %v times, out is %q", c.what, n, c.x.Out)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	for _, c := range []struct {
		name string
		c    edits
	}{
		{"strip and prefix", edits{StripPrefix: "/site", Prefix: "/v2"}},
		{"anchored", edits{Regex: `^/site/(.*)$`, To: "/new/$1"}},
		{"anywhere", edits{Regex: `orders`, To: "o"}},
		{"no match", edits{Regex: `^/old/(\d+)$`, To: "/new/$1"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, x := compile(b, c.c), asked("/site/v1/orders/1234567/items?x=1")
			path, query := x.Path, x.Query
			b.ReportAllocs()
			for b.Loop() {
				x.Release()
				x.Path, x.Query = path, query
				_ = s.Request.Request(x)
			}
		})
	}
}
