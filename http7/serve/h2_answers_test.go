package serve

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"weir/http7"
)

func TestAnswersOfAnH1EndpointOverH2(t *testing.T) {
	t.Parallel()
	type want struct {
		status  int
		header  string // in lower case, sorted, but for date
		body    string
		trailer string
	}
	for _, c := range []struct {
		name, method, answer string
		want                 want
	}{
		{"with a length", "GET", "200 OK\r\nContent-Length: 2\r\nX-A: 2\r\nX-B: b\r\nX-A: 1\r\n\r\nok", want{200, "content-length: 2|x-a: 2|x-a: 1|x-b: b", "ok", ""}},
		{"in chunks", "GET", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", want{200, "", "ok", ""}},
		{"until the end", "GET", "200 OK\r\nContent-Type: a/b\r\n\r\nok<close>", want{200, "content-type: a/b", "ok", ""}},
		{"trailers", "GET", "200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 2\r\nX-T: 1\r\nETag: \"a\"\r\nContent-Type: x/y\r\n\r\n",
			want{200, "", "ok", "etag: \"a\"|x-t: 2|x-t: 1"}},
		{"trailers without a body", "GET", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\ngrpc-status: 0\r\n\r\n", want{200, "", "", "grpc-status: 0"}},
		{"HEAD", "HEAD", "200 OK\r\nContent-Length: 1000\r\n\r\n", want{200, "content-length: 1000", "", ""}},
		{"HEAD without a length", "HEAD", "200 OK\r\nX-A: b\r\n\r\n", want{200, "x-a: b", "", ""}},
		{"204", "GET", "204 No Content\r\nX-A: b\r\n\r\n", want{204, "x-a: b", "", ""}},
		{"304", "GET", "304 Not Modified\r\nETag: \"x\"\r\n\r\n", want{304, "etag: \"x\"", "", ""}},
		{"no type, no guess", "GET", "200 OK\r\nContent-Length: 6\r\n\r\n<html>", want{200, "content-length: 6", "<html>", ""}},
		{"hop by hop", "GET", "200 OK\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nContent-Length: 0\r\n\r\n", want{200, "content-length: 0", "", ""}},
		{"an odd status", "GET", "299 Odd\r\nContent-Length: 0\r\n\r\n", want{299, "content-length: 0", "", ""}},
		{"set-cookie twice", "GET", "200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n", want{200, "content-length: 0|set-cookie: a=1|set-cookie: b=2", "", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := answering(t, "HTTP/1.1 "+c.answer)
			_, client := h2c(t, nil, o.addr)
			res, body := fetch(t, client, request(t, c.method, "http://a.test/", nil))
			if res.Header.Get("Date") == "" {
				t.Error("no Date")
			}
			res.Header.Del("Date")
			got := want{res.StatusCode, listed(res.Header), body, listed(res.Trailer)}
			if got != c.want {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// listed returns the fields of h in lower case, sorted by name.
func listed(h http.Header) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			list = append(list, strings.ToLower(name)+": "+v)
		}
	}
	return strings.Join(list, "|")
}

func TestALocalAnswerOverH2IsAProblem(t *testing.T) {
	t.Parallel()
	_, client := h2c(t, func(r *rig) {
		p := &scripted{request: func(*http7.Exchange) http7.Verdict { return http7.Refuse(http7.NoRoute) }}
		r.route.Steps = []http7.Step{p.step("p.no")}
	}, "127.0.0.1:1")
	res, body := fetch(t, client, request(t, "GET", "http://a.test/", nil))
	if res.StatusCode != 404 || !strings.Contains(body, "No route") || res.Header.Get("Content-Type") == "" || res.ContentLength != int64(len(body)) {
		t.Errorf("got %v %q", res, body)
	}
	if res, body := fetch(t, client, request(t, "HEAD", "http://a.test/", nil)); res.StatusCode != 404 || body != "" || res.ContentLength <= 0 {
		t.Errorf("HEAD: got %v %q", res, body)
	}
}

// An answer that is cut must never look whole: its stream is reset.
func TestAnAnswerCutOverH2IsReset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, answer string }{
		{"fixed length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234<close>"},
		{"fixed length, large", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 50_000) + "<close>"},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n<close>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, client := h2c(t, nil, answering(t, c.answer).addr)
			res, err := client.Do(request(t, "GET", "http://a.test/", nil))
			if err == nil {
				_, err = io.ReadAll(res.Body)
				_ = res.Body.Close()
			}
			var se http2.StreamError
			if !errors.As(err, &se) || se.Code != http2.ErrCodeInternal {
				t.Errorf("got %v; want a reset", err)
			}
			client.CloseIdleConnections()
			r.idle(t)
		})
	}
}

func TestEarlyHintsPassOverH2(t *testing.T) {
	t.Parallel()
	o := answering(t, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Early: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n"+hello)
	_, client := h2c(t, nil, o.addr)
	var early []string
	req := request(t, "GET", "http://a.test/", nil)
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			early = append(early, http.StatusText(code)+" "+listed(http.Header(h)))
			return nil
		},
	}))
	res, _ := fetch(t, client, req)
	if want := []string{"Early Hints link: </a>|x-early: 1", "Early Hints link: </b>"}; !slices.Equal(early, want) {
		t.Errorf("got %q", early)
	}
	if res.StatusCode != 200 || res.Header.Get("X-Early") != "" || res.Header.Get("Link") != "" {
		t.Errorf("an early field came again: %v", res.Header)
	}
}

// What an endpoint has sent of an event stream must not wait for more.
func TestNothingOfAnAnswerIsHeldBackOverH2(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	o := origin(t, func(c net.Conn) {
		if _, err := readHead(bufio.NewReader(c)); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range more {
			_, _ = io.WriteString(c, "6\r\ndata\n\n\r\n")
		}
		_, _ = io.WriteString(c, "0\r\n\r\n")
	})
	_, client := h2c(t, nil, o)
	res, err := client.Do(request(t, "GET", "http://a.test/", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for range 3 {
		more <- struct{}{}
		b := make([]byte, 6)
		if _, err := io.ReadFull(res.Body, b); err != nil || string(b) != "data\n\n" {
			t.Fatalf("got %q, %v", b, err)
		}
	}
	close(more)
	if b, err := io.ReadAll(res.Body); len(b) > 0 || err != nil {
		t.Errorf("at the end: %q, %v", b, err)
	}
}

func TestALargeAnswerOverH2ComesWhole(t *testing.T) {
	t.Parallel()
	sum := sha256.New()
	o := origin(t, func(c net.Conn) {
		if _, err := readHead(bufio.NewReader(c)); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
		b := make([]byte, 1<<16)
		for i := range 1024 {
			b[0], b[1] = byte(i), byte(i>>8)
			sum.Write(b)
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	})
	_, client := h2c(t, nil, o)
	res, err := client.Do(request(t, "GET", "http://a.test/", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got := sha256.New()
	n, err := io.Copy(got, res.Body)
	if n != 64<<20 || err != nil || string(got.Sum(nil)) != string(sum.Sum(nil)) {
		t.Errorf("%d bytes, %v; right ones: %v", n, err, string(got.Sum(nil)) == string(sum.Sum(nil)))
	}
}

// An endpoint that answers at once stops an upload over h2 like one over h1: the client gets the answer, then is told
// to send no more.
func TestAnEarlyAnswerOvertakesAnUploadOverH2(t *testing.T) {
	t.Parallel()
	o := origin(t, func(c net.Conn) {
		if _, err := readHead(bufio.NewReader(c)); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno")
		_, _ = io.Copy(io.Discard, c)
	})
	r, client := h2c(t, once, o)
	body, sending := io.Pipe()
	go func() { // the client's body; ends with the pipe
		for {
			if _, err := sending.Write(make([]byte, 10_000)); err != nil {
				return
			}
		}
	}()
	takes(t, 0, func() {
		if res, got := fetch(t, client, request(t, "POST", "http://a.test/", body)); res.StatusCode != 401 || got != "no" {
			t.Errorf("%d %q", res.StatusCode, got)
		}
	})
	_ = body.Close()
	client.CloseIdleConnections()
	r.idle(t)
}

// curl 7.88 and others lose an answer to the reset behind it, which asks them to send no more.
func TestAClientTakesItsAnswerBeforeItIsToldToSendNoMore(t *testing.T) {
	t.Parallel()
	bounded := func(r *rig) { once(r); r.route.BodyLimit = 100 }
	r, _ := h2c(t, bounded, answering(t, hello).addr)
	t.Run("a large body", func(t *testing.T) {
		repeatedly(t, func() error { // until the answer is read as soon as it is there
			f := r.newFrames()
			f.ask(1, false, ":method", "PUT", "content-length", "1000000")
			_ = f.fr.WriteData(1, false, make([]byte, 16<<10))
			var told time.Time
			for {
				fr, err := f.fr.ReadFrame()
				if err != nil {
					t.Fatal(err)
				}
				switch fr := fr.(type) {
				case *http2.DataFrame:
					if !strings.Contains(string(fr.Data()), "Content Too Large") && told.IsZero() {
						t.Errorf("got %q", fr.Data())
					}
					if told.IsZero() {
						told = time.Now()
					}
				case *http2.RSTStreamFrame:
					if since := time.Since(told); fr.ErrCode != http2.ErrCodeNo || since < regretTime/2 {
						return fmt.Errorf("%v only %v behind the answer", fr.ErrCode, since)
					}
					return nil
				}
			}
		})
	})
	t.Run("a body that comes soon", func(t *testing.T) {
		f := r.newFrames()
		f.ask(1, false, ":method", "PUT", "content-length", "1000")
		_ = f.fr.WriteData(1, true, make([]byte, 1000))
		if got := f.outcome(1); !strings.HasPrefix(got, "413") {
			t.Errorf("got %q", got)
		}
		f.ask(3, true)
		if got := f.outcome(3); got != "200 hello" { // no reset in between
			t.Errorf("the next came to %q", got)
		}
	})
	t.Run("a call of gRPC", func(t *testing.T) {
		f := r.newFrames()
		f.ask(1, false, ":method", "POST", "content-type", "application/grpc", "content-length", "1000")
		takes(t, 0, func() {
			if got := f.outcome(1); !strings.HasPrefix(got, "200") {
				t.Errorf("got %q", got)
			}
		})
	})
}
