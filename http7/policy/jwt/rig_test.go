package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"weir/http7"
	"weir/http7/policy"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

// signer is an issuer's private key.
type signer struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   any
}

// The keys of tests are made once: RSA takes its time.
var made = sync.OnceValue(func() map[jose.SignatureAlgorithm]*signer {
	all := map[jose.SignatureAlgorithm]*signer{}
	for a, make := range map[jose.SignatureAlgorithm]func() (any, error){
		jose.RS256: func() (any, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		jose.ES256: func() (any, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		jose.ES384: func() (any, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) },
		jose.ES512: func() (any, error) { return ecdsa.GenerateKey(elliptic.P521(), rand.Reader) },
		jose.EdDSA: func() (any, error) { _, k, err := ed25519.GenerateKey(rand.Reader); return k, err },
	} {
		k, err := make()
		if err != nil {
			panic(err)
		}
		all[a] = &signer{"k-" + string(a), a, k}
	}
	return all
})

func es256() *signer { return made()[jose.ES256] }

// fresh is another key for ES256.
func fresh(t testing.TB, id string) *signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{id, jose.ES256, k}
}

func (s *signer) public() any { return s.private.(crypto.Signer).Public() }

func (s *signer) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.public(), KeyID: s.id, Algorithm: string(s.algorithm), Use: "sig"}
}

// jwks is a key set of the public halves.
func jwks(t testing.TB, keys ...*signer) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, k.jwk())
	}
	doc, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// claims are those of a good token with changes: a nil value takes a claim out.
func claims(now time.Time, changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": "https://id.example.com", "aud": "api", "sub": "alice", "exp": now.Add(time.Hour).Unix(), "nbf": now.Add(-time.Minute).Unix(),
		"groups": []string{"staff", "partners"}, "scope": "orders.read orders.write", "plan": "gold", "jti": "8f6b2c1e-60f4-4d6c-9a43-7d1d7c5b1f10",
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// sign makes a token of a payload, with header fields.
func (s *signer) sign(t testing.TB, payload any, header map[jose.HeaderKey]any) string {
	t.Helper()
	text, is := payload.([]byte)
	if !is {
		var err error
		if text, err = json.Marshal(payload); err != nil {
			t.Fatal(err)
		}
	}
	o := (&jose.SignerOptions{}).WithType("JWT")
	if s.id != "" {
		o = o.WithHeader("kid", s.id)
	}
	for name, value := range header {
		o = o.WithHeader(name, value)
	}
	by, err := jose.NewSigner(jose.SigningKey{Algorithm: s.algorithm, Key: s.private}, o)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := by.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// world is a policy with what a gateway gives it.
type world struct {
	steps   []http7.Step
	checker *checker
	turn    *policy.Turn
	*policytest.Process
}

// needs is what a gateway gives to a config.
func (w *world) needs() *policy.Needs {
	n := w.Needs()
	w.turn = n.Turn
	return n
}

func newWorld() *world { return &world{Process: policytest.NewProcess()} }

// use compiles a config with changes in w, as a reload does: the turn before ends behind it.
func (w *world) use(t testing.TB, change func(*Config)) {
	t.Helper()
	c := Default()
	c.Issuer, c.Audience = "https://id.example.com", []string{"api"}
	if change != nil {
		change(&c)
	}
	before := w.turn
	steps, err := Compile(&c, "edge", w.needs())
	if err != nil {
		t.Fatal(err)
	}
	w.steps = steps
	w.checker, _ = steps[0].Request.(*checker)
	if before != nil {
		before.End()
	}
}

// world with a config whose keys are in a text.
func worldOf(t testing.TB, change func(*Config), keys ...*signer) *world {
	t.Helper()
	w := newWorld()
	w.use(t, func(c *Config) {
		for _, k := range keys {
			c.PublicKeys = append(c.PublicKeys, pemOf(t, k.public()))
		}
		if change != nil {
			change(c)
		}
	})
	t.Cleanup(func() { w.turn.End() })
	return w
}

// asked is an exchange with that token behind Bearer.
func asked(token string) *http7.Exchange {
	x := &http7.Exchange{Method: []byte("GET"), Target: []byte("/"), Path: []byte("/"), Authority: []byte("h")}
	if token != "" {
		x.Request.AddRaw([]byte("Authorization"), []byte("Bearer "+token))
	}
	return x
}

// says is what the policy says of a token: "alice", or the fault's name; "" for nobody.
func (w *world) says(token string) string {
	x := asked(token)
	return verdict(x, w.steps[0].Request.Request(x))
}

func verdict(x *http7.Exchange, v http7.Verdict) string {
	switch {
	case v.Act == http7.Reply:
		return v.Fault.Name
	case x.Identified():
		return x.Consumer
	}
	return strings.Join(x.Verdicts, " ")
}

func secretOf(text string) conf.Secret { return conf.SecretText(text) }
