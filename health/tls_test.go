package health

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/certs"
	"weir/lb"
)

func selfSigned(t *testing.T, hosts ...string) tls.Certificate {
	t.Helper()
	pair, err := certs.SelfSigned(hosts...)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// pemOf writes a certificate to a file.
func pemOf(t *testing.T, pair tls.Certificate) string {
	t.Helper()
	return file(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})))
}

func keyOf(t *testing.T, pair tls.Certificate) string {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(pair.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return file(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})))
}

// secured answers TLS connections with talk.
func secured(t *testing.T, config *tls.Config, talk func(net.Conn)) net.Listener {
	return serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) { talk(tls.Server(c, config)) })
}

func TestProbesOverTLS(t *testing.T) {
	mine, other := selfSigned(t, "orders.internal", "127.0.0.1"), selfSigned(t, "orders.internal", "127.0.0.1")
	ok := answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	server := &tls.Config{Certificates: []tls.Certificate{mine}}
	ca := pemOf(t, mine)
	for _, c := range []struct {
		what string
		tls  *TLSConfig
		want string
	}{
		{"trusted, by the endpoint's address", &TLSConfig{CA: ca}, "fit"},
		{"trusted, by name", &TLSConfig{CA: ca, ServerName: "orders.internal"}, "fit"},
		{"another name", &TLSConfig{CA: ca, ServerName: "carts.internal"}, "tls: failed to verify certificate: x509: certificate is valid for orders.internal, not carts.internal"},
		{"signed by another", &TLSConfig{CA: pemOf(t, other)}, "tls: failed to verify certificate"},
		{"not known to the system", &TLSConfig{}, "tls: failed to verify certificate"},
		{"insecure", &TLSConfig{Insecure: true}, "fit"},
		{"in plain text", nil, "the connection was closed before the answer"},
		{"a CA that went", &TLSConfig{CA: "/nowhere/ca.pem"}, `tls: "/nowhere/ca.pem" can't be read: no such file or directory`},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			l := secured(t, server, ok)
			config := httpConfig(nil)
			config.TLS = c.tls
			if got := ask(endpointAt(t, l.Addr().String()), config); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestATCPProbeOverTLS(t *testing.T) {
	mine := selfSigned(t, "127.0.0.1")
	l := secured(t, &tls.Config{Certificates: []tls.Certificate{mine}}, func(c net.Conn) { io.Copy(c, c) })
	config := tcpConfig("PING\r\n", "PING")
	config.TLS = &TLSConfig{CA: pemOf(t, mine)}
	if got := ask(endpointAt(t, l.Addr().String()), config); got != "fit" {
		t.Errorf("got %q", got)
	}
}

func TestAProbeShowsItsCertificate(t *testing.T) {
	mine, client := selfSigned(t, "127.0.0.1"), selfSigned(t, "weir")
	leaf, err := x509.ParseCertificate(client.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	server := &tls.Config{Certificates: []tls.Certificate{mine}, ClientAuth: tls.RequireAnyClientCert}
	l := secured(t, server, answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	e := endpointAt(t, l.Addr().String())
	config := httpConfig(nil)
	config.TLS = &TLSConfig{CA: pemOf(t, mine), Cert: pemOf(t, client), Key: keyOf(t, client)}
	if got := ask(e, config); got != "fit" {
		t.Errorf("with a certificate: %q", got)
	}
	config.TLS = &TLSConfig{CA: pemOf(t, mine)}
	if got := ask(e, config); got == "fit" {
		t.Error("without one the endpoint is fit")
	} else if strings.Contains(got, "127.0.0.1") {
		t.Errorf("without one: %q", got)
	}
}

// The second probe resumes the first one's session, which spares both sides the dear part.
func TestProbesOverTLSResume(t *testing.T) {
	mine := selfSigned(t, "127.0.0.1")
	resumed := make(chan bool, 3)
	l := secured(t, &tls.Config{Certificates: []tls.Certificate{mine}}, func(c net.Conn) {
		readHead(c)
		resumed <- c.(*tls.Conn).ConnectionState().DidResume
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	config := httpConfig(nil)
	config.TLS = &TLSConfig{CA: pemOf(t, mine)}
	p := newProbe(endpointAt(t, l.Addr().String()), newMethod(config, Way{}, nil))
	for i, want := range []bool{false, true, true} {
		if err := p.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := <-resumed; got != want {
			t.Errorf("probe %d resumed a session: %v", i+1, got)
		}
	}
}

func TestWhatATLSTableMayHold(t *testing.T) {
	mine, other := selfSigned(t, "weir"), selfSigned(t, "weir")
	cert, key := pemOf(t, mine), keyOf(t, mine)
	junk := file(t, "junk.pem", "not PEM")
	for _, c := range []struct {
		what string
		tls  TLSConfig
		want string // a prefix; "" is no problem
	}{
		{"nothing", TLSConfig{}, ""},
		{"a name", TLSConfig{ServerName: "orders.internal"}, ""},
		{"a name and port", TLSConfig{ServerName: "orders.internal:443"}, `tls.server_name: "orders.internal:443" is not a name (write a host name`},
		{"a wildcard", TLSConfig{ServerName: "*.internal"}, "tls.server_name: "},
		{"a name that ends the line", TLSConfig{ServerName: "a\nb"}, "tls.server_name: "},
		{"a CA", TLSConfig{CA: cert}, ""},
		{"a CA that is not there", TLSConfig{CA: "/nowhere/ca.pem"}, `tls.ca: "/nowhere/ca.pem" can't be read: no such file or directory`},
		{"a CA that is none", TLSConfig{CA: junk}, `tls.ca: "` + junk + `" holds no certificate in PEM`},
		{"insecure", TLSConfig{Insecure: true}, ""},
		{"insecure with a CA", TLSConfig{Insecure: true, CA: cert}, "tls.insecure: any certificate is taken, so ca has no use (keep ca or insecure)"},
		{"a certificate", TLSConfig{Cert: cert, Key: key}, ""},
		{"without its key", TLSConfig{Cert: cert}, `tls.cert: cert is nothing without its key (write key = "/path")`},
		{"a key alone", TLSConfig{Key: key}, `tls.key: key is nothing without its cert (write cert = "/path")`},
		{"another's key", TLSConfig{Cert: pemOf(t, other), Key: key}, "tls.cert: "},
		{"a key that is not there", TLSConfig{Cert: cert, Key: "/nowhere/key.pem"}, `tls.key: "/nowhere/key.pem" can't be read`},
	} {
		cfg := tcpConfig("", "")
		cfg.TLS = &c.tls
		if got := found(cfg); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" || strings.Contains(got, "\n") {
			t.Errorf("%s: Check notes %q, want %q", c.what, got, c.want)
		}
	}
}

func TestATLSHandshakeThatNeverEndsIsBounded(t *testing.T) {
	for _, c := range []struct {
		what string
		talk func(net.Conn)
		want string
	}{
		{"silence", func(c net.Conn) { io.Copy(io.Discard, c) }, "tls: not done within 100ms"},
		{"a record that trickles", forever("\x16\x03\x03\x40\x00", "x", 0), "tls: not done within 100ms"},
		{"something else", func(c net.Conn) { io.WriteString(c, "220 mail.example.com ESMTP\r\n") }, "tls: first record does not look like a TLS handshake"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			l := serve(t, "tcp", "127.0.0.1:0", c.talk)
			config := impatient(httpConfig(nil), c.want)
			config.TLS = &TLSConfig{Insecure: true}
			if got := askFor(endpointAt(t, l.Addr().String()), config, c.want); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// An endpoint that discovery found by a name goes by that name: as Host, and in its certificate.
func TestAnEndpointFoundByNameGoesByIt(t *testing.T) {
	mine := selfSigned(t, "orders.internal")
	heads := make(chan string, 1)
	l := secured(t, &tls.Config{Certificates: []tls.Certificate{mine}}, func(c net.Conn) {
		heads <- readHead(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	registry := lb.NewRegistry(nil)
	cfg := lb.Default()
	cfg.Discovered = true
	u, err := registry.Adopt("orders", cfg)
	if err != nil {
		t.Fatal(err)
	}
	at := endpointAt(t, l.Addr().String()).Target()
	u.Update([]lb.Place{{Address: at, Name: "orders.internal:8443", Weight: 1}})
	config := httpConfig(nil)
	config.TLS = &TLSConfig{CA: pemOf(t, mine)}
	if got := ask(u.View().Members()[0].Endpoint, config); got != "fit" {
		t.Fatalf("got %q", got)
	}
	if head := <-heads; !strings.Contains(head, "\r\nHost: orders.internal:8443\r\n") {
		t.Errorf("the request is %q", head)
	}
}
