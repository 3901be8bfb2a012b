package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority signs clients.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // of its certificate
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, file: filepath.Join(t.TempDir(), name+".pem")}
	var der []byte
	der, a.key = a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	a.cert, _ = x509.ParseCertificate(der)
	if err := os.WriteFile(a.file, pemOf(der), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// sign makes a certificate for an hour, by itself as long as there is no other.
func (a *authority) sign(template *x509.Certificate) (der []byte, key *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = template, key
	}
	if der, err = x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by); err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

// client is a certificate for a client called name.
func (a *authority) client(name string) tls.Certificate {
	der, key := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// visit asks over a connection of its own and says what it came to.
func (r *rig) visit(listener string, c *tls.Config) (body string, resumed bool) {
	r.t.Helper()
	raw, err := net.Dial("tcp", r.g.Addr(listener).String())
	if err != nil {
		r.t.Fatal(err)
	}
	defer raw.Close()
	s := tls.Client(raw, c)
	body = get(r.t, s, "GET / HTTP/1.1\r\nHost: "+c.ServerName+"\r\nConnection: close\r\n\r\n")
	return body, s.ConnectionState().DidResume
}

func TestClientCertificatesAreAskedForAsTheConfigSays(t *testing.T) {
	table, roots := pair(t, "web.test")
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	config := func(auth string) string {
		return "[listeners.web]\n" + any0 + "tls = { certificates = " + table + auth + " }\n[[routes]]\npolicies = \"seen\"\nrespond.body = \"ok\"\n" +
			"[policies.seen]\nheaders.response = { set = { X-Client = \"{tls.client.cn}\" } }\n"
	}
	by := func(a *authority, mode string) string {
		return ", client_auth = { ca = \"" + a.file + "\", mode = \"" + mode + "\" }"
	}
	r := start(t, config(""))
	for _, c := range []struct {
		auth string
		cert *authority
		want string
	}{
		{"", nil, "ok"},
		{by(ours, "require"), nil, "closed"},
		{by(ours, "require"), ours, "ok"},
		{by(ours, "require"), theirs, "closed"},
		{by(ours, "request"), nil, "ok"},
		{by(ours, "request"), theirs, "closed"},
		{by(theirs, "require"), theirs, "ok"},
	} {
		r.reload(config(c.auth))
		cfg := &tls.Config{RootCAs: roots, ServerName: "web.test"}
		if c.cert != nil {
			cert := c.cert.client("app")
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil } // whoever asks
		}
		if got, _ := r.visit("web", cfg); got != c.want {
			t.Errorf("%s: %q, want %q", c.auth, got, c.want)
		}
	}
	if m := r.metrics(); !strings.Contains(m, `weir_listener_tls_handshake_failures_total{listener="web",reason="client_certificate"} 3`) {
		t.Error("clients without a good certificate are not counted as such")
	}
}

// Sessions go on over reloads, and end where the next config would not let the client in as it was.
func TestSessionsAreResumedOverReloads(t *testing.T) {
	table, roots := pair(t, "web.test")
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	config := func(auth, body string) string {
		return "[listeners.web]\n" + any0 + "tls = { certificates = " + table + auth + " }\n[[routes]]\nrespond.body = \"" + body + "\"\n"
	}
	by := func(a *authority) string { return ", client_auth = { ca = \"" + a.file + "\", mode = \"request\" }" }
	r := start(t, config(by(ours), "one"))
	cfg := &tls.Config{RootCAs: roots, ServerName: "web.test", ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	if _, resumed := r.visit("web", cfg); resumed {
		t.Fatal("the first handshake is resumed")
	}
	for _, c := range []struct {
		about, config string
		want          bool
	}{
		{"nothing has changed", config(by(ours), "one"), true},
		{"a route has", config(by(ours), "two"), true},
		{"the authorities of clients have", config(by(theirs), "two"), false},
		{"clients are not asked", config("", "two"), false},
		{"nor are they now", config("", "three"), true},
	} {
		r.reload(c.config)
		if _, resumed := r.visit("web", cfg); resumed != c.want {
			t.Errorf("%s: resumed %v, want %v", c.about, resumed, c.want)
		}
	}
	if m := r.metrics(); !strings.Contains(m, `weir_listener_tls_resumptions_total{listener="web"} 3`) {
		t.Error("resumed sessions are not counted")
	}
}

func TestHandshakesOfOneClientAreBounded(t *testing.T) {
	table, roots := pair(t, "web.test")
	for name, c := range map[string]struct{ pass, slow string }{
		"TLS ends here":            {"", `weir_listener_tls_handshake_failures_total{listener="web",reason="timeout"} 2` + "\n" + `weir_defences_total{listener="web",kind="slow_handshake"} 2`},
		"beside what passes as is": {"\n[[listeners.web.passthrough]]\nsni = \"db.test\"\nupstream = \"db\"\n[upstreams.db]\nendpoints = \"127.0.0.1:1\"", `weir_defences_total{listener="web",kind="slow_hello"} 2`},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, "[listeners.web]\n"+any0+"tls = { certificates = "+table+", handshakes_per_client = 2, handshake_timeout = \"500ms\" }"+c.pass+"\n[[routes]]\nrespond.body = \"ok\"\n")
			r.session("web")
			r.session("web")
			until(t, "two that say nothing", func() bool { return r.g.Status().Listeners[0].Connections == 2 })
			r.refused("web")
			until(t, "their time is over", func() bool { return r.g.Status().Listeners[0].Connections == 0 })
			if body, _ := r.visit("web", &tls.Config{RootCAs: roots, ServerName: "web.test"}); body != "ok" {
				t.Errorf("behind them: %q", body)
			}
			m := r.metrics()
			for _, want := range append(strings.Split(c.slow, "\n"), `weir_defences_total{listener="web",kind="handshake_flood"} 1`) {
				if !strings.Contains(m, want) {
					t.Errorf("the metrics lack %s", want)
				}
			}
		})
	}
}

func TestAPairThatIsReplacedIsServedWithoutAReload(t *testing.T) {
	table, old := pair(t, "web.test")
	file := strings.Split(table, `"`)[1]
	r := start(t, "[listeners.web]\n"+any0+"tls.certificates = "+table+"\n[[routes]]\nrespond.body = \"ok\"\n")
	if body, err := r.secure("web", "web.test", old); err != nil || body != "ok" {
		t.Fatalf("before: %q, %v", body, err)
	}
	fresh, roots := pair(t, "web.test")
	text, err := os.ReadFile(strings.Split(fresh, `"`)[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	until(t, "the new pair", func() bool {
		r.g.certs.Look() // does not wait for the next turn of its own
		body, err := r.secure("web", "web.test", roots)
		return err == nil && body == "ok"
	})
	if _, err := r.secure("web", "web.test", old); err == nil {
		t.Error("the old pair is still served")
	}
}

func pemOf(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }

// A client that offers http/1.0 alone was refused over TLS, and served without.
func TestAClientOfHTTP10IsServedOverTLS(t *testing.T) {
	table, roots := pair(t, "web.test")
	r := start(t, "[listeners.web]\n"+any0+"tls.certificates = "+table+"\n[[routes]]\nrespond.body = \"ok\"\n")
	for _, c := range []struct {
		offers []string
		want   string
	}{
		{[]string{"http/1.0"}, "http/1.0"},
		{[]string{"http/1.0", "http/1.1"}, "http/1.1"},
	} {
		nc, err := tls.Dial("tcp", r.g.Addr("web").String(), &tls.Config{RootCAs: roots, ServerName: "web.test", NextProtos: c.offers})
		if err != nil {
			t.Errorf("%q: %v", c.offers, err)
			continue
		}
		_, _ = io.WriteString(nc, "GET / HTTP/1.0\r\nHost: web.test\r\n\r\n")
		b, _ := io.ReadAll(nc)
		if got := nc.ConnectionState().NegotiatedProtocol; got != c.want || !strings.HasSuffix(string(b), "\r\n\r\nok") {
			t.Errorf("%q: agreed on %q and got %q", c.offers, got, b)
		}
		_ = nc.Close()
	}
}
