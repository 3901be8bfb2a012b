//go:build linux

package e2e

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/quic-go/quic-go/http3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	health1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
)

// secureServer starts an HTTPS endpoint; h2 lets it choose HTTP/2. It returns its URL and the file of its authority.
func secureServer(t *testing.T, h2 bool, change func(*tls.Config)) (url, ca string) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	s.Config.ErrorLog = silent
	s.EnableHTTP2 = h2
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if change != nil {
		change(s.TLS)
	}
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL, authority(t, s)
}

func TestBenchVerifiesCertificates(t *testing.T) {
	t.Parallel()
	url, ca := secureServer(t, false, nil)
	_, other := secureServer(t, false, nil)
	dir := t.TempDir()
	certificate(t, dir, "weir.test")
	foreign := filepath.Join(dir, "cert.pem")
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "https://")) // it has a port
	misnamed := "https://localhost:" + port + "/"
	for _, c := range []struct {
		args string
		code int
		errs string
	}{
		{url + " --cacert " + ca, 0, ""},
		{url + " --cacert " + other, 0, ""}, // httptest has one certificate for all
		{url + " --insecure", 0, ""},
		{url + " -k --no-keepalive", 0, ""},
		{url, 3, "x509: certificate signed by unknown authority (4 attempts)\n  hint: --cacert FILE names the authority to trust, --insecure trusts any"},
		{url + " --cacert " + foreign, 3, "certificate signed by unknown authority"},
		{misnamed + " --cacert " + ca, 3, "x509: certificate is valid for"},
		{"http" + strings.TrimPrefix(url, "https"), 1, "first: status 400"}, // net/http's answer to clear text
	} {
		code, p, errs := measured(t, append(strings.Fields(c.args), "-n", "4", "-c", "1")...)
		if code != c.code || !strings.Contains(errs, c.errs) || code == 0 && (p.OK != 4 || p.Settings.Protocol != "HTTP/1.1 over TLS") {
			t.Errorf("%s: exit %d, %q, %+v; want %d and %q", c.args, code, errs, p, c.code, c.errs)
		}
	}
}

func TestBenchShowsItsOwnCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificate(t, dir, "client.test")
	mine, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	leaf, err := x509.ParseCertificate(pemOf(t, mine))
	if err != nil {
		t.Fatal(err)
	}
	url, ca := secureServer(t, true, func(c *tls.Config) {
		c.ClientAuth, c.ClientCAs = tls.RequireAnyClientCert, x509.NewCertPool()
		c.ClientCAs.AddCert(leaf)
	})
	for _, flags := range []string{"", " --http2"} {
		code, p, errs := measured(t, strings.Fields(url+" --cacert "+ca+" --cert "+mine+" --key "+key+" -n 4 -c 1"+flags)...)
		if code != 0 || p.OK != 4 {
			t.Errorf("with a certificate%s: exit %d, %+v, %s", flags, code, p, errs)
		}
	}
	if code, p, errs := measured(t, url, "--cacert", ca, "-n", "4", "-c", "1"); code != 3 || p.OK != 0 || !strings.Contains(errs, "certificate required") {
		t.Errorf("without one: exit %d, %+v, %q", code, p, errs)
	}
}

func TestBenchSpeaksHTTP2(t *testing.T) {
	t.Parallel()
	secure, ca := secureServer(t, true, nil)
	plain := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	plain.Config.ErrorLog = silent
	plain.Config.Protocols = new(http.Protocols)
	plain.Config.Protocols.SetUnencryptedHTTP2(true)
	plain.Start()
	t.Cleanup(plain.Close)
	only1, _ := secureServer(t, false, nil)
	h1, _ := answering200(t, hello)
	for _, c := range []struct {
		args, protocol string
		code           int
		errs           string
	}{
		{secure + " --cacert " + ca, "HTTP/2", 0, ""},
		{secure + " --cacert " + ca + " -r 500", "HTTP/2", 0, ""},
		{secure + " --cacert " + ca + " --streams 8", "HTTP/2", 0, ""},
		{plain.URL, "HTTP/2 in clear text", 0, ""},
		{plain.URL + " --no-keepalive", "HTTP/2 in clear text", 0, ""},
		{h1, "HTTP/2 in clear text", 3, "\n  hint: the target seems to speak HTTP/1.1 alone"},
		{only1 + " -k", "HTTP/2", 3, ""},
	} {
		code, p, errs := measured(t, append(strings.Fields(c.args), "--http2", "-n", "24", "-c", "2")...)
		if code != c.code || !strings.Contains(errs, c.errs) || code == 0 && (p.OK != 24 || !strings.HasPrefix(p.Settings.Protocol, c.protocol)) {
			t.Errorf("%s: exit %d, %q, %+v; want %d and %q", c.args, code, errs, p, c.code, c.errs)
		}
	}
}

func TestBenchSpeaksHTTP3(t *testing.T) {
	t.Parallel()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	defer certified.Close()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http3.Server{Handler: http.HandlerFunc(hello), TLSConfig: http3.ConfigureTLSConfig(&tls.Config{Certificates: certified.TLS.Certificates})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(socket) }) // ends by Close
	t.Cleanup(func() {
		_ = s.Close() // the socket's end is next
		socket.Close()
		serving.Wait()
	})
	at := socket.LocalAddr().String()
	for _, target := range []string{at, "https://" + at + "/"} {
		code, p, errs := measured(t, target, "--http3", "--cacert", authority(t, certified), "-n", "24", "-c", "2", "--streams", "3")
		if code != 0 || p.OK != 24 || p.Settings.Protocol != "HTTP/3" || p.Target != "https://"+strings.TrimPrefix(target, "https://") {
			t.Errorf("%s: exit %d, %+v, %s", target, code, p, errs)
		}
	}
	if code, _, errs := measured(t, at, "--http3", "-n", "2", "-c", "1"); code != 3 || !strings.Contains(errs, "hint: --cacert FILE") {
		t.Errorf("an unknown authority: exit %d, %q", code, errs)
	}
}

func TestBenchCallsGRPC(t *testing.T) {
	t.Parallel()
	s := grpc.NewServer()
	state := health.NewServer()
	health1.RegisterHealthServer(s, state)
	reflection.RegisterV1(s)
	ln := listen(t)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(ln) }) // ends by Stop
	t.Cleanup(func() { s.Stop(); serving.Wait() })
	url := "grpc://" + ln.Addr().String()
	h1, _ := answering200(t, hello)
	for _, c := range []struct {
		what string
		args []string
		code int
		errs string
	}{
		{"an empty message", []string{url + "/grpc.health.v1.Health/Check"}, 0, ""},
		{"a message in JSON", []string{url + "/grpc.health.v1.Health/Check", "--data", `{"service": ""}`}, 0, ""},
		{"streams", []string{url + "/grpc.health.v1.Health/Check", "--streams", "4"}, 0, ""},
		{"a service that is not known", []string{url + "/grpc.health.v1.Health/Check", "--data", `{"service": "shop"}`}, 1, "status 404"},
		{"a method that is not there", []string{url + "/shop.Orders/List"}, 1, "status 501"},
		{"a field that is not there", []string{url + "/grpc.health.v1.Health/Check", "--data", `{"name": 1}`}, 2, "hint: see weir bench --help"},
		{"no method", []string{url}, 2, "gRPC needs the method: " + url + "/package.Service/Method"},
		{"HTTP/1.1", []string{"grpc" + strings.TrimPrefix(h1, "http") + "/a.B/C"}, 3, "hint: the target seems to speak HTTP/1.1 alone"},
	} {
		code, p, errs := measured(t, append(c.args, "-n", "20", "-c", "2")...)
		if code != c.code || !strings.Contains(errs, c.errs) || code == 0 && (p.OK != 20 || p.Settings.Protocol != "gRPC" || p.Statuses["200"] != 20) {
			t.Errorf("%s: exit %d, %q, %+v; want %d and %q", c.what, code, errs, p, c.code, c.errs)
		}
	}
}

func TestBenchEchoesOverWebSocket(t *testing.T) {
	t.Parallel()
	url, _ := answering200(t, func(w http.ResponseWriter, q *http.Request) {
		c, err := websocket.Accept(w, q, nil)
		if err != nil {
			return // it has answered
		}
		defer c.CloseNow()
		for {
			kind, text, err := c.Read(q.Context())
			if err == nil {
				err = c.Write(q.Context(), kind, text)
			}
			if err != nil {
				return
			}
		}
	})
	page, _ := answering200(t, hello)
	for _, c := range []struct {
		args string
		code int
		errs string
	}{
		{"ws" + strings.TrimPrefix(url, "http") + "/chat", 0, ""},
		{url + "/chat --ws", 0, ""},
		{strings.TrimPrefix(url, "http://") + " --ws --data hello -r 500", 0, ""},
		{page + " --ws", 3, "not a WebSocket"},
	} {
		code, p, errs := measured(t, append(strings.Fields(c.args), "-n", "20", "-c", "2")...)
		if code != c.code || !strings.Contains(errs, c.errs) || code == 0 && (p.OK != 20 || p.Opened != 2 || p.Settings.Protocol != "WebSocket") {
			t.Errorf("%s: exit %d, %q, %+v; want %d and %q", c.args, code, errs, p, c.code, c.errs)
		}
	}
}

func TestBenchUsesTCPInFiveWays(t *testing.T) {
	t.Parallel()
	echo := newEcho(t)
	sink := newScript(t, func(nc net.Conn, _ *bufio.Reader) { _, _ = drain(nc) })
	source := newScript(t, func(nc net.Conn, _ *bufio.Reader) { _, _ = io.Copy(nc, zeros{}) })
	wrong := newScript(t, func(nc net.Conn, _ *bufio.Reader) { _, _ = io.Copy(nc, zeros{}) })
	secure, ca := secureServer(t, false, nil)
	for _, c := range []struct {
		args, protocol string
		code           int
	}{
		{"tcp://" + echo, "TCP echo", 0},
		{echo + " --tcp", "TCP echo", 0},
		{echo + " --tcp echo --data hello", "TCP echo", 0},
		{"--tcp echo " + echo + " -r 500", "TCP echo", 0},
		{echo + " --tcp=connect", "TCP connect", 0},
		{echo + " --tcp connect", "TCP connect", 0},
		{echo + " --tcp=bulk", "TCP bulk echo", 0},
		{sink + " --tcp=send", "TCP bulk send", 0},
		{source + " --tcp=receive", "TCP bulk receive", 0},
		{"tls" + strings.TrimPrefix(secure, "https") + " --tcp=connect --cacert " + ca, "TLS handshake", 0},
		{wrong + " --tcp", "TCP echo", 3},
	} {
		code, p, errs := measured(t, append(strings.Fields(c.args), "-n", "10", "-c", "2")...)
		if code != c.code || p.Settings.Protocol != c.protocol || code == 0 && p.OK != 10 {
			t.Errorf("%s: exit %d, %+v, %s; want %d and %s", c.args, code, p, errs, c.code, c.protocol)
		}
	}
}
