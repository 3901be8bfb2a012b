package jwt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"weir/http7"
)

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// hs256 makes a token by hand, signed by a secret.
func hs256(header, payload string, secret []byte) string {
	text := b64(header) + "." + b64(payload)
	sum := hmac.New(sha256.New, secret)
	_, _ = sum.Write([]byte(text)) // a hash takes everything
	return text + "." + base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
}

// payload is that of a good token as JSON.
func payload(t testing.TB, changes map[string]any) string {
	t.Helper()
	doc, err := json.Marshal(claims(time.Now(), changes))
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

func TestTokensWithoutASignatureAreRefused(t *testing.T) {
	w := worldOf(t, nil, es256())
	good := payload(t, nil)
	signed := strings.Split(es256().sign(t, claims(time.Now(), nil), nil), ".")
	for _, c := range []struct{ what, token, want string }{
		{"none", b64(`{"alg":"none"}`) + "." + b64(good) + ".", "jwt_malformed"},
		{"none with a signature", b64(`{"alg":"none"}`) + "." + b64(good) + "." + signed[2], "jwt_algorithm"},
		{"None", b64(`{"alg":"None"}`) + "." + b64(good) + ".AAAA", "jwt_algorithm"},
		{"nOnE", b64(`{"alg":"nOnE"}`) + "." + b64(good) + ".AAAA", "jwt_algorithm"},
		{"an empty alg", b64(`{"alg":""}`) + "." + b64(good) + ".AAAA", "jwt_algorithm"},
		{"no alg", b64(`{"typ":"JWT"}`) + "." + b64(good) + ".AAAA", "jwt_algorithm"},
		{"an alg that is a list", b64(`{"alg":["ES256"]}`) + "." + b64(good) + ".AAAA", "jwt_algorithm"},
		{"two algs", b64(`{"alg":"ES256","alg":"none"}`) + "." + b64(good) + "." + signed[2], "jwt_malformed"},
		{"another spelling of alg", b64(`{"ALG":"ES256"}`) + "." + b64(good) + "." + signed[2], "jwt_algorithm"},
		{"no signature", signed[0] + "." + signed[1] + ".", "jwt_malformed"},
		{"two parts", signed[0] + "." + signed[1], "jwt_malformed"},
		{"another payload", signed[0] + "." + b64(payload(t, map[string]any{"sub": "root"})) + "." + signed[2], "jwt_signature"},
		{"another header", b64(`{"alg":"ES256","kid":"k-ES256"}`) + "." + signed[1] + "." + signed[2], "jwt_signature"},
		{"a signature of zeros", signed[0] + "." + signed[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)), "jwt_signature"},
		{"a signature in ASN.1", signed[0] + "." + signed[1] + "." + b64("\x30\x06\x02\x01\x01\x02\x01\x01"), "jwt_signature"},
		{"a longer signature", signed[0] + "." + signed[1] + "." + signed[2] + "AAAA", "jwt_signature"},
	} {
		if got := w.says(c.token); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
	}
}

// The public key is known to everybody: a token that it has "signed" as a secret must not pass, in whatever form the key
// is taken.
func TestAPublicKeyIsNoSecret(t *testing.T) {
	for _, a := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA} {
		k := made()[a]
		pem := pemOf(t, k.public())
		jwk, err := json.Marshal(k.jwk())
		if err != nil {
			t.Fatal(err)
		}
		w := worldOf(t, nil, k)
		for _, secret := range [][]byte{[]byte(pem), []byte(strings.TrimSpace(pem)), jwk, nil} {
			for _, header := range []string{`{"alg":"HS256"}`, `{"alg":"HS256","kid":"` + k.id + `"}`} {
				if got := w.says(hs256(header, payload(t, nil), secret)); got != "jwt_algorithm" {
					t.Errorf("%s: got %s", a, got)
				}
			}
		}
	}
}

// A key that a token brings along, or says where to find, is the attacker's own.
func TestKeysThatATokenBringsAreNotBelieved(t *testing.T) {
	thief := fresh(t, "mine")
	jwk := thief.jwk()
	w := worldOf(t, nil, es256())
	for what, header := range map[string]map[jose.HeaderKey]any{
		"jwk":                {"jwk": jwk},
		"jku":                {"jku": "https://evil.example/keys"},
		"x5u":                {"x5u": "https://evil.example/cert"},
		"jwk and the kid":    {"jwk": jwk, "kid": "k-ES256"},
		"the issuer's kid":   {"kid": "k-ES256"},
		"a path":             {"kid": "../../../../dev/null"},
		"a query":            {"kid": "' OR 1=1 --"},
		"a command":          {"kid": "| cat /etc/passwd"},
		"line ends":          {"kid": "a\r\nX-Injected: 1"},
		"an empty kid":       {"kid": ""},
		"a kid without end":  {"kid": strings.Repeat("k", 5000)},
		"a jwk that is none": {"jwk": map[string]string{"kty": "EC"}},
	} {
		token := thief.sign(t, claims(time.Now(), nil), header)
		switch got := w.says(token); got {
		case "jwt_signature", "jwt_key", "jwt_malformed":
		default:
			t.Errorf("%s: got %s", what, got)
		}
	}
}

func TestWhatATokenDemandsIsNotPassedOver(t *testing.T) {
	w := worldOf(t, nil, es256())
	for what, header := range map[string]string{
		"an extension":   `{"alg":"ES256","crit":["exp2"],"exp2":1}`,
		"a known name":   `{"alg":"ES256","crit":["alg"]}`,
		"b64":            `{"alg":"ES256","crit":["b64"],"b64":false}`,
		"b64 alone":      `{"alg":"ES256","b64":false}`,
		"an empty list":  `{"alg":"ES256","crit":[]}`,
		"compression":    `{"alg":"ES256","zip":"DEF"}`,
		"no list at all": `{"alg":"ES256","crit":"exp"}`,
	} {
		if got := w.says(b64(header) + "." + b64(payload(t, nil)) + "." + b64(strings.Repeat("s", 64))); got != "jwt_critical" {
			t.Errorf("%s: got %s", what, got)
		}
	}
}

func TestTokensOfAnotherTypeAreRefused(t *testing.T) {
	w := worldOf(t, nil, es256())
	for typ, want := range map[string]string{
		"JWT": "alice", "jwt": "alice", "at+jwt": "alice", "application/at+jwt": "alice", "APPLICATION/JWT": "alice",
		"logout+jwt": "jwt_type", "dpop+jwt": "jwt_type", "secevent+jwt": "jwt_type", "": "jwt_type", "application/": "jwt_type", "JOSE": "jwt_type",
	} {
		if got := w.says(es256().sign(t, claims(time.Now(), nil), map[jose.HeaderKey]any{"typ": typ})); got != want {
			t.Errorf("%q: got %s, want %s", typ, got, want)
		}
	}
	if got := w.says(es256().sign(t, claims(time.Now(), nil), map[jose.HeaderKey]any{"typ": 5})); got != "jwt_type" {
		t.Errorf("a number: got %s", got)
	}
}

// Plain claims of a token that says it wraps another were believed (RFC 7519 §5.2).
func TestATokenThatSaysItWrapsAnotherIsRefusedWhateverIsInIt(t *testing.T) {
	w := worldOf(t, nil, es256())
	for cty, want := range map[any]string{
		"JWT": "jwt_type", "jwt": "jwt_type", "application/jwt": "jwt_type", "APPLICATION/JWT": "jwt_type", 5: "jwt_type", true: "jwt_type", nil: "jwt_type",
		"json": "alice", "application/json": "alice", "": "alice",
	} {
		if got := w.says(es256().sign(t, claims(time.Now(), nil), map[jose.HeaderKey]any{"cty": cty})); got != want {
			t.Errorf("%v: got %s, want %s", cty, got, want)
		}
	}
}

func TestNestedAndEncryptedTokensAreRefused(t *testing.T) {
	w := worldOf(t, nil, es256())
	inner := es256().sign(t, claims(time.Now(), nil), nil)
	nested := es256().sign(t, []byte(inner), map[jose.HeaderKey]any{"cty": "JWT"})
	if got := w.says(nested); got != "jwt_type" {
		t.Errorf("nested: got %s", got)
	}
	if got := w.says(es256().sign(t, []byte(inner), nil)); got != "jwt_claims" {
		t.Errorf("nested, and nothing says so: got %s", got)
	}
	to, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: es256().public()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := to.Encrypt([]byte(inner))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwe.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	if got := w.says(text); got != "jwt_malformed" {
		t.Errorf("encrypted: got %s", got)
	}
	if got := w.says(`{"payload":"e30","signatures":[]}`); got != "jwt_malformed" {
		t.Errorf("in JSON: got %s", got)
	}
}

func TestTokensThatAreTooMuch(t *testing.T) {
	w := worldOf(t, nil, es256())
	for what, c := range map[string]struct {
		token string
		want  string
	}{
		"as long as it may be and nonsense": {strings.Repeat("a", 8<<10), "jwt_malformed"},
		"longer":                            {strings.Repeat("a", 8<<10+1), "jwt_too_large"},
		"a megabyte":                        {es256().sign(t, claims(time.Now(), map[string]any{"x": strings.Repeat("x", 1<<20)}), nil), "jwt_too_large"},
		"nested arrays":                     {es256().sign(t, []byte(`{"sub":"alice","exp":9999999999,"a":`+strings.Repeat("[", 2500)+strings.Repeat("]", 2500)+"}"), nil), "jwt_claims"},
		"many claims":                       {es256().sign(t, []byte(`{"sub":"alice","exp":9999999999,"a":[`+strings.Repeat("1,", 2000)+"1]}"), nil), "jwt_claims"},
		"nested headers":                    {b64(`{"alg":"ES256","x":`+strings.Repeat("[", 2500)+strings.Repeat("]", 2500)+"}") + ".e30.AAAA", "jwt_malformed"},
		"dots":                              {strings.Repeat(".", 5000), "jwt_malformed"},
		"nothing":                           {"", ""},
	} {
		if got := w.says(c.token); got != c.want {
			t.Errorf("%s: got %s, want %s", what, got, c.want)
		}
	}
	x := asked("")
	x.Request.AddRaw([]byte("Authorization"), []byte("Bearer "))
	if got := verdict(x, w.steps[0].Request.Request(x)); got != "jwt_malformed" {
		t.Errorf("the word alone: got %s", got)
	}
}

// One token has one spelling: what a lax decoder passes over is no part of base64url, and unused bits are zero (RFC 4648
// §3.5).
func TestATokenHasOneSpelling(t *testing.T) {
	w := worldOf(t, nil, es256())
	token := es256().sign(t, claims(time.Now(), nil), nil)
	head, rest, _ := strings.Cut(token, ".")
	last := token[len(token)-1]
	next := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", last) + 1
	for what, other := range map[string]string{
		"unused bits":  token[:len(token)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[next]),
		"padding":      token + "==",
		"a line end":   head + "\n." + rest,
		"a blank":      head + " ." + rest,
		"plain base64": head + "+/." + rest,
	} {
		if got := w.says(other); got != "jwt_malformed" {
			t.Errorf("%s: got %s", what, got)
		}
	}
	if got := w.says(token); got != "alice" {
		t.Errorf("the token itself: got %s", got)
	}
}

// FuzzTokens: whatever is sent, it passes only as what an issuer signed.
func FuzzTokens(f *testing.F) {
	w := worldOf(f, nil, es256())
	good := es256().sign(f, claims(time.Now(), nil), nil)
	for _, s := range []string{good, rfcHS256, rfcES256, rfcNone, "", ".", "..", "a.b.c", good + ".", "e30.e30.e30"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		x := asked("")
		if !http7.IsFieldValue([]byte("Bearer " + token)) {
			return
		}
		x.Request.AddRaw([]byte("Authorization"), []byte("Bearer "+token))
		v := w.steps[0].Request.Request(x)
		if passed := v.Act == http7.Go && x.Identified(); passed != (token == good) {
			t.Errorf("%q: passed %v", token, passed)
		}
	})
}
