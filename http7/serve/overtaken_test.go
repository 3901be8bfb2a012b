package serve

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An endpoint's 200 that overtook the request's body let the connection live on by its head, which was then closed: a
// client that went on met the end, often with a request that can't be repeated.
func TestAConnectionGoesOnBehindAnOvertakenBodyUnlessTheAnswerSaysClose(t *testing.T) {
	t.Parallel()
	length := func(n int) string { return "Content-Length: " + strconv.Itoa(n) + "\r\n\r\n" }
	body := func(n int) string { return strings.Repeat("x", n) }
	const chunked = "Transfer-Encoding: chunked\r\n\r\n"
	whole := "200 OK\r\nContent-Length: 4\r\n\r\nsoon"
	parts := "200 OK\r\nContent-Length: 4\r\n\r\nso|on"
	for _, c := range []struct {
		name, head, answer, later string
		says, goesOn              bool
	}{
		{"small", length(38), whole, body(38), false, true},
		{"no content", length(38), "204 No Content\r\n\r\n", body(38), false, true},
		{"chunks of an answer", length(38), "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsoon\r\n0\r\n\r\n", body(38), false, true},
		{"64 KiB", length(64 << 10), whole, body(64 << 10), false, true},
		{"more than 64 KiB", length(64<<10 + 1), whole, body(64<<10 + 1), true, false},
		{"chunks", chunked, whole, "1\r\nx\r\n0\r\n\r\n", true, false},
		{"refused, small", length(38), "403 Forbidden\r\nContent-Length: 4\r\n\r\nsoon", body(38), false, true},
		{"refused, large", length(1 << 20), "403 Forbidden\r\nContent-Length: 4\r\n\r\nsoon", body(1 << 20), true, false},
		{"in parts, small", length(38), parts, body(38), false, true},
		{"in parts, chunks", chunked, parts, "1\r\nx\r\n0\r\n\r\n", false, true},
		{"in parts, many chunks", chunked, parts, strings.Repeat("1000\r\n"+body(4096)+"\r\n", 20) + "0\r\n\r\n", false, true},
		{"in parts, large", length(1 << 20), parts, body(1 << 20), false, true},
		{"in parts, never whole", length(38), parts, body(37), false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			more := make(chan struct{})
			cl := newRig(t, overtaking(t, c.answer, more)).client()
			cl.send("POST / HTTP/1.1\r\nHost: a\r\n" + c.head)
			if strings.Contains(c.answer, "|") {
				if _, err := cl.r.Peek(len("HTTP/1.1 200 OK\r\n")); err != nil {
					t.Fatal(err)
				}
				close(more) // the head has left
			}
			status, h, _, err := cl.answer("POST")
			if says := h.Get("Connection") == "close"; err != nil || says != c.says {
				t.Fatalf("%d, %v; Connection: %q", status, err, h.Get("Connection"))
			}
			cl.send(c.later)
			if !c.goesOn {
				cl.ends()
				return
			}
			cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
			if next, _, _, err := cl.answer("POST"); next != status || err != nil {
				t.Errorf("the next answer is %d, %v; want %d", next, err, status)
			}
		})
	}
}

// overtaking is an endpoint that answers each head at once, and reads no body. What stands behind "|" waits for more.
func overtaking(t *testing.T, answer string, more <-chan struct{}) string {
	return origin(t, func(c net.Conn) {
		if _, err := readHead(bufio.NewReader(c)); err != nil {
			return
		}
		first, then, parts := strings.Cut(answer, "|")
		_, _ = io.WriteString(c, "HTTP/1.1 "+first)
		if parts {
			select {
			case <-more:
			case <-time.After(10 * time.Second):
			}
			_, _ = io.WriteString(c, then)
		}
		<-t.Context().Done()
	})
}
