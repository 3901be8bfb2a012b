package forward

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/certs"
	"weir/internal/conf"
	"weir/internal/tlsto"
)

var quiet = log.New(io.Discard, "", 0)

func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeKey(t *testing.T, pair tls.Certificate) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, "PRIVATE KEY", der)
}

// valid returns a certificate of its own that is good for so long, both ways from now.
func valid(t *testing.T, either time.Duration) tls.Certificate {
	t.Helper()
	return certificate(t, time.Now().Add(-either), time.Now().Add(either))
}

func certificate(t *testing.T, from, to time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "orders.internal"}, DNSNames: []string{"orders.internal"},
		NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestAHandshakeThatFailsSaysWithWhomAndWhy(t *testing.T) {
	t.Parallel()
	old := certificate(t, time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour))
	for _, test := range []struct {
		name   string
		server func(*tls.Config)
		client func(ca string, c *tlsto.Config)
		want   string
	}{
		{"another CA", nil, func(ca string, c *tlsto.Config) { c.ServerName = "orders.internal"; c.CA = "" }, `as "orders.internal": x509: certificate signed by unknown authority`},
		{"another name", nil, func(ca string, c *tlsto.Config) { c.ServerName, c.CA = "shop.internal", ca }, `as "shop.internal": x509: certificate is valid for orders.internal, not shop.internal`},
		{"expired", func(c *tls.Config) { c.Certificates = []tls.Certificate{old} },
			func(_ string, c *tlsto.Config) {
				c.ServerName, c.CA = "orders.internal", writePEM(t, "CERTIFICATE", old.Certificate[0])
			}, `as "orders.internal": x509: certificate has expired or is not yet valid`},
		{"an old version", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 },
			func(ca string, c *tlsto.Config) { c.CA = ca }, `as "127.0.0.1": remote error: tls: protocol version not supported`},
	} {
		t.Run(test.name, func(t *testing.T) {
			at, ca := origin(t, false, test.server)
			s := before(t, at, func(c *Config) { c.TLS = new(tlsto.Config); test.client(ca, c.TLS) })
			_, f, cause := s.tr.Acquire(s.endpoint, false, 0, nil)
			if f != http7.UpstreamTLS || cause == nil {
				t.Fatal(f, cause)
			}
			if got, want := cause.Error(), "TLS with "+at+" "+test.want; !strings.HasPrefix(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			s.stats(0, 0)
		})
	}
}

func TestAnAddressIsVerifiedWhereThereIsNoName(t *testing.T) {
	t.Parallel()
	at, ca := origin(t, false, nil)
	s := before(t, at, func(c *Config) { c.TLS = &tlsto.Config{CA: ca} })
	if got := s.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); got.body != "HTTP/1.1 for , resumed false" {
		t.Fatalf("%q, %v, %v", got.body, got.fault, got.cause)
	}
}

func TestInsecureTakesAnyCertificate(t *testing.T) {
	t.Parallel()
	at, _ := origin(t, true, nil)
	s := before(t, at, func(c *Config) { c.TLS = &tlsto.Config{ServerName: "who.ever", Insecure: true} })
	if got := s.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); got.body != "HTTP/2.0 for who.ever, resumed false" {
		t.Fatalf("%q, %v, %v", got.body, got.fault, got.cause)
	}
}

func TestAnEndpointThatWantsACertificate(t *testing.T) {
	t.Parallel()
	mine := valid(t, time.Hour)
	for _, h2 := range []bool{false, true} {
		at, ca := origin(t, h2, func(c *tls.Config) {
			c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, certs.Pool(mine)
		})
		s := before(t, at, func(c *Config) { c.TLS = &tlsto.Config{ServerName: "orders.internal", CA: ca} })
		if got := s.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); got.fault != http7.UpstreamTLS {
			t.Errorf("without one: %v, %v", got.fault, got.cause)
		}
		s = before(t, at, func(c *Config) {
			c.TLS = &tlsto.Config{ServerName: "orders.internal", CA: ca, Cert: writePEM(t, "CERTIFICATE", mine.Certificate[0]), Key: writeKey(t, mine)}
		})
		if got := s.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); got.status != 200 {
			t.Errorf("with one: %v, %v", got.fault, got.cause)
		}
	}
}

func TestSessionsAreResumedAlsoAfterAReload(t *testing.T) {
	t.Parallel()
	at, ca := origin(t, false, nil)
	same := func(c *Config) { c.TLS = &tlsto.Config{ServerName: "orders.internal", CA: ca} }
	s := before(t, at, same)
	if got := s.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); got.body != "HTTP/1.1 for orders.internal, resumed false" {
		t.Fatal(got.body, got.fault, got.cause)
	}
	s.reload(same)
	if got := s.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); got.body != "HTTP/1.1 for orders.internal, resumed true" {
		t.Fatal(got.body, got.fault, got.cause)
	}
}

func TestAReloadKeepsConnectionsThatItWouldMakeTheSameWay(t *testing.T) {
	t.Parallel()
	for _, h2 := range []bool{false, true} {
		at, ca := origin(t, h2, nil)
		same := func(c *Config) { c.TLS = &tlsto.Config{ServerName: "orders.internal", CA: ca} }
		s := before(t, at, same)
		for _, step := range []struct {
			what   string
			reload func(*Config)
			reused bool
		}{
			{"at first", same, false},
			{"the same again", same, true},
			{"no verification", func(c *Config) { c.TLS = &tlsto.Config{ServerName: "orders.internal", Insecure: true} }, false},
			{"the first again", same, false},
		} {
			s.reload(step.reload)
			c, reused := s.acquire()
			if reused != step.reused {
				t.Errorf("h2 %v, %s: reused is %v", h2, step.what, reused)
			}
			if got := s.askOn(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); got.status != 200 {
				t.Fatalf("h2 %v, %s: %v, %v", h2, step.what, got.fault, got.cause)
			}
		}
	}
}

func TestAHandshakeThatTakesTooLongIsATimeout(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)                       // it waits for a line end that never comes
	for d := 50 * time.Millisecond; ; d *= 10 { // on a busy machine the connection itself may take that long
		s.reload(func(c *Config) { c.TLS, c.Timeouts.Connect = new(tlsto.Config), conf.Dur(d) })
		_, f, cause := s.tr.Acquire(s.endpoint, false, 0, nil)
		var of *tlsto.Error
		if f == http7.ConnectTimeout && errors.As(cause, &of) {
			return
		}
		if d > time.Second || f != http7.ConnectTimeout {
			t.Fatal(f, cause)
		}
	}
}

func TestFilesThatCantBeReadAreAnErrorOfNew(t *testing.T) {
	t.Parallel()
	c := Default()
	c.TLS = &tlsto.Config{CA: "/nowhere/ca.pem"}
	if _, err := New(&c, nil); err == nil || err.Error() != `tls: "/nowhere/ca.pem" can't be read: no such file or directory` {
		t.Fatal(err)
	}
}
