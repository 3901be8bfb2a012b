package http7

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// sorted returns the lines of a head, the first in its place and the others sorted: a map has no order.
func sorted(b []byte) string {
	lines := strings.Split(strings.TrimSuffix(string(b), "\r\n\r\n"), "\r\n")
	slices.SortStableFunc(lines[1:], func(a, b string) int {
		a, _, _ = strings.Cut(a, ":")
		b, _, _ = strings.Cut(b, ":")
		return strings.Compare(a, b)
	})
	return strings.Join(lines, "|")
}

func TestARequestOfALibraryIsWrittenAsHTTP1WritesIt(t *testing.T) {
	for _, c := range []struct {
		name string
		r    http.Request
		want string
	}{
		{"GET", http.Request{Method: "GET", RequestURI: "/a?b", Host: "h:1"}, "GET /a?b HTTP/1.1|Host: h:1"},
		{"no host", http.Request{Method: "GET", RequestURI: "/"}, "GET / HTTP/1.1"},
		{"fields", http.Request{Method: "GET", RequestURI: "/", Host: "h", Header: http.Header{"X-A": {"2", "1"}, "Te": {"trailers"}, "X-B": {""}}},
			"GET / HTTP/1.1|Host: h|Te: trailers|X-A: 2|X-A: 1|X-B: "},
		{"the same Host again", http.Request{Method: "GET", RequestURI: "/", Host: "h", Header: http.Header{"Host": {"h"}}}, "GET / HTTP/1.1|Host: h"},
		{"a length", http.Request{Method: "POST", RequestURI: "/", Host: "h", ContentLength: 5, Header: http.Header{"Content-Length": {"5"}}}, "POST / HTTP/1.1|Content-Length: 5|Host: h"},
		{"no length", http.Request{Method: "POST", RequestURI: "/", Host: "h", ContentLength: -1}, "POST / HTTP/1.1|Host: h|Transfer-Encoding: chunked"},
		{"trailers", http.Request{Method: "POST", RequestURI: "/", Host: "h", ContentLength: 5, Header: http.Header{"Content-Length": {"5"}, "Trailer": {"X-T"}}, Trailer: http.Header{"X-T": nil}},
			"POST / HTTP/1.1|Host: h|Trailer: X-T|Transfer-Encoding: chunked"},
		{"extended CONNECT", http.Request{Method: "CONNECT", RequestURI: "/chat", Host: "h", ContentLength: -1, Header: http.Header{":protocol": {"websocket"}, "X-A": {"b"}}},
			"GET /chat HTTP/1.1|Connection: Upgrade|Host: h|Upgrade: websocket|X-A: b"},
		{"CONNECT", http.Request{Method: "CONNECT", RequestURI: "h:443", Host: "h:443"}, "CONNECT h:443 HTTP/1.1|Host: h:443"},
	} {
		got, f := AppendRequest([]byte("x"), &c.r)
		if f != nil || sorted(got[1:]) != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.name, sorted(got[1:]), f, c.want)
		}
	}
}

func TestWhatALineCannotHoldIsRefused(t *testing.T) {
	with := func(name string, values ...string) http.Request {
		return http.Request{Method: "GET", RequestURI: "/", Host: "h", Header: http.Header{name: values}}
	}
	for _, c := range []struct {
		name string
		r    http.Request
		want *Fault
	}{
		{"a method of two words", http.Request{Method: "GET /x", RequestURI: "/", Host: "h"}, BadTarget},
		{"no method", http.Request{RequestURI: "/", Host: "h"}, BadTarget},
		{"a space in the target", http.Request{Method: "GET", RequestURI: "/a b", Host: "h"}, BadTarget},
		{"a line in the target", http.Request{Method: "GET", RequestURI: "/\r\nx:", Host: "h"}, BadTarget},
		{"a line in the host", http.Request{Method: "GET", RequestURI: "/", Host: "h\nx"}, BadHost},
		{"another host", with("Host", "other"), BadHost},
		{"two hosts", with("Host", "h", "h"), BadHost},
		{":protocol of a GET", with(":protocol", "websocket"), BadField},
		{":protocol twice", http.Request{Method: "CONNECT", RequestURI: "/", Host: "h", Header: http.Header{":protocol": {"a", "b"}}}, BadField},
		{"Connection", with("Connection", "close"), BadConnection},
		{"Keep-Alive", with("Keep-Alive", "1"), BadConnection},
		{"Proxy-Connection", with("Proxy-Connection", "close"), BadConnection},
		{"Transfer-Encoding", with("Transfer-Encoding", "chunked"), BadConnection},
		{"Upgrade", with("Upgrade", "h2c"), BadConnection},
		{"TE: gzip", with("Te", "gzip"), BadField},
		{"a line in a value", with("X-A", "b\r\nX-C: d"), BadField},
		{"space around a value", with("X-A", "b "), BadField},
		{"a colon in a name", with("X:A", "b"), BadField},
		{"no name", with("", "b"), BadField},
		{"a protocol that is no token", http.Request{Method: "CONNECT", RequestURI: "/", Host: "h", Header: http.Header{":protocol": {"a b"}}}, BadField},
		{"two lengths", http.Request{Method: "PUT", RequestURI: "/", Host: "h", ContentLength: 5, Header: http.Header{"Content-Length": {"5", "5"}}, Trailer: http.Header{"X": nil}}, BadContentLength},
	} {
		if _, f := AppendRequest(nil, &c.r); f != c.want {
			t.Errorf("%s: got %v, want %v", c.name, f, c.want)
		}
	}
}

func TestTrailersAreWrittenAsTheLastChunk(t *testing.T) {
	got, f := AppendTrailer(nil, http.Header{"X-T": {"1", "2"}, "X-None": nil})
	if f != nil || string(got) != "0\r\nX-T: 1\r\nX-T: 2\r\n\r\n" {
		t.Errorf("got %q, %v", got, f)
	}
	for _, h := range []http.Header{{"X T": {"1"}}, {"X-T": {"1\r\n"}}, {"": {"1"}}} {
		if _, f := AppendTrailer(nil, h); f != BadTrailer {
			t.Errorf("%q: got %v", h, f)
		}
	}
}

func TestDrainingGivesEachValueItsOwnBytes(t *testing.T) {
	var h Header
	h.AddRaw([]byte("etag"), []byte(`"a"`))
	h.AddRaw([]byte("x-a"), []byte("1"))
	h.AddRaw([]byte("X-A"), []byte("2"))
	h.AddRaw([]byte("x-a"), []byte("3"))
	dst := http.Header{"X-A": {"0"}}
	h.DrainTo(dst, 0, "")
	dst["X-A"] = append(dst["X-A"], "4")
	if want := (http.Header{"Etag": {`"a"`}, "X-A": {"0", "1", "2", "3", "4"}}); dst.Get("Etag") != `"a"` || !slices.Equal(dst["X-A"], want["X-A"]) || len(dst) != 2 {
		t.Errorf("got %v", dst)
	}
	dst = http.Header{}
	h.DrainTo(dst, Names(ETag), http.TrailerPrefix)
	if len(dst) != 1 || len(dst["Trailer:X-A"]) != 3 {
		t.Errorf("with a prefix: got %v", dst)
	}
	dst = http.Header{}
	(&Header{}).DrainTo(dst, 0, "")
	if len(dst) != 0 {
		t.Errorf("of nothing: got %v", dst)
	}
}

// FuzzAppendRequest: whatever a library hands over, what comes out has one line for each of its parts.
func FuzzAppendRequest(f *testing.F) {
	f.Add("GET", "/", "h", "X-A", "b", int64(0))
	f.Add("CONNECT", "h:1", "h:1", ":protocol", "websocket", int64(-1))
	f.Add("POST", "/\r\n", "h", "X\r\nA", "b\r\nc: d", int64(5))
	f.Fuzz(func(t *testing.T, method, target, host, name, value string, length int64) {
		r := &http.Request{Method: method, RequestURI: target, Host: host, ContentLength: length, Header: http.Header{name: {value}}}
		b, fault := AppendRequest(nil, r)
		if fault != nil {
			return
		}
		head, ok := bytes.CutSuffix(b, []byte("\r\n\r\n"))
		lines := bytes.Split(head, []byte("\r\n"))
		if !ok || bytes.ContainsAny(bytes.Join(lines, nil), "\r\n\x00") || len(lines) > 4 || bytes.Count(lines[0], []byte(" ")) != 2 {
			t.Errorf("%q became %q", []string{method, target, host, name, value}, b)
		}
	})
}

func BenchmarkAppendRequest(b *testing.B) {
	r := &http.Request{Method: "GET", RequestURI: "/orders/7?x=1", Host: "api.example.com", Header: http.Header{"User-Agent": {"test"}, "Accept": {"*/*"}, "Cookie": {"a=b"}}}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = AppendRequest(dst[:0], r)
	}
}

func TestAppendingARequestAllocatesNothing(t *testing.T) {
	r := &http.Request{Method: "GET", RequestURI: "/orders/7?x=1", Host: "api.example.com", Header: http.Header{"User-Agent": {"test"}, "Accept": {"*/*"}}}
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { dst, _ = AppendRequest(dst[:0], r) }); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}
