package health

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/lb"
)

// serve answers each connection to a fresh socket with talk until the test ends.
func serve(t testing.TB, network, address string, talk func(net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends when the listener closes
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the conversation
				defer c.Close()
				talk(c)
			}()
		}
	}()
	return l
}

// answer reads a request's head, then writes text.
func answer(text string) func(net.Conn) {
	return func(c net.Conn) {
		readHead(c)
		io.WriteString(c, text)
	}
}

func readHead(c net.Conn) string {
	var head []byte
	one := make([]byte, 1)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if _, err := c.Read(one); err != nil {
			break
		}
		head = append(head, one[0])
	}
	return string(head)
}

// forever writes text, then piece again and again until the other side has gone.
func forever(text, piece string, gap time.Duration) func(net.Conn) {
	return func(c net.Conn) {
		readHead(c)
		_, err := io.WriteString(c, text)
		for err == nil {
			<-time.After(gap)
			_, err = io.WriteString(c, piece)
		}
	}
}

func endpointAt(t testing.TB, address string) *lb.Endpoint {
	t.Helper()
	a, err := conf.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	c := lb.Default()
	c.Endpoints = []lb.EndpointConfig{{Address: a, Weight: 1}}
	u, err := lb.NewRegistry(nil).Adopt("orders", c)
	if err != nil {
		t.Fatal(err)
	}
	return u.View().Members()[0].Endpoint
}

// forAnswer is the timeout of probes that are to have an answer, whatever the machine is busy with.
const forAnswer = 30 * time.Second

func httpConfig(change func(*HTTPConfig)) *Config {
	c, h := Default(), DefaultHTTP()
	if change != nil {
		change(&h)
	}
	c.HTTP, c.Timeout = &h, conf.Dur(forAnswer)
	return &c
}

func tcpConfig(send, expect string) *Config {
	c := Default()
	c.TCP, c.Timeout = &TCPConfig{Send: send, Expect: expect}, conf.Dur(forAnswer)
	return &c
}

// impatient is c with a timeout of 100 ms if that is what want tells of.
func impatient(c *Config, want string) *Config {
	if strings.HasSuffix(want, " within 100ms") {
		c.Timeout = conf.Dur(100 * time.Millisecond)
	}
	return c
}

// askFor asks until the answer is want, or has been another often. A machine that stands still ends a probe at another
// point than the endpoint would; that only happens to who is impatient.
func askFor(e *lb.Endpoint, c *Config, want string) (got string) {
	tries := 1
	if c.Timeout.Value() < forAnswer {
		tries = 20
	}
	for range tries {
		if got = ask(e, c); strings.Contains(got, want) {
			break
		}
	}
	return got
}

func ask(e *lb.Endpoint, c *Config) string {
	p := newProbe(e, newMethod(c, Way{}, nil))
	defer p.close()
	if err := p.run(context.Background()); err != nil {
		return err.Error()
	}
	return "fit"
}

func TestWhatAnHTTPProbeMakesOfAnAnswer(t *testing.T) {
	wantBody := func(h *HTTPConfig) { h.Body = "all well" }
	big := strings.Repeat("x", 64<<10)
	cases := []struct {
		what   string
		talk   func(net.Conn)
		config func(*HTTPConfig)
		want   string
	}{
		{"200 with a length", answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), nil, "fit"},
		{"200 to the close", answer("HTTP/1.1 200 OK\r\n\r\nok"), nil, "fit"},
		{"200 chunked", answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), nil, "fit"},
		{"204", answer("HTTP/1.1 204 No Content\r\n\r\n"), nil, "fit"},
		{"1xx before", answer("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), nil, "fit"},
		{"body found", answer("HTTP/1.1 200 OK\r\n\r\nstatus: all well\n"), wantBody, "fit"},
		{"body of 64 KiB", answer("HTTP/1.1 200 OK\r\n\r\n" + big), nil, "fit"},
		{"body missing", answer("HTTP/1.1 200 OK\r\n\r\nall is lost"), wantBody, `the body does not contain "all well"`},
		{"503", answer("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), nil, "status 503, want 2xx"},
		{"a redirect is not followed", answer("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"), nil, "status 302, want 2xx"},
		{"unasked 101", answer("HTTP/1.1 101 Switching Protocols\r\n\r\n"), nil, "status 101, which nobody asked for"},
		{"closed at once", answer(""), nil, "the connection was closed before the answer"},
		{"closed within the head", answer("HTTP/1.1 200 OK\r\nServer: x\r\n"), nil, "the connection was closed before the answer"},
		{"closed within a field", answer("HTTP/1.1 200 OK\r\nServ"), nil, "malformed MIME header"},
		{"closed within the body", answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), nil, "the answer's body: unexpected EOF"},
		{"not HTTP", answer("220 mail.example.com ESMTP\r\n\r\n"), nil, "malformed HTTP"},
		{"silence", func(c net.Conn) { io.Copy(io.Discard, c) }, nil, "no answer within 100ms"},
		{"a head that never ends", forever("HTTP/1.1 200 OK\r\n", "A: b\r\n", time.Millisecond), nil, "no answer within 100ms"},
		{"a head without measure", forever("HTTP/1.1 200 OK\r\n", "A: "+big+"\r\n", 0), nil, "the answer's head is longer than 64 KiB"},
		{"a trickle that never ends", forever("HTTP/1.1 200 OK\r\n\r\n", "x", time.Millisecond), nil, "the answer's body did not end within 100ms"},
		{"a flood that never ends", forever("HTTP/1.1 200 OK\r\n\r\n", big, 0), nil, "the answer's body is longer than 64 KiB"},
		{"a flood of tiny chunks", forever("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\nx\r\n", 9999), 0), nil, "the answer's body is longer than 64 KiB"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			l := serve(t, "tcp", "127.0.0.1:0", c.talk)
			got := askFor(endpointAt(t, l.Addr().String()), impatient(httpConfig(c.config), c.want), c.want)
			if !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatATCPProbeMakesOfAnAnswer(t *testing.T) {
	echo := func(c net.Conn) { io.Copy(c, c) }
	say := func(text string) func(net.Conn) { return func(c net.Conn) { io.WriteString(c, text) } }
	cases := []struct {
		what         string
		talk         func(net.Conn)
		send, expect string
		want         string
	}{
		{"connecting is enough", func(net.Conn) {}, "", "", "fit"},
		{"what is sent comes back", echo, "PING\r\n", "PING", "fit"},
		{"a greeting", say("220 ready\r\n"), "", "220 ", "fit"},
		{"another greeting", say("554 go away\r\n"), "", "220 ", `the connection was closed before "220 " came`},
		{"silence", func(c net.Conn) { io.Copy(io.Discard, c) }, "PING\r\n", "PONG", "no answer within 100ms"},
		{"a flood", say(strings.Repeat("-", 70<<10)), "", "+", `the first 64 KiB do not contain "+"`},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			l := serve(t, "tcp", "127.0.0.1:0", c.talk)
			got := askFor(endpointAt(t, l.Addr().String()), impatient(tcpConfig(c.send, c.expect), c.want), c.want)
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestARefusedConnectionIsToldWithoutTheAddress(t *testing.T) {
	l := serve(t, "tcp", "127.0.0.1:0", func(net.Conn) {})
	l.Close()
	e := endpointAt(t, l.Addr().String())
	for _, c := range []*Config{httpConfig(nil), tcpConfig("", "")} {
		if got := ask(e, c); got != "connect: connection refused" {
			t.Errorf("got %q", got)
		}
	}
}

func TestTheRequestOfAnHTTPProbe(t *testing.T) {
	cases := []struct {
		config func(*HTTPConfig)
		want   string
	}{
		{nil, "GET / HTTP/1.1\r\nHost: ADDRESS\r\nConnection: close\r\nUser-Agent: weir-health\r\n\r\n"},
		{func(h *HTTPConfig) {
			h.Path, h.Host = "/healthz?deep=1", "orders.internal"
			h.Headers = map[string]string{"X-Probe": "weir", "user-agent": "mine"}
		}, "GET /healthz?deep=1 HTTP/1.1\r\nHost: orders.internal\r\nConnection: close\r\nX-Probe: weir\r\nuser-agent: mine\r\n\r\n"},
	}
	for _, c := range cases {
		heads := make(chan string, 1)
		l := serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
			heads <- readHead(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		})
		address := l.Addr().String()
		if got := ask(endpointAt(t, address), httpConfig(c.config)); got != "fit" {
			t.Errorf("got %q", got)
		}
		if got, want := <-heads, strings.ReplaceAll(c.want, "ADDRESS", address); got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	}
}

func TestAProbeMayGoToAnotherPortOrToASocket(t *testing.T) {
	ok := answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	l := serve(t, "tcp", "127.0.0.1:0", ok)
	port := l.Addr().(*net.TCPAddr).Port
	if got := ask(endpointAt(t, "127.0.0.1:1"), httpConfig(func(h *HTTPConfig) { h.Port = port })); got != "fit" {
		t.Errorf("with port: %q", got)
	}
	path := filepath.Join(t.TempDir(), "s")
	serve(t, "unix", path, ok)
	if got := ask(endpointAt(t, "unix:"+path), httpConfig(nil)); got != "fit" {
		t.Errorf("on a socket: %q", got)
	}
}

// The whole on real sockets: an endpoint that answers, goes and comes back.
func TestAnEndpointDiesAndRevives(t *testing.T) {
	ok := answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	first := serve(t, "tcp", "127.0.0.2:0", ok) // from which nobody connects, so that the port stays free
	address := first.Addr().String()
	registry := lb.NewRegistry(nil)
	c := lb.Default()
	c.Endpoints = []lb.EndpointConfig{{Address: endpointAt(t, address).Target(), Weight: 1}}
	u, err := registry.Adopt("orders", c)
	if err != nil {
		t.Fatal(err)
	}
	changes := make(chan lb.State, 1)
	m, err := New(registry, slog.New(slog.DiscardHandler), func(c Change) { changes <- c.State })
	if err != nil {
		t.Fatal(err)
	}
	config := httpConfig(nil)
	config.Interval = conf.Dur(10 * time.Millisecond)
	m.Adopt([]Target{{Upstream: u, Config: config}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { m.Run(ctx); close(done) }() // the monitor; ends with ctx
	defer func() { cancel(); <-done }()

	await := func(want lb.State) {
		t.Helper()
		select {
		case got := <-changes:
			if got != want {
				t.Fatalf("state %v, want %v", got, want)
			}
		case <-time.After(forAnswer):
			t.Fatalf("not %v within %v", want, forAnswer)
		}
	}
	await(lb.Ready)
	first.Close()
	await(lb.Down)
	serve(t, "tcp", address, ok)
	await(lb.Ready)
}
