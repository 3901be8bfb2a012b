package clientcert

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"weir/http7"
)

// signed is a certificate for a name, signed by an authority or, without one, by itself.
func signed(t *testing.T, name string, by *tls.Certificate) *tls.Certificate {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: by == nil,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey.(ed25519.PrivateKey)
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// handshake is what the server's side of a handshake comes to, in which a client may have a certificate.
func handshake(t *testing.T, server, client *tls.Config) (*http7.Conn, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan struct{})
	go func() { // ends with the server's side
		defer close(ended)
		if c, err := tls.Dial("tcp", l.Addr().String(), client); err == nil {
			_, _ = io.Copy(io.Discard, c) // takes the ticket too
			_ = c.Close()
		}
	}()
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = near.Close(); <-ended }()
	s := tls.Server(near, server)
	if err := s.HandshakeContext(t.Context()); err != nil {
		return nil, err
	}
	if _, err := s.Write([]byte("hello")); err != nil {
		return nil, err
	}
	state := s.ConnectionState()
	_ = s.CloseWrite()
	conn := &http7.Conn{}
	conn.FillTLS(&state)
	return conn, nil
}

func TestAnIdentityIsThatOfTheHandshakeResumedOnesToo(t *testing.T) {
	ours, theirs := signed(t, "ours", nil), signed(t, "theirs", nil)
	roots := x509.NewCertPool()
	roots.AddCert(ours.Leaf)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := &tls.Config{Certificates: []tls.Certificate{*signed(t, "weir.test", ours)}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: roots, MinVersion: version, MaxVersion: version}
		client := func(c ...tls.Certificate) *tls.Config {
			return &tls.Config{RootCAs: roots, ServerName: "weir.test", Certificates: c, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
		}
		known, nobody := client(*signed(t, "app", ours)), client()
		for _, c := range []struct {
			what    string
			client  *tls.Config
			resumed bool
			want    string
		}{
			{"with a certificate", known, false, "client_cert app"},
			{"again", known, true, "client_cert app"},
			{"without one", nobody, false, "nobody"},
			{"without one, again", nobody, true, "nobody"},
		} {
			conn, err := handshake(t, server, c.client)
			if err != nil {
				t.Fatalf("TLS %x, %s: %v", version, c.what, err)
			}
			x := &http7.Exchange{Conn: conn}
			if got := who(x, compiled(t, nil)); got != c.want || conn.Resumed != c.resumed {
				t.Errorf("TLS %x, %s: %s, resumed: %v, want %s", version, c.what, got, conn.Resumed, c.want)
			}
		}
		forged := client(*signed(t, "app", theirs))
		if conn, err := handshake(t, server, forged); err == nil {
			x := &http7.Exchange{Conn: conn}
			if got := who(x, compiled(t, nil)); got != "nobody" {
				t.Errorf("TLS %x: by another authority, %s", version, got)
			}
		}
	}
}

// Whoever only asks for certificates, and verifies none, must not have them taken for identities.
func TestACertificateThatIsAskedForAndNotVerifiedIsNobody(t *testing.T) {
	ours := signed(t, "ours", nil)
	roots := x509.NewCertPool()
	roots.AddCert(ours.Leaf)
	server := &tls.Config{Certificates: []tls.Certificate{*signed(t, "weir.test", ours)}, ClientAuth: tls.RequestClientCert}
	client := &tls.Config{RootCAs: roots, ServerName: "weir.test", Certificates: []tls.Certificate{*signed(t, "app", ours)}}
	conn, err := handshake(t, server, client)
	if err != nil {
		t.Fatal(err)
	}
	x := &http7.Exchange{Conn: conn}
	if got := who(x, compiled(t, nil)); got != "nobody" {
		t.Errorf("got %s", got)
	}
}
