// Package pebble runs a real authority that speaks ACME, Let's Encrypt's pebble, and a name server
// that it asks, for tests. Both programs are tools of this module: they are built from what go.mod
// pins and run on loopback.
package pebble

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Options say what the authority is like. The zero Options will do.
type Options struct {
	// Lifetime is how long its certificates are valid. Default: 90 days.
	Lifetime time.Duration
	// Profiles are further ones that may be asked for, by name: their lifetimes. Who asks for none
	// gets any. Default: none.
	Profiles map[string]time.Duration
	// IP is the address that all names have, as far as it knows. Default: 127.0.0.1.
	IP string
	// HTTPPort and TLSPort are where it checks hosts. Default: free ones.
	HTTPPort, TLSPort int
	// EAB are the accounts that it wants to be bound to, by key id: their keys in base64url.
	// Default: none, anybody may have an account.
	EAB map[string]string
	// Blocked are domains that it refuses to certify.
	Blocked []string
}

// Authority is a running pebble. Its tests own it; it ends with the test.
type Authority struct {
	// Directory is the URL of its directory, CA a PEM file of the root to trust there.
	Directory, CA string
	// HTTPPort and TLSPort are where it checks hosts.
	HTTPPort, TLSPort int

	t          testing.TB
	client     *http.Client
	management string
	names      string // address of the name server's management
	program    []string
	said       *os.File
	cmd        *exec.Cmd
}

// Start builds and starts pebble, and a name server to which all names have one address.
func Start(t testing.TB, o Options) *Authority {
	t.Helper()
	pebble, names := build(t, "pebble"), build(t, "pebble-challtestsrv")
	ports := freePorts(t, 6)
	a := &Authority{t: t, HTTPPort: o.HTTPPort, TLSPort: o.TLSPort}
	if a.HTTPPort == 0 {
		a.HTTPPort = ports[0]
	}
	if a.TLSPort == 0 {
		a.TLSPort = ports[1]
	}
	dir := t.TempDir()
	a.CA = ownCertificate(t, dir)
	a.Directory = fmt.Sprintf("https://127.0.0.1:%d/dir", ports[2])
	a.management = fmt.Sprintf("https://127.0.0.1:%d", ports[3])
	a.client = trusting(t, a.CA)
	resolver := fmt.Sprintf("127.0.0.1:%d", ports[4])
	a.names = fmt.Sprintf("127.0.0.1:%d", ports[5])
	a.startNames(names, resolver, cmp.Or(o.IP, "127.0.0.1"))
	config := filepath.Join(dir, "pebble.json")
	a.write(config, a.settings(o, dir, ports[2], ports[3]))
	a.program = []string{pebble, "-config", config, "-dnsserver", resolver}
	var err error
	if a.said, err = os.Create(filepath.Join(dir, "pebble.log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.end)
	a.Revive()
	return a
}

// settings are pebble's config.
func (a *Authority) settings(o Options, dir string, port, management int) any {
	life := o.Lifetime
	if life == 0 {
		life = 90 * 24 * time.Hour
	}
	type dict = map[string]any
	profiles := dict{"default": dict{"description": "what the test wants", "validityPeriod": int(life.Seconds())}}
	for name, life := range o.Profiles {
		profiles[name] = dict{"description": name, "validityPeriod": int(life.Seconds())}
	}
	return dict{"pebble": dict{
		"listenAddress":                  fmt.Sprintf("127.0.0.1:%d", port),
		"managementListenAddress":        fmt.Sprintf("127.0.0.1:%d", management),
		"certificate":                    filepath.Join(dir, "cert.pem"),
		"privateKey":                     filepath.Join(dir, "key.pem"),
		"httpPort":                       a.HTTPPort,
		"tlsPort":                        a.TLSPort,
		"externalAccountBindingRequired": len(o.EAB) > 0,
		"externalAccountMACKeys":         o.EAB,
		"domainBlocklist":                o.Blocked,
		"retryAfter":                     dict{"authz": 1, "order": 1},
		"keyAlgorithm":                   "ecdsa",
		"profiles":                       profiles,
	}}
}

func (a *Authority) write(path string, v any) {
	a.t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

// Kill ends the authority at once; what it knew is lost with it.
func (a *Authority) Kill() {
	if a.cmd != nil {
		_ = a.cmd.Process.Kill() // it may have ended
		_ = a.cmd.Wait()         // killed, as it says
		a.cmd = nil
	}
}

// Revive starts it where it was: with another root, and no account known.
func (a *Authority) Revive() {
	a.t.Helper()
	a.cmd = exec.Command(a.program[0], a.program[1:]...)
	a.cmd.Stdout, a.cmd.Stderr = a.said, a.said
	// No pauses before checks, and a check for every certificate.
	a.cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0")
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.await(strings.TrimPrefix(strings.TrimSuffix(a.Directory, "/dir"), "https://"))
	a.await(strings.TrimPrefix(a.management, "https://"))
}

func (a *Authority) end() {
	a.Kill()
	_ = a.said.Close() // nothing more is written
	if text, err := os.ReadFile(a.said.Name()); err == nil && a.t.Failed() {
		a.t.Logf("pebble said:\n%s", text[max(0, len(text)-6000):])
	}
}

// await waits until somebody listens at an address.
func (a *Authority) await(address string) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		if c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address); err == nil {
			_ = c.Close() // it was only to see
			return
		}
		select {
		case <-ctx.Done():
			a.t.Fatalf("nobody listens at %s", address)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Roots returns what clients must trust to accept its certificates.
func (a *Authority) Roots() *x509.CertPool {
	a.t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(a.get(a.management + "/roots/0")) {
		a.t.Fatal("pebble has no root")
	}
	return pool
}

func (a *Authority) get(url string) []byte {
	a.t.Helper()
	resp, err := a.client.Get(url)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		a.t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return body
}

// Suggest makes the authority answer, when asked, that it wants leaf renewed between two times.
func (a *Authority) Suggest(leaf *x509.Certificate, start, end time.Time) {
	a.t.Helper()
	info, _ := json.Marshal(map[string]any{"suggestedWindow": map[string]any{"start": start.UTC(), "end": end.UTC()}}) // times marshal
	text, _ := json.Marshal(map[string]string{                                                                         // strings do too
		"certificate": pemOf(leaf), "ariResponse": string(info),
	})
	resp, err := a.client.Post(a.management+"/set-renewal-info/", "application/json", bytes.NewReader(text))
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // not read
	if resp.StatusCode != http.StatusOK {
		a.t.Fatalf("setting the window: %s", resp.Status)
	}
}

// trusting returns a client that trusts the certificates in a PEM file.
func trusting(t testing.TB, file string) *http.Client {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}
	return &http.Client{Timeout: 10 * time.Second, Transport: transport}
}

// freePorts returns ports of loopback that nobody had a moment ago.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }() // all at the end, so that they differ
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ports[i], _ = strconv.Atoi(port) // a port that the kernel gave
	}
	return ports
}
