package shared

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/internal/testkit"
)

// selfSigned writes a certificate of localhost with its key below dir, and returns who trusts it.
func selfSigned(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	for name, block := range map[string]*pem.Block{"cert": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "PRIVATE KEY", Bytes: private}} {
		text := pem.EncodeToMemory(block)
		pool.AppendCertsFromPEM(text)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}

// freePort returns a port that nobody uses, a moment ago at least.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

func TestTheServerIsReachedByTLSUserAndDatabase(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	trust := selfSigned(t, dir)
	may := strings.Fields("weir on >hunter2 ~weir:* +evalsha +eval +get +set +expireat +time +select +client +hello +ping")
	cmd := exec.Command(testkit.Require(t, "redis-server"), append([]string{
		"--port", "0", "--tls-port", port, "--bind", "127.0.0.1", "--save", "",
		"--tls-cert-file", "cert", "--tls-key-file", "key", "--tls-auth-clients", "no", "--user",
	}, may...)...)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	try := func(change func(*Config, *Needs)) error {
		c, n := Default(), Needs{TLS: &tls.Config{RootCAs: trust, ServerName: "localhost"}}
		c.Redis, c.Password = "rediss://weir@127.0.0.1:"+port+"/3", conf.SecretText("hunter2")
		change(&c, &n)
		s, err := New(c, n)
		if err != nil {
			t.Fatal(err)
		}
		defer s.server.close()
		if err := s.server.connect(t.Context()); err != nil {
			return err
		}
		_, err = s.server.ask(t.Context(), c.Prefix, []wish{s.trial()})
		return err
	}
	eventually(t, "redis answers by TLS", func() bool { return try(func(*Config, *Needs) {}) == nil })
	for what, c := range map[string]struct {
		change func(*Config, *Needs)
		want   string
	}{
		"nobody trusts it":    {func(_ *Config, n *Needs) { n.TLS = nil }, "certificate"},
		"a wrong password":    {func(c *Config, _ *Needs) { c.Password = conf.SecretText("hunter3") }, "WRONGPASS"},
		"another's keys":      {func(c *Config, _ *Needs) { c.Prefix = "mine:" }, "permission"},
		"no TLS where it is":  {func(c *Config, _ *Needs) { c.Redis = strings.Replace(c.Redis, "rediss", "redis", 1) }, ""},
		"nobody at that port": {func(c *Config, _ *Needs) { c.Redis = "redis://127.0.0.1:1" }, "refused"},
	} {
		err := try(c.change)
		for end := time.Now().Add(patience); errors.Is(err, context.DeadlineExceeded) && time.Now().Before(end); {
			err = try(c.change) // a slow machine did not get as far within the time for a connection
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
