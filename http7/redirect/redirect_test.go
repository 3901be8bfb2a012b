package redirect_test

import (
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/paths"
	"weir/http7/redirect"
	"weir/internal/conf"
)

// asked is a request on a route with the path "/old/*" or "/shop/{id}/*".
func asked(target string) *http7.Exchange {
	x := &http7.Exchange{Conn: &http7.Conn{Listener: "web"}, Method: []byte("GET"), Authority: []byte("api.example.com"), Target: []byte(target)}
	path, query, found := strings.Cut(target, "?")
	if x.Path = []byte(path); found {
		x.Query = []byte(query)
	}
	x.Captures.Reset([]string{"id", "rest"})
	segments := strings.SplitN(path, "/", 3)
	if len(segments) == 3 {
		x.Captures.Set(0, []byte(segments[1]))
		x.Captures.Set(1, []byte(segments[2]))
	}
	return x
}

func compile(t testing.TB, to string) *redirect.Redirect {
	t.Helper()
	c := redirect.Default()
	c.To = to
	r, err := redirect.Compile(&c, []string{"id", "rest"})
	if err != nil {
		t.Fatalf("%s: %v", to, err)
	}
	return r
}

func TestClientsAreSentWhereTheTextSays(t *testing.T) {
	for _, c := range []struct{ to, target, want string }{
		{"https://www.example.com/new/{rest}", "/old/a/b", "https://www.example.com/new/a/b"},
		{"https://www.example.com/new/{rest}", "/old/a/b?x=1&y", "https://www.example.com/new/a/b?x=1&y"},
		{"https://www.example.com/new/{rest}", "/old/?", "https://www.example.com/new/"},
		{"https://www.example.com/new/{rest}?", "/old/a?x=1", "https://www.example.com/new/a"},
		{"https://www.example.com/new?from={path}&{query}", "/old/a?x=1", "https://www.example.com/new?from=/old/a&x=1"},
		{"https://{host}{path}", "/old/a?x=1", "https://api.example.com/old/a?x=1"},
		{"/new/{rest}#top", "/old/a?x=1", "/new/a?x=1#top"},
		{"/u/{path.id}", "/7/", "/u/7"},
		{"/new/{rest}", "/old/a%20b/%C3%A4", "/new/a%20b/%C3%A4"},
		{"/find?q={query.name}", "/old/?name=a+b%26c", "/find?q=a%20b%26c"},
	} {
		x := asked(c.target)
		if f := compile(t, c.to).Act(x); f != nil {
			t.Errorf("%s of %s: %v", c.to, c.target, f)
			continue
		}
		a := x.Answer
		if got := string(a.Header.Get(http7.Location)); got != c.want || a.Status != 308 || !a.Local || a.Length != 0 || a.Source != nil || a.Header.Len() != 1 {
			t.Errorf("%s of %s: got %d %q, want %q", c.to, c.target, a.Status, got, c.want)
		}
	}
}

// TestNoRequestChoosesTheHost: what clients, or who makes them click, can write into a request never
// leads them off the host that the config names.
func TestNoRequestChoosesTheHost(t *testing.T) {
	loose := paths.Rules{EmptySegments: paths.Keep, DotSegments: paths.Resolve, EncodedSlash: paths.Keep, Parameters: paths.Keep}
	targets := []string{
		"/old//evil.example/", "//evil.example/a", "///evil.example/", "//evil.example", "/old/%2F%2Fevil.example/", "/%2Fevil.example/%2e", "/old/%5C%5Cevil.example", "/old/..%2F%2Fevil.example",
		"/old/..//evil.example/", "/old/.evil.example", "/old/@evil.example/", "/old/:80@evil.example", "/old/%0d%0aLocation:%20https://evil.example/", "/old/%09//evil.example", "/;//evil.example", "/old/;@evil.example",
		"/evil.example/a", "/evil.example%23/a", "/evil.example%3F/a", "/user:pw@evil.example/a", "/evil.example:80/a", "/a.evil.example/b", "/%E3%80%82evil/a", "/a%C2%ADb/c",
		"/old/a?//evil.example", "/old/a?@evil.example", "/old/a?x=%0d%0a", `/old/a?\\evil.example`, "/old/a?to=https://evil.example/",
	}
	prefixes := map[string]string{ // text: what every URL made of it begins with
		"https://www.example.com/new/{rest}":      "https://www.example.com/new/",
		"https://www.example.com{path}":           "https://www.example.com/",
		"https://www.example.com/{path.id}":       "https://www.example.com/",
		"https://www.example.com?to={path}":       "https://www.example.com?",
		"https://{path.id}.shops.example.com/":    "https://",
		"{path}":                                  "/",
		"/{rest}":                                 "/",
		"/{path.id}/{rest}":                       "/",
		"/{header.X-None}/{cookie.none}/{rest}":   "/",
		"/{header.X-None}{header.X-Evil}":         "/",
		"/{query.to}":                             "/",
		"https://{host}/{rest}":                   "https://api.example.com/",
		"{scheme}://{host}/{header.X-Evil}?a=b#c": "http://api.example.com/",
	}
	tried := 0
	for text, prefix := range prefixes {
		r := compile(t, text)
		for _, target := range targets {
			x := asked(target)
			form, _, f := loose.Canonical(nil, x.Path)
			if f != nil {
				continue // refused before it comes here
			}
			query := x.Query
			x = asked(string(form))
			x.Query = query
			x.Request.AddRaw([]byte("X-Evil"), []byte("//evil.example/\\"))
			if f := r.Act(x); f != nil {
				if f != http7.AmbiguousHost {
					t.Errorf("%s of %s: %v", text, target, f)
				}
				continue
			}
			tried++
			got := string(x.Answer.Header.Get(http7.Location))
			if !strings.HasPrefix(got, prefix) || strings.HasPrefix(got, "//") || strings.ContainsFunc(got, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' }) {
				t.Errorf("%s of %s leads to %q", text, target, got)
			}
			if host, _, _ := strings.Cut(strings.TrimPrefix(got, "https://"), "/"); prefix == "https://" && (!strings.HasSuffix(host, ".shops.example.com") || strings.ContainsAny(host, "@:?#%")) {
				t.Errorf("%s of %s leads to the host %q", text, target, host)
			}
		}
	}
	if tried < 200 {
		t.Errorf("only %d were tried", tried)
	}
}

func TestEveryStatusOfRedirectsAndNoOther(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		r, err := redirect.Compile(&redirect.Config{To: "/", Status: status}, nil)
		if err != nil {
			t.Errorf("%d: %v", status, err)
			continue
		}
		x := asked("/")
		if f := r.Act(x); f != nil || x.Answer.Status != status {
			t.Errorf("got %d, %v, want %d", x.Answer.Status, f, status)
		}
	}
	for _, status := range []int{0, 200, 300, 304, 305, 306, 309, 404, -1} {
		if r, err := redirect.Compile(&redirect.Config{To: "/", Status: status}, nil); err == nil || r != nil {
			t.Errorf("%d is compiled", status)
		}
	}
}

func TestWhatIsWrongIsNotedAtItsKey(t *testing.T) {
	for _, c := range []struct {
		c    redirect.Config
		want []string
	}{
		{redirect.Config{To: "/{rest}", Status: 308}, nil},
		{redirect.Config{Status: 308}, []string{"to: the redirect leads nowhere"}},
		{redirect.Config{To: "/{rset}", Status: 200}, []string{"to: {rset} is not a variable", "status: 200 is not the status of a redirect"}},
		{redirect.Config{To: "//h/", Status: 308}, []string{`to: "//h/" names a host without a scheme`}},
	} {
		p := conf.NewProblems()
		c.c.Check(p, []string{"rest"})
		var got []string
		for _, problem := range p.List() {
			got = append(got, problem.Path.String()+": "+problem.Text)
			if problem.Hint == "" {
				t.Errorf("%s has no hint", problem.Text)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %q, want %q", c.c, got, c.want)
		}
		if _, err := redirect.Compile(&c.c, []string{"rest"}); (err == nil) != (c.want == nil) {
			t.Errorf("%+v: compiled with %v", c.c, err)
		}
	}
}

func TestARecordThatLacksAFieldSaysSo(t *testing.T) {
	r := compile(t, "/{header.X-A}/{cookie.b}/{rest}")
	if want := []string{"header:x-a", "cookie:b"}; !slices.Equal(r.Reads(), want) {
		t.Errorf("reads %q, want %q", r.Reads(), want)
	}
	x := asked("/old/a")
	x.Recorded = &http7.Recorded{Fields: map[string]bool{"header:x-a": true}}
	if f := r.Act(x); f != nil || !slices.Equal(x.Recorded.Missed, []string{"cookie:b"}) {
		t.Errorf("got %v, missed %q", f, x.Recorded.Missed)
	}
}

func TestRedirectingAllocatesNothing(t *testing.T) {
	r, x := compile(t, "https://www.example.com/new/{rest}"), asked("/old/a/b?x=1")
	names := []string{"id", "rest"}
	rest := []byte("a/b")
	act := func() {
		path, query := x.Path, x.Query
		x.Release()
		x.Path, x.Query = path, query
		x.Captures.Reset(names)
		x.Captures.Set(1, rest)
		if f := r.Act(x); f != nil {
			t.Fatal(f)
		}
	}
	act()
	if n := testing.AllocsPerRun(1000, act); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}

func BenchmarkAct(b *testing.B) {
	r, x := compile(b, "https://www.example.com/new/{rest}"), asked("/old/a/b?x=1")
	names := []string{"id", "rest"}
	path, query, rest := x.Path, x.Query, []byte("a/b")
	b.ReportAllocs()
	for b.Loop() {
		x.Release()
		x.Path, x.Query = path, query
		x.Captures.Reset(names)
		x.Captures.Set(1, rest)
		if f := r.Act(x); f != nil {
			b.Fatal(f)
		}
	}
}
