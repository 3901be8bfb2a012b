package serve

//lint:file-ignore SA1019 only x/net knows an extended CONNECT

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/net/http2"

	"weir/http7/forward"
	"weir/internal/conf"
)

// What belongs to no final answer, and answers that come bit by bit, on every way from a client to an endpoint.

// plainClients are the ways of clients for plain requests.
var plainClients = []struct {
	name string
	open func(t *testing.T, r *rig) (http.RoundTripper, string)
}{
	{"h1", func(_ *testing.T, r *rig) (http.RoundTripper, string) {
		return &http.Transport{
			ExpectContinueTimeout: time.Minute,
			DialContext:           func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", r.addr) },
		}, "http"
	}},
	{"h2c", func(_ *testing.T, r *rig) (http.RoundTripper, string) { return r.h2Transport(), "http" }},
	{"h3", func(t *testing.T, r *rig) (http.RoundTripper, string) { return newH3Front(t, r).transport(), "https" }},
}

// everyWay runs f for each client before an endpoint of each protocol.
func everyWay(t *testing.T, handler http.HandlerFunc, change func(*rig), f func(t *testing.T, client http.RoundTripper, url string)) {
	for _, h2 := range []bool{false, true} {
		for _, c := range plainClients {
			t.Run(fmt.Sprintf("%s to an endpoint of h2 %v", c.name, h2), func(t *testing.T) {
				t.Parallel()
				r := newRigWith(t, func(r *rig) {
					r.site.Protocols = H1 | H2 | H3
					if h2 {
						r.forward.Protocol = forward.ProtocolH2C
					}
					if change != nil {
						change(r)
					}
				}, serving(t, h2, handler))
				transport, scheme := c.open(t, r)
				f(t, transport, scheme+"://localhost/")
			})
		}
	}
}

// serving starts an endpoint with a handler.
func serving(t testing.TB, h2 bool, handler http.Handler) string {
	if h2 {
		return origin(t, func(c net.Conn) { (&http2.Server{}).ServeConn(c, &http2.ServeConnOpts{Handler: handler}) })
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { _ = http.Serve(l, handler) }() // ends with the listener
	return l.Addr().String()
}

// interims are the heads before the final one that a client has seen.
type interims struct {
	mu   sync.Mutex
	seen []string
}

func (i *interims) trace(req *http.Request) *http.Request {
	note := func(s string) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.seen = append(i.seen, s)
	}
	return req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got100Continue: func() { note("continue") },
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			if code != http.StatusContinue {
				note(fmt.Sprint(code, " ", h.Values("Link")))
			}
			return nil
		},
	}))
}

func (i *interims) all() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.seen)
}

func TestEarlyHintsPassOnEveryWay(t *testing.T) {
	t.Parallel()
	handler := func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Link"] = []string{"</a>; rel=preload", "</b>"}
		w.WriteHeader(http.StatusEarlyHints)
		w.Header()["Link"] = []string{"</c>"}
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		_, _ = io.WriteString(w, "hello")
	}
	everyWay(t, handler, nil, func(t *testing.T, client http.RoundTripper, url string) {
		var seen interims
		res, body, err := ask(client, seen.trace(request(t, "GET", url, nil)))
		if err != nil || res.StatusCode != 200 || body != "hello" || res.Header.Get("Link") != "" {
			t.Errorf("%v %q, %v", res, body, err)
		}
		if got, want := seen.all(), []string{"103 [</a>; rel=preload </b>]", "103 [</c>]"}; !slices.Equal(got, want) {
			t.Errorf("before it came %q", got)
		}
	})
}

func TestTheBodyIsAskedForWhenItIsWantedOnEveryWay(t *testing.T) {
	t.Parallel()
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Expected", r.Header.Get("Expect"))
		_, _ = io.Copy(w, r.Body)
	}
	limit := func(r *rig) {
		r.route.BodyLimit = 100
	}
	everyWay(t, handler, limit, func(t *testing.T, client http.RoundTripper, url string) {
		for _, c := range []struct {
			what, body string
			status     int
			before     []string
		}{
			{"a body that is wanted", "hello", 200, []string{"continue"}},
			{"one that is too large", strings.Repeat("x", 101), 413, nil},
		} {
			var seen interims
			req := request(t, "POST", url, strings.NewReader(c.body))
			req.Header.Set("Expect", "100-continue")
			res, body, err := ask(client, seen.trace(req))
			if err != nil || res.StatusCode != c.status || c.status == 200 && body != c.body {
				t.Errorf("%s: %v %q, %v", c.what, res, body, err)
			}
			if got := seen.all(); !slices.Equal(got, c.before) {
				t.Errorf("%s: before the answer came %q", c.what, got)
			}
			if e := res.Header.Get("X-Expected"); e != "" { // the body is on its way
				t.Errorf("%s: the endpoint was asked for %q", c.what, e)
			}
		}
	})
}

func TestAHandlerAsksForTheBodyOnEveryCarrier(t *testing.T) {
	t.Parallel()
	handle := func(r *rig) {
		r.route.Handler = func(ctx *fasthttp.RequestCtx) { _, _ = ctx.Write(ctx.PostBody()) }
	}
	everyWay(t, func(http.ResponseWriter, *http.Request) {}, handle, func(t *testing.T, client http.RoundTripper, url string) {
		var seen interims
		req := request(t, "POST", url, strings.NewReader("hello"))
		req.Header.Set("Expect", "100-continue")
		res, body, err := ask(client, seen.trace(req))
		if err != nil || res.StatusCode != 200 || body != "hello" || !slices.Equal(seen.all(), []string{"continue"}) {
			t.Errorf("%v %q behind %q, %v", res, body, seen.all(), err)
		}
	})
}

func TestEventsComeOneByOneOnEveryWay(t *testing.T) {
	t.Parallel()
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		rc := http.NewResponseController(w)
		for i := 0; ; i++ {
			_, err := fmt.Fprintf(w, "data: %d\n\n", i)
			if err != nil || rc.Flush() != nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-time.After(300 * time.Millisecond):
			}
		}
	}
	// The route's time is up before the last event, and behind the head.
	short := func(r *rig) { r.route.Timeout = 2 * time.Second }
	everyWay(t, handler, short, func(t *testing.T, client http.RoundTripper, url string) {
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		res, err := client.RoundTrip(request(t, "GET", url, nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		for i := range 8 {
			want := fmt.Sprintf("data: %d\n\n", i)
			got := make([]byte, len(want))
			if n, err := io.ReadFull(res.Body, got); string(got) != want {
				t.Fatalf("%q, %v; want %q", got[:n], err, want)
			}
		}
	})
}

func TestAClientThatLeavesAnEventStreamFreesTheEndpointOnEveryWay(t *testing.T) {
	t.Parallel()
	var ways sync.Map // to the channel that is closed when the endpoint is free
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: x\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		left, _ := ways.Load(r.URL.Path)
		close(left.(chan struct{}))
	}
	quiet := func(r *rig) { r.forward.Timeouts.BetweenReads = conf.Dur(time.Minute) }
	everyWay(t, handler, quiet, func(t *testing.T, client http.RoundTripper, url string) {
		left, path := make(chan struct{}), "/"+strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
		ways.Store(path, left)
		ctx, stop := context.WithCancel(context.Background())
		res, err := client.RoundTrip(request(t, "GET", strings.TrimSuffix(url, "/")+path, nil).WithContext(ctx))
		if err != nil {
			stop()
			t.Fatal(err)
		}
		got := make([]byte, len("data: x\n\n"))
		if _, err := io.ReadFull(res.Body, got); err != nil {
			t.Error(err)
		}
		pause(4 * watchAfter) // an end that is there already could be that of a client's side alone
		stop()
		_ = res.Body.Close()
		comes(t, "the end at the endpoint", left)
	})
}
