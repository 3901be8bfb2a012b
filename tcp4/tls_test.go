package tcp4

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"testing"
	"time"
)

// selfSigned returns a getter of a configuration with a fresh certificate.
func selfSigned(t testing.TB) func() *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return func() *tls.Config { return cfg }
}

// tlsEcho listens with a TLS hand-off in front of an echo.
func tlsEcho(t testing.TB, timeout time.Duration) (*TLS, *Listener) {
	t.Helper()
	hand, err := NewTLS(TLSConfig{Listener: "db", Config: selfSigned(t), Timeout: timeout, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	return hand, listenOn(t, hand.Handler(func(c net.Conn) { _, _ = io.Copy(c, c) }), "127.0.0.1:0")
}

func TestTLSIsTerminatedInFrontOfTheHandler(t *testing.T) {
	hand, l := tlsEcho(t, 0)
	c := tls.Client(dialTCP(t, l.Addrs()[0].String()), &tls.Config{InsecureSkipVerify: true})
	send(t, c, "secret")
	expect(t, c, "secret")
	if n, f := hand.Handshakes.Load(), hand.Failures.Load(); n != 1 || f != 0 {
		t.Errorf("%d handshakes and %d failures, want 1 and 0", n, f)
	}
}

func TestTheHandshakesDeadlineDoesNotOutliveIt(t *testing.T) {
	const timeout = 500 * time.Millisecond
	_, l := tlsEcho(t, timeout)
	c := tls.Client(dialTCP(t, l.Addrs()[0].String()), &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	<-time.After(timeout + timeout/5)
	send(t, c, "late")
	expect(t, c, "late")
}

func TestASilentClientIsDroppedAfterTheTimeout(t *testing.T) {
	hand, l := tlsEcho(t, 50*time.Millisecond)
	c := dialTCP(t, l.Addrs()[0].String())
	expectEnd(t, c)
	if f, n := hand.Failures.Load(), hand.Timeouts.Load(); f != 1 || n != 1 {
		t.Errorf("%d failures, %d timeouts, want 1 and 1", f, n)
	}
}

func TestAClientThatDoesNotSpeakTLSIsCounted(t *testing.T) {
	hand, l := tlsEcho(t, 0)
	c := dialTCP(t, l.Addrs()[0].String())
	send(t, c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	_, _ = io.Copy(io.Discard, c)
	if f, n, ok := hand.Failures.Load(), hand.NotTLS.Load(), hand.Handshakes.Load(); f != 1 || n != 1 || ok != 0 {
		t.Errorf("%d failures, %d of them not TLS, %d handshakes, want 1, 1, 0", f, n, ok)
	}
}

func TestNewTLSWantsAConfiguration(t *testing.T) {
	if _, err := NewTLS(TLSConfig{}); err == nil {
		t.Error("no configuration was taken")
	}
	hand, err := NewTLS(TLSConfig{Config: selfSigned(t)})
	if err != nil || hand.cfg.Timeout != 10*time.Second {
		t.Errorf("default timeout %v, %v, want 10s", hand.cfg.Timeout, err)
	}
}
