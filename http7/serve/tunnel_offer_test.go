package serve

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"weir/http7/forward"
	"weir/internal/certs"
	"weir/internal/tlsto"
	"weir/lb"
)

// overTLS starts an endpoint that takes no extended CONNECT (net/http's HTTP/2 does not) and offers protocols by
// ALPN; change makes a rig speak to it.
func overTLS(t *testing.T, handler http.HandlerFunc, protocols ...string) (at string, change func(*rig)) {
	t.Helper()
	pair, err := certs.SelfSigned("localhost")
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: protocols}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), func(r *rig) {
		r.forward.Protocol, r.forward.TLS = forward.ProtocolAuto, &tlsto.Config{ServerName: "localhost", CA: ca}
		r.site.Protocols = H1 | H2
	}
}

// blamed fails if the rig's endpoint is charged with anything.
func (r *rig) blamed(t *testing.T) {
	t.Helper()
	r.settled()
	for slot := range lb.TallySlots {
		if tally := r.plan.Upstream.View().Members()[0].Endpoint.Tally(slot); tally.Failed != 0 {
			t.Errorf("the endpoint is blamed %d times", tally.Failed)
		}
	}
}

func TestAnUpgradeIsRefusedAtOnceWhereTheEndpointTakesNoTunnels(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	answer := func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == "CONNECT" || r.Header.Get("Upgrade") != "" {
			asked.Add(1)
		}
	}
	_, plain := h2Endpoint(t, nil, answer)
	secure, toSecure := overTLS(t, answer, "h2")
	onlyH2 := func(r *rig) { toSecure(r); r.forward.Protocol = forward.ProtocolH2 }
	for _, way := range []struct {
		name, at string
		change   func(*rig)
	}{{"h2c", plain, toH2}, {"h2", secure, onlyH2}, {"auto, and h2 is all it speaks", secure, toSecure}} {
		for _, upgrade := range []string{"foo", "websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="} {
			r := newRigWith(t, way.change, way.at)
			cl := r.client()
			for range 6 { // more than consecutive_errors
				cl.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: " + upgrade + "\r\n\r\n")
				cl.want(502, "upstream_no_upgrade")
			}
			cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			cl.want(200, "")
			r.blamed(t)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("endpoints were asked %d times", n)
	}
}

func TestAWebSocketGoesOverHTTP1WhereTheEndpointsHTTP2TakesNone(t *testing.T) {
	t.Parallel()
	at, change := overTLS(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" || r.URL.Path == "/no" {
			w.WriteHeader(403)
			_, _ = io.WriteString(w, r.Proto)
			return
		}
		talk(w, r, make(chan error, 1))
	}, "h2", "http/1.1")
	r := newRigWith(t, change, at)
	clients := map[string]http.RoundTripper{
		"h1": &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", r.addr) }},
		"h2": upgrader{r.h2Transport(), false, false},
	}
	ctx, stop := context.WithTimeout(context.Background(), ample)
	defer stop()
	for name, transport := range clients {
		for range 2 {
			ws, _, err := websocket.Dial(ctx, "http://localhost/chat", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := ws.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
				t.Error(err)
			}
			if _, got, err := ws.Read(ctx); string(got) != "hello" || err != nil {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			_ = ws.CloseNow()
		}
	}
	cl := r.client()
	for range 3 { // plain requests stay with HTTP/2, whatever lies in the pool; upgrades that are refused share a connection
		cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		cl.want(403, "HTTP/2.0")
		cl.send("GET /no HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n")
		cl.want(403, "HTTP/1.1")
	}
	r.blamed(t)
	eventually(t, "the tunnels' connections are closed, one of each kind is idle", func() bool {
		open, idle := forward.Stats(r.plan.Upstream.View().Members()[0].Endpoint)
		return open == 2 && idle == 2
	})
}

func TestAnEndpointThatIgnoresAnUpgradeIsNotBlamed(t *testing.T) {
	t.Parallel()
	r, client := h2c(t, once, saying(t, hello))
	for range 6 {
		e := connectTo(t, client, "foo")
		_ = e.w.Close()
		if b, _ := io.ReadAll(e.res.Body); e.res.StatusCode != 502 || !strings.Contains(string(b), "upstream_bad_upgrade") {
			t.Errorf("%d %q", e.res.StatusCode, b)
		}
	}
	r.blamed(t)
}

func TestAnExtendedCONNECTOverTLSIsOneOfHTTPS(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) { r.site.Protocols = H1 | H2 }, keyed(t, "", make(chan string, 9), echoing))
	front := newFrontOffering(t, r, "h2")
	for scheme, want := range map[string]string{"https": "200", "http": "400", "": "400"} {
		config := front.client.Clone()
		config.NextProtos = []string{"h2"}
		nc, err := tls.Dial("tcp", front.addr, config)
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(ample))
		f := framesOn(t, nc)
		f.ask(1, true, ":method", "CONNECT", ":scheme", scheme, ":protocol", "websocket", ":authority", "localhost")
		if got := f.outcome(1); !strings.HasPrefix(got, want) {
			t.Errorf("scheme %q: %s", scheme, got)
		}
		_ = nc.Close()
	}
}
