package serve

//lint:file-ignore SA1019 only x/net knows an extended CONNECT

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/net/http2"

	"weir/http7/wire"
	"weir/internal/conf"
)

// extended is a stream that an extended CONNECT (RFC 8441) has opened.
type extended struct {
	t    testing.TB
	res  *http.Response
	w    *io.PipeWriter
	stop context.CancelFunc
}

// connectTo opens a stream for protocol; the answer may be a refusal.
func connectTo(t testing.TB, client *http.Client, protocol string, fields ...string) *extended {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	body, w := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodConnect, "http://web.test/chat?x", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header[":protocol"] = []string{protocol}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Add(name, value)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	e := &extended{t: t, res: res, w: w, stop: stop}
	t.Cleanup(func() { stop(); _ = w.Close(); _ = res.Body.Close() })
	return e
}

// says sends s and demands want.
func (e *extended) says(s, want string) {
	e.t.Helper()
	go func() { _, _ = io.WriteString(e.w, s) }() // ends when it is sent
	e.hears(want)
}

func (e *extended) hears(want string) {
	e.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(e.res.Body, got); string(got) != want {
		e.t.Fatalf("%q, %v; want %q", got[:n], err, want)
	}
}

// keyed is an origin that answers a WebSocket's key, or with answer if that is not "", and gives the tunnel to handle.
func keyed(t testing.TB, answer string, heads chan<- string, handle func(net.Conn, *bufio.Reader)) string {
	return origin(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			heads <- head
			if answer != "" {
				_, _ = io.WriteString(c, answer)
				continue
			}
			_, key, _ := strings.Cut(head, "Sec-Websocket-Key: ")
			if key == "" {
				_, key, _ = strings.Cut(head, "Sec-WebSocket-Key: ")
			}
			key, _, _ = strings.Cut(key, "\r\n")
			_, _ = io.WriteString(c, "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: "+
				string(wire.AppendWebSocketAccept(nil, []byte(key)))+"\r\n\r\n")
			handle(c, r)
			return
		}
	})
}

func TestAnExtendedCONNECTBecomesAnUpgrade(t *testing.T) {
	t.Parallel()
	heads := make(chan string, 1)
	_, client := h2c(t, nil, keyed(t, "", heads, echoing))
	e := connectTo(t, client, "websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Key: x", "Origin: http://web.test")
	if e.res.StatusCode != 200 || e.res.ProtoMajor != 2 {
		t.Fatalf("%v", e.res)
	}
	for _, name := range []string{"Sec-WebSocket-Accept", "Upgrade", "Connection", "Content-Length"} {
		if v := e.res.Header.Values(name); len(v) > 0 {
			t.Errorf("%s: %q", name, v)
		}
	}
	if got := e.res.Header.Get("Sec-WebSocket-Protocol"); got != "chat" {
		t.Errorf("the subprotocol is %q", got)
	}
	head := <-heads
	for _, line := range []string{"GET /chat?x HTTP/1.1\r\n", "\r\nHost: web.test\r\n", "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", "\r\nOrigin: http://web.test\r\n", "Via: 2 "} {
		if !strings.Contains(head, line) {
			t.Errorf("no %q in %q", line, head)
		}
	}
	if n := strings.Count(strings.ToLower(head), "sec-websocket-key: "); n != 1 || strings.Contains(head, "Key: x\r\n") {
		t.Errorf("%d keys in %q", n, head)
	}
	e.says("hello", "hello")
	big := strings.Repeat("0123456789abcdef", 20_000)
	e.says(big, big)
	_ = e.w.Close()
	if rest, err := io.ReadAll(e.res.Body); len(rest) > 0 || err != nil {
		t.Errorf("behind the end came %q, %v", rest, err)
	}
}

func TestAnExtendedCONNECTIsRefusedWhereNobodyWouldSpeakTheProtocol(t *testing.T) {
	t.Parallel()
	const to = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
	for _, c := range []struct {
		what, protocol, answer string
		status                 int
		fault                  string
	}{
		{"an endpoint that takes it for a plain request", "websocket", hello, 502, "upstream_bad_upgrade"},
		{"one that says no content", "websocket", "HTTP/1.1 204 No Content\r\n\r\n", 502, "upstream_bad_upgrade"},
		{"one that does not know the key's answer", "websocket", to + "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", 502, "upstream_bad_upgrade"},
		{"one that gives none", "websocket", to + "\r\n", 502, "upstream_bad_upgrade"},
		{"one that switches to something else", "foo", to + "\r\n", 502, "upstream_bad_upgrade"},
		{"one that refuses", "websocket", "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nhello", 403, "hello"},
		{"one that redirects", "websocket", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 5\r\n\r\nhello", 302, "hello"},
		{"h2c", "h2c", hello, 501, "upgrade_refused"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			heads := make(chan string, 9)
			_, client := h2c(t, once, keyed(t, c.answer, heads, nil))
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			e := connectTo(t, client, c.protocol)
			_ = e.w.Close()
			if b, err := io.ReadAll(e.res.Body); e.res.StatusCode != c.status || !strings.Contains(string(b), c.fault) || err != nil {
				t.Errorf("%d %q, %v", e.res.StatusCode, b, err)
			}
		})
	}
}

func TestAnExtendedCONNECTToAHandlerIsNoTunnel(t *testing.T) {
	t.Parallel()
	_, client := h2c(t, func(r *rig) {
		r.route.Handler = func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("hello") }
	})
	e := connectTo(t, client, "websocket")
	_ = e.w.Close()
	if b, err := io.ReadAll(e.res.Body); e.res.StatusCode != 501 || !strings.Contains(string(b), "upgrade_refused") || err != nil {
		t.Errorf("%d %q, %v", e.res.StatusCode, b, err)
	}
	if _, body := fetch(t, client, request(t, "GET", "http://web.test/", nil)); body != "hello" {
		t.Errorf("a plain request got %q", body)
	}
}

func TestHowTheTunnelOfAStreamEnds(t *testing.T) {
	t.Parallel()
	idle := func(r *rig) { r.forward.Timeouts.TunnelIdle = conf.Dur(2 * time.Second) } // for it is used first
	echo := func(c net.Conn, r *bufio.Reader) error {
		_, err := io.Copy(c, r)
		return err
	}
	hangUp := func(reset bool) func(net.Conn, *bufio.Reader) error {
		return func(c net.Conn, r *bufio.Reader) error {
			_, _ = r.ReadByte()
			_, err := io.WriteString(c, "bye")
			if reset {
				_ = c.(*net.TCPConn).SetLinger(0)
				_, _ = r.ReadByte()
			}
			return err
		}
	}
	for _, c := range []struct {
		what   string
		change func(*rig)
		handle func(net.Conn, *bufio.Reader) error
		client func(*extended, *rig)
		whole  bool
		fault  string
	}{
		{"by the client's end", nil, echo, func(e *extended, _ *rig) { e.says("a", "a"); _ = e.w.Close() }, true, ""},
		{"by the endpoint's end", nil, hangUp(false), func(e *extended, _ *rig) { e.says("a", "bye") }, true, ""},
		{"by the endpoint's reset", nil, hangUp(true), func(e *extended, _ *rig) { e.says("a", "bye"); e.says("b", "") }, false, "upstream_cut"},
		{"by silence", idle, echo, func(e *extended, _ *rig) { e.says("a", "a") }, false, "tunnel_idle"},
		{"by a cut", nil, echo, func(e *extended, r *rig) { e.says("a", "a"); r.engine.Cut() }, false, "stopping"},
		{"by the client's reset", nil, echo, func(e *extended, _ *rig) { e.says("a", "a"); _ = e.res.Body.Close() }, false, "client_left"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			ended := make(chan error, 1)
			line := oneLine(t, keyed(t, "", make(chan string, 1), func(conn net.Conn, r *bufio.Reader) {
				ended <- c.handle(conn, r)
			}), func(r *rig) {
				r.site.Protocols = H1 | H2
				if c.change != nil {
					c.change(r)
				}
			}, func(r *rig) {
				client := &http.Client{Transport: r.h2Transport()}
				e := connectTo(t, client, "websocket")
				c.client(e, r)
				rest, err := io.ReadAll(e.res.Body)
				if len(rest) > 0 || (err == nil) != c.whole {
					t.Errorf("the end was %q, %v", rest, err)
				}
				eventually(t, "the client's connection is idle", func() bool {
					client.CloseIdleConnections()
					return r.empty()
				})
			})
			if line.Fault != c.fault || line.Status != 101 || line.Method != "GET" || line.Target != "/chat?x" {
				t.Errorf("%+v", line)
			}
			if err := <-ended; !c.whole && c.fault != "upstream_cut" && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the endpoint saw %v", err)
			}
		})
	}
}

func TestAClientThatGoesBehindTheEndOfItsSideEndsTheTunnel(t *testing.T) {
	t.Parallel()
	for what, leave := range map[string]func(*frames){
		"by a reset":                   func(f *frames) { _ = f.fr.WriteRSTStream(1, http2.ErrCodeCancel) },
		"by the end of the connection": func(f *frames) { _ = f.nc.Close() },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			half, over := make(chan struct{}), make(chan struct{})
			line := oneLine(t, keyed(t, "", make(chan string, 1), func(c net.Conn, r *bufio.Reader) {
				_, _ = io.Copy(c, r) // to the end of the client's side, which does not move this endpoint
				close(half)
				<-over
			}), func(r *rig) { r.site.Protocols = H1 | H2 }, func(r *rig) {
				defer close(over)
				f := r.newFrames()
				f.ask(1, true, ":method", "CONNECT", ":protocol", "websocket")
				<-half
				leave(f)
				eventually(t, "the tunnel ends", func() bool { return r.openTunnels() == "0" })
				_ = f.nc.Close()
			})
			if line.Fault != "client_left" || line.Status != 101 {
				t.Errorf("%+v", line)
			}
		})
	}
}

// empty reports whether the engine has no connection.
func (r *rig) empty() bool {
	r.engine.mu.Lock()
	defer r.engine.mu.Unlock()
	return len(r.engine.conns) == 0 && len(r.engine.carriers) == 0
}

// h2Transport speaks HTTP/2 with prior knowledge to the rig.
func (r *rig) h2Transport() *http2.Transport {
	tr := &http2.Transport{AllowHTTP: true}
	tr.DialTLSContext = func(context.Context, string, string, *tls.Config) (net.Conn, error) { return net.Dial("tcp", r.addr) }
	r.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func TestTunnelsAndRequestsShareAnH2Connection(t *testing.T) {
	t.Parallel()
	r, client := h2c(t, nil, origin(t, func(c net.Conn) {
		b := bufio.NewReader(c)
		for {
			head, err := readHead(b)
			switch {
			case err != nil:
				return
			case strings.Contains(head, "Upgrade: foo"):
				_, _ = io.WriteString(c, "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n")
				echoing(c, b)
				return
			}
			_, _ = io.WriteString(c, hello)
		}
	}))
	var all []*extended
	for range 20 {
		e := connectTo(t, client, "foo")
		all = append(all, e)
	}
	for i, e := range all {
		e.says("abc", "abc")
		if _, body := fetch(t, client, request(t, "GET", "http://web.test/", nil)); body != "hello" {
			t.Fatalf("%d: %q", i, body)
		}
	}
	r.engine.mu.Lock()
	carriers := len(r.engine.carriers)
	r.engine.mu.Unlock()
	if carriers != 1 {
		t.Errorf("%d connections", carriers)
	}
	for _, e := range all {
		e.says("still", "still")
	}
}
