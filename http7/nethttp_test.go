package http7

import (
	"bufio"
	"crypto/tls"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestTargetsFromNetHTTP(t *testing.T) {
	for _, c := range []struct{ target, path, query string }{
		{"/", "/", ""},
		{"/a%2Fb/?x=1?y", "/a%2Fb/", "x=1?y"},
		{"//a?b", "//a", "b"},
		{"*", "*", ""},
		{"http://h", "/", ""},
		{"http://h/a?b", "/a", "b"},
		{"http://h?b=/", "/", "b=/"},
		{"h.example:443", "/", ""},
	} {
		var x Exchange
		FillRequest(&x, &http.Request{Method: "GET", Host: "h", RequestURI: c.target})
		if string(x.Target) != c.target || string(x.Path) != c.path || string(x.Query) != c.query {
			t.Errorf("%q: got target %q, path %q, query %q", c.target, x.Target, x.Path, x.Query)
		}
	}
	var x Exchange
	FillRequest(&x, &http.Request{URL: &url.URL{Path: "/a b", RawQuery: "c"}})
	if string(x.Path) != "/a%20b" || string(x.Query) != "c" || x.Request.Len() != 0 {
		t.Errorf("without RequestURI and Host: path %q, query %q, %d fields", x.Path, x.Query, x.Request.Len())
	}
}

func TestProtocolsFromNetHTTP(t *testing.T) {
	for _, c := range []struct {
		major, minor int
		want         Proto
	}{{1, 0, HTTP10}, {1, 1, HTTP11}, {2, 0, HTTP2}, {3, 0, HTTP3}} {
		var x Exchange
		FillRequest(&x, &http.Request{RequestURI: "/", ProtoMajor: c.major, ProtoMinor: c.minor, TLS: &tls.ConnectionState{}})
		if x.Proto != c.want || !x.Secure {
			t.Errorf("%d.%d: got %v, secure %v", c.major, c.minor, x.Proto, x.Secure)
		}
	}
}

// pairs returns the fields of h in lower case, sorted by name; the values of one keep their order.
func pairs(h *Header) string {
	got := strings.SplitAfter(strings.ToLower(lines(h)), "\r\n")
	slices.SortStableFunc(got, func(a, b string) int {
		a, _, _ = strings.Cut(a, ":")
		b, _, _ = strings.Cut(b, ":")
		return strings.Compare(a, b)
	})
	return strings.Join(got, "")
}

func TestFieldsFromNetHTTPPassAHop(t *testing.T) {
	h := http.Header{
		"X-A": {"2", "1"}, "Cookie": {"a=b", "c=d"}, "Connection": {"x"}, "Te": {"trailers"}, "Upgrade": {"x"},
		"Transfer-Encoding": {"chunked"}, "X_user": {"1"}, "Content-Length": {"7"},
	}
	var x Exchange
	FillRequest(&x, &http.Request{RequestURI: "/", Host: "h", Header: h, Trailer: http.Header{"X-T": {"1"}, "Connection": {"x"}}, ContentLength: 7})
	if want := "content-length: 7\r\ncookie: a=b\r\ncookie: c=d\r\nhost: h\r\nx-a: 2\r\nx-a: 1\r\n"; pairs(&x.Request) != want || x.Body.Length != 7 {
		t.Errorf("request: got %q, length %d", pairs(&x.Request), x.Body.Length)
	}
	if n, v := x.Request.At(0); string(n) != "Host" || string(v) != "h" {
		t.Errorf("the first field is %s: %s", n, v)
	}
	if pairs(&x.Trailer) != "x-t: 1\r\n" {
		t.Errorf("trailer: got %q", pairs(&x.Trailer))
	}
	FillTrailer(&x, http.Header{"X-T": {"2", "3"}})
	if pairs(&x.Trailer) != "x-t: 2\r\nx-t: 3\r\n" {
		t.Errorf("trailer behind the body: got %q", pairs(&x.Trailer))
	}
	var a Answer
	FillAnswer(&a, 203, h)
	if want := "content-length: 7\r\ncookie: a=b\r\ncookie: c=d\r\nx-a: 2\r\nx-a: 1\r\nx_user: 1\r\n"; pairs(&a.Header) != want || a.Status != 203 || a.Length != 7 {
		t.Errorf("answer: got %d %q, length %d", a.Status, pairs(&a.Header), a.Length)
	}
}

func TestTheLengthOfAnAnswerFromNetHTTP(t *testing.T) {
	for _, c := range []struct {
		values []string
		want   int64
	}{{nil, -1}, {[]string{"0"}, 0}, {[]string{"9223372036854775807"}, 1<<63 - 1}, {[]string{"9223372036854775808"}, -1},
		{[]string{"-1"}, -1}, {[]string{"+1"}, -1}, {[]string{"1", "1"}, -1}, {[]string{"x"}, -1}} {
		var a Answer
		FillAnswer(&a, 200, http.Header{"Content-Length": c.values})
		if a.Length != c.want {
			t.Errorf("%q: got %d, want %d", c.values, a.Length, c.want)
		}
	}
}

func TestDrainingGivesCanonicalNamesAndLeavesSomeOut(t *testing.T) {
	dst := http.Header{"X-A": {"0"}}
	fill("x-a: 1\r\nHost: h\r\nX-A: 2\r\nvia: 1.1 w\r\nx_y: 1\r\n").DrainTo(dst, Names(Host), "")
	want := http.Header{"X-A": {"0", "1", "2"}, "Via": {"1.1 w"}, "X_y": {"1"}}
	if !maps.EqualFunc(dst, want, slices.Equal) {
		t.Fatalf("got %v, want %v", dst, want)
	}
}

func FuzzFillRequestAndDrain(f *testing.F) {
	f.Add("GET /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\n\r\n")
	f.Add("OPTIONS * HTTP/1.0\r\nX:\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		var x Exchange
		FillRequest(&x, r)
		if len(x.Path) == 0 {
			t.Fatal("no path")
		}
		got := http.Header{}
		x.Request.DrainTo(got, Names(Host), "")
		want := r.Header.Clone()
		for name := range want {
			if HopByHop.Has(LookupID([]byte(name))) || LookupID([]byte(name)) == Host || strings.Contains(name, "_") {
				delete(want, name)
			}
		}
		if !maps.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}
