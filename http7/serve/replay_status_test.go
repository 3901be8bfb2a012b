package serve

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// afterBody is an origin that reads each request whole before it answers with the status and how long the body was.
func afterBody(t testing.TB, status int) string {
	return origin(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			n, err := io.Copy(io.Discard, req.Body)
			if err != nil {
				return
			}
			body := fmt.Sprint(n)
			fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
		}
	})
}

// A body that comes behind its head, as most clients send it, is sent again after a status too, while it fits.
func TestABodyBehindItsHeadIsReplayedAfterAStatus(t *testing.T) {
	for _, test := range []struct {
		what, method string
		size         int
		early        bool // the endpoint that fails answers before it has read the body
		want         string
	}{
		{"what fits", "PUT", 10 << 10, false, "200 10240"},
		{"what fits, refused before it was read", "PUT", 10 << 10, true, "200 10240"},
		{"more than fits", "PUT", 1 << 20, false, "503 1048576"},
		{"what must not be repeated", "POST", 10 << 10, false, "503 10240"},
		{"nothing", "DELETE", 0, false, "200 0"},
	} {
		t.Run(test.what, func(t *testing.T) {
			bad, good := afterBody(t, 503), afterBody(t, 200)
			if test.early {
				bad = saying(t, "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")
			}
			seen := map[string]int{}
			rig := newRig(t, bad, good)
			for range 6 { // both endpoints get the first attempt
				c := rig.dial()
				fmt.Fprintf(c, "%s / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", test.method, test.size)
				if _, err := c.Write(bytes.Repeat([]byte("x"), test.size)); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				seen[fmt.Sprintf("%d %s", resp.StatusCode, body)]++
			}
			for got, n := range seen {
				if got != test.want && got != strings.Replace(test.want, "503", "200", 1) {
					t.Errorf("%d answers are %s, want %s", n, got, test.want)
				}
			}
		})
	}
}
