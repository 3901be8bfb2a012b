package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// selfSigned is SelfSigned for tests.
func selfSigned(t testing.TB, hosts ...string) tls.Certificate {
	t.Helper()
	c, err := SelfSigned(hosts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// files writes c as PEM and returns where.
func files(t testing.TB, c tls.Certificate) Pair {
	t.Helper()
	dir := t.TempDir()
	p := Pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	write(t, p.Cert, certPEM(c))
	write(t, p.Key, keyPEM(t, c))
	return p
}

func certPEM(c tls.Certificate) (text []byte) {
	for _, der := range c.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}

func keyPEM(t testing.TB, c tls.Certificate) []byte {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
}

// write puts another file in the place of the one at path, as a careful program does.
func write(t testing.TB, path string, text []byte) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

// keeper returns one that logs nothing.
func keeper(t testing.TB) *Keeper {
	t.Helper()
	k, err := NewKeeper(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// open opens a store of certificates that lie in files; edit may change its config.
func open(t testing.TB, k *Keeper, edit func(*Config, *Options), all ...tls.Certificate) *Store {
	t.Helper()
	c := Default()
	for _, one := range all {
		c.Certificates = append(c.Certificates, files(t, one))
	}
	o := Options{Listener: "web", ALPN: []string{"h2", "http/1.1"}}
	if edit != nil {
		edit(&c, &o)
	}
	s, err := k.Open(&c, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shake does one handshake over loopback, in which each side sends a byte, and returns both sides'
// views and errors.
func shake(server, client *tls.Config) (seen, served tls.ConnectionState, clientErr, serverErr error) {
	a, b := tcpPair()
	done := make(chan error, 1)
	s := tls.Server(a, server)
	go func() { // the server's side; ends with the connection
		defer func() { _ = a.Close() }()
		done <- pong(s)
	}()
	c := tls.Client(b, client)
	clientErr = ping(c)
	seen = c.ConnectionState()
	_ = b.Close()
	serverErr = <-done
	return seen, s.ConnectionState(), clientErr, serverErr
}

// ping sends a byte and reads one, and with it the tickets of TLS 1.3.
func ping(c net.Conn) error {
	var one [1]byte
	_, err := c.Write(one[:])
	if err == nil {
		_, err = io.ReadFull(c, one[:])
	}
	return err
}

// pong answers ping.
func pong(c net.Conn) error {
	var one [1]byte
	_, err := io.ReadFull(c, one[:])
	if err == nil {
		_, err = c.Write(one[:])
	}
	return err
}

// tcpPair returns both ends of a connection. It panics where there is no loopback.
func tcpPair() (near, far net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer func() { _ = l.Close() }()
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		panic(err)
	}
	if near, err = l.Accept(); err != nil {
		panic(err)
	}
	for _, c := range []net.Conn{near, far} {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	}
	return near, far
}

// authority signs certificates.
type authority struct {
	tls.Certificate
}

func newAuthority(t testing.TB, name string) authority {
	return authority{signed(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)}
}

// client makes a certificate of a client.
func (a authority) client(t testing.TB, name string) tls.Certificate {
	return signed(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}, &a.Certificate)
}

// signed fills in template and signs it, by itself if by is nil.
func signed(t testing.TB, template *x509.Certificate, by *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<60)); err != nil {
		t.Fatal(err)
	}
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
