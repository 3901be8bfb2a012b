package jwt

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/internal/tlsto"
)

// problem is the first problem that is no warning, "path: text"; "" for none.
func problem(c *Config) string {
	p := conf.NewProblems()
	c.Check(p)
	for _, one := range p.List() {
		if !one.Warning {
			return one.Path.String() + ": " + one.Text
		}
	}
	return ""
}

func TestConfigsThatAreWrong(t *testing.T) {
	keys := file(t, "keys.json", jwks(t, es256()))
	oct := file(t, "oct.json", []byte(`{"keys":[{"kty":"oct","k":"`+rfcSecret+`"}]}`))
	bad := file(t, "bad.json", []byte("{\n  \"keys\": [\n    {,\n"))
	for _, c := range []struct {
		what   string
		change func(*Config)
		want   string
	}{
		{"a file", func(c *Config) { c.JWKS = keys }, ""},
		{"a URL", func(c *Config) { c.JWKS = "https://id.example.com/keys" }, ""},
		{"no keys", func(c *Config) {}, ": there are no keys"},
		{"two sources", func(c *Config) { c.JWKS = keys; c.PublicKeys = []string{pemOf(t, es256().public())} }, ": the keys have more than one source"},
		{"a URL that is none", func(c *Config) { c.JWKS = "ftp://h/keys" }, "jwks: it can't be asked: it begins neither with https:// nor with http://"},
		{"no file", func(c *Config) { c.JWKS = "/no/such" }, `jwks: "/no/such" can't be read: no such file or directory`},
		{"a bad file", func(c *Config) { c.JWKS = bad }, `jwks: "` + bad + `" can't be used: 3:6: invalid character ',' looking for beginning of object key string`},
		{"no PEM", func(c *Config) { c.PublicKeys = []string{"/no/such"} }, `public_keys[0]: "/no/such" can't be read: no such file or directory`},
		{"half a PEM", func(c *Config) { c.PublicKeys = []string{pemOf(t, es256().public())[:60]} }, "public_keys[0]: block 1 is cut or damaged"},
		{"a secret without algorithms", func(c *Config) { c.Secret = secretOf(strings.Repeat("s", 32)) }, "algorithms: with a secret the algorithm must be named"},
		{"a secret and ES256", func(c *Config) { c.Secret, c.Algorithms = secretOf(strings.Repeat("s", 32)), []string{"ES256"} }, `algorithms[0]: "ES256" needs a public key, and there is a secret`},
		{"keys and HS256", func(c *Config) { c.JWKS, c.Algorithms = keys, []string{"HS256"} }, `algorithms[0]: "HS256" would take a public key for a secret`},
		{"keys of a URL and HS256", func(c *Config) { c.JWKS, c.Algorithms = "https://h/", []string{"HS256"} }, `algorithms[0]: "HS256" would take a public key for a secret`},
		{"keys and HS256 besides", func(c *Config) { c.JWKS, c.Algorithms = "https://h/", []string{"RS256", "HS256"} }, ""},
		{"PEM and HS256 besides", func(c *Config) {
			c.PublicKeys, c.Algorithms = []string{pemOf(t, es256().public())}, []string{"ES256", "HS256"}
		}, `algorithms[1]: "HS256" would take a public key for a secret`},
		{"a secret among the keys of a file", func(c *Config) { c.JWKS, c.Algorithms = oct, []string{"HS256"} }, ""},
		{"no algorithm of that secret", func(c *Config) { c.JWKS, c.Algorithms = oct, []string{"HS265"} }, `algorithms[0]: "HS265" is not an algorithm`},
		{"none", func(c *Config) { c.JWKS, c.Algorithms = keys, []string{"None"} }, "algorithms[0]: anybody can write a token that is not signed"},
		{"no algorithm", func(c *Config) { c.JWKS, c.Algorithms = keys, []string{"ES265"} }, `algorithms[0]: "ES265" is not an algorithm`},
		{"no place", func(c *Config) { c.JWKS, c.Header = keys, "" }, "header: nothing says where the token stands"},
		{"no field", func(c *Config) { c.JWKS, c.Header = keys, "a b" }, `header: "a b" is not a field name`},
		{"a field of another meaning", func(c *Config) { c.JWKS, c.Header = keys, "Host" }, `header: "Host" has another meaning`},
		{"no cookie", func(c *Config) { c.JWKS, c.Cookie = keys, "a;b" }, `cookie: "a;b" can't be the name of a cookie`},
		{"a field told twice", func(c *Config) { c.JWKS, c.Forward = keys, map[string]string{"Content-Length": "sub"} }, `forward.Content-Length: "Content-Length" has another meaning`},
		{"no claim", func(c *Config) { c.JWKS, c.Forward = keys, map[string]string{"X-User": ""} }, "forward.X-User: the claim is missing"},
		{"opaque", func(c *Config) { c.JWKS, c.Opaque = keys, "allow" }, `opaque: "allow" is not a way with opaque tokens`},
		{"realm", func(c *Config) { c.JWKS, c.Realm = keys, "a\"b" }, `realm: "a\"b" can't stand in a field between quotes`},
		{"consumer", func(c *Config) { c.JWKS, c.Consumer = keys, "" }, "consumer: no claim names the consumer"},
		{"leeway", func(c *Config) { c.JWKS, c.Leeway = keys, conf.Dur(time.Hour) }, `leeway: "1h" is no difference between clocks`},
		{"refresh", func(c *Config) { c.JWKS, c.Refresh = keys, conf.Dur(time.Millisecond) }, `refresh: "1ms" is too short`},
		{"timeout", func(c *Config) { c.JWKS, c.Timeout = keys, conf.OffDuration }, `timeout: "off" is too short`},
		{"max_token", func(c *Config) { c.JWKS, c.MaxToken = keys, conf.Bytes(1<<20) }, `max_token: "1MiB" is out of range`},
		{"cache", func(c *Config) { c.JWKS, c.Cache = keys, conf.Bytes(1) }, `cache: "1B" holds no token`},
		{"tls without https", func(c *Config) { c.JWKS, c.TLS = keys, &tlsto.Config{} }, "tls: nothing is asked over TLS"},
		{"tls", func(c *Config) { c.JWKS, c.TLS = "https://h/", &tlsto.Config{Key: "/k"} }, "tls.key: key is nothing without its cert"},
	} {
		cfg := Default()
		c.change(&cfg)
		if got := problem(&cfg); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
		_, err := Compile(&cfg, "edge", nil)
		if (err == nil) != (c.want == "") {
			t.Errorf("%s: compiling says %v", c.what, err)
		}
	}
}

func TestConfigsThatAreAllowedAndSeldomMeant(t *testing.T) {
	c := Default()
	c.JWKS, c.NoExpiry, c.Query = "http://id.example.com/keys", true, "token"
	p := conf.NewProblems()
	c.Check(p)
	warned := map[string]bool{}
	for _, one := range p.List() {
		if !one.Warning {
			t.Errorf("%s: %s", one.Path, one.Text)
		}
		warned[one.Path.String()] = true
	}
	for _, path := range []string{"", "jwks", "no_expiry", "query"} {
		if !warned[path] {
			t.Errorf("no warning of %q", path)
		}
	}
}

func TestAShortSecretIsPlaced(t *testing.T) {
	c := Default()
	c.Secret, c.Algorithms, c.Audience = secretOf("s3cret"), []string{"HS256"}, []string{"a"}
	p := conf.NewProblems()
	c.Check(p)
	if list := p.List(); len(list) != 1 || list[0].Path.String() != "secret" || !strings.Contains(list[0].Hint, "openssl rand") {
		t.Errorf("got %+v", list)
	}
}

func TestSecretsAreInNoMessage(t *testing.T) {
	c := Default()
	c.Secret, c.Algorithms = secretOf("s3cret"), []string{"HS256"}
	_, err := Compile(&c, "edge", nil)
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "fewer than 32 bytes") {
		t.Errorf("got %v", err)
	}
	if key := memoryKey(&c, "edge.jwt"); strings.Contains(key, "s3cret") {
		t.Errorf("got %s", key)
	}
}

func TestKeysThatAreNotTaken(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	small := &signer{"weak", "RS256", weak}
	n := func(s *signer) string {
		doc, err := json.Marshal(s.jwk())
		if err != nil {
			t.Fatal(err)
		}
		return string(doc)
	}
	good := n(es256())
	with := func(extra string) string { return strings.TrimSuffix(good, "}") + "," + extra + "}" }
	for _, c := range []struct{ what, key, want string }{
		{"a good one", good, ""},
		{"1024 bits", n(small), "key 1: an RSA key of 1024 bits"},
		{"for encryption", strings.Replace(good, `"sig"`, `"enc"`, 1), `key 1: it is for "enc"`},
		{"to wrap keys", with(`"key_ops":["wrapKey"]`), "key 1: key_ops says that it does not verify"},
		{"to verify", with(`"key_ops":["verify"]`), ""},
		{"of another algorithm", strings.Replace(good, `"ES256"`, `"RS256"`, 1), `key 1: its algorithm "RS256" is not one of its type`},
		{"a secret", `{"kty":"oct","k":"` + b64(strings.Repeat("s", 32)) + `"}`, "key 1: it is a secret, which must not lie here"},
		{"of an unknown type", `{"kty":"XYZ"}`, "key 1: "},
		{"not on its curve", `{"kty":"EC","crv":"P-256","x":"` + b64(strings.Repeat("x", 32)) + `","y":"` + b64(strings.Repeat("y", 32)) + `"}`, "key 1: "},
		{"no key", `5`, "key 1: "},
	} {
		set, err := parseSet([]byte(`{"keys":[`+c.key+`]}`), false)
		switch {
		case c.want == "" && (err != nil || len(set.keys) != 1):
			t.Errorf("%s: %v", c.what, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %s", c.what, err, c.want)
		}
		beside, err := parseSet([]byte(`{"keys":[`+c.key+`,`+n(fresh(t, "beside"))+`]}`), false)
		if err != nil || c.want != "" && (len(beside.keys) != 1 || beside.ignored != 1) {
			t.Errorf("%s beside a good one: %v", c.what, err)
		}
	}
	if set, err := parseSet([]byte(`{"keys":[{"kty":"oct","k":"`+b64(strings.Repeat("s", 48))+`"}]}`), true); err != nil || len(set.keys[0].algorithms) != 2 {
		t.Errorf("a secret in a file: %v", err)
	}
	if _, err := parseSet([]byte(`{"keys":[`+strings.Repeat("{},", maxKeys)+`{}]}`), false); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("too many: %v", err)
	}
}

// FuzzSets: whatever a source says, only keys that can verify are taken.
func FuzzSets(f *testing.F) {
	f.Add(jwks(f, es256()))
	f.Add([]byte(rfcKeys))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},5,null]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		set, err := parseSet(doc, false)
		if err != nil {
			return
		}
		for _, k := range set.keys {
			if _, secret := k.material.([]byte); secret || len(k.algorithms) == 0 {
				t.Errorf("%q is taken", doc)
			}
		}
	})
}
