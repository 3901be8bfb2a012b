package http7

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"testing"
)

// clientCert makes a certificate with every kind of name.
func clientCert(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app", Organization: []string{"Example, Inc."}},
		DNSNames: []string{"app.example.com"}, EmailAddresses: []string{"ops@example.com"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7)},
		URIs: []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/a,b"}},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestAConnectionKnowsWhatItsHandshakeCameTo(t *testing.T) {
	leaf := clientCert(t)
	state := &tls.ConnectionState{
		Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, ServerName: "API.example.com.", NegotiatedProtocol: "h2", DidResume: true,
		PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}},
	}
	var c Conn
	c.FillTLS(state)
	if !c.TLS || c.SNI != "api.example.com" || c.ALPN != "h2" || c.Version != tls.VersionTLS13 || c.Cipher != tls.TLS_AES_128_GCM_SHA256 || !c.Resumed || c.ClientCert != leaf {
		t.Errorf("got %+v", c)
	}
	want := ClientNames{
		Subject: `CN=app,O=Example\, Inc.`, CommonName: "app",
		AltNames:    "DNS:app.example.com,email:ops@example.com,URI:spiffe://example.com/a%2Cb,IP:192.0.2.7",
		Fingerprint: fmt.Sprintf("%x", sha256.Sum256(leaf.Raw)),
	}
	if *c.ClientNames != want {
		t.Errorf("got %+v, want %+v", *c.ClientNames, want)
	}
}

func TestACertificateThatNobodyHasVerifiedIsNoIdentity(t *testing.T) {
	var c Conn
	c.FillTLS(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{clientCert(t)}})
	if c.ClientCert != nil || c.ClientNames != nil {
		t.Errorf("got %+v", c)
	}
}

func TestVersionsOfTLSHaveShortNames(t *testing.T) {
	for number, want := range map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3", 0: "", tls.VersionTLS11: ""} {
		if got := TLSVersion(number); got != want {
			t.Errorf("TLSVersion(%x) = %q, want %q", number, got, want)
		}
	}
}

func TestCipherSuitesAreCalledWhatIANACallsThem(t *testing.T) {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if got := TLSCipher(s.ID); got != s.Name {
			t.Errorf("TLSCipher(%x) = %q, want %q", s.ID, got, s.Name)
		}
	}
	if got := TLSCipher(0); got != "" {
		t.Errorf("no cipher is called %q", got)
	}
}

func TestTheAnswerToPlainHTTPIsAWholeProblem(t *testing.T) {
	in := bufio.NewReader(bytes.NewReader(PlainOnTLS()))
	a, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(a.Body)
	if err != nil || in.Buffered() > 0 {
		t.Fatalf("%v, %d bytes behind the answer", err, in.Buffered())
	}
	var problem struct {
		Status        int
		Fault, Detail string
	}
	if err := json.Unmarshal(body, &problem); err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != 400 || !a.Close || a.Header.Get("Content-Type") != "application/problem+json" || problem.Status != 400 || problem.Fault != "plain_on_tls" {
		t.Errorf("got %v, %s", a, body)
	}
}
