package serve

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"weir/http7"
)

// opaque is a reader of which nobody can tell the length.
type opaque struct{ io.Reader }

func TestBodiesOverH2GoBothWays(t *testing.T) {
	t.Parallel()
	_, client := h2c(t, nil, echo(t))
	for _, size := range []int{0, 1, 1000, 16 << 10, 64 << 10, 1 << 20, 8 << 20} {
		sent := make([]byte, size)
		_, _ = rand.Read(sent)
		for name, body := range map[string]io.Reader{"of known length": bytes.NewReader(sent), "of unknown length": opaque{bytes.NewReader(sent)}} {
			res, got := fetch(t, client, request(t, "POST", "http://web.test/", body))
			if res.StatusCode != 200 || got != string(sent) {
				t.Errorf("%d bytes %s: status %d, %d bytes came back", size, name, res.StatusCode, len(got))
			}
		}
	}
}

func TestARequestsBodyIsFramedForTheEndpoint(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	_, client := h2c(t, nil, o.addr)
	with := func(body io.Reader, change func(*http.Request)) *http.Request {
		req := request(t, "POST", "http://a.test/", body)
		if change != nil {
			change(req)
		}
		return req
	}
	trailing := func(req *http.Request) {
		req.Trailer = http.Header{"X-Sum": {"1", "2"}, "X-Forwarded-For": {"10.0.0.1"}}
	}
	for _, c := range []struct {
		name, want, lacks string
		req               *http.Request
	}{
		{"known length", "\r\nContent-Length: 5\r\n", "chunked", with(strings.NewReader("hello"), nil)},
		{"none", "\r\nContent-Length: 0\r\n", "chunked", with(nil, func(r *http.Request) { r.Body = http.NoBody })},
		{"unknown length", "5\r\nhello\r\n0\r\n\r\n", "Content-Length", with(opaque{strings.NewReader("hello")}, nil)},
		{"trailers", "5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n", "10.0.0.1", with(opaque{strings.NewReader("hello")}, trailing)},
		{"trailers and a length", "5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n", "Content-Length", with(strings.NewReader("hello"), func(r *http.Request) {
			trailing(r)
			r.Header.Set("Content-Length", "5")
			r.ContentLength = 5
		})},
	} {
		before, _ := o.seen()
		if res, _ := fetch(t, client, c.req); res.StatusCode != 200 {
			t.Errorf("%s: status %d", c.name, res.StatusCode)
			continue
		}
		whole, _ := o.seen()
		if got := whole[len(before)]; !strings.Contains(got, c.want) || strings.Contains(got, c.lacks) {
			t.Errorf("%s: the endpoint got %q, want %q and not %q", c.name, got, c.want, c.lacks)
		}
	}
}

func TestCookiesAndRepeatedFieldsOverH2KeepTheirOrder(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	_, client := h2c(t, nil, o.addr)
	req := request(t, "GET", "http://a.test/", nil)
	req.Header = http.Header{"X-A": {"3", "1", "2"}, "Cookie": {"a=b; c=d"}, "X_user": {"root"}, "Te": {"trailers"}}
	fetch(t, client, req)
	whole, _ := o.seen()
	for _, want := range []string{"X-A: 3\r\nX-A: 1\r\nX-A: 2\r\n", "Cookie: a=b; c=d\r\n", "TE: trailers\r\nConnection: TE\r\n"} {
		if !strings.Contains(whole[0], want) {
			t.Errorf("the endpoint got %q, without %q", whole[0], want)
		}
	}
	if strings.Contains(whole[0], "root") {
		t.Errorf("a name with _ passed: %q", whole[0])
	}
}

func TestA100ContinueIsSentWhenTheBodyIsWanted(t *testing.T) {
	t.Parallel()
	refusing := func(r *rig) {
		r.route.BodyLimit = 100
	}
	_, client := h2c(t, refusing, echo(t))
	for _, c := range []struct {
		name, body string
		status     int
	}{{"a body that is wanted", "hello", 200}, {"a body that is too large", strings.Repeat("x", 101), 413}} {
		req := request(t, "POST", "http://a.test/", strings.NewReader(c.body))
		req.Header.Set("Expect", "100-continue")
		res, got := fetch(t, client, req)
		if res.StatusCode != c.status || c.status == 200 && got != c.body {
			t.Errorf("%s: %d %q", c.name, res.StatusCode, got)
		}
	}
}

func TestAPolicyCollectsTheBodyOfAStream(t *testing.T) {
	t.Parallel()
	var seen string
	p := &scripted{
		request: func(*http7.Exchange) http7.Verdict { return http7.NeedBody(-1) },
		resume: func(x *http7.Exchange, _ http7.Event) http7.Verdict {
			seen = string(x.Body.Collected)
			return http7.Continue
		},
	}
	o := newRecorder(t, okFor)
	_, client := h2c(t, func(r *rig) { r.route.Steps = []http7.Step{p.step("p.body")} }, o.addr)
	fetch(t, client, request(t, "POST", "http://a.test/", opaque{strings.NewReader("hello")}))
	if whole, _ := o.seen(); seen != "hello" || !strings.Contains(whole[0], "hello") {
		t.Errorf("the policy saw %q, the endpoint %q", seen, whole)
	}
}

// A retry takes the body up where the first attempt was interrupted: the library's own deadlines can't be taken back.
func TestABodyGoesOnWithAnotherAttempt(t *testing.T) {
	t.Parallel()
	n := 0
	o := newRecorder(t, func(string) string {
		n++
		return map[bool]string{true: "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", false: hello}[n == 1]
	})
	_, client := h2c(t, nil, o.addr)
	pr, pw := io.Pipe()
	go func() { // the client's body; ends with it
		_, _ = io.WriteString(pw, "hel")
		_, _ = io.WriteString(pw, "lo")
		_ = pw.Close()
	}()
	res, _ := fetch(t, client, request(t, "PUT", "http://a.test/", pr))
	if whole, _ := o.seen(); res.StatusCode != 200 || len(whole) != 2 {
		t.Errorf("status %d after %q", res.StatusCode, whole)
	}
}

func TestAClientThatResetsItsStreamFreesTheEndpoint(t *testing.T) {
	t.Parallel()
	part, whole := io.Pipe()
	go func() { // the client's body; ends with it
		_, _ = io.WriteString(whole, "hello")
	}()
	for _, c := range []struct {
		name string
		body io.Reader
	}{{"GET", nil}, {"POST that is not sent whole", part}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr, asked, ended := silent(t)
			r, client := h2c(t, once, addr)
			ctx, cancel := context.WithCancel(context.Background())
			req := request(t, "POST", "http://a.test/", c.body).WithContext(ctx)
			failed := make(chan error, 1)
			go func() { // the client; ends with its request
				_, err := client.Do(req)
				failed <- err
			}()
			<-asked
			cancel()
			comes(t, "the end of the endpoint's connection", ended)
			if err := <-failed; !errors.Is(err, context.Canceled) {
				t.Errorf("the client got %v", err)
			}
			eventually(t, "all connections end", func() bool { // the client's own writer of a body may still have one
				client.CloseIdleConnections()
				return r.empty()
			})
		})
	}
}
