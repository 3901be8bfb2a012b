package certs

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// selfSigned is SelfSigned for tests.
func selfSigned(t *testing.T, hosts ...string) tls.Certificate {
	t.Helper()
	c, err := SelfSigned(hosts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// files writes c as PEM and returns where.
func files(t *testing.T, c tls.Certificate) Pair {
	t.Helper()
	dir := t.TempDir()
	p := Pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		p.Cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]},
		p.Key:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// shake does one handshake over a pipe and returns both sides' errors and the client's view.
func shake(server, client *tls.Config) (seen tls.ConnectionState, clientErr, serverErr error) {
	a, b := net.Pipe()
	done := make(chan error, 1)
	s := tls.Server(a, server)
	go func() { // the server's side; ends with the handshake
		done <- s.Handshake()
		a.Close()
	}()
	c := tls.Client(b, client)
	clientErr = c.Handshake()
	seen = c.ConnectionState()
	b.Close()
	return seen, clientErr, <-done
}

func TestTheNameChoosesTheCertificate(t *testing.T) {
	all := []tls.Certificate{
		selfSigned(t, "first.example"),
		selfSigned(t, "api.example.com", "www.example.com"),
		selfSigned(t, "*.example.com"),
		selfSigned(t, "*.Deep.example.com"),
	}
	s, err := New(all...)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{
		"api.example.com":      1,
		"API.Example.COM":      1,
		"www.example.com.":     1,
		"other.example.com":    2,
		"x.deep.example.com":   3,
		"a.b.example.com":      0, // a wildcard stands for one label
		"example.com":          0,
		"*.example.com":        2,
		"":                     0,
		"localhost":            0,
		"unknown.example.test": 0,
	} {
		got, err := s.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
		if err != nil || string(got.Certificate[0]) != string(all[want].Certificate[0]) {
			t.Errorf("%q gets %v (%v), want certificate %d", name, got.Leaf.DNSNames, err, want)
		}
	}
}

func TestAClientGetsAKindOfKeyThatItKnows(t *testing.T) {
	ed, ec := edSigned(t, "api.example.com"), selfSigned(t, "api.example.com")
	s, err := New(ed, ec)
	if err != nil {
		t.Fatal(err)
	}
	hello := &tls.ClientHelloInfo{
		ServerName: "api.example.com", SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, SupportedCurves: []tls.CurveID{tls.CurveP256},
		CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256},
	}
	for scheme, want := range map[tls.SignatureScheme]tls.Certificate{
		tls.ECDSAWithP256AndSHA256: ec, tls.Ed25519: ed, tls.PSSWithSHA256: ed,
	} {
		hello.SignatureSchemes = []tls.SignatureScheme{scheme}
		if got, _ := s.GetCertificate(hello); string(got.Certificate[0]) != string(want.Certificate[0]) {
			t.Errorf("a client that knows %v gets a key of kind %T", scheme, got.PrivateKey)
		}
	}
}

// edSigned is like selfSigned with an Ed25519 key and no Leaf, as other code might hand it over.
func edSigned(t *testing.T, host string) tls.Certificate {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := describe([]string{host}, time.Now())
	c.SerialNumber = big.NewInt(1)
	der, err := x509.CreateCertificate(rand.Reader, c, c, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestFilesAreServed(t *testing.T) {
	c := selfSigned(t, "api.example.com")
	s, err := Load([]Pair{files(t, c)})
	if err != nil {
		t.Fatal(err)
	}
	seen, clientErr, serverErr := shake(s.Config(0), &tls.Config{ServerName: "api.example.com", RootCAs: Pool(c), NextProtos: []string{"h2", "http/1.1"}})
	if clientErr != nil || serverErr != nil {
		t.Fatalf("client %v, server %v", clientErr, serverErr)
	}
	if seen.NegotiatedProtocol != "http/1.1" || seen.Version != tls.VersionTLS13 {
		t.Errorf("agreed on %q, %s", seen.NegotiatedProtocol, tls.VersionName(seen.Version))
	}
}

func TestVersionsBelowTheMinimumAreRefused(t *testing.T) {
	c := selfSigned(t, "h")
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		least, offered uint16
		ok             bool
	}{
		{tls.VersionTLS10, tls.VersionTLS11, false}, // nothing below 1.2, whatever is asked for
		{tls.VersionTLS12, tls.VersionTLS12, true},
		{tls.VersionTLS13, tls.VersionTLS12, false},
		{tls.VersionTLS13, tls.VersionTLS13, true},
	} {
		client := &tls.Config{ServerName: "h", RootCAs: Pool(c), MinVersion: tls.VersionTLS10, MaxVersion: tc.offered}
		if _, err, _ := shake(s.Config(tc.least), client); (err == nil) != tc.ok {
			t.Errorf("at least %s, client offers %s: %v", tls.VersionName(tc.least), tls.VersionName(tc.offered), err)
		}
	}
}

func TestVersionsHaveNames(t *testing.T) {
	for text, want := range map[string]uint16{"": tls.VersionTLS12, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13, "1.1": 0, "TLS1.2": 0} {
		if got, err := Version(text); got != want || (err == nil) != (want != 0) {
			t.Errorf("Version(%q) = %x, %v", text, got, err)
		}
	}
}

func TestLoadNamesEveryFileAtFault(t *testing.T) {
	a, b := files(t, selfSigned(t, "a")), files(t, selfSigned(t, "b"))
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load([]Pair{a, {"/no/such/cert.pem", a.Key}, {b.Cert, "/no/such/key.pem"}, {a.Cert, b.Key}, {empty, a.Key}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{
		"certificate: open /no/such/cert.pem", "certificate's key: open /no/such/key.pem",
		"certificate " + a.Cert + " with key " + b.Key + ": tls: private key does not match public key",
		"certificate " + empty + " with key " + a.Key + ": ",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q:\n%v", part, err)
		}
	}
}

func TestNoOrBrokenCertificatesAreAnError(t *testing.T) {
	for name, all := range map[string][]tls.Certificate{
		"none": nil, "an empty one": {{}}, "a broken one": {{Certificate: [][]byte{{1, 2, 3}}}},
	} {
		if _, err := New(all...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Load(nil); err == nil {
		t.Error("no files: no error")
	}
}

func TestASelfSignedCertificateIsForItsHostsAndAWeek(t *testing.T) {
	c := selfSigned(t, "localhost", "*.demo.test", "127.0.0.1", "::1")
	for host, ok := range map[string]bool{"localhost": true, "a.demo.test": true, "127.0.0.1": true, "::1": true, "demo.test": false, "10.0.0.1": false} {
		_, err := c.Leaf.Verify(x509.VerifyOptions{DNSName: hostOf(host), Roots: Pool(c)})
		if (err == nil) != ok {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: Pool(selfSigned(t, "localhost"))}); err == nil {
		t.Error("a pool of another certificate trusts it")
	}
	if c.Leaf.IsCA {
		t.Error("it may sign others")
	}
	if d := time.Until(c.Leaf.NotAfter); d > 8*24*time.Hour || d < 6*24*time.Hour {
		t.Errorf("it is valid for %v", d)
	}
}

// hostOf writes an IPv6 address in brackets, as x509 wants it.
func hostOf(h string) string {
	if strings.Contains(h, ":") {
		return "[" + h + "]"
	}
	return h
}
