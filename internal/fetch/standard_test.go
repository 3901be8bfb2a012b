package fetch_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"weir/internal/fetch"
)

// What RFC 9110 and RFC 9112 say of answers: each is sent as it stands here, and its end is the connection's.
func TestAnswersAreReadAsTheStandardsHaveThem(t *testing.T) {
	for _, c := range []struct {
		what, method, answer string
		status               int
		body                 string
		kind                 fetch.Kind
	}{
		{"a length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", ""},
		{"no length: to the end (RFC 9112 §6.3)", "GET", "HTTP/1.1 200 OK\r\n\r\nabc", 200, "abc", ""},
		{"an answer of HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\n\r\nabc", 200, "abc", ""},
		{"no reason (RFC 9112 §4)", "GET", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, "", ""},
		{"a status that nobody knows (RFC 9110 §15)", "GET", "HTTP/1.1 299 Odd\r\nContent-Length: 1\r\n\r\na", 299, "a", ""},
		{"chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", 200, "abc", ""},
		{"chunks with extensions and trailers (RFC 9112 §7.1)", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", 200, "abc", ""},
		{"chunks and a length: chunks hold (§6.3)", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "abc", ""},
		{"the same length twice (RFC 9110 §8.6)", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", ""},
		{"interim answers (RFC 9110 §15.2)", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 200, "a", ""},
		{"no content (§15.3.5)", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", ""},
		{"not modified, with the length of what is not sent (§15.4.5)", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, "", ""},
		{"HEAD, with the length of what is not sent (§9.3.2)", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 200, "", ""},
		{"a chunk that is shorter than it says", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc\r\n0\r\n\r\n", 0, "", fetch.BadAnswer},
		{"a chunk's size that is none", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n", 0, "", fetch.BadAnswer},
		{"a coding that is not known (§6.1)", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc", 0, "", fetch.BadAnswer},
		{"a head that is cut", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: ", 0, "", fetch.BadAnswer},
		{"interim answers without end", "GET", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 50), 0, "", fetch.BadAnswer},
		{"a status of two digits", "GET", "HTTP/1.1 20 OK\r\n\r\n", 0, "", fetch.BadAnswer},
		{"another version", "GET", "HTTP/9.1.1 200 OK\r\n\r\n", 0, "", fetch.BadAnswer},
		{"a field without a colon", "GET", "HTTP/1.1 200 OK\r\nNo Field\r\n\r\n", 0, "", fetch.BadAnswer},
		{"lengths in a list that differ", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabcd", 0, "", fetch.BadAnswer},
		{"a length with a sign", "GET", "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc", 0, "", fetch.BadAnswer},
		{"a length that no number holds", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc", 0, "", fetch.BadAnswer},
	} {
		a, err := client(t, fetch.Config{}).Do(t.Context(), &fetch.Request{Method: c.method, URL: raw(t, c.answer)})
		switch {
		case c.kind != "":
			if err == nil || kindOf(t, err) != c.kind {
				t.Errorf("%s: got %+v, %v; want %s", c.what, a, err, c.kind)
			}
		case err != nil || a.Status != c.status || string(a.Body) != c.body:
			t.Errorf("%s: got %+v, %v; want %d %q", c.what, a, err, c.status, c.body)
		}
	}
}

// recorded is a server that tells the head and what follows of the first request, and answers it.
func recorded(t testing.TB) (url string, head chan string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	head = make(chan string, 1)
	go func() { // ends with its first request
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		q, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			head <- err.Error()
			return
		}
		body, _ := io.ReadAll(q.Body)
		lines := []string{q.Method + " " + q.RequestURI, "length " + q.Header.Get("Content-Length") + " of " + string(body)}
		for _, name := range []string{"X-A", "User-Agent", "Cookie", "Authorization", "Connection", "Transfer-Encoding", "Expect", "Referer"} {
			if values := q.Header.Values(name); len(values) > 0 {
				lines = append(lines, name+": "+strings.Join(values, " | "))
			}
		}
		head <- strings.Join(lines, "\n")
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\n\r\n")
	}()
	return "http://" + ln.Addr().String(), head
}

func TestRequestsAreSentAsTheyAreMeant(t *testing.T) {
	for _, c := range []struct {
		what string
		ask  fetch.Request
		want string
	}{
		{"nothing but a URL", fetch.Request{URL: ""}, "GET /\nlength  of \nUser-Agent: weir"},
		{"a path that is escaped", fetch.Request{URL: "/a%2Fb%20c?d=%26&e"}, "GET /a%2Fb%20c?d=%26&e\nlength  of \nUser-Agent: weir"},
		{"a body", fetch.Request{Method: "POST", URL: "/", Body: []byte("a=b")}, "POST /\nlength 3 of a=b\nUser-Agent: weir"},
		{"an empty body (RFC 9110 §8.6)", fetch.Request{Method: "POST", URL: "/", Body: []byte{}}, "POST /\nlength 0 of \nUser-Agent: weir"},
		{"no body where one is usual (RFC 9110 §8.6)", fetch.Request{Method: "POST", URL: "/"}, "POST /\nlength 0 of \nUser-Agent: weir"},
		{"a name of its own", fetch.Request{URL: "/", Header: http.Header{"User-Agent": {"app/1"}}}, "GET /\nlength  of \nUser-Agent: app/1"},
		{"several values", fetch.Request{URL: "/", Header: http.Header{"x-a": {"1", "2"}, "Authorization": {"Bearer t"}}}, "GET /\nlength  of \nX-A: 1 | 2\nUser-Agent: weir\nAuthorization: Bearer t"},
		{"a method of its own", fetch.Request{Method: "PURGE", URL: "/a"}, "PURGE /a\nlength  of \nUser-Agent: weir"},
	} {
		url, head := recorded(t)
		ask := c.ask
		ask.URL = url + ask.URL
		if _, err := client(t, fetch.Config{}).Do(t.Context(), &ask); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if got := <-head; got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.what, got, c.want)
		}
	}
}

// What can't be sent is not the other's fault: it is not counted as an answer that was bad.
func TestARequestThatIsNoneIsNotSent(t *testing.T) {
	url, head := recorded(t)
	for what, ask := range map[string]fetch.Request{
		"a method that is no token":       {Method: "GET /", URL: url},
		"a name that is no token":         {URL: url, Header: http.Header{"X A": {"s3cret"}}},
		"an empty name":                   {URL: url, Header: http.Header{"": {"s3cret"}}},
		"a line end in a value":           {URL: url, Header: http.Header{"X-A": {"s3cret\r\nX-B: 1"}}},
		"a NUL in a value":                {URL: url, Header: http.Header{"X-A": {"s3cret\x00"}}},
		"another scheme":                  {URL: "ftp://127.0.0.1/s3cret"},
		"no scheme":                       {URL: "127.0.0.1/s3cret"},
		"no host":                         {URL: "http:///s3cret"},
		"a control character in the path": {URL: url + "/s3cret\x7f"},
	} {
		_, err := client(t, fetch.Config{}).Do(t.Context(), &ask)
		if kindOf(t, err) != fetch.Unusable || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v, want %s", what, err, fetch.Unusable)
		}
	}
	select {
	case got := <-head:
		t.Errorf("the server got %s", got)
	default:
	}
}

// Nothing of one call is in the next: policies ask for different people.
func TestCallsShareNothingButConnections(t *testing.T) {
	got := make(chan string, 2)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Cookie") + r.Header.Get("Authorization") + r.Header.Get("If-None-Match")
		w.Header().Set("Set-Cookie", "a=b; Path=/")
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Cache-Control", "max-age=60")
	})
	f := client(t, fetch.Config{})
	for _, token := range []string{"Bearer one", ""} {
		h := http.Header{}
		if token != "" {
			h.Set("Authorization", token)
		}
		if _, err := f.Do(t.Context(), &fetch.Request{URL: url, Header: h}); err != nil {
			t.Fatal(err)
		}
		if sent := <-got; sent != token {
			t.Errorf("sent %q, want %q", sent, token)
		}
	}
}

// A proxy of the environment would see what policies ask.
func TestNoProxyIsAsked(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	t.Setenv("NO_PROXY", "")
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "direct") })
	if a, err := client(t, fetch.Config{}).Do(t.Context(), &fetch.Request{URL: url}); err != nil || string(a.Body) != "direct" {
		t.Errorf("got %+v, %v", a, err)
	}
}
