package fasthttpproof

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// origin accepts one connection, hands it to script and waits for it when the test ends.
func origin(t *testing.T, script func(c net.Conn, r *bufio.Reader)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		script(c, bufio.NewReader(c))
	}()
	t.Cleanup(func() {
		ln.Close()
		<-ended
	})
	return ln.Addr().String()
}

// answering is an origin that reads one request, sends raw bytes and closes.
func answering(t *testing.T, raw string) string {
	return origin(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err != nil {
			t.Error(err)
		}
		send(t, c, raw)
	})
}

// get sends one GET without retries and returns the answer with its streamed body read.
func get(t *testing.T, address string) (*fasthttp.Response, string, error) {
	t.Helper()
	c := &fasthttp.HostClient{Addr: address, StreamResponseBody: true, MaxIdemponentCallAttempts: 1, ReadTimeout: 10 * time.Second}
	t.Cleanup(c.CloseIdleConnections)
	req, resp := &fasthttp.Request{}, &fasthttp.Response{}
	req.SetRequestURI("http://h/")
	if err := c.Do(req, resp); err != nil {
		return resp, "", err
	}
	if resp.BodyStream() == nil {
		return resp, string(resp.Body()), nil
	}
	b, err := io.ReadAll(resp.BodyStream())
	return resp, string(b), err
}

// A chunked answer that is cut between two chunks reads as complete: a dead endpoint would look
// like a short answer, and a cache would keep it.
func TestAnswerCutBetweenChunksReadsAsComplete(t *testing.T) {
	address := answering(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	if _, got, err := get(t, address); got != "hello" || err != nil {
		t.Errorf("read %q, %v; want the cut unnoticed", got, err)
	}
}

// An answer nobody asked for, lying on an idle connection, is served to the next request: one
// exchange poisons another (RFC 9112 §9.2).
func TestExtraAnswerIsServedToTheNextRequest(t *testing.T) {
	more, sent := make(chan struct{}), make(chan struct{})
	address := origin(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err != nil {
			t.Error(err)
		}
		send(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst")
		<-more
		send(t, c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
		close(sent)
		if _, err := http.ReadRequest(r); err != nil {
			t.Error(err)
		}
	})
	client := &fasthttp.HostClient{Addr: address}
	defer client.CloseIdleConnections()
	if _, got, err := client.Get(nil, "http://h/a"); string(got) != "first" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	close(more)
	<-sent
	if _, got, err := client.Get(nil, "http://h/b"); string(got) != "poison" || err != nil {
		t.Errorf("got %q, %v; want the answer to nobody", got, err)
	}
}

// The whole request is written before anything is read, so an answer that refuses an upload early
// is not seen: the client gets a timeout where the origin said 401 (RFC 9110 §7.5).
func TestEarlyAnswerToAnUploadIsLost(t *testing.T) {
	release := make(chan struct{})
	address := origin(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err != nil {
			t.Error(err)
		}
		send(t, c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
		<-release // keeps the connection open and reads no more
	})
	defer close(release)
	client := &fasthttp.HostClient{Addr: address, WriteTimeout: 300 * time.Millisecond, MaxIdemponentCallAttempts: 1}
	req, resp := &fasthttp.Request{}, &fasthttp.Response{}
	req.SetRequestURI("http://h/")
	req.Header.SetMethod(fasthttp.MethodPost)
	req.SetBodyStream(io.LimitReader(zeros{}, 1<<30), 1<<30)
	if err := client.Do(req, resp); !errors.Is(err, fasthttp.ErrTimeout) {
		t.Errorf("got %d, %v; want a timeout instead of the 401", resp.StatusCode(), err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// What the answer is after HostClient has read it: interim answers vanish, bad heads are repaired.
func TestAnswersThatAProxyMustRefuseOrKeep(t *testing.T) {
	for _, c := range []struct {
		name, sent, head string
	}{
		{
			"103 Early Hints is swallowed (RFC 9110 §15.2)",
			"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
			"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
		},
		{
			"a status line without reason and its space is repaired (RFC 9112 §4)",
			"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
			"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
		},
		{
			"HTTP/9.9 is an answer",
			"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
			"HTTP/9.9 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n",
		},
		{
			"Content-Length beside Transfer-Encoding is accepted and the connection kept (RFC 9112 §6.3)",
			"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		},
		{
			"repeated Server collapses to the last",
			"HTTP/1.1 200 OK\r\nServer: a\r\nServer: b\r\nContent-Length: 2\r\n\r\nok",
			"HTTP/1.1 200 OK\r\nServer: b\r\nContent-Length: 2\r\n\r\n",
		},
		{
			"Trailer: X-User removes X-User",
			"HTTP/1.1 200 OK\r\nX-User: alice\r\nTrailer: X-User\r\nContent-Length: 2\r\n\r\nok",
			"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTrailer: X-User\r\n\r\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, got, err := get(t, answering(t, c.sent))
			if head := withoutDefaults(resp.Header.String()); head != c.head || got != "ok" || err != nil {
				t.Errorf("body %q, %v, head\n%q\nwant\n%q", got, err, head, c.head)
			}
		})
	}
}

// withoutDefaults drops the two fields that fasthttp adds when it prints an answer's head.
func withoutDefaults(head string) string {
	var out strings.Builder
	for line := range strings.Lines(head) {
		if !strings.HasPrefix(line, "Date: ") && !strings.HasPrefix(line, "Content-Type: ") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// Trailers of an answer join its header list once the body has been read.
func TestAnswerTrailersBecomeHeaderFields(t *testing.T) {
	address := answering(t, "HTTP/1.1 200 OK\r\nX-User: alice\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-User: root\r\n\r\n")
	resp, _, err := get(t, address)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range resp.Header.PeekAll("X-User") {
		got = append(got, string(v))
	}
	if strings.Join(got, " ") != "alice root" {
		t.Errorf("X-User is %q; want the trailer among the header fields", got)
	}
}
