package serve

//lint:file-ignore SA1019 only x/net knows an extended CONNECT

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/net/http2"

	"weir/http7/forward"
	"weir/http7/wire"
	"weir/internal/certs"
	"weir/internal/tlsto"
)

// WebSockets of coder/websocket, which knows HTTP/1.1 alone: over streams it is told of an Upgrade, and the streams
// of an extended CONNECT.

// duplex is a stream as coder/websocket wants it.
type duplex struct {
	io.Reader
	io.Writer
	close func() error
}

func (d duplex) Close() error { return d.close() }

// upgrader is a transport for which an extended CONNECT is an Upgrade. What is closed ends the client's side, or is
// cancelled if the client is rude.
type upgrader struct {
	http.RoundTripper
	h3, rude bool
}

func (u upgrader) RoundTrip(req *http.Request) (*http.Response, error) {
	key := req.Header.Get("Sec-WebSocket-Key")
	body, w := io.Pipe()
	connect := req.Clone(context.WithoutCancel(req.Context()))
	connect.Method, connect.Body, connect.ContentLength = http.MethodConnect, body, -1
	for _, name := range []string{"Connection", "Upgrade", "Sec-WebSocket-Key"} {
		connect.Header.Del(name)
	}
	if u.h3 {
		connect.Proto = "websocket"
	} else {
		connect.Header[":protocol"] = []string{"websocket"}
	}
	res, err := u.RoundTripper.RoundTrip(connect)
	if err != nil || res.StatusCode != 200 {
		_ = w.Close()
		return res, err
	}
	res.StatusCode = http.StatusSwitchingProtocols
	res.Header.Set("Connection", "Upgrade")
	res.Header.Set("Upgrade", "websocket")
	res.Header.Set("Sec-WebSocket-Accept", string(wire.AppendWebSocketAccept(nil, []byte(key))))
	answer := res.Body
	res.Body = duplex{answer, w, func() error {
		if u.rude {
			return errors.Join(w.Close(), answer.Close())
		}
		go func() { _, _ = io.Copy(io.Discard, answer) }() // ends with the tunnel
		return w.Close()
	}}
	return res, nil
}

// hijacked is the answer to an extended CONNECT as coder/websocket wants it.
type hijacked struct {
	http.ResponseWriter
	r *http.Request
}

func (h hijacked) WriteHeader(status int) {
	if status == http.StatusSwitchingProtocols {
		for _, name := range []string{"Connection", "Upgrade", "Sec-WebSocket-Accept"} {
			h.Header().Del(name)
		}
		status = http.StatusOK
	}
	h.ResponseWriter.WriteHeader(status)
	_ = http.NewResponseController(h.ResponseWriter).Flush()
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c := hijackedConn{h: h}
	return c, bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c)), nil
}

type hijackedConn struct {
	net.Conn
	h hijacked
}

func (c hijackedConn) Read(b []byte) (int, error) { return c.h.r.Body.Read(b) }

func (c hijackedConn) Write(b []byte) (int, error) {
	n, err := c.h.ResponseWriter.Write(b)
	return n, errors.Join(err, http.NewResponseController(c.h.ResponseWriter).Flush())
}

func (c hijackedConn) Close() error { return c.h.r.Body.Close() }

// talk is an endpoint that sends every message back, and then says how the WebSocket ended.
func talk(w http.ResponseWriter, r *http.Request, ended chan<- error) {
	if r.ProtoMajor == 2 {
		r.Method, w = http.MethodGet, hijacked{w, r}
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"chat"}, InsecureSkipVerify: true})
	if err != nil {
		ended <- err
		return
	}
	defer func() { _ = ws.CloseNow() }() // it fails if that was done
	ws.SetReadLimit(-1)
	ctx := context.Background()
	for {
		kind, message, err := ws.Read(ctx)
		if err != nil {
			ended <- err
			return
		}
		if string(message) == "close" {
			ended <- ws.Close(4001, "as you say")
			return
		}
		if err := ws.Write(ctx, kind, message); err != nil {
			ended <- err
			return
		}
	}
}

// talker starts an endpoint for WebSockets, over HTTP/2 with h2 and over TLS with cert.
func talker(t testing.TB, h2 bool, cert *tls.Certificate, ended chan<- error) string {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { talk(w, r, ended) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	protocol := "http/1.1"
	if h2 {
		protocol = "h2"
	}
	if cert != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*cert}, NextProtos: []string{protocol}})
	}
	if !h2 {
		go func() { _ = http.Serve(l, handler) }() // ends with the listener
		return l.Addr().String()
	}
	go func() { // accepts; ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				if tc, ok := c.(*tls.Conn); ok && tc.Handshake() != nil {
					return
				}
				(&http2.Server{}).ServeConn(c, &http2.ServeConnOpts{Handler: handler})
			}()
		}
	}()
	return l.Addr().String()
}

// wsEndpoints are the ways to endpoints.
var wsEndpoints = []struct {
	name     string
	h2, tls  bool
	protocol string
}{
	{"h1", false, false, forward.ProtocolH1},
	{"h1 over TLS", false, true, forward.ProtocolH1},
	{"h2c", true, false, forward.ProtocolH2C},
	{"h2 over TLS", true, true, forward.ProtocolAuto},
}

// wsClients are the ways of clients: the transport and the URL's scheme.
var wsClients = []struct {
	name string
	open func(t *testing.T, r *rig, rude bool) (http.RoundTripper, string)
}{
	{"h1", func(_ *testing.T, r *rig, _ bool) (http.RoundTripper, string) {
		return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", r.addr) }}, "http"
	}},
	{"h1 over TLS", func(t *testing.T, r *rig, _ bool) (http.RoundTripper, string) {
		f := newFront(t, r)
		return &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return tls.Dial("tcp", f.addr, f.client) }}, "https"
	}},
	{"h2c", func(_ *testing.T, r *rig, rude bool) (http.RoundTripper, string) {
		return upgrader{r.h2Transport(), false, rude}, "http"
	}},
	{"h3", func(t *testing.T, r *rig, rude bool) (http.RoundTripper, string) {
		return upgrader{newH3Front(t, r).transport(), true, rude}, "https"
	}},
}

// wsPair opens a WebSocket from a client through a rig to an endpoint; ended tells how the endpoint saw it end.
func wsPair(t *testing.T, client, endpoint int, rude bool, change func(*rig)) (ws *websocket.Conn, r *rig, ended chan error) {
	t.Helper()
	e := wsEndpoints[endpoint]
	ended = make(chan error, 1)
	var cert *tls.Certificate
	var ca string
	if e.tls {
		made, err := certs.SelfSigned("localhost")
		if err != nil {
			t.Fatal(err)
		}
		ca = filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Certificate[0]}), 0o600); err != nil {
			t.Fatal(err)
		}
		cert = &made
	}
	r = newRigWith(t, func(r *rig) {
		r.site.Protocols, r.forward.Protocol = H1|H2|H3, e.protocol
		if e.tls {
			r.forward.TLS = &tlsto.Config{ServerName: "localhost", CA: ca}
		}
		if change != nil {
			change(r)
		}
	}, talker(t, e.h2, cert, ended))
	transport, scheme := wsClients[client].open(t, r, rude)
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	defer stop()
	ws, res, err := websocket.Dial(ctx, scheme+"://localhost/chat", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{"chat"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if ws.Subprotocol() != "chat" || res.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("%v, subprotocol %q", res, ws.Subprotocol())
	}
	ws.SetReadLimit(-1)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return ws, r, ended
}

// everyWS runs f for each way of a client to each of an endpoint.
func everyWS(t *testing.T, f func(t *testing.T, client, endpoint int)) {
	for c := range wsClients {
		for e := range wsEndpoints {
			t.Run(wsClients[c].name+" to "+wsEndpoints[e].name, func(t *testing.T) {
				t.Parallel()
				f(t, c, e)
			})
		}
	}
}

func TestWebSocketsPassOnEveryWay(t *testing.T) {
	t.Parallel()
	everyWS(t, func(t *testing.T, client, endpoint int) {
		ws, _, ended := wsPair(t, client, endpoint, false, nil)
		ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
		defer stop()
		large := 3 << 20
		if testing.Short() {
			large = 1 << 20
		}
		for _, size := range []int{0, 1, 125, 126, 64 << 10, large} {
			message := bytes.Repeat([]byte{0, 'x', 0xff}, size/3+1)[:size]
			sent := make(chan error, 1)
			go func() { sent <- ws.Write(ctx, websocket.MessageBinary, message) }() // ends when it is sent
			kind, got, err := ws.Read(ctx)
			if kind != websocket.MessageBinary || sha256.Sum256(got) != sha256.Sum256(message) || err != nil || <-sent != nil {
				t.Fatalf("of %d bytes came %d as %v, %v", size, len(got), kind, err)
			}
		}
		read := ws.CloseRead(ctx) // pongs are read by it
		if err := ws.Ping(ctx); err != nil {
			t.Errorf("ping: %v", err)
		}
		_ = read
		if err := ws.Close(websocket.StatusNormalClosure, "bye"); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-ended; websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Errorf("the endpoint saw %v", err)
		}
	})
}

func TestAWebSocketThatTheEndpointClosesEndsInOrder(t *testing.T) {
	t.Parallel()
	everyWS(t, func(t *testing.T, client, endpoint int) {
		var out bytes.Buffer
		stop := func() {}
		ws, r, ended := wsPair(t, client, endpoint, false, func(r *rig) { stop = logging(r, &out) })
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if err := ws.Write(ctx, websocket.MessageText, []byte("close")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ws.Read(ctx); websocket.CloseStatus(err) != 4001 {
			t.Errorf("the client saw %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("the endpoint's close: %v", err)
		}
		r.settled()
		empty := r.engine.Drain()
		r.engine.Cut()
		<-empty
		stop()
		var line tunnelLine
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%v: %q", err, out.Bytes())
		}
		if line.Fault != "" || line.BytesIn == 0 || line.BytesOut == 0 {
			t.Errorf("the log says %s", out.Bytes())
		}
	})
}

func TestAWebSocketWhoseClientVanishesIsResetAtTheEndpoint(t *testing.T) {
	t.Parallel()
	everyWS(t, func(t *testing.T, client, endpoint int) {
		ws, r, ended := wsPair(t, client, endpoint, true, nil)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if err := ws.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, got, err := ws.Read(ctx); string(got) != "hello" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		_ = ws.CloseNow()
		if err := <-ended; err == nil || websocket.CloseStatus(err) != -1 {
			t.Errorf("the endpoint saw %v", err)
		}
		r.settled()
	})
}

func TestTheEndOfADrainEndsWebSockets(t *testing.T) {
	t.Parallel()
	everyWS(t, func(t *testing.T, client, endpoint int) {
		ws, r, ended := wsPair(t, client, endpoint, false, nil)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		empty := r.engine.Drain()
		for range 3 { // it goes on
			if err := ws.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, got, err := ws.Read(ctx); string(got) != "hello" || err != nil {
				t.Fatalf("%q, %v", got, err)
			}
		}
		r.engine.Cut()
		if _, _, err := ws.Read(ctx); err == nil || websocket.CloseStatus(err) != -1 {
			t.Errorf("the client saw %v", err)
		}
		if err := <-ended; err == nil {
			t.Errorf("the endpoint saw %v", err)
		}
		<-empty
	})
}
