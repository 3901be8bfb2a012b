package tlsto

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/internal/certs"
	"weir/internal/conf"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func authority(t *testing.T) string {
	t.Helper()
	pair, err := certs.SelfSigned("a")
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}))
}

func compile(t *testing.T, c Config) *Compiled {
	t.Helper()
	compiled, wrong := c.Compile(conf.ReadFile)
	if wrong != nil {
		t.Fatal(wrong)
	}
	return compiled
}

func TestSumsTellConfigsApartByWordsAndFiles(t *testing.T) {
	t.Parallel()
	one, other := authority(t), authority(t)
	ca := write(t, "ca.pem", one)
	base := compile(t, Config{ServerName: "a", CA: ca}).Sum
	if base == (Sum{}) {
		t.Error("TLS has the sum of no TLS")
	}
	for _, test := range []struct {
		name string
		c    Config
		same bool
	}{
		{"the same", Config{ServerName: "a", CA: ca}, true},
		{"the same text in another file", Config{ServerName: "a", CA: write(t, "b.pem", one)}, true},
		{"another name", Config{ServerName: "b", CA: ca}, false},
		{"another CA", Config{ServerName: "a", CA: write(t, "c.pem", other)}, false},
		{"the system's CA", Config{ServerName: "a"}, false},
		{"anything goes", Config{ServerName: "a", Insecure: true}, false},
	} {
		if same := compile(t, test.c).Sum == base; same != test.same {
			t.Errorf("%s: same is %v", test.name, same)
		}
	}
}

// Roots behind a cut in the file were passed over, and endpoints that they had signed were refused.
func TestAFileThatIsCutIsNotTaken(t *testing.T) {
	t.Parallel()
	cut := write(t, "ca.pem", authority(t)+authority(t)[:200])
	_, wrong := (&Config{CA: cut}).Compile(conf.ReadFile)
	if want := "tls: " + strconv.Quote(cut) + " can't be used: block 2 is cut or damaged"; wrong == nil || wrong.Key != "ca" || wrong.Error() != want {
		t.Errorf("%v, want %s", wrong, want)
	}
}

// dated returns a certificate that signs itself, and its key, both as PEM.
func dated(t *testing.T, from, to time.Duration) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to), Subject: pkix.Name{CommonName: "weir"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
}

func TestWhatIsOutOfItsDatesIsWarnedOf(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	good, goodKey := dated(t, -day, day)
	old, oldKey := dated(t, -2*day, -day)
	early, earlyKey := dated(t, day, 2*day)
	pair := func(cert, key string) Config { return Config{Cert: write(t, "c", cert), Key: write(t, "k", key)} }
	for _, test := range []struct {
		name string
		c    Config
		want string
	}{
		{"good", pair(good, goodKey), ""},
		{"a good authority", Config{CA: write(t, "ca", good)}, ""},
		{"expired", pair(old, oldKey), "cert: the certificate has expired on "},
		{"not yet valid", pair(early, earlyKey), "cert: the certificate is not valid before "},
		{"an authority that has expired beside a good one", Config{CA: write(t, "ca", good+old)}, `ca: the authority "CN=weir" has expired on `},
	} {
		p := conf.NewProblems()
		test.c.Check(p)
		got := ""
		for _, one := range p.List() {
			got += one.Path.String() + ": " + one.Text
			if !one.Warning {
				t.Errorf("%s: %q is no warning", test.name, one.Text)
			}
		}
		if (got == "") != (test.want == "") || !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestAnEndpointHasItsOwnNameUnlessThereIsOneForAll(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ all, want string }{{"", "10.0.0.1"}, {"orders.internal", "orders.internal"}} {
		c := compile(t, Config{ServerName: test.all}).For("10.0.0.1", "h2")
		if c.ServerName != test.want || c.InsecureSkipVerify || c.MinVersion != tls.VersionTLS12 || c.ClientSessionCache == nil || len(c.NextProtos) != 1 {
			t.Errorf("%q: %+v", test.all, c)
		}
	}
}

func TestWhatIsWrongWithFilesNamesTheirKey(t *testing.T) {
	t.Parallel()
	cert := write(t, "cert.pem", authority(t))
	for _, test := range []struct {
		c    Config
		key  string
		want string
	}{
		{Config{CA: "/nowhere"}, "ca", `tls: "/nowhere" can't be read: no such file or directory`},
		{Config{CA: write(t, "x", "no PEM")}, "ca", ""},
		{Config{Cert: cert, Key: "/nowhere"}, "key", `tls: "/nowhere" can't be read: no such file or directory`},
		{Config{Cert: cert, Key: cert}, "cert", ""},
	} {
		_, wrong := test.c.Compile(conf.ReadFile)
		if wrong == nil || wrong.Key != test.key || test.want != "" && wrong.Error() != test.want {
			t.Errorf("%+v: %v", test.c, wrong)
		}
	}
}

func TestAHandshakesErrorSaysWithWhom(t *testing.T) {
	t.Parallel()
	reason := errors.New("tls: no")
	err := &Error{Endpoint: "10.0.0.1:443", ServerName: "a", Err: reason}
	if err.Error() != `TLS with 10.0.0.1:443 as "a": no` || !errors.Is(err, reason) {
		t.Error(err)
	}
}
