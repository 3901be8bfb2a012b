//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// storedOpen starts a Weir that has stored an answer for one URL of the listener without TLS. It returns the URL's path.
func storedOpen(t *testing.T, answer string) (c *child, path string) {
	t.Helper()
	c, o, calls := startTable(t)
	r := newRecital(t, &tale{name: t.Name()}, 0, "HTTP/1.1", o, calls)
	if problems := r.step(&step{ask: "GET | :scheme: http", origin: answer}); len(problems) > 0 {
		t.Fatal(problems)
	}
	return c, r.url
}

// Answers from the store are framed as any other on a connection that goes on.
func TestCacheHitsOnOneConnection(t *testing.T) {
	t.Parallel()
	c, path := storedOpen(t, tagged+digit)
	asks := []struct {
		method, fields, body string
		status               int
	}{
		{"GET", "", "0123456789", 200},
		{"HEAD", "", "", 200},
		{"GET", "If-None-Match: \"a\"\r\n", "", 304},
		{"GET", "Range: bytes=0-1\r\n", "01", 206},
		{"GET", "Range: bytes=0-1,4-5\r\n", "45", 206},
		{"GET", "Range: bytes=20-\r\n", "", 416},
		{"GET", "Connection: close\r\n", "0123456789", 200},
	}
	var all strings.Builder
	for _, a := range asks {
		all.WriteString(a.method + " " + path + " HTTP/1.1\r\nHost: weir.test:8443\r\n" + a.fields + "\r\n")
	}
	w := dial(t, c.at(8080))
	w.send(all.String())
	for i, a := range asks {
		res, err := http.ReadResponse(w.r, &http.Request{Method: a.method})
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != a.status || !strings.Contains(string(body), a.body) || !strings.Contains(res.Header.Get("Cache-Status"), "hit") {
			t.Errorf("answer %d: %d %q, %v, %v; want %d %q", i, res.StatusCode, body, res.Header, err, a.status, a.body)
		}
	}
	w.ended()
}

// A client of HTTP/1.0 gets what is stored with a length, however it came.
func TestCacheHitOfAnOldClient(t *testing.T) {
	t.Parallel()
	c, path := storedOpen(t, "200 | "+fresh+" | Transfer-Encoding: chunked || 0123456789")
	w := dial(t, c.at(8080))
	w.send(fmt.Sprintf("GET %s HTTP/1.0\r\nHost: weir.test:8443\r\n\r\n", path))
	raw, err := io.ReadAll(w.r)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(raw))), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "0123456789" || len(res.TransferEncoding) > 0 || res.ContentLength != 10 {
		t.Errorf("%q, %v", raw, err)
	}
}
