//go:build linux

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weir/internal/certs"
)

const swapConfig = `
[listeners.web]
address = "{ip}:8443"
[listeners.web.tls]
certificates = { cert = "{dir}/cert.pem", key = "{dir}/key.pem" }
[[routes]]
respond = { status = 200, body = "served\n" }
`

// replacement is a certificate and the texts of its files.
type replacement struct {
	leaf      *x509.Certificate
	cert, key []byte
}

func newReplacement(t *testing.T) replacement {
	t.Helper()
	c, err := certs.SelfSigned("swap.weir.test")
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return replacement{
		leaf: c.Leaf,
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}
}

// install puts both files in the place of those that are there, one after the other.
func (r *replacement) install(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string][]byte{"cert.pem": r.cert, "key.pem": r.key} {
		next := filepath.Join(dir, name+".next")
		if err := os.WriteFile(next, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// handshakes are clients that connect, ask once and leave, as often as they can.
type handshakes struct {
	done, failed, resumed atomic.Int64
	stop                  atomic.Bool
	all                   sync.WaitGroup
}

// visit is one client; it ends with stop.
func (h *handshakes) visit(t *testing.T, address string, config *tls.Config) {
	for !h.stop.Load() {
		resumed, err := askOnce(address, config)
		h.done.Add(1)
		if resumed {
			h.resumed.Add(1)
		}
		if err != nil && h.failed.Add(1) < 5 {
			t.Errorf("a handshake or its request failed: %v", err)
		}
	}
}

// askOnce makes a connection for one request.
func askOnce(address string, config *tls.Config) (resumed bool, err error) {
	nc, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return false, err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	c := tls.Client(nc, config)
	if _, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: swap.weir.test\r\nConnection: close\r\n\r\n"); err != nil {
		return false, err
	}
	answer, err := io.ReadAll(c)
	if err == nil && !strings.HasSuffix(string(answer), "served\n") {
		err = io.ErrUnexpectedEOF
	}
	return c.ConnectionState().DidResume, err
}

func TestNoHandshakeFailsWhileFilesAndConfigsAreReplaced(t *testing.T) {
	t.Parallel()
	pairs := []replacement{newReplacement(t), newReplacement(t)}
	roots := x509.NewCertPool()
	roots.AddCert(pairs[0].leaf)
	roots.AddCert(pairs[1].leaf)
	c := prepare(t, swapConfig)
	pairs[0].install(t, c.dir)
	c.run()
	var h handshakes
	for i := range 4 {
		config := &tls.Config{ServerName: "swap.weir.test", RootCAs: roots, CurvePreferences: []tls.CurveID{tls.X25519}, MaxVersion: []uint16{tls.VersionTLS12, tls.VersionTLS13}[i%2]}
		if i >= 2 {
			config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		}
		h.all.Go(func() { h.visit(t, c.at(8443), config) }) // a client; ends with stop
	}
	began := time.Now()
	shows := func(r *replacement) func() bool {
		return func() bool {
			leaf, err := c.shown("swap.weir.test", roots)
			return err == nil && leaf.Equal(r.leaf)
		}
	}
	for i := 1; i <= 8; i++ {
		next := &pairs[i%2]
		next.install(t, c.dir)
		if i%8 != 0 { // the last is noticed without a reload
			c.signal(syscall.SIGHUP)
		}
		eventually(t, "the new certificate is shown", shows(next))
	}
	h.stop.Store(true)
	h.all.Wait()
	took := time.Since(began).Seconds()
	t.Logf("%.0f handshakes/s, %d of %d resumed, %d failed", float64(h.done.Load())/took, h.resumed.Load(), h.done.Load(), h.failed.Load())
	if h.done.Load() == 0 || h.failed.Load() > 0 || h.resumed.Load() == 0 {
		t.Errorf("%d of %d handshakes failed, %d resumed", h.failed.Load(), h.done.Load(), h.resumed.Load())
	}
}
