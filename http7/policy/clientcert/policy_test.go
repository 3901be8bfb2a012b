package clientcert

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

// certified is a connection whose client has shown a certificate that an authority called "ca" has signed, changed.
func certified(t testing.TB, change func(*x509.Certificate)) *http7.Conn {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	uri, _ := url.Parse("spiffe://example.com/app,1")
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(0x0a1b2c), NotAfter: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC),
		Subject:  pkix.Name{CommonName: "app", Organization: []string{"Example"}, OrganizationalUnit: []string{"dev", "ops"}},
		DNSNames: []string{"app.example.com", "b.example.com"}, EmailAddresses: []string{"app@example.com"},
		URIs: []*url.URL{uri}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7).To4()},
	}
	if change != nil {
		change(leaf)
	}
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "ca", Organization: []string{"Example"}}}
	raw, err := x509.CreateCertificate(rand.Reader, leaf, ca, public, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	c := &http7.Conn{}
	c.FillTLS(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{parsed}, VerifiedChains: [][]*x509.Certificate{{parsed}}})
	return c
}

func compiled(t testing.TB, change func(*Config)) []http7.Step {
	t.Helper()
	c := Default()
	if change != nil {
		change(&c)
	}
	steps, err := Compile(&c, "edge", nil)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// who says what the steps have made of x, in a line.
func who(x *http7.Exchange, steps []http7.Step) string {
	return policytest.Who(x, policytest.Pass(x, steps))
}

func TestACertificateSaysWhoItIs(t *testing.T) {
	whole := certified(t, nil)
	bare := certified(t, func(c *x509.Certificate) {
		c.Subject, c.DNSNames, c.EmailAddresses, c.URIs, c.IPAddresses = pkix.Name{}, nil, nil, nil, nil
	})
	for _, c := range []struct {
		conn             *http7.Conn
		consumer, groups string
		want             string
	}{
		{whole, "subject.cn", "", "client_cert app"},
		{whole, "subject", "", "client_cert CN=app,OU=dev+OU=ops,O=Example"},
		{whole, "san.dns", "", "client_cert app.example.com"},
		{whole, "san.email", "", "client_cert app@example.com"},
		{whole, "san.uri", "", "client_cert spiffe://example.com/app%2C1"},
		{whole, "san.ip", "", "client_cert 192.0.2.7"},
		{whole, "fingerprint", "", "client_cert " + whole.ClientNames.Fingerprint},
		{whole, "subject.cn", "subject.ou", "client_cert app in dev,ops"},
		{whole, "subject.cn", "subject.o", "client_cert app in Example"},
		{bare, "subject.cn", "", "403 client_cert_unnamed: the certificate has no subject.cn"},
		{bare, "san.dns", "", "403 client_cert_unnamed: the certificate has no san.dns"},
		{bare, "fingerprint", "subject.ou", "client_cert " + bare.ClientNames.Fingerprint},
		{certified(t, func(c *x509.Certificate) { c.Subject.CommonName = "a\r\nX: 1" }), "subject.cn", "", "403 client_cert_unnamed: the certificate has no subject.cn"},
		{&http7.Conn{TLS: true}, "subject.cn", "", "nobody"},
		{nil, "subject.cn", "", "nobody"},
	} {
		x := &http7.Exchange{Conn: c.conn}
		if got := who(x, compiled(t, func(cfg *Config) { cfg.Consumer, cfg.Groups = c.consumer, c.groups })); got != c.want {
			t.Errorf("%s, %s: %s, want %s", c.consumer, c.groups, got, c.want)
		}
	}
}

func TestACertificateThatNobodyHasVerifiedIsNone(t *testing.T) {
	shown := certified(t, nil).ClientCert
	c := &http7.Conn{}
	c.FillTLS(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{shown}})
	x := &http7.Exchange{Conn: c}
	steps := compiled(t, func(c *Config) { c.Forward = map[string]string{"X-CN": "subject.cn"} })
	if got := who(x, steps); got != "nobody" || x.Request.Len() != 0 {
		t.Errorf("got %s, and the endpoint %d fields", got, x.Request.Len())
	}
}

func TestTheEndpointIsToldWhatStandsInIt(t *testing.T) {
	whole := certified(t, nil)
	odd := certified(t, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: " a\r\nb: é\x7f ", Organization: []string{"x, y"}}
		c.DNSNames = nil
	})
	for _, c := range []struct {
		conn       *http7.Conn
		word, want string
	}{
		{whole, "subject", "CN=app,OU=dev+OU=ops,O=Example"},
		{whole, "subject.cn", "app"},
		{whole, "subject.o", "Example"},
		{whole, "subject.ou", "dev,ops"},
		{whole, "issuer", "CN=ca,O=Example"},
		{whole, "issuer.cn", "ca"},
		{whole, "san", "DNS:app.example.com,DNS:b.example.com,email:app@example.com,URI:spiffe://example.com/app%2C1,IP:192.0.2.7"},
		{whole, "san.dns", "app.example.com,b.example.com"},
		{whole, "san.email", "app@example.com"},
		{whole, "san.uri", "spiffe://example.com/app%2C1"},
		{whole, "san.ip", "192.0.2.7"},
		{whole, "serial", "0a1b2c"},
		{whole, "fingerprint", whole.ClientNames.Fingerprint},
		{whole, "not_after", "2027-01-31T12:00:00Z"},
		{whole, "certificate", ":" + base64.StdEncoding.EncodeToString(whole.ClientCert.Raw) + ":"},
		{odd, "subject.cn", "%20a%0D%0Ab: é%7F%20"},
		{odd, "subject.o", "x, y"},
		{odd, "san.dns", ""},
		{odd, "subject.ou", ""},
		{nil, "subject.cn", "spoofed"}, // by another policy: what clients write goes before any (Step.Sets)
	} {
		x := &http7.Exchange{Conn: c.conn}
		x.Request.AddRaw([]byte("x-told"), []byte("spoofed"))
		step := compiled(t, func(cfg *Config) { cfg.Consumer, cfg.Forward = "fingerprint", map[string]string{"X-Told": c.word} })[1]
		step.Request.Request(x)
		name, _ := http7.NewName("X-Told")
		got, there := x.Request.First(name)
		if string(got) != c.want || there != (c.want != "") || !http7.IsFieldValue(got) {
			t.Errorf("%s: told %q, want %q", c.word, got, c.want)
		}
	}
}

func TestNamesOfACertificateMayBeClaims(t *testing.T) {
	x := &http7.Exchange{Conn: certified(t, nil)}
	who(x, compiled(t, func(c *Config) { c.Claims = []string{"san.dns", "serial", "subject.ou"} }))
	var got []string
	for _, c := range x.Claims {
		got = append(got, c.Name+"="+string(c.Value))
	}
	if want := []string{"san.dns=app.example.com", "san.dns=b.example.com", "serial=0a1b2c", "subject.ou=dev", "subject.ou=ops"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSerialsOfAnyLength(t *testing.T) {
	for text, want := range map[string]string{"1": "01", "255": "ff", "256": "0100", "1461501637330902918203684832716283019655932542975": strings.Repeat("ff", 20)} {
		n, _ := new(big.Int).SetString(text, 10)
		x := &http7.Exchange{Conn: &http7.Conn{ClientCert: &x509.Certificate{SerialNumber: n}}}
		if got := string(serial(x, 0)); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	x := &http7.Exchange{Conn: &http7.Conn{ClientCert: &x509.Certificate{SerialNumber: new(big.Int)}}}
	if got := string(serial(x, 0)); got != "00" {
		t.Errorf("0 is %s", got)
	}
	if x.Conn.ClientCert.SerialNumber = nil; serial(x, 0) != nil {
		t.Error("none is one")
	}
}

func TestStepsSayWhatTheyDo(t *testing.T) {
	forwarding := func(c *Config) { c.Forward = map[string]string{"X-B": "subject.cn", "X-A": "san"} }
	steps := compiled(t, forwarding)
	if s := steps[0]; s.Name != "edge.client_cert" || s.Stage != http7.Identify || !s.Establishes || s.Challenge != "" || s.Mode != http7.Enforce {
		t.Errorf("got %+v", s)
	}
	if s := steps[1]; s.Name != "edge.client_cert.forward" || s.Stage != http7.Rewrite || !slices.Equal(s.Sets, []string{"X-A", "X-B"}) || !slices.Equal(s.Edits, []http7.Edit{{Name: "x-a"}, {Name: "x-b"}}) {
		t.Errorf("got %+v", s)
	}
	if n := len(compiled(t, nil)); n != 1 {
		t.Errorf("told of nothing: %d steps", n)
	}
	observed := compiled(t, func(c *Config) { forwarding(c); c.Mode = conf.Observe })
	if len(observed) != 1 || observed[0].Mode != http7.Observe {
		t.Errorf("observed: %+v", observed)
	}
	if x := (&http7.Exchange{Conn: certified(t, nil)}); who(x, observed) != "client_cert app" {
		t.Error("observed, and nobody")
	}
	if n := len(compiled(t, func(c *Config) { c.Mode = conf.ModeOff })); n != 0 {
		t.Errorf("off: %d steps", n)
	}
}

func TestConfigsThatCannotWorkAreRefused(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Consumer = "" }, `consumer: "" is not a name for a consumer`},
		{func(c *Config) { c.Consumer = "cn" }, `consumer: "cn" is not a name for a consumer`},
		{func(c *Config) { c.Consumer = "serial" }, `consumer: "serial" names nobody: two authorities may give the same number`},
		{func(c *Config) { c.Groups = "subject.cn" }, `groups: "subject.cn" is not a name for groups`},
		{func(c *Config) { c.Claims = []string{"san.dns", "certificate"} }, `claims[1]: "certificate" is not a name of a certificate`},
		{func(c *Config) { c.Forward = map[string]string{"X-A": "sub.cn"} }, `forward.X-A: "sub.cn" is not a name of a certificate`},
		{func(c *Config) { c.Forward = map[string]string{"X A": "san"} }, `forward."X A": "X A" is not a field name`},
		{func(c *Config) { c.Forward = map[string]string{"Cookie": "san"} }, `forward.Cookie: "Cookie" has another meaning`},
	} {
		p, cfg := conf.NewProblems(), Default()
		c.change(&cfg)
		cfg.Check(p)
		if l := p.List(); len(l) != 1 || l[0].Path.String()+": "+l[0].Text != c.want {
			t.Errorf("got %+v, want %s", l, c.want)
		}
		if steps, err := Compile(&cfg, "edge", nil); err == nil || steps != nil {
			t.Errorf("%s is compiled", c.want)
		}
	}
	p, cfg := conf.NewProblems(), Default()
	cfg.Forward = map[string]string{}
	for i, word := range words() {
		cfg.Forward[fmt.Sprint("X-", i)] = word
	}
	cfg.Claims = claims()
	if cfg.Check(p); len(p.List()) != 0 {
		t.Errorf("all names: %+v", p.List())
	}
}

func TestAnAdmittedRequestAllocatesNothing(t *testing.T) {
	steps := compiled(t, func(c *Config) {
		c.Groups, c.Claims = "subject.ou", []string{"san.dns", "serial"}
		c.Forward = map[string]string{"X-CN": "subject.cn", "X-SAN": "san", "X-Serial": "serial", "X-End": "not_after", "X-Cert": "certificate", "X-OU": "subject.ou"}
	})
	conn := certified(t, nil)
	x := &http7.Exchange{}
	once := func() {
		x.Release()
		x.Conn = conn
		if who := x; steps[0].Request.Request(who).Act != http7.Go || steps[1].Request.Request(who).Act != http7.Go {
			t.Fatal("refused")
		}
	}
	once()
	once()
	if n := testing.AllocsPerRun(1000, once); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

func BenchmarkAdmitted(b *testing.B) {
	p := compiled(b, func(c *Config) { c.Groups = "subject.ou" })[0].Request
	x := &http7.Exchange{Conn: certified(b, nil)}
	b.ReportAllocs()
	for b.Loop() {
		x.Groups = x.Groups[:0]
		if p.Request(x).Act != http7.Go {
			b.Fatal("refused")
		}
	}
}

// FuzzNames: whatever an authority has signed, what is told of it is a field value, and a consumer can be told.
func FuzzNames(f *testing.F) {
	f.Add("app", "DNS:a,DNS:b", "ops")
	f.Add("a\r\nX: 1", ",,DNS:,email: ,URI:%2C", " ")
	f.Add("", "IP:", "\x00")
	c := Default()
	c.Forward = map[string]string{}
	for i, word := range words() {
		c.Forward[fmt.Sprint("X-", i)] = word
	}
	var steps [][]http7.Step
	for _, c.Consumer = range consumers {
		one, err := Compile(&c, "edge", nil)
		if err != nil {
			f.Fatal(err)
		}
		steps = append(steps, one)
	}
	f.Fuzz(func(t *testing.T, cn, alt, unit string) {
		cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn, OrganizationalUnit: []string{unit}}, Issuer: pkix.Name{CommonName: unit}}
		conn := &http7.Conn{ClientCert: cert, ClientNames: &http7.ClientNames{CommonName: cn, AltNames: alt, Subject: cert.Subject.String()}}
		for _, s := range steps {
			x := &http7.Exchange{Conn: conn}
			if v := s[0].Request.Request(x); (v.Act == http7.Go) != (x.Consumer != "") || !http7.IsFieldValue([]byte(x.Consumer)) {
				t.Fatalf("%q is a consumer", x.Consumer)
			}
			s[1].Request.Request(x)
			for name, value := range x.Request.All() {
				if len(value) == 0 || !http7.IsFieldValue(value) {
					t.Fatalf("%s: %q", name, value)
				}
			}
		}
	})
}
