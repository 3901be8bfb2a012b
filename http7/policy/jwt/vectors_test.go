package jwt

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func pemOf(t testing.TB, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// file writes a file of the test's and returns its path.
func file(t testing.TB, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The examples of RFC 7515 (A.1 to A.3) and RFC 7519 (§3.1 and A.1's kin): one payload, "joe" as issuer, that expired on
// 22 March 2011, and keys as the RFCs print them.
const (
	rfcHS256 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	rfcRS256 = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
	rfcES256 = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	// rfcNone is RFC 7519's unsecured JWT (§6.1).
	rfcNone = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."

	rfcSecret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	rfcKeys   = `{"keys":[
	  {"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"},
	  {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`
)

// sleepUntil moves a bubble's clock on.
func sleepUntil(t time.Time) { <-time.After(time.Until(t)) }

var rfcExpiry = time.Unix(1300819380, 0)

func TestTheExamplesOfTheRFCs(t *testing.T) {
	secret, err := base64.RawURLEncoding.DecodeString(rfcSecret)
	if err != nil {
		t.Fatal(err)
	}
	byFile := func(c *Config) { c.JWKS = file(t, "keys.json", []byte(rfcKeys)) }
	bySecret := func(c *Config) { c.Secret, c.Algorithms = secretOf(string(secret)), []string{"HS256"} }
	// HS256 is named where the keys are public, and where a secret lies among them: each key serves its own type.
	mixed := func(doc string) func(*Config) {
		return func(c *Config) {
			c.JWKS, c.Algorithms = file(t, "keys.json", []byte(doc)), []string{"RS256", "HS256"}
		}
	}
	withSecret := strings.Replace(rfcKeys, `{"keys":[`, `{"keys":[{"kty":"oct","k":"`+rfcSecret+`"},`, 1)
	for _, c := range []struct {
		what, token  string
		keys         func(*Config)
		before, then string
	}{
		{"RFC 7515 A.1 by a secret in a file", rfcHS256, mixed(withSecret), "joe", "jwt_expired"},
		{"RFC 7515 A.2 beside a secret in a file", rfcRS256, mixed(withSecret), "joe", "jwt_expired"},
		{"HS256 is named and no key is a secret", rfcHS256, mixed(rfcKeys), "jwt_key", "jwt_key"},
		{"RFC 7515 A.1: HS256", rfcHS256, bySecret, "joe", "jwt_expired"},
		{"RFC 7515 A.2: RS256", rfcRS256, byFile, "joe", "jwt_expired"},
		{"RFC 7515 A.3: ES256", rfcES256, byFile, "joe", "jwt_expired"},
		{"RFC 7519 6.1: none", rfcNone, byFile, "jwt_malformed", "jwt_malformed"},
		{"RFC 7519 6.1: none, with a secret", rfcNone, bySecret, "jwt_malformed", "jwt_malformed"},
		{"HS256 where keys are public", rfcHS256, byFile, "jwt_algorithm", "jwt_algorithm"},
		{"RS256 where there is a secret", rfcRS256, bySecret, "jwt_algorithm", "jwt_algorithm"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := worldOf(t, func(cfg *Config) {
				cfg.Issuer, cfg.Audience, cfg.Consumer = "joe", nil, "iss"
				cfg.Leeway = Default().Leeway
				c.keys(cfg)
			})
			sleepUntil(rfcExpiry) // within the leeway
			if got := w.says(c.token); got != c.before {
				t.Errorf("%s: got %s, want %s", c.what, got, c.before)
			}
			time.Sleep(w.checker.leeway)
			if got := w.says(c.token); got != c.then {
				t.Errorf("%s: later got %s, want %s", c.what, got, c.then)
			}
		})
	}
}

func TestEveryAlgorithmVerifiesItsOwnTokensAlone(t *testing.T) {
	keys := made()
	all := []*signer{}
	for _, k := range keys {
		all = append(all, k)
	}
	for _, a := range []jose.SignatureAlgorithm{jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512} {
		all = append(all, &signer{"k-RS256", a, keys[jose.RS256].private})
	}
	for _, s := range all {
		w := worldOf(t, nil, s)
		token := s.sign(t, claims(time.Now(), nil), nil)
		if got := w.says(token); got != "alice" {
			t.Errorf("%s: got %s", s.algorithm, got)
		}
		for _, other := range asymmetric() {
			if other == string(s.algorithm) {
				continue
			}
			w := worldOf(t, func(c *Config) { c.Algorithms = []string{other} }, s)
			if got := w.says(token); got != "jwt_algorithm" {
				t.Errorf("%s where %s is pinned: got %s", s.algorithm, other, got)
			}
		}
	}
}

// RFC 7518 §3.5: the salt of PSS is as long as the hash. The library would take any.
func TestSaltsOfPSSHaveTheLengthOfTheirHash(t *testing.T) {
	private := made()[jose.RS256].private.(*rsa.PrivateKey)
	w := worldOf(t, nil, &signer{"k", jose.PS256, private})
	signed := b64(`{"alg":"PS256"}`) + "." + b64(payload(t, nil))
	sum := sha256.Sum256([]byte(signed))
	for salt, want := range map[int]string{32: "alice", 0: "jwt_signature", 20: "jwt_signature", 64: "jwt_signature"} {
		if salt == 0 {
			salt = rsa.PSSSaltLengthAuto // the longest that fits, when it signs
		}
		signature, err := rsa.SignPSS(rand.Reader, private, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.says(signed + "." + base64.RawURLEncoding.EncodeToString(signature)); got != want {
			t.Errorf("a salt of %d: got %s, want %s", salt, got, want)
		}
	}
}
