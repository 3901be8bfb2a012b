package serve

import (
	"io"
	"net"
	"strings"
	"testing"
)

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: x\r\n\r\nhello"

func TestARequestIsForwardedAndAnswered(t *testing.T) {
	r := newRig(t, saying(t, hello))
	got := r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	want := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: x\r\nConnection: close\r\n\r\nhello"
	if got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	r := newRig(t, saying(t, hello))
	one := "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	got := r.say(one + one + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if n := strings.Count(got, "hello"); n != 3 {
		t.Fatalf("%d answers, want 3: %q", n, got)
	}
}

func TestAnUploadAndItsAnswerPass(t *testing.T) {
	const size = 1 << 20
	r := newRig(t, origin(t, func(c net.Conn) {
		b := make([]byte, 0, size+4096)
		buf := make([]byte, 64<<10)
		for !strings.Contains(string(b[max(0, len(b)-10):]), "END") {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			b = append(b, buf[:n]...)
		}
		_, _ = io.WriteString(c, hello)
	}))
	got := r.say("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1048576\r\n\r\n" + strings.Repeat("x", size-3) + "END")
	if !strings.HasSuffix(got, "hello") {
		t.Fatalf("got %q", got)
	}
}

func TestNobodyListeningIs502(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	r := newRig(t, l.Addr().String())
	got := r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 502 ") || !strings.Contains(got, "connection_refused") {
		t.Fatalf("got %q", got)
	}
}
