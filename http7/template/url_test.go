package template

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/http7"
)

// located is the whole URL made of x, or "!" and the name of a fault.
func located(t testing.TB, u *URL, x *http7.Exchange) string {
	t.Helper()
	b, f := u.AppendPath([]byte("kept"), x, Match{})
	if f != nil {
		if string(b) != "kept" {
			t.Fatalf("refused, yet there is %q", b)
		}
		return "!" + f.Name
	}
	b = append(b, '?')
	n := len(b)
	if b = u.AppendQuery(b, x, Match{}); len(b) == n {
		b = b[:n-1]
	}
	return string(u.AppendFragment(b, x)[len("kept"):])
}

func TestURLsForClients(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"/", "/?q=a+b%26c&q=2&e="},
		{"/new/{rest}", "/new/a/b?q=a+b%26c&q=2&e="},
		{"/new/{rest}?", "/new/a/b"},
		{"/u?id={path.id}", "/u?id=7"},
		{"/u?id={path.id}&{query}", "/u?id=7&q=a+b%26c&q=2&e="},
		{"/u?next={path}&q={query.q}", "/u?next=/v1/users/7/a/b&q=a%20b%26c"},
		{"/u#top", "/u?q=a+b%26c&q=2&e=#top"},
		{"/u?a#b?c{path.id}#", "/u?a#b?c7%23"},
		{"https://www.example.com", "https://www.example.com?q=a+b%26c&q=2&e="},
		{"https://www.example.com?", "https://www.example.com"},
		{"HTTPS://www.example.com/{rest}?", "https://www.example.com/a/b"},
		{"https://{host}{path}?", "https://api.example.com/v1/users/7/a/b"},
		{"{scheme}://{host}:8443/x?", "https://api.example.com:8443/x"},
		{"{scheme}://www.example.com{path}?", "https://www.example.com/v1/users/7/a/b"},
		{"https://www.{host}?x=1", "https://www.api.example.com?x=1"},
		{"https://{path.id}.shops.example.com/?", "https://7.shops.example.com/"},
		{"https://{path.id}.{host}/?", "https://7.api.example.com/"},
		{"https://[2001:db8::1]:8080/?", "https://[2001:db8::1]:8080/"},
		{"{path}?", "/v1/users/7/a/b"},
		{"/a b/ä/%c3%a4?ö", "/a%20b/%C3%A4/%c3%a4?%C3%B6"},
		{"/$1?", "/$1"},
		{"/{client}/{method}?", "/192.0.2.7/GET"},
	} {
		u, err := CompileURL(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := located(t, u, asked()); got != c.want {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
}

func TestURLsThatLeadElsewhereAreProblems(t *testing.T) {
	const (
		usual = `write "https://host/path", or "/path" for the host that was asked`
		own   = `end it with a domain of your own, as in "https://{path.shop}.example.com/"`
		free  = "the host would be whatever a request says"
	)
	for _, w := range []wrong{
		{"", "the URL is empty", usual},
		{"new", "the URL begins neither with a scheme nor with a slash", usual},
		{"{rest}", "the URL begins neither with a scheme nor with a slash", usual},
		{"{header.X}", "the URL begins neither with a scheme nor with a slash", usual},
		{"www.example.com/a", "the URL begins neither with a scheme nor with a slash", usual},
		{"{scheme}", "the URL begins neither with a scheme nor with a slash", usual},
		{"?a=b", "the URL begins neither with a scheme nor with a slash", usual},
		{"https:/a", "the URL begins neither with a scheme nor with a slash", usual},
		{"//www.example.com/", `"//www.example.com/" names a host without a scheme`, usual},
		{"javascript://x/", `"javascript" is not a scheme that clients are sent to`, usual},
		{"ftp://h/", `"ftp" is not a scheme that clients are sent to`, usual},
		{"https://", "the URL has no host", usual},
		{"https:///a", "the URL has no host", usual},
		{"https://:80/", "the URL has no host", usual},
		{"https://{header.X}/", free, own},
		{"https://{cookie.a}:443/", free, own},
		{"https://www.{path.a}/", free, own},
		{"https://{path.a}.com/", free, own},
		{"https://{path.a}com.example.org/", free, own},
		{"https://{host}{path.a}/", free, own},
		{"https://{host}.{path.a}", free, own},
		{"https://www.example.com{path.a}", free, own},
		{"https://www.example.com{rest}", "{rest} can't stand in a host; write a slash before it", usual},
		{"https://www.example.com{query}", "{query} can't stand in a host; write a slash before it", usual},
		{"https://{client}/", "{client} can't stand in a host; write a slash before it", usual},
		{"https://{tls.sni}/", "{tls.sni} can't stand in a host; write a slash before it", usual},
		{"https://{tls.client.cn}/", "{tls.client.cn} can't stand in a host; write a slash before it", usual},
		{"https://me:pw@example.com/", "a name or password does not belong in a URL", usual},
		{"https://{header.X}@example.com/", "a name or password does not belong in a URL", usual},
		{"https://example.com:{header.X}/", `"x" is not a port`, usual},
		{"https://example.com:{host}/", `"h.h" is not a port`, usual},
		{"https://example.com:0/", `"0" is not a port`, usual},
		{"https://example.com:/", `"" is not a port`, usual},
		{"https://exa mple.com/", `"exa mple.com" is not a host`, usual},
		{"https://bücher.example/", `"bücher.example" is not a host`, usual},
		{"https://a..b/", `"a..b" is not a host`, usual},
		{"https://example.com\\evil/", `"example.com\\evil" is not a host`, usual},
		{`/\evil.example`, `"/\\evil.example": a backslash can't stand in a URL`, `write a slash, or "%5C"`},
		{"/100%", `"/100%": "%" begins no escape`, `write "%25" for a percent sign`},
		{"/a?%zz", `"%zz": "%" begins no escape`, `write "%25" for a percent sign`},
		{"/a#%zz", `"%zz": "%" begins no escape`, `write "%25" for a percent sign`},
		{"/a\r\nSet-Cookie: a", `the text holds a line end or another control character, '\r'`, "write it in one line"},
	} {
		_, err := CompileURL(w.text)
		demandProblem(t, w, err)
	}
}

func TestValuesStayInTheirPlace(t *testing.T) {
	x := asked()
	x.Request.AddRaw([]byte("X-Evil"), []byte(`//evil.example/?a#b\c %2F..;é`))
	const escaped = "%2F%2Fevil.example%2F%3Fa%23b%5Cc%20%252F..%3B%C3%A9"
	for _, c := range []struct{ text, want string }{
		{"/{header.X-Evil}?", "/" + escaped},
		{"/a?b={header.X-Evil}", "/a?b=" + escaped},
		{"/a?#{header.X-Evil}", "/a#" + escaped},
		{"https://{header.X-Evil}.example.com/", "!ambiguous_host"},
		{"https://{header.X-None}.example.com/", "!ambiguous_host"},
		{"https://{cookie.lang}.example.com/?", "https://en.example.com/"},
		{"/{header.X-None}/{rest}?", "/a/b"}, // two slashes would begin a host
		{"/{query.q}?", "/a%20b&c"},
		{"/?q={query.q}&p={path.plus}", "/?q=a%20b%26c&p=a%2Bb%26c%3Dd%20e"},
	} {
		u, err := CompileURL(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		x.Captures.Reset([]string{"plus", "rest"})
		x.Captures.Set(0, []byte("a+b&c=d%20e"))
		x.Captures.Set(1, []byte("a/b"))
		if got := located(t, u, x); got != c.want {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
}

func TestHostsOfRequestsThatAreNone(t *testing.T) {
	u, err := CompileURL("https://{host}/{rest}?")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ authority, want string }{
		{"a.example:80", "https://a.example/a/b"}, {"[::1]:80", "https://[::1]/a/b"},
		{"", "!ambiguous_host"}, {":80", "!ambiguous_host"}, // "https:///evil.example" leads to evil.example
		{"a@b", "!ambiguous_host"}, {"a%2fb", "!ambiguous_host"}, {"a/b", "!ambiguous_host"}, {`a\b`, "!ambiguous_host"}, {"a b", "!ambiguous_host"}, {"[::1", "!ambiguous_host"}, {"[x]", "!ambiguous_host"},
		{strings.Repeat("a", 256), "!ambiguous_host"},
	} {
		x := asked()
		x.Authority = []byte(c.authority)
		if got := located(t, u, x); got != c.want {
			t.Errorf("%q: got %q, want %q", c.authority, got, c.want)
		}
	}
}

// FuzzURLs: a URL that clients are sent to leads to the host that the text names, and nowhere else.
func FuzzURLs(f *testing.F) {
	for _, text := range []string{
		"/{rest}", "{path}", "/{header.X-Tenant}/{rest}", "https://www.example.com/{rest}", "https://www.example.com{path}", "https://{path.id}.example.com/{rest}?a={query.q}#{jwt.sub}", "https://{host}/{cookie.lang}",
	} {
		f.Add(text, "//evil.example/", "evil.example", `\/evil`, "a=%0d%0a/&q=//x")
		f.Add(text, "/a", "a/b", "..", "")
	}
	f.Fuzz(func(t *testing.T, text, path, capture, value, query string) {
		u, err := CompileURL(text, "id", "rest")
		if err != nil {
			return
		}
		x := asked()
		x.Path, x.Query = []byte(path), []byte(query)
		x.Captures.Set(0, []byte(capture))
		x.Captures.Set(1, []byte(capture))
		x.Claims[0].Value = []byte(value)
		x.Request.Reset(nil)
		x.Request.AddRaw([]byte("X-Tenant"), []byte(value))
		if strings.ContainsFunc(path+capture, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`\?#`, r) }) {
			return // in no canonical path
		}
		got := located(t, u, x)
		if got[0] == '!' {
			return
		}
		if !leadsTo(t, text, got) {
			t.Fatalf("%q makes %q", text, got)
		}
	})
}

// leadsTo reads a URL as browsers do (https://url.spec.whatwg.org/#url-parsing) and compares its host.
func leadsTo(t *testing.T, text, got string) bool {
	if strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
		return false
	}
	base := url.URL{Scheme: "https", Host: "api.example.com"}
	to, err := base.Parse(got)
	if err != nil { // a stray "%" in what is no canonical path
		return strings.Contains(err.Error(), "escape")
	}
	want := regexp.QuoteMeta(base.Host)
	if _, rest, ok := strings.Cut(text, "://"); ok && !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "{path}") {
		end := strings.IndexAny(strings.ReplaceAll(rest, "{path}", "/"), "/?#")
		if end >= 0 {
			rest = rest[:end]
		}
		rest = strings.ReplaceAll(rest, "{host}", base.Host)
		want = regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(regexp.QuoteMeta(rest), "[a-zA-Z0-9-]+")
	}
	return to.User == nil && regexp.MustCompile("^"+want+"$").MatchString(to.Host)
}

var twoGroups = regexp.MustCompile(`^/(\w+)/(?P<tail>.*)$`)

func TestTargetsTakeGroups(t *testing.T) {
	of := []byte("/a/b%20c/d&e")
	groups := twoGroups.FindSubmatchIndex(of)
	for _, c := range []struct{ text, path, query string }{
		{"/$1", "/a", ""}, {"/$2/$1", "/b%20c/d&e/a", ""}, {"/${tail}-${1}", "/b%20c/d&e-a", ""}, {"/$tail-$1x", "/b%20c/d&e-ax", ""}, {"$0", "/a/b%20c/d&e", ""}, {"/$$1", "/$1", ""},
		{"/x?a=$1&b=$2", "/x", "a=a&b=b%20c/d%26e"}, {"/{path.id}/${1}2", "/7/a2", ""}, {"/{header.X-Tenant}/{{", "/acme/%7B", ""}, {"?{query}", "", "q=a+b%26c&q=2&e="},
		{"", "", ""}, {"x{method}y", "xGETy", ""},
	} {
		u, err := CompileTarget(c.text, twoGroups.SubexpNames())
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		m := Match{Of: of, Groups: groups}
		path, f := u.AppendPath(nil, asked(), m)
		if query := u.AppendQuery(nil, asked(), m); string(path) != c.path || string(query) != c.query || f != nil || u.HasQuery() != strings.Contains(c.text, "?") {
			t.Errorf("%s: got %q ? %q, %v", c.text, path, query, f)
		}
	}
	u, _ := CompileTarget("/$1", []string{"", ""})
	if got, _ := u.AppendPath(nil, asked(), Match{Of: of, Groups: []int{0, 2, -1, -1}}); string(got) != "/" {
		t.Errorf("a group that took nothing: got %q", got)
	}
}

func TestWrongGroupsAreProblems(t *testing.T) {
	for _, w := range []wrong{
		{"/$3", `the regular expression has no group "3"`, `it has 2; "$0" is all that it matches`},
		{"/$tial", `the regular expression has no group "tial"`, "did you mean $tail?"},
		{"/$/a", "a dollar sign names a group of the regular expression, and none follows", `write "$1", "$name", or "$$" for a dollar sign`},
		{"/$", "a dollar sign names a group of the regular expression, and none follows", `write "$1", "$name", or "$$" for a dollar sign`},
		{"/${}", "a dollar sign names a group of the regular expression, and none follows", `write "$1", "$name", or "$$" for a dollar sign`},
		{"/${tial}", `the regular expression has no group "tial"`, "did you mean $tail?"},
		{"/${1", `"${1" begins a group and has no end`, `write "}" behind its name, or "$$" for a dollar sign`},
		{"/a#b", `what is behind "#" never leaves a browser`, `write "%23" for the character`},
		{"/{pth}", "{pth} is not a variable", ""},
		{`\`, `"\\": a backslash can't stand in a URL`, `write a slash, or "%5C"`},
	} {
		_, err := CompileTarget(w.text, twoGroups.SubexpNames())
		if w.hint == "" && err != nil && err.Error() == w.problem {
			continue
		}
		demandProblem(t, w, err)
	}
}

func TestReadsOfURLs(t *testing.T) {
	u, err := CompileURL("https://{cookie.a}.example.com/{header.B}?{jwt.c}#{header.b}")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"cookie:a", "header:b", "claim:c"}; !slices.Equal(u.Reads(), want) {
		t.Errorf("got %q, want %q", u.Reads(), want)
	}
	if u, err := CompileURL("/a"); err != nil || u.Reads() != nil {
		t.Errorf("got %+v, %v", u, err)
	}
}
