package serve

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/certs"
	"weir/internal/sock"
)

// front is a TLS listener before a rig's engine, as gateway makes one: the socket, a gate, TLS.
type front struct {
	addr   string
	client *tls.Config
}

func newFront(t *testing.T, r *rig) *front {
	t.Helper()
	return newFrontOffering(t, r)
}

// newFrontOffering offers protocols by ALPN.
func newFrontOffering(t *testing.T, r *rig, protocols ...string) *front {
	t.Helper()
	cert, err := certs.SelfSigned("localhost")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	server := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: protocols}
	go func() { // accepts; ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				tc := tls.Server(sock.NewGate(c), server)
				if tc.Handshake() != nil {
					_ = c.Close()
					return
				}
				r.engine.Serve(tc)
			}()
		}
	}()
	return &front{addr: l.Addr().String(), client: &tls.Config{RootCAs: certs.Pool(cert), ServerName: "localhost"}}
}

func (f *front) dial(t *testing.T) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", f.addr, f.client)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (f *front) say(t *testing.T, request string) (string, error) {
	t.Helper()
	c := f.dial(t)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	return string(b), err
}

func TestOverTLSTheEndpointIsToldAndTheAnswerIsTheSame(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	f := newFront(t, newRig(t, o.addr))
	got, err := f.say(t, "GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	if err != nil || !strings.HasPrefix(got, "HTTP/1.1 200 ") || !strings.HasSuffix(got, "hello") {
		t.Fatalf("got %q, %v", got, err)
	}
	whole, _ := o.seen()
	if len(whole) != 1 || !strings.Contains(whole[0], "X-Forwarded-Proto: https\r\n") {
		t.Fatalf("the origin saw %q", whole)
	}
}

func TestOverTLSManyRequestsShareAConnection(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	c := newFront(t, newRig(t, o.addr)).dial(t)
	r := bufio.NewReader(c)
	for i := range 50 {
		fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n", i)
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(i, err)
		}
		if b, err := io.ReadAll(res.Body); string(b) != "hello" || err != nil {
			t.Fatalf("%d: %q, %v", i, b, err)
		}
	}
	if whole, _ := o.seen(); len(whole) != 50 {
		t.Fatalf("the origin saw %d requests", len(whole))
	}
}

func TestOverTLSPipelinedRequestsAreAnsweredHoweverTheRecordsFall(t *testing.T) {
	t.Parallel()
	f := newFront(t, newRig(t, saying(t, hello)))
	all := strings.Repeat("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 9) + "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	for _, size := range []int{1, 7, 33, 100, len(all)} {
		c := f.dial(t)
		for rest := all; rest != ""; { // each write is a record
			n := min(size, len(rest))
			if _, err := io.WriteString(c, rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		b, err := io.ReadAll(c)
		if n := strings.Count(string(b), "hello"); n != 10 || err != nil {
			t.Errorf("records of %d bytes: %d answers, %v", size, n, err)
		}
	}
}

func TestOverTLSLargeBodiesPassBothWays(t *testing.T) {
	t.Parallel()
	r := newRig(t, origin(t, func(c net.Conn) { // echoes a body of known length
		br := bufio.NewReader(c)
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", req.ContentLength)
		_, _ = io.Copy(c, req.Body)
	}))
	c := newFront(t, r).dial(t)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	go func() { // the upload; ends with it
		fmt.Fprintf(c, "PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", len(body))
		_, _ = c.Write(body)
	}()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(res.Body)
	if sha256.Sum256(got) != sha256.Sum256(body) || err != nil {
		t.Fatalf("%d bytes of %d came back, %v", len(got), len(body), err)
	}
}

func TestOverTLSACutAnswerIsNoOrderlyEnd(t *testing.T) {
	t.Parallel()
	cut := origin(t, func(c net.Conn) { // promises more than it sends
		if _, err := readHead(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
		}
	})
	f := newFront(t, newRig(t, cut))
	t.Run("a client that counts", func(t *testing.T) {
		c := f.dial(t)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%q, %v", b, err)
		}
	})
	t.Run("a client that reads to the end", func(t *testing.T) {
		chunked := origin(t, func(c net.Conn) {
			if _, err := readHead(bufio.NewReader(c)); err == nil {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
			}
		})
		got, err := newFront(t, newRig(t, chunked)).say(t, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
		if err == nil {
			t.Fatalf("%q ended in an orderly way", got)
		}
	})
}

func TestOverTLSRefusalsAreSeenThoughABodyIsUnread(t *testing.T) {
	t.Parallel()
	f := newFront(t, newRigWith(t, func(r *rig) { r.site.Limits.BodyBytes = 10 }, saying(t, hello)))
	c := f.dial(t)
	go func() { // the upload that nobody wants; ends with the connection
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n")
		_, _ = c.Write(make([]byte, 1<<20))
	}()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != 413 || !res.Close {
		t.Fatalf("%v, %v", res, err)
	}
}

func TestOverTLSAnIdleClientIsSentAwayAndADrainAnswersFirst(t *testing.T) {
	t.Parallel()
	t.Run("idle", func(t *testing.T) {
		f := newFront(t, newRigWith(t, func(r *rig) { r.site.Limits.IdleTimeout = 50 * time.Millisecond }, saying(t, hello)))
		c := f.dial(t)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		b, err := io.ReadAll(c)
		if !strings.HasSuffix(string(b), "hello") || err != nil {
			t.Fatalf("%q, %v; want an answer and an orderly end", b, err)
		}
	})
	t.Run("drain", func(t *testing.T) {
		came, go_ := make(chan struct{}), make(chan struct{})
		r := newRig(t, origin(t, func(c net.Conn) {
			if _, err := readHead(bufio.NewReader(c)); err != nil {
				return
			}
			close(came)
			<-go_
			_, _ = io.WriteString(c, hello)
		}))
		c := newFront(t, r).dial(t)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		<-came
		gone := r.engine.Drain()
		close(go_)
		b, err := io.ReadAll(c)
		if !strings.Contains(string(b), "Connection: close\r\n") || !strings.HasSuffix(string(b), "hello") || err != nil {
			t.Fatalf("%q, %v", b, err)
		}
		_ = c.Close()
		<-gone
	})
}

func TestOverTLSHandlersKnowTheirClient(t *testing.T) {
	t.Parallel()
	looks := make(chan http7.Conn, 1)
	r := newRigWith(t, func(r *rig) {
		r.route.Steps = []http7.Step{{Name: "t.look", Request: looking(func(x *http7.Exchange) { looks <- *x.Conn })}}
	}, saying(t, hello))
	if _, err := newFront(t, r).say(t, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	seen := <-looks
	if !seen.TLS || seen.SNI != "localhost" || !seen.Peer.Addr().IsLoopback() || seen.Listener != "web" {
		t.Fatalf("%+v", seen)
	}
}

// looking is a policy that looks at the request.
type looking func(x *http7.Exchange)

func (l looking) Request(x *http7.Exchange) http7.Verdict {
	l(x)
	return http7.Continue
}
