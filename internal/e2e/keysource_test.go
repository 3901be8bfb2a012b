//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tokened lets in who has a token of the issuer whose keys are at a port of the child's address.
const tokened = `
[listeners.web]
address = "{ip}:8080"
[[routes]]
policies = "edge"
respond = { status = 200, body = "served\n" }
[policies.edge.jwt]
jwks = "http://{ip}:7001/keys"
audience = ["api"]
unknown_key = "1s"
{more}
`

// keySource is a server of keys, whose answer a test sets.
type keySource struct {
	calls  atomic.Int32
	mu     sync.Mutex
	answer string
}

// ServeHTTP implements http.Handler.
func (s *keySource) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.calls.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = w.Write([]byte(s.answer)) // weir may have left
}

func (s *keySource) holds(answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// open serves s on an address until the returned function is called, or the test ends.
func (s *keySource) open(t *testing.T, address string) (shut func()) {
	t.Helper()
	server := &http.Server{Handler: s}
	l := listen(t, address)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) }) // ends with shut
	shut = func() { _ = server.Close(); serving.Wait() }
	t.Cleanup(shut)
	return shut
}

// keysOf is a set of the public key in a PEM file.
func keysOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	point, err := public.(*ecdsa.PublicKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "x": encoded(string(point[1:33])), "y": encoded(string(point[33:])),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

// says is what the child answers to a token: 200, or the fault.
func (c *child) says(token string) string {
	w := dial(c.t, c.at(8080))
	defer w.Close()
	w.send("GET / HTTP/1.1\r\nHost: weir.test\r\nAuthorization: Bearer " + token + "\r\n\r\n")
	resp, body := w.answer()
	if resp.StatusCode == 200 {
		return "200"
	}
	_, fault, _ := strings.Cut(body, `"fault":"`)
	fault, _, _ = strings.Cut(fault, `"`)
	return fault
}

// Weir starts when nobody has the keys, says so, and lets in as soon as there are some. They outlast garbage, a reload and
// the end of their source, until the issuer has others.
func TestKeysThatComeLateTurnToGarbageAndGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := issuer(t, filepath.Join(dir, "first.pem")), issuer(t, filepath.Join(dir, "second.pem"))
	claims := map[string]any{"sub": "dora", "aud": "api", "exp": time.Now().Add(time.Hour).Unix()}
	old, next := first(claims), second(claims)
	c := start(t, tokened, "more", "")
	if got := c.says(old); got != "jwt_no_keys" {
		t.Errorf("without keys: got %s", got)
	}
	c.logged(1, "no keys can be had", "edge.jwt")

	source := &keySource{answer: keysOf(t, filepath.Join(dir, "first.pem"))}
	shut := source.open(t, c.at(7001))
	eventually(t, "keys come", func() bool { return c.says(old) == "200" })
	source.holds("<html>garbage")
	calls := source.calls.Load()
	eventually(t, "another token has them asked for again", func() bool { c.says(next); return source.calls.Load() > calls })
	if a, b := c.says(old), c.says(next); a != "200" || b != "jwt_signature" {
		t.Errorf("with garbage: got %s and %s", a, b)
	}
	c.logged(1, "those that were good stay", "edge.jwt")

	c.vars = []string{"more", `realm = "shop"`}
	c.write(tokened)
	c.mustReload()
	shut()
	if got := c.says(old); got != "200" {
		t.Errorf("after a reload, without the source: got %s", got)
	}
	source.holds(keysOf(t, filepath.Join(dir, "second.pem")))
	source.open(t, c.at(7001))
	eventually(t, "the issuer's other key is known", func() bool { return c.says(next) == "200" })
	if got := c.says(old); got != "jwt_signature" {
		t.Errorf("a token that was let in by a key that is gone: got %s", got)
	}
}
