package serve

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

func TestH3RequestsReachAnH1EndpointAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, body string
		fields       []string
		want, never  []string // in what the endpoint gets
	}{
		{"GET", "", nil, []string{"GET /a/b?c=1 HTTP/1.1\r\n", "\r\nHost: localhost\r\n", "Via: 3 weir-", "X-Forwarded-Proto: https\r\n", "X-Forwarded-For: 127.0.0.1\r\n"}, []string{"Transfer-Encoding", "Content-Length"}},
		{"HEAD", "", nil, []string{"HEAD /a/b"}, []string{"Transfer-Encoding"}},
		{"DELETE", "", nil, []string{"DELETE /a/b"}, []string{"Transfer-Encoding"}},
		{"OPTIONS", "", nil, []string{"OPTIONS /a/b"}, []string{"Transfer-Encoding"}},
		{"POST", "", nil, []string{"POST /a/b"}, []string{"Transfer-Encoding"}},
		{"POST", "five!", nil, []string{"Content-Length: 5\r\n", "\r\n\r\nfive!"}, []string{"Transfer-Encoding"}},
		{"GET", "", []string{"X-Many: 1", "X-Many: 2", "X-Many: 1"}, []string{"X-Many: 1\r\n", "X-Many: 2\r\n"}, nil},
		{"GET", "", []string{"Cookie: a=1", "Cookie: b=2"}, []string{"Cookie: a=1; b=2\r\n"}, nil},
		{"GET", "", []string{"Te: trailers"}, nil, []string{"deflate"}},
	} {
		o := newRecorder(t, okFor)
		f := newH3Front(t, newRig(t, o.addr))
		var body io.Reader
		if c.body != "" {
			body = strings.NewReader(c.body)
		}
		res, _ := f.roundTrip(h3Request(t, c.method, "/a/b?c=1", body, c.fields...))
		if res.StatusCode != 200 || res.ProtoMajor != 3 {
			t.Errorf("%s %v: answered %v", c.method, c.fields, res)
		}
		whole, _ := o.seen()
		for _, want := range c.want {
			if !strings.Contains(whole[0], want) {
				t.Errorf("%s %v: the endpoint got %q without %q", c.method, c.fields, whole[0], want)
			}
		}
		for _, never := range c.never {
			if strings.Contains(whole[0], never) {
				t.Errorf("%s %v: the endpoint got %q with %q", c.method, c.fields, whole[0], never)
			}
		}
	}
}

func TestH3RepeatedFieldsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, func(string) string {
		return "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nX: 1\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"
	})
	f := newH3Front(t, newRig(t, o.addr))
	res, _ := f.roundTrip(h3Request(t, "GET", "/", nil, "X-Many: 3", "X-Many: 1", "X-Many: 2"))
	if got := res.Header["Set-Cookie"]; fmt.Sprint(got) != "[a b]" {
		t.Errorf("the client got %q", got)
	}
	whole, _ := o.seen()
	if !strings.Contains(whole[0], "X-Many: 3\r\nX-Many: 1\r\nX-Many: 2\r\n") {
		t.Errorf("the endpoint got %q", whole[0])
	}
}

func TestH3AnswersArriveAsTheEndpointGaveThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, answer string
		status         int
		body           string
		fields         map[string]string // "-": must not be there
	}{
		{"GET", hello, 200, "hello", map[string]string{"Content-Length": "5", "Date": "x", "Content-Type": "-", "Connection": "-"}},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, "hello", map[string]string{"Content-Length": "-", "Transfer-Encoding": "-"}},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n", 200, "", map[string]string{"Content-Length": "70000"}},
		{"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", map[string]string{"Content-Length": "-"}},
		{"GET", "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", 204, "", map[string]string{"X": "y", "Content-Length": "-"}},
		{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nEtag: \"a\"\r\n\r\n", 304, "", map[string]string{"Etag": "\"a\""}},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", map[string]string{"Content-Length": "0"}},
		{"GET", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nKeep-Alive: timeout=3\r\nProxy-Connection: x\r\nConnection: X-Hop\r\nX-Hop: 1\r\nRetry-After: 1\r\n\r\n", 503, "", map[string]string{"Retry-After": "1", "Keep-Alive": "-", "Proxy-Connection": "-", "X-Hop": "-", "Connection": "-"}},
	} {
		f := newH3Front(t, newRigWith(t, once, saying(t, c.answer)))
		res, body := f.roundTrip(h3Request(t, c.method, "/", nil))
		if res.StatusCode != c.status || body != c.body {
			t.Errorf("%s %q: got %d %q", c.method, c.answer, res.StatusCode, body)
		}
		for name, want := range c.fields {
			got := "-"
			if v, ok := res.Header[name]; ok {
				got = strings.Join(v, "|")
			}
			if got != want {
				t.Errorf("%s %q: %s is %q, want %q", c.method, c.answer, name, got, want)
			}
		}
	}
}

func TestH3TrailersPassBothWays(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, func(string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\nX-Late: z\r\n\r\n"
	})
	f := newH3Front(t, newRig(t, o.addr))
	req := h3Request(t, "POST", "/", io.MultiReader(strings.NewReader("body")))
	req.Trailer = http.Header{"X-Up": {"a", "b"}}
	res, body := f.roundTrip(req)
	if body != "hello" || fmt.Sprint(res.Trailer["X-Sum"], res.Trailer["X-Late"]) != "[1 2] [z]" {
		t.Errorf("the client got %q, trailers %v", body, res.Trailer)
	}
	whole, _ := o.seen()
	if !strings.HasSuffix(whole[0], "4\r\nbody\r\n0\r\nX-Up: a\r\nX-Up: b\r\n\r\n") {
		t.Errorf("the endpoint got %q", whole[0])
	}
}

func TestH3RequestTrailersThatNobodyAnnouncedPassToo(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	c := newH3Front(t, newRig(t, o.addr)).raw()
	str := c.open(postHead("/"), data("body"), headers("x-up: a"))
	_ = str.Close()
	if got := c.status(str); got != "200" {
		t.Fatalf("answered %q", got)
	}
	whole, _ := o.seen()
	if !strings.HasSuffix(whole[0], "4\r\nbody\r\n0\r\nX-Up: a\r\n\r\n") {
		t.Errorf("the endpoint got %q", whole[0])
	}
}

func TestH3EarlyHintsPass(t *testing.T) {
	t.Parallel()
	f := newH3Front(t, newRig(t, saying(t, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"+hello)))
	var hints []string
	req := h3Request(t, "GET", "/", nil)
	req = req.WithContext(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, h.Get("Link")))
			return nil
		},
	}))
	res, body := f.roundTrip(req)
	if body != "hello" || res.Header.Get("Link") != "" || fmt.Sprint(hints) != "[103</a.css>]" {
		t.Errorf("got %q, Link %q, hints %q", body, res.Header.Get("Link"), hints)
	}
}

// zeros is that many bytes, hashed on the way.
type zeros struct {
	left int64
	sum  hash.Hash
}

func (z *zeros) Read(b []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), z.left))
	for i := range b[:n] {
		b[i] = byte(z.left - int64(i))
	}
	z.left -= int64(n)
	z.sum.Write(b[:n])
	return n, nil
}

func TestH3LargeBodiesPassBothWays(t *testing.T) {
	t.Parallel()
	size := int64(64 << 20)
	if testing.Short() {
		size = 4 << 20
	}
	f := newH3Front(t, newRig(t, origin(t, func(c net.Conn) { // echoes
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", req.ContentLength)
		_, _ = io.Copy(c, req.Body)
	})))
	up, down := &zeros{left: size, sum: sha256.New()}, sha256.New()
	req := h3Request(t, "PUT", "/", up)
	req.ContentLength = size
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	res, err := f.transport().RoundTrip(req.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(down, res.Body)
	if err != nil || n != size || string(up.sum.Sum(nil)) != string(down.Sum(nil)) {
		t.Fatalf("%d bytes of %d came back, %v", n, size, err)
	}
}

func TestH3AnswersAreNotHeldBack(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	f := newH3Front(t, newRig(t, origin(t, func(c net.Conn) {
		if _, err := readHead(bufio.NewReader(c)); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		for event := range next {
			fmt.Fprintf(c, "%x\r\n%s\r\n", len(event), event)
		}
		_, _ = io.WriteString(c, "0\r\n\r\n")
	})))
	ctx, cancel := context.WithTimeout(context.Background(), ample)
	defer cancel()
	res, err := f.transport().RoundTrip(h3Request(t, "GET", "/", nil).WithContext(ctx))
	if err != nil { // the head must come before any event
		t.Fatal(err)
	}
	for _, event := range []string{"data: 1\n\n", "data: 2\n\n", "data: 3\n\n"} {
		next <- event
		b := make([]byte, len(event))
		if _, err := io.ReadFull(res.Body, b); string(b) != event || err != nil {
			t.Fatalf("got %q, %v", b, err)
		}
	}
	close(next)
	if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil {
		t.Errorf("got %q, %v", rest, err)
	}
}

func TestH3AClientThatCancelsEndsTheRequestAtTheEndpoint(t *testing.T) {
	t.Parallel()
	arrived, gone := make(chan struct{}), make(chan struct{})
	f := newH3Front(t, newRig(t, origin(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		if _, err := readHead(r); err != nil {
			return
		}
		close(arrived)
		_, _ = r.ReadByte() // nothing comes but the end
		close(gone)
	})))
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends with the answer
		<-arrived
		cancel()
	}()
	if _, err := f.transport().RoundTrip(h3Request(t, "GET", "/", nil).WithContext(ctx)); err == nil {
		t.Error("a request that was cancelled has an answer")
	}
	select {
	case <-gone:
	case <-time.After(ample):
		t.Fatal("the endpoint goes on")
	}
}

func TestH3ABrokenAnswerIsResetNotEnded(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	} {
		f := newH3Front(t, newRig(t, origin(t, func(c net.Conn) {
			if _, err := readHead(bufio.NewReader(c)); err == nil {
				_, _ = io.WriteString(c, answer)
			}
		})))
		ctx, cancel := context.WithTimeout(context.Background(), ample)
		defer cancel()
		res, err := f.transport().RoundTrip(h3Request(t, "GET", "/", nil).WithContext(ctx))
		if err == nil {
			_, err = io.ReadAll(res.Body)
		}
		if err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q ended with %v", answer, err)
		}
	}
}

func TestH3OneConnectionServesManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	f := newH3Front(t, newRig(t, saying(t, hello)))
	tr := f.transport()
	errs := make(chan error, 100)
	for range cap(errs) {
		go func() { // ends with its answer
			_, body, err := ask(tr, h3Request(t, "GET", "/", nil))
			if err == nil && body != "hello" {
				err = errors.New(body)
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestH3TheConnectionIsKnownToPolicies(t *testing.T) {
	t.Parallel()
	seen := make(chan http7.Conn, 1)
	look := (&scripted{request: func(x *http7.Exchange) http7.Verdict {
		seen <- *x.Conn
		return http7.Continue
	}}).step("look")
	f := newH3Front(t, newRigWith(t, func(r *rig) { r.route.Steps = []http7.Step{look} }, saying(t, hello)))
	f.roundTrip(h3Request(t, "GET", "/", nil))
	c := <-seen
	if c.Listener != "web" || !c.TLS || c.SNI != "localhost" || c.ALPN != "h3" || c.Version != 0x304 || c.Cipher == 0 || c.Local.String() != f.addr || !c.Peer.Addr().IsLoopback() {
		t.Errorf("policies see %+v", c)
	}
}

func TestH3AClientThatMovesIsSeenWhereItIs(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	f := newH3Front(t, newRig(t, o.addr))
	c := f.raw()
	ask := func() {
		t.Helper()
		str := c.open(getHead("/"))
		_ = str.Close()
		if got := c.outcome(str); got != "200" {
			t.Fatalf("answered %s", got)
		}
	}
	ask()
	path, err := c.AddPath(f.clientSocket("127.0.0.2"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), ample)
	defer cancel()
	if err := path.Probe(ctx); err != nil {
		t.Fatal(err)
	}
	if err := path.Switch(); err != nil {
		t.Fatal(err)
	}
	ask() // its packets show the new path
	ask()
	whole, _ := o.seen()
	for at, want := range map[int]string{0: "X-Forwarded-For: 127.0.0.1\r\n", 2: "X-Forwarded-For: 127.0.0.2\r\n"} {
		if !strings.Contains(whole[at], want) {
			t.Errorf("request %d: the endpoint got %q without %q", at, whole[at], want)
		}
	}
}

func TestH3TheClientIsToldToContinueWhenItsBodyIsWanted(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	c := newH3Front(t, newRig(t, o.addr)).raw()
	str := c.open(postHead("/", "expect: 100-continue", "content-length: 4"))
	if got := c.status(str); got != "100" {
		t.Fatalf("the client is told %q", got)
	}
	_, _ = str.Write(data("body"))
	_ = str.Close()
	if got := c.outcome(str); got != "200" {
		t.Errorf("answered %s", got)
	}
	if whole, _ := o.seen(); len(whole) != 1 || !strings.HasSuffix(whole[0], "\r\n\r\nbody") {
		t.Errorf("the endpoint got %q", whole)
	}
}
