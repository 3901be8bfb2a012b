package clients

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"weir/bench"
)

// h3Origin is an HTTP/3 server and the connections that it accepted.
type h3Origin struct {
	server *http3.Server
	mu     sync.Mutex
	conns  []*quic.Conn
}

// accepted returns how many connections came.
func (o *h3Origin) accepted() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.conns)
}

// drop closes every connection.
func (o *h3Origin) drop(code http3.ErrCode) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.conns {
		c.CloseWithError(quic.ApplicationErrorCode(code), "")
	}
}

// h3Server serves HTTP/3 by h until the test ends.
func h3Server(t testing.TB, h http.Handler, limits *quic.Config) (*h3Origin, Config) {
	t.Helper()
	serverTLS, clientTLS := certificate(t)
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &h3Origin{server: &http3.Server{Handler: h, TLSConfig: http3.ConfigureTLSConfig(serverTLS), QUICConfig: limits}}
	o.server.ConnContext = func(ctx context.Context, c *quic.Conn) context.Context {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.conns = append(o.conns, c)
		return ctx
	}
	var serving sync.WaitGroup
	serving.Go(func() { o.server.Serve(socket) })
	t.Cleanup(func() {
		o.server.Close()
		socket.Close()
		serving.Wait()
	})
	return o, Config{Target: "https://" + socket.LocalAddr().String(), TLS: clientTLS}
}

func TestHTTP3CarriesWhatTheRequestNames(t *testing.T) {
	_, cfg := h3Server(t, newOrigin(), nil)
	c := must(t)(HTTP3(cfg))
	host := strings.TrimPrefix(cfg.Target, "https://")
	for _, d := range []struct {
		name    string
		request bench.Request
		body    string
	}{
		{"nothing more", get("/saw?q=1&r=%2F"), "GET " + host + " /saw?q=1&r=%2F "},
		{"a body", post("/echo", "some bytes"), "some bytes"},
		{"a large body", post("/echo", strings.Repeat("x", 300<<10)), strings.Repeat("x", 300<<10)},
		{"a body with its length", post("/saw", "some bytes"), "POST " + host + " /saw Content-Length: 10"},
		{"a field twice, none of the connection's",
			bench.Request{Method: "GET", Path: []byte("/saw"), Expect: anything, Host: "other.example",
				Header: []bench.Field{{Name: "X-A", Value: "1"}, {Name: "Connection", Value: "keep-alive"}, {Name: "x-a", Value: "2"}}},
			"GET other.example /saw X-A: 1; X-A: 2"},
		{"two slashes", get("//saw"), ""},
		{"HEAD", bench.Request{Method: "HEAD", Path: []byte("/saw"), Expect: anything}, ""},
	} {
		a := mustAsk(t, c, d.request)
		if a.Status != 200 || string(a.Body) != d.body || a.In != int64(len(d.body)) || a.Out != int64(len(d.request.Body)) {
			t.Errorf("%s: %d %q, %d in, %d out; want 200 %q", d.name, a.Status, a.Body, a.In, a.Out, d.body)
		}
	}
	if a := mustAsk(t, c, get("/status/418")); a.Status != 418 || a.Opened || a.Reopened {
		t.Errorf("%+v; want 418 on the same connection", a)
	}
}

func TestHTTP3WorkersShareConnections(t *testing.T) {
	o, cfg := h3Server(t, newOrigin(), nil)
	cfg.Connections = 2
	p, err := HTTP3(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: cfg.Target + "/echo", Method: "POST", Body: []byte("hello"), Connections: 2, Workers: 8, Requests: 400})
	if r.OK != 400 || r.Opened > 2 || r.Redials != 0 || int64(o.accepted()) != r.Opened || r.BytesIn != 2000 || r.BytesOut != 2000 {
		t.Errorf("ok %d, %v, opened %d, redials %d, accepted %d, %d in, %d out; want 400 on at most 2", r.OK, r.FirstFailures, r.Opened, r.Redials, o.accepted(), r.BytesIn, r.BytesOut)
	}
	if r.Settings.Protocol != "HTTP/3" {
		t.Errorf("protocol %q", r.Settings.Protocol)
	}
	o.server.Close()
	checkNoGoroutines(t, "weir/bench/clients.", "quic-go")
}

func TestHTTP3FreshTakesAConnectionForEachRequest(t *testing.T) {
	o, cfg := h3Server(t, newOrigin(), nil)
	cfg.Fresh = true
	p, err := HTTP3(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: cfg.Target, Workers: 4, Requests: 40, Fresh: true})
	if r.OK != 40 || r.Opened != 40 || o.accepted() != 40 {
		t.Errorf("ok %d, %v, opened %d, accepted %d; want 40 each", r.OK, r.FirstFailures, r.Opened, o.accepted())
	}
	o.server.Close()
	checkNoGoroutines(t, "weir/bench/clients.", "quic-go")
}

func TestHTTP3TellsAClosedIdleConnectionFromALostOne(t *testing.T) {
	o, cfg := h3Server(t, newOrigin(), nil)
	c := must(t)(HTTP3(cfg))
	if a := mustAsk(t, c, get("/")); !a.Opened || a.Reopened {
		t.Errorf("first: %+v; want opened", a)
	}
	link := c.(*exchanger[*http3Link]).lane.current.link
	o.drop(http3.ErrCodeNoError)
	<-link.quic.Context().Done()
	if a := mustAsk(t, c, get("/")); !a.Opened || !a.Reopened {
		t.Errorf("behind an idle close: %+v; want reopened", a)
	}
}

func TestHTTP3SendsOnceMoreWhatAGracefulServerDidNotTake(t *testing.T) {
	// The server says GOAWAY while a request is under way: it ends, and the next one takes a new connection. The
	// server goes on accepting, as one behind a gateway's address does.
	under, release := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/slow" {
			close(under)
			<-release
		}
	})
	serverTLS, clientTLS := certificate(t)
	l, err := quic.ListenAddrEarly("127.0.0.1:0", http3.ConfigureTLSConfig(serverTLS), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	first, second := &http3.Server{Handler: h}, &http3.Server{Handler: h}
	defer second.Close()
	var serving sync.WaitGroup
	defer serving.Wait()
	defer l.Close()
	serving.Go(func() {
		for _, s := range []*http3.Server{first, second} {
			c, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			serving.Go(func() { s.ServeQUICConn(c) })
		}
	})
	p, err := HTTP3(Config{Target: "https://" + l.Addr().String(), TLS: clientTLS})
	if err != nil {
		t.Fatal(err)
	}
	one, two := worker(t, p, 0), worker(t, p, 1)
	mustAsk(t, one, get("/"))
	slow := make(chan error, 1)
	go func() {
		r := get("/slow")
		_, err := two.Do(context.Background(), time.Now().Add(patience), &r)
		slow <- err
	}()
	<-under
	serving.Go(func() { first.Shutdown(context.Background()) })
	for end := time.Now().Add(patience); ; { // until GOAWAY has come
		a := mustAsk(t, one, get("/"))
		if a.Reopened {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the client never took a new connection")
		}
	}
	close(release)
	if err := <-slow; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	one.Close()
	two.Close()
}

func TestHTTP3WaitsForAStreamBeyondTheServersLimit(t *testing.T) {
	var now, most atomic.Int64
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		<-time.After(time.Millisecond) // the work of the endpoint
		now.Add(-1)
	})
	_, cfg := h3Server(t, h, &quic.Config{MaxIncomingStreams: 2})
	p, err := HTTP3(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, bench.Config{Target: cfg.Target, Workers: 10, Requests: 100})
	if r.OK != 100 || most.Load() > 3 { // a stream's slot may be free a moment before its handler has returned
		t.Errorf("ok %d, %v, %d at once; want 100, about 2", r.OK, r.FirstFailures, most.Load())
	}
}

// quicServer accepts connections that offer proto and gives each to f.
func quicServer(t *testing.T, proto string, f func(*quic.Conn)) Config {
	t.Helper()
	serverTLS, clientTLS := certificate(t, proto)
	l, err := quic.ListenAddr("127.0.0.1:0", serverTLS, nil)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			c, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			serving.Go(func() { f(c) })
		}
	})
	return Config{Target: "https://" + l.Addr().String(), TLS: clientTLS}
}

func TestEveryWayToFailInHTTP3IsToldApart(t *testing.T) {
	to := func(cfg Config) func(*testing.T) bench.Client {
		return func(t *testing.T) bench.Client { return must(t)(HTTP3(cfg)) }
	}
	_, fine := h3Server(t, newOrigin(), nil)
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	garbage := quicServer(t, http3.NextProtoH3, func(c *quic.Conn) {
		s, err := c.AcceptStream(context.Background())
		if err != nil {
			return
		}
		s.Write([]byte("what do you want of me?\n"))
		s.Close()
	})
	closing := quicServer(t, http3.NextProtoH3, func(c *quic.Conn) {
		c.AcceptStream(context.Background())
		c.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeInternalError), "tired")
	})
	other := quicServer(t, "other", func(*quic.Conn) {})
	checkFailures(t, []failure{
		{name: "nobody listens", client: to(Config{Target: "https://" + gone.LocalAddr().String()}), request: get("/"), kind: bench.Connect, says: "connect: "},
		{name: "nobody answers", client: to(Config{Target: "https://" + silent.LocalAddr().String()}), request: get("/"), within: 50 * time.Millisecond, kind: bench.Connect, says: "no answer to the QUIC handshake"},
		{name: "an unknown certificate", client: to(Config{Target: fine.Target}), request: get("/"), kind: bench.TLS, says: "certificate"},
		{name: "a server of another protocol", client: to(other), request: get("/"), kind: bench.TLS, says: "does not speak h3 here"},
		{name: "garbage", client: to(garbage), request: get("/"), kind: bench.Malformed, says: "not HTTP/3"},
		{name: "a request that the server finds malformed", client: to(fine), request: get("/%zz"), kind: bench.Reset, says: "H3_MESSAGE_ERROR"},
		{name: "a close without an answer", client: to(closing), request: get("/"), kind: bench.Reset, says: "tired"},
		{name: "an answer that ends early", client: to(fine), request: get("/short"), kind: bench.ShortBody, says: "cut short"},
		{name: "a timeout", client: to(fine), request: get("/hang"), within: 100 * time.Millisecond, kind: bench.Timeout, says: "deadline"},
	})
}

func TestHTTP3GivesUpWhenTheRunEnds(t *testing.T) {
	o := newOrigin()
	_, cfg := h3Server(t, o, nil)
	checkGivesUp(t, must(t)(HTTP3(cfg)), get("/hang"), o.asked)
}

func TestHTTP3VerifiesAgainstTheTargetsName(t *testing.T) {
	_, cfg := h3Server(t, newOrigin(), nil)
	cfg.TLS = &tls.Config{RootCAs: cfg.TLS.RootCAs, ServerName: "not.this.example"}
	_, err := ask(t, must(t)(HTTP3(cfg)), get("/"))
	if err == nil || bench.KindOf(err) != bench.TLS || !strings.Contains(err.Error(), "not.this.example") {
		t.Errorf("%v; want a refusal that names not.this.example", err)
	}
}

func TestHTTP3TakesAnEarlyAnswerAndItsBodyBack(t *testing.T) {
	_, cfg := h3Server(t, newOrigin(), nil)
	c := must(t)(HTTP3(cfg))
	r := post("/early", strings.Repeat("x", 8<<20))
	for range 3 {
		a := mustAsk(t, c, r)
		if a.Status != 403 || a.Out > int64(len(r.Body)) {
			t.Errorf("%d, %d out; want 403 and at most the body", a.Status, a.Out)
		}
		clear(r.Body)
	}
}
