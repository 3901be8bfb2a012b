package http7

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
)

// drain reads a source to its end as a driver does, and closes it.
func drain(s Source) (body string, end State, f *Fault) {
	defer s.Close()
	var b strings.Builder
	for {
		chunk, state, f := s.Next()
		b.Write(chunk)
		switch state {
		case Parked:
			s.Await()
		case End, Failure:
			return b.String(), state, f
		}
	}
}

// answered runs h, which must answer whole, and returns the answer's head and body.
func answered(t *testing.T, x *Exchange, h Handler) (a *Answer, body string) {
	t.Helper()
	if f := Serve(h, x); f != nil {
		t.Fatalf("fault %v: %v", f, x.Cause)
	}
	body, end, f := drain(x.Answer.Source)
	if end != End {
		t.Fatalf("the body ended with %v", f)
	}
	return x.Answer, body
}

func TestAHandlerSeesTheRequest(t *testing.T) {
	x := asked("Host: api.example.com\r\nx-lower: 1\r\nX-LOWER: 2\r\naccept-encoding: gzip\r\nCookie: a=b; c=d\r\n" +
		"Content-Type: text/plain\r\nuser-agent: curl\r\nContent-Length: 9\r\n")
	x.Method, x.Body = []byte("POST"), Body{Length: -1, Collected: []byte("some body"), Whole: true}
	var got []string
	note := func(what string, v any) { got = append(got, fmt.Sprintf("%s %s", what, v)) }
	answered(t, x, func(ctx *fasthttp.RequestCtx) {
		h := &ctx.Request.Header
		note("method", ctx.Method())
		note("uri", ctx.RequestURI())
		note("full", ctx.URI().FullURI())
		note("host", ctx.Host())
		note("path", ctx.Path())
		note("a", ctx.QueryArgs().Peek("a"))
		note("x-lower", bytes.Join(h.PeekAll("X-Lower"), []byte(",")))
		note("gzip", fmt.Sprint(h.HasAcceptEncoding("gzip")))
		note("cookie", h.Cookie("c"))
		note("type", h.ContentType())
		note("agent", ctx.UserAgent())
		note("length", fmt.Sprint(h.ContentLength()))
		note("body", ctx.PostBody())
		note("remote", ctx.RemoteAddr())
		note("ip", ctx.RemoteIP())
		note("tls", fmt.Sprint(ctx.IsTLS()))
		note("protocol", h.Protocol())
	})
	want := []string{
		"method POST", "uri /ping?a=1", "full http://api.example.com/ping?a=1", "host api.example.com", "path /ping", "a 1",
		"x-lower 1,2", "gzip true", "cookie d", "type text/plain", "agent curl", "length 9", "body some body",
		"remote 192.0.2.7:4711", "ip 192.0.2.7", "tls false", "protocol HTTP/1.1",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
}

func TestAHandlerSeesWhereTheRequestCameFrom(t *testing.T) {
	for _, c := range []struct {
		what                   string
		secure                 bool
		client, authority      string
		path, query            string
		uri, ip, remote, proto string
	}{
		{"behind a trusted proxy", true, "2001:db8::1", "h", "/a", "", "https://h/a", "2001:db8::1", "[2001:db8::1]:0", "HTTP/2.0"},
		{"a unix socket", false, "", "h", "/a", "", "http://h/a", "0.0.0.0", "0.0.0.0:0", "HTTP/2.0"},
		{"a path that looks like a host", false, "192.0.2.7", "h", "//evil/x", "u=a://b", "http://h/evil/x?u=a://b", "192.0.2.7", "192.0.2.7:4711", "HTTP/2.0"},
		{"a query with a URL", false, "192.0.2.7", "h", "/x", "u=http://evil/", "http://h/x?u=http://evil/", "192.0.2.7", "192.0.2.7:4711", "HTTP/2.0"},
		{"no host", false, "192.0.2.7", "", "//evil/x", "", "http:///evil/x", "192.0.2.7", "192.0.2.7:4711", "HTTP/2.0"},
	} {
		x := asked("")
		x.Proto, x.Secure, x.Authority, x.Path, x.Query = HTTP2, c.secure, []byte(c.authority), []byte(c.path), []byte(c.query)
		x.Client, _ = netip.ParseAddr(c.client)
		x.Conn.SNI = "h"
		answered(t, x, func(ctx *fasthttp.RequestCtx) {
			got := []string{ctx.URI().String(), ctx.RemoteIP().String(), ctx.RemoteAddr().String(), string(ctx.Request.Header.Protocol())}
			if want := []string{c.uri, c.ip, c.remote, c.proto}; !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", c.what, got, want)
			}
			if s := ctx.TLSConnectionState(); ctx.IsTLS() != c.secure || c.secure != (s != nil && s.ServerName == "h") {
				t.Errorf("%s: IsTLS %v, state %v", c.what, ctx.IsTLS(), s)
			}
		})
	}
}

func TestWhatAHandlerAnswersIsTheAnswer(t *testing.T) {
	for _, c := range []struct {
		what, method string
		h            Handler
		status       int
		head         string
		length       int64
		body         string
	}{
		{"nothing at all", "GET", func(*fasthttp.RequestCtx) {}, 200, "", 0, ""},
		{"a body with fasthttp's usual type", "GET", func(ctx *fasthttp.RequestCtx) { ctx.WriteString("hi") }, 200,
			"Content-Type: text/plain; charset=utf-8\r\n", 2, "hi"},
		{"a type and no body", "GET", func(ctx *fasthttp.RequestCtx) { ctx.SetContentType("a/b") }, 200, "Content-Type: a/b\r\n", 0, ""},
		{"all kinds of fields", "GET", func(ctx *fasthttp.RequestCtx) {
			h := &ctx.Response.Header
			h.Set("X-One", "1")
			h.Add("x-many", "a")
			h.Add("X-Many", "b")
			h.Set("Server", "mine")
			h.Set("Content-Encoding", "identity")
			h.Set("Content-Length", "77")
			h.Set("Transfer-Encoding", "chunked")
			h.Set("Connection", "close, x")
			h.Set("Upgrade", "x")
			h.Set("Split", "a\r\nInjected: b")
			for _, v := range []string{"a", "b"} {
				var k fasthttp.Cookie
				k.SetKey(v)
				k.SetValue(v)
				h.SetCookie(&k)
			}
			ctx.SetStatusCode(201)
			ctx.SetBodyString("x")
		}, 201, "Content-Type: text/plain; charset=utf-8\r\nContent-Encoding: identity\r\nServer: mine\r\nSet-Cookie: a=a\r\nSet-Cookie: b=b\r\n" +
			"X-One: 1\r\nX-Many: a\r\nX-Many: b\r\nSplit: a  Injected: b\r\n", 1, "x"},
		{"HEAD keeps the length", "HEAD", func(ctx *fasthttp.RequestCtx) { ctx.SuccessString("a/b", "12345") }, 200, "Content-Type: a/b\r\n", 5, ""},
		{"HEAD with a length alone", "HEAD", func(ctx *fasthttp.RequestCtx) { ctx.Response.Header.SetContentLength(9) }, 200,
			"Content-Type: text/plain; charset=utf-8\r\n", 9, ""},
		{"HEAD of a stream", "HEAD", func(ctx *fasthttp.RequestCtx) { ctx.SetBodyStream(strings.NewReader("1234"), 4) }, 200,
			"Content-Type: text/plain; charset=utf-8\r\n", 4, ""},
		{"HEAD of an endless stream", "HEAD", func(ctx *fasthttp.RequestCtx) { ctx.SetBodyStream(endless{}, -1) }, 200,
			"Content-Type: text/plain; charset=utf-8\r\n", -1, ""},
		{"204 has no body", "GET", func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("x"); ctx.SetStatusCode(204) }, 204, "", 0, ""},
		{"304 of a body", "GET", func(ctx *fasthttp.RequestCtx) { ctx.SuccessString("a/b", "12345"); ctx.SetStatusCode(304) }, 304,
			"Content-Type: a/b\r\n", 5, ""},
		{"304 of nothing", "GET", func(ctx *fasthttp.RequestCtx) { ctx.NotModified() }, 304, "", -1, ""},
		{"a redirect", "GET", func(ctx *fasthttp.RequestCtx) { ctx.Redirect("/new?b", 308) }, 308,
			"Location: http://api.example.com/new?b\r\n", 0, ""},
		{"a timeout", "GET", func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("no"); ctx.TimeoutErrorWithCode("late", 503) }, 503,
			"Content-Type: text/plain; charset=utf-8\r\n", 4, "late"},
		{"respond", "GET", Respond(418, "a/b", []byte("tea")), 418, "Content-Type: a/b\r\n", 3, "tea"},
		{"respond without a type", "GET", Respond(200, "", []byte("tea")), 200, "", 3, "tea"},
		{"a short stream of known length", "GET", func(ctx *fasthttp.RequestCtx) { ctx.SetBodyStream(strings.NewReader("12345"), 4) }, 200,
			"Content-Type: text/plain; charset=utf-8\r\n", 4, "1234"},
		{"a stream of no length", "GET", func(ctx *fasthttp.RequestCtx) { ctx.SetBodyStream(endless{}, 0) }, 200, "", 0, ""},
	} {
		x := asked("Host: api.example.com\r\n")
		x.Method = []byte(c.method)
		a, body := answered(t, x, c.h)
		if a.Status != c.status || lines(&a.Header) != c.head || a.Length != c.length || body != c.body || !a.Local {
			t.Errorf("%s: got %d %q, length %d, body %q; want %d %q, %d, %q",
				c.what, a.Status, lines(&a.Header), a.Length, body, c.status, c.head, c.length, c.body)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, "again and "), nil }

func TestAReasonAndTrailersOfAHandlerAreKeptApart(t *testing.T) {
	a, body := answered(t, asked(""), func(ctx *fasthttp.RequestCtx) {
		ctx.Response.Header.SetStatusMessage([]byte("Fine"))
		_ = ctx.Response.Header.SetTrailer("X-Sum")
		ctx.Response.Header.Set("X-Sum", "1")
		ctx.SetBodyStream(strings.NewReader("b"), -1)
	})
	if string(a.Reason) != "Fine" || lines(&a.Trailer) != "X-Sum: 1\r\n" || strings.Contains(lines(&a.Header), "Sum") || body != "b" {
		t.Fatalf("reason %q, header %q, trailer %q", a.Reason, lines(&a.Header), lines(&a.Trailer))
	}
}

func TestWhatCantBeSentIsAFault(t *testing.T) {
	closed := 0
	for _, c := range []struct {
		what  string
		h     Handler
		want  *Fault
		cause string
	}{
		{"a panic", func(*fasthttp.RequestCtx) { panic("boom") }, Panicked, "panic: boom"},
		{"a panic behind a stream", func(ctx *fasthttp.RequestCtx) {
			ctx.SetBodyStream(closer{&closed}, -1)
			panic(errors.New("boom"))
		}, Panicked, "panic: boom"},
		{"a user value that panics when closed", func(ctx *fasthttp.RequestCtx) { ctx.SetUserValue("k", closer{nil}) }, Panicked, "panic: runtime error: invalid memory address or nil pointer dereference"},
		{"Hijack", func(ctx *fasthttp.RequestCtx) { ctx.Hijack(nil); ctx.Hijack(func(c net.Conn) { t.Error("hijacked") }) }, HandlerError, errHijack.Error()},
		{"an interim status", func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(101) }, HandlerError, errStatus.Error()},
		{"a status that is none", func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(1000) }, HandlerError, errStatus.Error()},
		{"a field that is none", func(ctx *fasthttp.RequestCtx) { ctx.Response.Header.Set("A B", "1") }, HandlerError, errField.Error()},
		{"a value that is none", func(ctx *fasthttp.RequestCtx) {
			ctx.SetBodyStream(closer{&closed}, -1)
			ctx.Response.Header.Set("A", "\x00")
		}, HandlerError, errField.Error()},
	} {
		x := asked("")
		f := Serve(c.h, x)
		if f != c.want || x.Cause == nil || x.Cause.Error() != c.cause || x.Answer != nil {
			t.Errorf("%s: got %v, cause %v, answer %v; want %v, %s", c.what, f, x.Cause, x.Answer, c.want, c.cause)
		}
	}
	if closed != 2 {
		t.Errorf("%d streams closed, want 2", closed)
	}
	if a, body := answered(t, asked(""), Respond(200, "", []byte("ok"))); a.Status != 200 || body != "ok" {
		t.Error("no answer after the faults")
	}
}

type closer struct{ n *int }

func (c closer) Read([]byte) (int, error) { return 0, io.EOF }
func (c closer) Close() error             { *c.n++; return nil }

func TestTheConnectionOfAHandlerRefusesEverything(t *testing.T) {
	answered(t, asked(""), func(ctx *fasthttp.RequestCtx) {
		c, never := ctx.Conn(), time.Time{}
		if _, err := c.Write([]byte("x")); err == nil {
			t.Error("Write is taken")
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("Read is taken")
		}
		if c.Close() == nil || c.SetDeadline(never) == nil || c.SetReadDeadline(never) == nil || c.SetWriteDeadline(never) == nil {
			t.Error("Close or a deadline is taken")
		}
		ctx.Response.Header.Set("Link", "</a>")
		if ctx.EarlyHints() == nil {
			t.Error("early hints are taken")
		}
		if ctx.LocalAddr() == nil || ctx.Err() != nil {
			t.Error("no local address, or an error")
		}
	})
}

func TestANetHTTPHandlerRunsThroughFasthttpsAdaptor(t *testing.T) {
	x := asked("Host: api.example.com\r\nx-a: 1\r\n")
	a, body := answered(t, x, fasthttpadaptor.NewFastHTTPHandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Saw", r.URL.Path+" "+r.Header.Get("X-A")+" "+r.RemoteAddr)
		w.WriteHeader(202)
		_, _ = io.WriteString(w, "adapted ")
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "stream")
	}))
	if want := "X-Saw: /ping 1 192.0.2.7:4711\r\n"; a.Status != 202 || !strings.Contains(lines(&a.Header), want) || body != "adapted stream" {
		t.Fatalf("got %d %q %q", a.Status, lines(&a.Header), body)
	}
}

func TestTheAnswersBytesStayUntilItsSourceIsClosed(t *testing.T) {
	one, two := asked(""), asked("")
	echo := func(text string) Handler { return func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString(text) } }
	if f := Serve(echo("first"), one); f != nil {
		t.Fatal(f)
	}
	chunk, _, _ := one.Answer.Source.Next()
	for range 100 {
		answered(t, two, echo("other"))
	}
	if string(chunk) != "first" {
		t.Fatalf("got %q", chunk)
	}
	one.Answer.Source.Close()
	one.Answer.Source.Close() // closing again, and reading after it, must do no harm
	if _, s, _ := one.Answer.Source.Next(); s != End {
		t.Fatalf("state %v after Close", s)
	}
	one.Answer.Source.Await()
}

func TestNothingOfOneRequestIsLeftForTheNext(t *testing.T) {
	x := asked("X-Secret: 1\r\nCookie: a=b\r\n")
	x.Body = Body{Length: 6, Collected: []byte("secret"), Whole: true}
	answered(t, x, func(ctx *fasthttp.RequestCtx) {
		ctx.SetUserValue("k", "v")
		ctx.Response.Header.Set("X-Left", "1")
		ctx.SetBodyString("left")
	})
	for range 3 {
		y := asked("Host: h\r\n")
		y.Query = nil
		a, body := answered(t, y, func(ctx *fasthttp.RequestCtx) {
			if h := &ctx.Request.Header; h.Len() != 1 || len(ctx.PostBody()) != 0 || h.Cookie("a") != nil || ctx.UserValue("k") != nil || len(ctx.URI().QueryString()) != 0 {
				t.Errorf("something is left: %s", &ctx.Request)
			}
		})
		if a.Header.Len() != 0 || body != "" {
			t.Errorf("left: %q %q", lines(&a.Header), body)
		}
	}
}

func TestAReplacedAnswerIsClosed(t *testing.T) {
	for what, replace := range map[string]func(x *Exchange){
		"by another answer": func(x *Exchange) { x.LocalAnswer(200) },
		"by a fault":        func(x *Exchange) { FaultAnswer(x, NoRoute) },
		"by the release":    func(x *Exchange) { x.Release() },
	} {
		x, closed := asked(""), 0
		if f := Serve(func(ctx *fasthttp.RequestCtx) { ctx.SetBodyStream(closer{&closed}, -1) }, x); f != nil {
			t.Fatal(f)
		}
		replace(x)
		if closed != 1 {
			t.Errorf("%s: closed %d times", what, closed)
		}
	}
}

func TestABodyOutlivesItsExchangeInATimedOutHandler(t *testing.T) {
	// fasthttp.TimeoutHandler answers while its handler goes on: what that one sees must not be
	// the next client's bytes.
	x := asked("X-Name: first\r\n")
	block := []byte("first body")
	x.Body = Body{Length: int64(len(block)), Collected: block, Whole: true}
	resume, seen := make(chan struct{}), make(chan string)
	h := func(ctx *fasthttp.RequestCtx) {
		go func() { // the late part of the handler; ends when it has reported
			<-resume
			seen <- string(ctx.PostBody()) + "|" + string(ctx.Request.Header.Peek("X-Name"))
		}()
		ctx.TimeoutError("late")
	}
	if a, body := answered(t, x, h); a.Status != 408 || body != "late" {
		t.Fatalf("got %d %q", a.Status, body)
	}
	x.Release()
	copy(block, "other body")
	for range 10 {
		answered(t, asked("X-Name: other\r\n"), Respond(200, "", nil))
	}
	close(resume)
	if got := <-seen; got != "first body|first" {
		t.Fatalf("the late handler saw %q", got)
	}
}

func writeLines(n int) fasthttp.StreamWriter {
	return func(w *bufio.Writer) {
		for i := range n {
			fmt.Fprintf(w, "line %d\n", i)
			if w.Flush() != nil {
				return
			}
		}
	}
}
