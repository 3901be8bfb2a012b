package acme

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// stocked is an authority whose storage has a certificate for h.example.com.
func stocked(t *testing.T) (a *authority, folder string) {
	t.Helper()
	dir := t.TempDir()
	a, err := newAuthority(&Config{}, dir, &answers{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	c := newFake().issue("h.example.com")
	key, err := certmagic.PEMEncodePrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	keys := certmagic.StorageKeys
	for at, text := range map[string][]byte{
		keys.SiteCert(a.IssuerKey(), "h.example.com"): chain, keys.SitePrivateKey(a.IssuerKey(), "h.example.com"): key,
	} {
		if err := a.storage.Store(context.Background(), at, text); err != nil {
			t.Fatal(err)
		}
	}
	return a, filepath.Join(dir, keys.CertsSitePrefix(a.IssuerKey(), "h.example.com"))
}

func TestWhatIsStoredIsLoaded(t *testing.T) {
	a, _ := stocked(t)
	if c, err := a.load("h.example.com"); err != nil || c == nil || c.Leaf.DNSNames[0] != "h.example.com" {
		t.Errorf("%v, %v", c, err)
	}
	for _, name := range []string{"other.example.com", "*.example.com"} {
		if c, err := a.load(name); err != nil || c != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// A crash between two writes leaves what certmagic would take for a certificate and never replace.
func TestWhatIsStoredAndOfNoUseMakesRoom(t *testing.T) {
	for name, spoil := range map[string]func(folder string) error{
		"an empty certificate": func(f string) error { return os.WriteFile(filepath.Join(f, "h.example.com.crt"), nil, 0o600) },
		"an empty key":         func(f string) error { return os.WriteFile(filepath.Join(f, "h.example.com.key"), nil, 0o600) },
		"another's key": func(f string) error {
			key, err := certmagic.PEMEncodePrivateKey(newFake().issue("x").PrivateKey)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(f, "h.example.com.key"), key, 0o600)
		},
	} {
		a, folder := stocked(t)
		if err := spoil(folder); err != nil {
			t.Fatal(err)
		}
		if c, err := a.load("h.example.com"); err != nil || c != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
		if _, err := os.Stat(folder); !os.IsNotExist(err) {
			t.Errorf("%s: it is still there: %v", name, err)
		}
	}
}

func TestACertificateWithoutItsKeyIsNone(t *testing.T) {
	a, folder := stocked(t)
	if err := os.Remove(filepath.Join(folder, "h.example.com.key")); err != nil {
		t.Fatal(err)
	}
	if c, err := a.load("h.example.com"); err != nil || c != nil {
		t.Errorf("%v, %v", c, err)
	}
}

func TestAStorageThatIsNoFolderIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(&Config{Hosts: []string{"h.example.com"}}, file, nil); err == nil {
		t.Error("no error")
	}
}

func TestRootsThatCantBeReadAreAnError(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"/no/such.pem": "no such file", empty: "holds no certificate"} {
		if _, err := New(&Config{CA: file}, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestAProgramThatCantBeRunIsAnError(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(&Config{DNS: calling(plain)}, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Error(err)
	}
}

func TestExpiryIncludesTheLastSecond(t *testing.T) {
	end := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	if got := expiry(&x509.Certificate{NotAfter: end}); !got.Equal(end.Add(time.Second)) {
		t.Error(got)
	}
}
