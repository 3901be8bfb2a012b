package certs

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheNameChoosesTheCertificate(t *testing.T) {
	all := []tls.Certificate{
		selfSigned(t, "first.example"),
		selfSigned(t, "api.example.com", "www.example.com"),
		selfSigned(t, "*.example.com"),
		selfSigned(t, "*.Deep.example.com"),
		signed(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Old.internal"}}, nil), // no other names
	}
	s := open(t, keeper(t), nil, all...)
	for name, want := range map[string]int{
		"api.example.com":      1,
		"API.Example.COM":      1,
		"www.example.com.":     1,
		"other.example.com":    2,
		"x.deep.example.com":   3,
		"a.b.example.com":      0, // a wildcard stands for one label
		"example.com":          0,
		".example.com":         0, // and not for none
		"*.example.com":        2,
		"old.internal":         4,
		"":                     0,
		"localhost":            0,
		"unknown.example.test": 0,

		strings.Repeat("x.", 300) + "example.com": 0,
	} {
		got, err := s.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
		if err != nil || string(got.Certificate[0]) != string(all[want].Certificate[0]) {
			t.Errorf("%q gets %v (%v), want certificate %d", name, got.Leaf.DNSNames, err, want)
		}
	}
}

func TestAClientGetsAKindOfKeyThatItKnows(t *testing.T) {
	ed, ec := edSigned(t, "api.example.com"), selfSigned(t, "api.example.com")
	s := open(t, keeper(t), nil, ed, ec)
	hello := &tls.ClientHelloInfo{
		SupportedVersions: []uint16{tls.VersionTLS13}, SupportedCurves: []tls.CurveID{tls.CurveP256}, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256},
	}
	for _, hello.ServerName = range []string{"api.example.com", "", "unknown.test"} {
		for scheme, want := range map[tls.SignatureScheme]tls.Certificate{
			tls.ECDSAWithP256AndSHA256: ec, tls.Ed25519: ed, tls.PSSWithSHA256: ed,
		} {
			hello.SignatureSchemes = []tls.SignatureScheme{scheme}
			if got, _ := s.GetCertificate(hello); string(got.Certificate[0]) != string(want.Certificate[0]) {
				t.Errorf("a client that asks for %q and knows %v gets a key of kind %T", hello.ServerName, scheme, got.PrivateKey)
			}
		}
	}
}

// edSigned is like selfSigned with an Ed25519 key.
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

func TestChoosingAllocatesNothing(t *testing.T) {
	s := open(t, keeper(t), nil, selfSigned(t, "first.test"), selfSigned(t, "api.example.com", "*.example.com"))
	for _, name := range []string{"api.example.com", "other.example.com", "unknown.test", ""} {
		hello := &tls.ClientHelloInfo{ServerName: name}
		if n := testing.AllocsPerRun(1000, func() {
			if c, err := s.GetCertificate(hello); c == nil || err != nil {
				t.Error(c, err)
			}
			s.Covers(name, "other.example.com")
		}); n != 0 {
			t.Errorf("%q: %v allocations", name, n)
		}
	}
}

func TestACertificateCoversFurtherHosts(t *testing.T) {
	s := open(t, keeper(t), nil,
		selfSigned(t, "first.test", "192.0.2.1", "2001:db8::1"), selfSigned(t, "api.example.com", "www.example.com"), selfSigned(t, "*.example.com"))
	for _, c := range []struct {
		sni, host string
		want      bool
	}{
		{"api.example.com", "www.example.com", true},
		{"API.example.com", "WWW.Example.com.", true},
		{"api.example.com", "other.example.com", false},
		{"other.example.com", "third.example.com", true},
		{"other.example.com", "a.b.example.com", false},
		{"other.example.com", "example.com", false},
		{"other.example.com", ".example.com", false},
		{"other.example.com", "api.example.com", true},
		{"unknown.test", "unknown.test", false},
		{"unknown.test", "first.test", true},
		{"", "first.test", true},
		{"", "api.example.com", false},
		{"", "192.0.2.1", true},
		{"", "::ffff:192.0.2.1", true},
		{"", "192.0.2.2", false},
		{"", "2001:db8:0::1", true},
		{"api.example.com", "192.0.2.1", false},
		{"api.example.com", "", false},
	} {
		if got := s.Covers(c.sni, c.host); got != c.want {
			t.Errorf("the certificate for %q covers %q: %v, want %v", c.sni, c.host, got, c.want)
		}
	}
}

// held is a source with certificates for some names.
func held(all map[string]*tls.Certificate) *Source {
	return &Source{
		Handles: func(host string) bool { _, ok := all[host]; return ok },
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if c := all[hello.ServerName]; c != nil {
				return c, nil
			}
			return nil, errors.New("not yet")
		},
		Certificate: func(host string) *tls.Certificate { return all[host] },
	}
}

func TestASourceComesBehindNamesOfFilesAndBeforeTheirWildcards(t *testing.T) {
	exact, wild := selfSigned(t, "api.example.com"), selfSigned(t, "*.example.com")
	own := selfSigned(t, "shop.example.com", "more.example.com")
	from := held(map[string]*tls.Certificate{"api.example.com": &own, "shop.example.com": &own, "late.example.com": nil})
	s := open(t, keeper(t), func(_ *Config, o *Options) { o.Source = from }, exact, wild)
	for name, want := range map[string]*tls.Certificate{
		"api.example.com": &exact, "shop.example.com": &own, "x.example.com": &wild, "unknown.test": &exact, "": &exact, "late.example.com": nil,
	} {
		got, err := s.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
		if want == nil {
			if err == nil {
				t.Errorf("%q gets %v before there is one", name, got.Leaf.DNSNames)
			}
			continue
		}
		if err != nil || string(got.Certificate[0]) != string(want.Certificate[0]) {
			t.Errorf("%q gets %v, %v, want %v", name, got, err, want.Leaf.DNSNames)
		}
	}
	if !s.Covers("shop.example.com", "more.example.com") || s.Covers("shop.example.com", "x.example.com") || s.Covers("late.example.com", "x.example.com") {
		t.Error("the source's certificate covers other names than it says")
	}
}

// A stranger's name got internal_error, which looks like a fault of ours.
func TestWithoutFilesNamesThatTheSourceDoesNotHandleAreUnrecognized(t *testing.T) {
	own := selfSigned(t, "shop.example.com")
	s := open(t, keeper(t), func(_ *Config, o *Options) {
		o.Source = held(map[string]*tls.Certificate{"shop.example.com": &own, "late.example.com": nil})
	})
	for name, want := range map[string]string{
		"shop.example.com": "", "late.example.com": "internal error", "unknown.test": "unrecognized name", "": "unrecognized name",
	} {
		client := &tls.Config{ServerName: name, RootCAs: Pool(own), InsecureSkipVerify: name == ""}
		_, _, err, _ := shake(s.TCP(), client)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the client got %v, want %q", name, err, want)
		}
	}
}

func TestAnAuthorityThatChecksANameIsAnsweredByTheSource(t *testing.T) {
	own, challenge := selfSigned(t, "shop.example.com"), selfSigned(t, "shop.example.com")
	from := held(map[string]*tls.Certificate{"shop.example.com": &own})
	from.Challenged = func(hello *tls.ClientHelloInfo) *tls.Config {
		if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == "acme-tls/1" {
			return &tls.Config{Certificates: []tls.Certificate{challenge}, NextProtos: []string{"acme-tls/1"}}
		}
		return nil
	}
	s := open(t, keeper(t), func(_ *Config, o *Options) { o.Source = from })
	for proto, want := range map[string]tls.Certificate{"acme-tls/1": challenge, "h2": own} {
		seen, _, clientErr, _ := shake(s.TCP(), &tls.Config{ServerName: "shop.example.com", RootCAs: Pool(want), NextProtos: []string{proto}})
		if clientErr != nil || seen.NegotiatedProtocol != proto {
			t.Errorf("%s: %v, agreed on %q", proto, clientErr, seen.NegotiatedProtocol)
		}
	}
}

func TestTheHandshakeIsAsTheConfigSays(t *testing.T) {
	c := selfSigned(t, "h")
	for _, tc := range []struct {
		least         string
		from, to      uint16
		suites        []uint16
		protos        []string
		version       uint16 // 0: none
		proto, reason string
	}{
		{"1.2", tls.VersionTLS10, tls.VersionTLS11, nil, nil, 0, "", "version"},
		{"1.2", tls.VersionTLS10, tls.VersionTLS12, nil, []string{"h2", "http/1.1"}, tls.VersionTLS12, "h2", ""},
		{"1.2", 0, 0, nil, []string{"http/1.1"}, tls.VersionTLS13, "http/1.1", ""},
		{"1.2", 0, 0, nil, nil, tls.VersionTLS13, "", ""},
		{"1.2", 0, 0, nil, []string{"spdy/3"}, 0, "", "application protocol"},
		{"1.3", 0, tls.VersionTLS12, nil, nil, 0, "", "version"},
		{"1.3", 0, tls.VersionTLS13, nil, nil, tls.VersionTLS13, "", ""},
		{"1.2", 0, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}, nil, 0, "", "handshake"},
		{"1.2", 0, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}, nil, tls.VersionTLS12, "", ""},
	} {
		s := open(t, keeper(t), func(c *Config, _ *Options) { c.MinVersion = tc.least }, c)
		client := &tls.Config{ServerName: "h", RootCAs: Pool(c), MinVersion: max(tc.from, tls.VersionTLS10), MaxVersion: tc.to, CipherSuites: tc.suites, NextProtos: tc.protos}
		seen, _, err, _ := shake(s.TCP(), client)
		if tc.reason != "" && (err == nil || !strings.Contains(err.Error(), tc.reason)) {
			t.Errorf("%+v: %v", tc, err)
		}
		if tc.reason == "" && (err != nil || seen.Version != tc.version || seen.NegotiatedProtocol != tc.proto) {
			t.Errorf("%+v: %v, agreed on %s, %q", tc, err, tls.VersionName(seen.Version), seen.NegotiatedProtocol)
		}
	}
}

func TestKeysAreAgreedOnThatNoQuantumComputerWillFind(t *testing.T) {
	c := selfSigned(t, "h")
	seen, _, err, _ := shake(open(t, keeper(t), nil, c).TCP(), &tls.Config{ServerName: "h", RootCAs: Pool(c)})
	if err != nil || seen.CurveID != tls.X25519MLKEM768 {
		t.Errorf("%v, agreed on %v, want X25519MLKEM768", err, seen.CurveID)
	}
}

func TestQUICIsOfferedTLS13AndH3Alone(t *testing.T) {
	q := open(t, keeper(t), nil, selfSigned(t, "h")).QUIC()
	if q.MinVersion != tls.VersionTLS13 || len(q.NextProtos) != 1 || q.NextProtos[0] != "h3" {
		t.Errorf("got %x, %q", q.MinVersion, q.NextProtos)
	}
}

func TestOpenNamesEveryFileAtFault(t *testing.T) {
	a, b := files(t, selfSigned(t, "a")), files(t, selfSigned(t, "b"))
	empty := filepath.Join(t.TempDir(), "empty.pem")
	write(t, empty, nil)
	c := Default()
	c.Certificates = []Pair{a, {"/no/such/cert.pem", a.Key}, {b.Cert, "/no/such/key.pem"}, {a.Cert, b.Key}, {empty, a.Key}}
	c.ClientAuth = &ClientAuth{CA: empty, Mode: Require}
	_, err := keeper(t).Open(&c, Options{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{
		"certificate: open /no/such/cert.pem", "certificate's key: open /no/such/key.pem",
		"certificate " + a.Cert + " with key " + b.Key + ": tls: private key does not match public key",
		"certificate " + empty + " with key " + a.Key + ": ",
		"clients' authorities " + empty + ": it holds no certificate",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q:\n%v", part, err)
		}
	}
	c = Default()
	if _, err := keeper(t).Open(&c, Options{}); err == nil {
		t.Error("no certificate: no error")
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
