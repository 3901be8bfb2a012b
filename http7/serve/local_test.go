package serve

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"weir/http7"
	"weir/internal/explain"
)

// answers of handlers, in the forms in which a body can be given.
var handlerAnswers = []struct {
	what   string
	status int
	body   string
	handle http7.Handler
}{
	{"bytes", 200, "hello", func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("hello") }},
	{"no bytes", 200, "", func(ctx *fasthttp.RequestCtx) {}},
	{"an error", 418, "teapot", func(ctx *fasthttp.RequestCtx) { ctx.Error("teapot", 418) }},
	{"no content", 204, "", func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(204) }},
	{"not modified", 304, "", func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(304) }},
	{"a stream", 200, "streamed", func(ctx *fasthttp.RequestCtx) {
		ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
			for _, s := range []string{"str", "eam", "ed"} {
				_, _ = w.WriteString(s)
				_ = w.Flush()
			}
		})
	}},
	{"a stream of known length", 200, "known", func(ctx *fasthttp.RequestCtx) {
		ctx.SetBodyStream(strings.NewReader("known"), len("known"))
	}},
	{"large bytes", 200, strings.Repeat("x", 200_000), func(ctx *fasthttp.RequestCtx) {
		ctx.SetBodyString(strings.Repeat("x", 200_000))
	}},
	{"an echo of the body", 200, "", func(ctx *fasthttp.RequestCtx) { ctx.SetBody(ctx.PostBody()) }},
}

// Whatever a handler answers, a client by the book (net/http's reader) understands it whole, and
// the next request on the same connection too, as long as the answer does not say otherwise.
func TestLocalAnswersAreFramedForEveryMethodAndVersion(t *testing.T) {
	t.Parallel()
	for _, a := range handlerAnswers {
		r := newRigWith(t, func(r *rig) { r.route.Handler = a.handle })
		for _, version := range []string{"1.0", "1.1"} {
			for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
				for _, keep := range []string{"close", "keep-alive"} {
					name := fmt.Sprintf("%s, %s, HTTP/%s, %s", a.what, method, version, keep)
					localAnswer(t, r, name, method, version, keep, a.status, a.body)
				}
			}
		}
	}
}

func localAnswer(t *testing.T, r *rig, name, method, version, keep string, status int, body string) {
	t.Helper()
	c := r.dial()
	br := bufio.NewReader(c)
	sent := ""
	if method == "POST" {
		sent = "posted"
	}
	for range 2 {
		fmt.Fprintf(c, "%s / HTTP/%s\r\nHost: a\r\nConnection: %s\r\nContent-Length: %d\r\n\r\n%s", method, version, keep, len(sent), sent)
		res, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		got, err := io.ReadAll(res.Body)
		want := body
		switch {
		case method == "HEAD":
			want = ""
		case strings.HasPrefix(name, "an echo"):
			want = sent
		}
		if res.StatusCode != status || string(got) != want || err != nil {
			t.Errorf("%s: %d, %d bytes, %v; want %d, %d bytes", name, res.StatusCode, len(got), err, status, len(want))
			return
		}
		if version == "1.0" && len(res.TransferEncoding) > 0 {
			t.Errorf("%s: chunks for a client that knows none", name)
		}
		if status == 204 && res.Header.Get("Content-Length") != "" {
			t.Errorf("%s: a length", name)
		}
		if res.Header.Get("Date") == "" {
			t.Errorf("%s: no Date", name)
		}
		if keep == "close" || res.Close {
			if rest, err := io.ReadAll(br); len(rest) > 0 || err != nil {
				t.Errorf("%s: behind the last answer come %q, %v", name, rest, err)
			}
			return
		}
	}
}

func TestAHeadAnswerTellsTheLengthThatGetHas(t *testing.T) {
	t.Parallel()
	for _, a := range handlerAnswers[:3] {
		r := newRigWith(t, func(r *rig) { r.route.Handler = a.handle })
		lengths := map[string]string{}
		for _, method := range []string{"GET", "HEAD"} {
			got := r.say(method + " / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			head, _, _ := strings.Cut(got, "\r\n\r\n")
			for line := range strings.SplitSeq(head, "\r\n") {
				if n, ok := strings.CutPrefix(line, "Content-Length: "); ok {
					lengths[method] = n
				}
			}
		}
		if a.body != "" && (lengths["GET"] == "" || lengths["GET"] != lengths["HEAD"]) {
			t.Errorf("%s: %v", a.what, lengths)
		}
	}
}

// A handler gets a body whole, so that who was to get a fixed answer had to send one first.
func TestAnActionAnswersFromTheHeadAlone(t *testing.T) {
	t.Parallel()
	fixed, err := http7.NewResponder(200, "text/plain", []byte("fixed"))
	if err != nil {
		t.Fatal(err)
	}
	r := newRigWith(t, func(r *rig) { r.plan.Local = fixed })
	for _, c := range []struct {
		method, rest, answer string
		close                bool
	}{
		{"GET", "\r\n", "fixed", false},
		{"HEAD", "\r\n", "", false},
		{"POST", "Content-Length: 6\r\n\r\nposted", "fixed", false},
		{"POST", "Content-Length: 1000000\r\n\r\nposted", "fixed", true},
		{"POST", "Content-Length: 6\r\nExpect: 100-continue\r\n\r\n", "fixed", true},
		{"PUT", "Transfer-Encoding: chunked\r\n\r\n", "fixed", true},
	} {
		cl := r.client()
		cl.send(c.method + " / HTTP/1.1\r\nHost: a\r\n" + c.rest)
		status, h, body, err := cl.answer(c.method)
		if err != nil || status != 200 || body != c.answer || h.Get("Content-Length") != "5" || (h.Get("Connection") == "close") != c.close {
			t.Errorf("%s, %q: %d %v %q, %v", c.method, c.rest, status, h, body, err)
		}
	}
	if d := r.engine.Judge(r.site, asking("PUT / HTTP/1.1|Host: a|Content-Length: 9||", "")); d.Status != 200 || d.Fault != nil || d.Upstreams != nil {
		t.Errorf("judged as %+v", d)
	}
	if e := r.engine.Explain(r.site, asking("HEAD / HTTP/1.1|Host: a||", "")); e.Action != explain.Responded || e.Answer.Status != 200 || e.Answer.Body != 5 {
		t.Errorf("explained as %s, %+v", e.Action, e.Answer)
	}
}
