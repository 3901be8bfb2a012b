// Package fasthttpproof shows on real sockets what fasthttp v1.74.0 does on the wire that a proxy
// must not do: the evidence for docs/decisions/001-fasthttp-not-on-the-proxied-wire.md.
//
// Each test asserts the defect as it is. A test that fails after an upgrade of fasthttp is good
// news: strike the point off the decision, and see whether the rest still carries it.
package fasthttpproof

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// serve runs a fasthttp server on a loopback port until the test ends and returns its address.
func serve(t *testing.T, s *fasthttp.Server) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Logger = quiet{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Serve(ln); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return ln.Addr().String()
}

// dial opens a connection whose reads and writes end with the test, at the latest after 10 s.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Error(err)
	}
}

// exchange sends raw bytes, then reads one answer.
func exchange(t *testing.T, address, request string) *http.Response {
	t.Helper()
	c := dial(t, address)
	send(t, c, request)
	return answer(t, bufio.NewReader(c))
}

func answer(t *testing.T, r *bufio.Reader) *http.Response {
	t.Helper()
	a, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return a
}

func body(t *testing.T, a *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// A handler that answers without reading a streamed body leaves the rest of it on the connection,
// and the server parses that rest as the next request: who controls a body controls requests that
// no rule of the first one saw (RFC 9112 §11.2).
func TestUnreadBodyBecomesTheNextRequest(t *testing.T) {
	for _, c := range []struct{ name, head string }{
		{"fixed length", "Content-Length: 10000\r\n\r\n" + strings.Repeat("x", 8192)},
		{"chunked", "Transfer-Encoding: chunked\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			handled := make(chan string, 2)
			address := serve(t, &fasthttp.Server{
				StreamRequestBody: true,
				Handler: func(ctx *fasthttp.RequestCtx) {
					handled <- string(ctx.Path())
					ctx.SetStatusCode(fasthttp.StatusUnauthorized)
				},
			})
			conn := dial(t, address)
			r := bufio.NewReader(conn)
			send(t, conn, "POST /upload HTTP/1.1\r\nHost: h\r\n"+c.head)
			body(t, answer(t, r))
			send(t, conn, "GET /admin HTTP/1.1\r\nHost: h\r\n\r\n") // still the body of /upload
			body(t, answer(t, r))
			if first, second := <-handled, <-handled; first != "/upload" || second != "/admin" {
				t.Errorf("handled %s and %s; want the body handled as a request", first, second)
			}
		})
	}
}

// A chunked request body that is cut between two chunks reads as complete: a proxy would forward a
// truncated upload with a forged end (RFC 9112 §8).
func TestRequestCutBetweenChunksReadsAsComplete(t *testing.T) {
	type read struct {
		body string
		err  error
	}
	got := make(chan read, 1)
	address := serve(t, &fasthttp.Server{
		StreamRequestBody: true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			b, err := io.ReadAll(ctx.RequestBodyStream())
			got <- read{string(b), err}
		},
	})
	c := dial(t, address)
	send(t, c, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r.body != "hello" || r.err != nil {
		t.Errorf("read %q, %v; want the cut unnoticed", r.body, r.err)
	}
}

// 100 Continue leaves before the handler that would refuse has run. ContinueHandler and
// ExpectHandler see the head first, but outside the request's context, before any routing.
func TestContinueGoesOutBeforeTheHandlerDecides(t *testing.T) {
	address := serve(t, &fasthttp.Server{
		StreamRequestBody: true,
		Handler:           func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(fasthttp.StatusUnauthorized) },
	})
	c := dial(t, address)
	send(t, c, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
	if a := answer(t, bufio.NewReader(c)); a.StatusCode != http.StatusContinue {
		t.Errorf("the first answer is %d; want 100", a.StatusCode)
	}
}

// A body without a known length goes to an HTTP/1.0 client in chunks, which that client does not
// know (RFC 9112 §6.1).
func TestHTTP10ClientGetsChunks(t *testing.T) {
	address := serve(t, &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.Response.SetBodyStream(strings.NewReader("abc"), -1)
	}})
	c := dial(t, address)
	send(t, c, "GET / HTTP/1.0\r\nHost: h\r\n\r\n")
	b, err := io.ReadAll(c)
	if err != nil || !strings.HasSuffix(string(b), "\r\n\r\n3\r\nabc\r\n0\r\n\r\n") {
		t.Errorf("got %q, %v; want chunks", b, err)
	}
}

// echo answers with the head as fasthttp's header holds it, which is what a proxy would forward.
func echo(ctx *fasthttp.RequestCtx) {
	ctx.Response.SetBody(ctx.Request.Header.Header())
}

// What reaches the handler is not what was sent: framing that RFC 9112 calls an error is taken and
// the connection kept, fields merge, vanish or appear.
func TestHeadsThatAProxyMustRefuseOrKeep(t *testing.T) {
	for _, c := range []struct {
		name, sent, held string
	}{
		{
			"Content-Length beside Transfer-Encoding is accepted (RFC 9112 §6.1)",
			"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
		},
		{
			"obs-fold is unfolded (RFC 9112 §5.2)",
			"GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\n folded: 2\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: h\r\nA: 1 folded: 2\r\n\r\n",
		},
		{
			"a bare LF ends a line (RFC 9112 §2.2)",
			"GET / HTTP/1.1\nHost: h\nA: b\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n",
		},
		{
			"a name may hold a space (RFC 9110 §5.1)",
			"GET / HTTP/1.1\r\nHost: h\r\nA b: 1\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: h\r\nA b: 1\r\n\r\n",
		},
		{
			"HTTP/9.9 passes (RFC 9110 §15.6.6)",
			"GET / HTTP/9.9\r\nHost: h\r\n\r\n",
			"GET / HTTP/9.9\r\nHost: h\r\nConnection: close\r\n\r\n",
		},
		{
			"Trailer: X-User removes the X-User before it",
			"GET / HTTP/1.1\r\nHost: h\r\nX-User: alice\r\nTrailer: X-User\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: h\r\nTrailer: X-User\r\n\r\n",
		},
		{
			"trailers become header fields (RFC 9110 §6.5.1)",
			"POST / HTTP/1.1\r\nHost: h\r\nX-User: alice\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-User: root\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nX-User: alice\r\nX-User: root\r\n\r\n",
		},
		{
			"repeated User-Agent and Content-Type collapse to the last, in another order",
			"GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: a\r\nUser-Agent: b\r\nContent-Type: text/a\r\nContent-Type: text/b\r\n\r\n",
			"GET / HTTP/1.1\r\nUser-Agent: b\r\nHost: h\r\nContent-Type: text/b\r\n\r\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := exchange(t, serve(t, &fasthttp.Server{Handler: echo}), c.sent)
			if got := body(t, a); a.StatusCode != 200 || got != c.held {
				t.Errorf("%d, head\n%q\nwant 200 and\n%q", a.StatusCode, got, c.held)
			}
		})
	}
}

// Connection options are compared byte for byte and as a whole, so a client's wish to close is not
// seen in another spelling or in a list (RFC 9110 §7.6.1).
func TestConnectionCloseIsSeenInOneSpellingOnly(t *testing.T) {
	address := serve(t, &fasthttp.Server{Handler: echo})
	for option, closes := range map[string]bool{"close": true, "Close": false, "foo, close": false} {
		a := exchange(t, address, "GET / HTTP/1.1\r\nHost: h\r\nConnection: "+option+"\r\n\r\n")
		if a.Close != closes {
			t.Errorf("Connection: %s closes: %v, want %v", option, a.Close, closes)
		}
	}
}

// Reading one cookie rewrites them all: lines are joined and spacing changes.
func TestCookiesAreReserialised(t *testing.T) {
	address := serve(t, &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.Request.Header.Cookie("a")
		ctx.Response.SetBodyString(ctx.Request.Header.String())
	}})
	got := body(t, exchange(t, address, "GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1;b=2\r\nCookie: d=4\r\n\r\n"))
	if want := "GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1; b=2; d=4\r\n\r\n"; got != want {
		t.Errorf("head\n%q\nwant\n%q", got, want)
	}
}
