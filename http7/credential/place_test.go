package credential

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
)

// asked is an exchange for a target with header lines.
func asked(target string, lines ...string) *http7.Exchange {
	x := &http7.Exchange{Method: []byte("GET"), Target: []byte(target)}
	path, query, found := strings.Cut(target, "?")
	if x.Path = []byte(path); found {
		x.Query = []byte(query)
	}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		x.Request.AddRaw([]byte(name), []byte(value))
	}
	return x
}

func fields(h *http7.Header) string {
	return strings.ReplaceAll(string(h.AppendLines(nil, 0)), "\r\n", "\n")
}

func place(t testing.TB, at At) *Place {
	t.Helper()
	p, err := New(at)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var all = At{Header: "Authorization", Cookie: "session", Query: "access_token"}

func TestATokenIsFoundWhereItMayStand(t *testing.T) {
	for _, c := range []struct {
		what  string
		at    At
		x     *http7.Exchange
		token string
		count int
	}{
		{"nowhere", all, asked("/"), "", 0},
		{"behind Bearer", all, asked("/", "Authorization: Bearer t"), "t", 1},
		{"in another case", all, asked("/", "authorization: bEARER t"), "t", 1},
		{"behind blanks", all, asked("/", "Authorization: Bearer   t"), "t", 1},
		{"the word alone", all, asked("/", "Authorization: Bearer"), "", 1},
		{"a tab in place of a blank", all, asked("/", "Authorization: Bearer\tt"), "\tt", 1},
		{"a tab behind a blank", all, asked("/", "Authorization: Bearer \tt"), "\tt", 1},
		{"another scheme", all, asked("/", "Authorization: Basic t"), "", 0},
		{"a scheme that begins alike", all, asked("/", "Authorization: Bearers t"), "", 0},
		{"two fields", all, asked("/", "Authorization: Bearer t", "Authorization: Bearer u"), "u", 2},
		{"another scheme beside", all, asked("/", "Authorization: Basic t", "Authorization: Bearer u"), "u", 2},
		{"another scheme behind", all, asked("/", "Authorization: Bearer u", "Authorization: Basic t"), "u", 2},
		{"other schemes alone", all, asked("/", "Authorization: Basic t", "Authorization: Digest u"), "", 0},
		{"in a field of its own", At{Header: "X-Token"}, asked("/", "X-Token: t"), "t", 1},
		{"there behind the word", At{Header: "X-Token"}, asked("/", "X-Token: Bearer t"), "t", 1},
		{"there empty", At{Header: "X-Token"}, asked("/", "X-Token: "), "", 1},
		{"elsewhere", At{Header: "X-Token"}, asked("/", "Authorization: Bearer t"), "", 0},
		{"in a cookie", all, asked("/", "Cookie: a=b; session=t"), "t", 1},
		{"in two cookies", all, asked("/", "Cookie: session=t; session=u"), "u", 2},
		{"in two fields of cookies", all, asked("/", "Cookie: session=t", "Cookie: session=u"), "u", 2},
		{"in another cookie", all, asked("/", "Cookie: Session=t"), "", 0},
		{"in the query", all, asked("/?a=b&access_token=t"), "t", 1},
		{"there escaped", all, asked("/?access%5Ftoken=a%2Bb+c%3D"), "a+b c=", 1},
		{"there twice", all, asked("/?access_token=t&access_token=u"), "u", 2},
		{"in all places", all, asked("/?access_token=v", "Cookie: session=u", "Authorization: Bearer t"), "v", 3},
	} {
		token, count := place(t, c.at).Find(c.x)
		if string(token) != c.token || count != c.count {
			t.Errorf("%s: got %q, %d, want %q, %d", c.what, token, count, c.token, c.count)
		}
	}
}

func TestWhatGoesToTheEndpointHasNoToken(t *testing.T) {
	for _, c := range []struct {
		what   string
		x      *http7.Exchange
		fields string
		out    string
	}{
		{"nothing to strip", asked("/a?b=c", "X: y", "Cookie: a=b"), "X: y\nCookie: a=b\n", ""},
		{"a field", asked("/", "A: 1", "Authorization: Bearer t", "B: 2"), "A: 1\nB: 2\n", ""},
		{"several", asked("/", "Authorization: Bearer t", "Authorization: Basic x", "Authorization: Bearer u"), "Authorization: Basic x\n", ""},
		{"one that a tab parts from the word", asked("/", "Authorization: Bearer\tt", "A: 1"), "A: 1\n", ""},
		{"a cookie alone", asked("/", "Cookie: session=t", "X: y"), "X: y\n", ""},
		{"a cookie among others", asked("/", "Cookie: a=\"1\";session=t ;  b=2; c"), "Cookie: a=\"1\"; b=2; c\n", ""},
		{"cookies in two fields", asked("/", "Cookie: a=1; session=t", "X: y", "Cookie: session=u; b=2"), "Cookie: a=1; b=2\nX: y\n", ""},
		{"a parameter alone", asked("/a?access_token=t"), "", "/a"},
		{"a parameter among others", asked("/a?x=1&access_token=t&&y=%20"), "", "/a?x=1&&y=%20"},
		{"a parameter twice", asked("/a?access_token=t&x=1&access_token=u"), "", "/a?x=1"},
		{"a parameter in escapes", asked("/a?access%5ftoken=t&x=1"), "", "/a?x=1"},
	} {
		place(t, all).Strip(c.x)
		if got := fields(&c.x.Request); got != c.fields || string(c.x.Out) != c.out {
			t.Errorf("%s: got %q and %q, want %q and %q", c.what, got, c.x.Out, c.fields, c.out)
		}
	}
	rewritten := asked("/a?access_token=t&x=1")
	rewritten.Out = []byte("/b?access_token=t&x=1")
	if place(t, all).Strip(rewritten); string(rewritten.Out) != "/b?x=1" {
		t.Errorf("of a target that was rewritten: got %q", rewritten.Out)
	}
}

func TestTrailersOfARequestHaveNoTokenEither(t *testing.T) {
	for _, c := range []struct {
		what string
		at   At
		want string
	}{
		{"of the place's field", At{Header: "X-Token"}, "X-Other: 1\n"},
		{"of another field", At{Header: "X-Key"}, "X-Token: t\nX-Other: 1\nx-token: u\n"},
		{"of a cookie", At{Cookie: "session"}, "X-Token: t\nX-Other: 1\nx-token: u\n"},
	} {
		x, answer := asked("/"), &http7.Header{}
		for _, h := range []*http7.Header{&x.Trailer, answer} {
			h.AddRaw([]byte("X-Token"), []byte("t"))
			h.AddRaw([]byte("X-Other"), []byte("1"))
			h.AddRaw([]byte("x-token"), []byte("u"))
			place(t, c.at).StripTrailer(x, h)
		}
		if got := fields(&x.Trailer); got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
		if got := fields(answer); got != "X-Token: t\nX-Other: 1\nx-token: u\n" {
			t.Errorf("%s: of the answer: got %q", c.what, got)
		}
	}
}

// The log tells the target: a token must not stand there, while the endpoint gets what it would have got.
func TestATokenInTheQueryIsHiddenFromTheLog(t *testing.T) {
	for _, c := range []struct{ target, shown string }{
		{"/a?access_token=s3cret", "/a?access_token=***"},
		{"/a?x=1&access_token=s3cret&y=2&", "/a?x=1&access_token=***&y=2&"},
		{"/a?access%5Ftoken=s3cret&access_token=s3cret", "/a?access%5Ftoken=***&access_token=***"},
		{"/a?access_token=", "/a?access_token=***"},
		{"/a?x=1", "/a?x=1"},
	} {
		x := asked(c.target)
		path := string(x.Path)
		place(t, all).Find(x)
		if string(x.Target) != c.shown || string(x.Path) != path {
			t.Errorf("%s: the log shows %q, want %q", c.target, x.Target, c.shown)
		}
		if c.shown != c.target && string(x.Out) != c.target {
			t.Errorf("%s: the endpoint gets %q", c.target, x.Out)
		}
	}
	unasked := asked("/a?access_token=s3cret&x=1")
	if place(t, all).Strip(unasked); string(unasked.Target) != "/a?access_token=***&x=1" || string(unasked.Out) != "/a?x=1" {
		t.Errorf("that nobody looked for: got %q and %q", unasked.Target, unasked.Out)
	}
	x := asked("/a?access_token=s3cret")
	x.Target = []byte("http://h/a?access_token=s3cret")
	if place(t, all).Find(x); string(x.Target) != "http://h/a?access_token=***" || string(x.Out) != "/a?access_token=s3cret" {
		t.Errorf("in absolute form: got %q and %q", x.Target, x.Out)
	}
}

func TestTheUsualParameterIsHiddenWhereverTokensAreLookedFor(t *testing.T) {
	for query, want := range map[string][]string{"": {"access_token"}, "access_token": {"access_token"}, "t": {"t", "access_token"}} {
		if got := (At{Header: "Authorization", Query: query}).Hides(); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
	}
}

func TestPlacesThatAreNone(t *testing.T) {
	for _, c := range []struct {
		at   At
		want string
	}{
		{all, "query: tokens in a URL are kept by browsers, proxies and logs on the way"},
		{At{Header: "Proxy-Authorization"}, ""},
		{At{Header: "X-Token"}, ""},
		{At{Cookie: "c"}, ""},
		{At{}, "header: nothing says where the token stands"},
		{At{Header: "a:b"}, `header: "a:b" is not a field name`},
		{At{Header: "content-type"}, `header: "content-type" has another meaning`},
		{At{Cookie: "a=b"}, `cookie: "a=b" can't be the name of a cookie`},
	} {
		p := conf.NewProblems()
		c.at.Check(p)
		got := ""
		if l := p.List(); len(l) > 0 {
			got = l[0].Path.String() + ": " + l[0].Text
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.at, got, c.want)
		}
	}
	if _, err := New(At{Header: "a b"}); err == nil {
		t.Error("a name that is none is taken")
	}
}

func TestAPlaceSaysWhatItEdits(t *testing.T) {
	p := place(t, all)
	if want := []http7.Edit{{Name: "authorization"}, {Name: "cookie"}}; !slices.Equal(p.Edits(), want) {
		t.Errorf("got %v", p.Edits())
	}
}

func TestWhatMayStandBehindBearer(t *testing.T) {
	for token, want := range map[string]bool{
		"abcXYZ019-._~+/": true, "a=": true, "a==": true, "": false, "=": false, "a=b": false, "a b": false, "a,b": false, "a%": false, "é": false, "a\x00": false, "a&b": false,
	} {
		if IsToken([]byte(token)) != want {
			t.Errorf("%q: got %v", token, !want)
		}
	}
}

func TestFieldsForEndpoints(t *testing.T) {
	f, err := NewForward(map[string]string{"X-User": "sub", "X-Groups": "groups", "X-None": "none"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseClaims([]byte(`{"sub":"a,b","groups":["x","y"]}`))
	if err != nil {
		t.Fatal(err)
	}
	told, err := f.Tell(c)
	if err != nil {
		t.Fatal(err)
	}
	x := asked("/", "X-User: root", "X-None: forged", "X-Other: o")
	f.Write(&x.Request, told)
	if got, want := fields(&x.Request), "X-User: a,b\nX-Other: o\nX-Groups: x,y\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	f.Write(&x.Request, nil)
	if got, want := fields(&x.Request), "X-User: a,b\nX-Other: o\nX-Groups: x,y\n"; got != want {
		t.Errorf("told of nobody, behind another who told of somebody: got %q, want %q", got, want)
	}
	var none *Forward
	if told, err := none.Tell(c); told != nil || err != nil || none.Sets() != nil || none.Edits() != nil {
		t.Errorf("none tells %q, %v", told, err)
	}
	if _, err := NewForward(map[string]string{"a b": "sub"}); err == nil {
		t.Error("a name that is none is taken")
	}
}

func TestStrippingAllocatesNothing(t *testing.T) {
	p, x := place(t, all), &http7.Exchange{}
	path, query, value, cookie := []byte("/a"), []byte("x=1&access_token=t&y=2"), []byte("Bearer t"), []byte("a=1; session=t; b=2")
	target := []byte("/a?x=1&access_token=t&y=2")
	pass := func() {
		x.Release()
		x.Path, x.Query, x.Target = path, query, target
		x.Request.AddRaw([]byte("Authorization"), value)
		x.Request.AddRaw([]byte("Cookie"), cookie)
		if _, n := p.Find(x); n != 3 {
			t.Fatal(n)
		}
		p.Strip(x)
	}
	pass()
	if n := testing.AllocsPerRun(1000, pass); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

// FuzzPlace: whatever a request says, no token is left of it for the endpoint, and the rest is as it was.
func FuzzPlace(f *testing.F) {
	f.Add("Bearer t", "a=1; session=t", "x=1&access_token=t")
	f.Add("bearer", "session", "access_token")
	f.Add("Basic x", ";;=;session=;", "&&access%5ftoken=%&=")
	f.Fuzz(func(t *testing.T, authorization, cookie, query string) {
		for _, s := range []string{authorization, cookie} {
			if !http7.IsFieldValue([]byte(s)) {
				return
			}
		}
		if strings.ContainsAny(query, "?# \r\n") {
			return
		}
		x := asked("/p?"+query, "Authorization: "+authorization, "Cookie: "+cookie)
		p := place(t, all)
		token, count := p.Find(x)
		kept := append([]byte(nil), token...)
		p.Strip(x)
		if count > 0 && !bytes.Equal(kept, token) {
			t.Errorf("the token has changed from %q to %q", kept, token)
		}
		left := asked(string(x.Path), "", "")
		left.Request.CopyFrom(&x.Request)
		if x.Out != nil {
			_, rest, _ := strings.Cut(string(x.Out), "?")
			left.Query = []byte(rest)
		}
		if token, n := p.Find(left); n > 0 {
			t.Errorf("%q is left of %q, %q, %q", token, authorization, cookie, query)
		}
	})
}
