package jwt

import (
	"encoding/pem"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/http7/credential"
	"weir/internal/conf"
	"weir/internal/fetch"
	"weir/internal/tlsto"
)

// Config establishes who sends a request by a signed token (JWT, RFC 7519, read as RFC 8725 advises). A request without
// one goes on without an identity; one with a token that is not valid is refused.
type Config struct {
	// Mode is "enforce", "observe" (record what would be refused; forward nothing) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`

	// JWKS is where the issuer's public keys are (RFC 7517): a URL, which is asked again and again, or a file, which is
	// read again when it changes. Keys that were good stay while their source is down or holds garbage. One of jwks,
	// public_keys and secret is required.
	JWKS string `toml:"jwks"`
	// PublicKeys are public keys or certificates in PEM, each as a text or as the path of a file, which is read when the
	// configuration is. Hazard: they are not rotated by anybody but you. Default: none.
	PublicKeys []string `toml:"public_keys"`
	// Secret is the one that HS256, HS384 and HS512 share with the issuer, who then is everybody that can verify. It may also
	// lie in a file at jwks, in a set from a URL it is passed over. Default: none.
	Secret conf.Secret `toml:"secret"`
	// Algorithms are those that a token may be signed by; "none" is never one. Default: the asymmetric ones: RS256, RS384,
	// RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA; those of a secret must be named.
	Algorithms []string `toml:"algorithms"`

	// Issuer is what the token's iss must be, byte for byte. Hazard: without it any issuer is believed whose key is among
	// the keys. Default: not looked at.
	Issuer string `toml:"issuer"`
	// Audience are names of which the token's aud must hold one. Hazard: without it tokens are taken that were given to
	// be shown elsewhere. Default: not looked at.
	Audience []string `toml:"audience"`
	// Types are what the token's typ may be, without "application/"; case does not count, and a token without typ passes.
	// Default: "JWT" and "at+jwt".
	Types []string `toml:"types"`
	// Leeway is how far the issuer's clock may be from this one's when exp and nbf are judged. Default: 30s.
	Leeway conf.Duration `toml:"leeway"`
	// NoExpiry takes tokens without exp, which are valid for ever. Default: false.
	NoExpiry bool `toml:"no_expiry"`

	// Header is the field that carries the token: in Authorization behind "Bearer", in another field alone. "": none.
	// Default: "Authorization".
	Header string `toml:"header"`
	// Cookie is a cookie that carries the token, besides header. Hazard: browsers send cookies with the requests of other
	// sites too. Default: none.
	Cookie string `toml:"cookie"`
	// Query is a parameter of the query that carries the token, besides header. Hazard: URLs are written down on the way.
	// Default: none.
	Query string `toml:"query"`
	// Opaque says what becomes of a token that is no JWT by its shape: "refuse", or "pass" to another policy of the
	// bundle, such as introspect. Default: "refuse".
	Opaque string `toml:"opaque"`
	// Realm is what clients are told in WWW-Authenticate. Default: "api".
	Realm string `toml:"realm"`

	// Consumer is the claim that names the consumer for limits, logs and conditions; a token without it is refused.
	// Default: "sub".
	Consumer string `toml:"consumer"`
	// GroupsClaim is the claim whose strings are the groups that authorise asks for; members of objects are written by
	// path, "realm_access.roles". Default: "groups". Scopes are those of scope and scp.
	GroupsClaim string `toml:"groups_claim"`
	// Forward are request fields in which endpoints are told claims: { X-User = "sub" }. What clients write there is
	// removed. Default: none.
	Forward map[string]string `toml:"forward"`
	// Pass lets the token go on to the endpoint. Default: false, it is taken out.
	Pass bool `toml:"pass"`

	// Refresh is how often the keys at a URL are asked for. Default: 10m.
	Refresh conf.Duration `toml:"refresh"`
	// UnknownKey is how often at most they are asked for besides, because a token names a key that is not among them.
	// Default: 10s.
	UnknownKey conf.Duration `toml:"unknown_key"`
	// Timeout bounds one call for keys, and how long a request waits for it. Default: 2s.
	Timeout conf.Duration `toml:"timeout"`
	// TLS is how the URL's host is spoken to.
	TLS *tlsto.Config `toml:"tls"`
	// Cache is how much memory verified tokens may take, so that the next request with the same one pays no signature;
	// "off": none. Default: 16MiB.
	Cache conf.Size `toml:"cache"`
	// MaxToken is how long a token may be. Default: 8KiB.
	MaxToken conf.Size `toml:"max_token"`
}

// Default returns the values of absent keys.
func Default() Config {
	return Config{
		Types: []string{"JWT", "at+jwt"}, Leeway: conf.Dur(30 * time.Second),
		Header: "Authorization", Opaque: "refuse", Realm: "api", Consumer: "sub", GroupsClaim: "groups",
		Refresh: conf.Dur(10 * time.Minute), UnknownKey: conf.Dur(10 * time.Second), Timeout: conf.Dur(2 * time.Second),
		Cache: conf.Bytes(16 << 20), MaxToken: conf.Bytes(8 << 10),
	}
}

const (
	maxLeeway = 10 * time.Minute
	minPeriod = time.Second
)

// Check notes what is wrong with c and its files.
func (c *Config) Check(p *conf.Problems) {
	c.checkKeys(p)
	c.checkAlgorithms(p)
	c.place().Check(p)
	credential.CheckForward(p, c.Forward)
	p.OneOf("opaque", c.Opaque, "a way with opaque tokens", "refuse", "pass")
	checkRealm(p, c.Realm)
	if c.Consumer == "" {
		p.Add("consumer", "no claim names the consumer", `write its name, such as "sub"`)
	}
	if c.Leeway.Value() > maxLeeway {
		p.Add("leeway", strconv.Quote(c.Leeway.String())+" is no difference between clocks", "write at most 10m")
	}
	for _, d := range []struct {
		key   string
		is    conf.Duration
		least time.Duration
	}{{"refresh", c.Refresh, minPeriod}, {"unknown_key", c.UnknownKey, minPeriod}, {"timeout", c.Timeout, time.Millisecond}} {
		if d.is.IsOff() || d.is.Value() < d.least {
			p.Add(d.key, strconv.Quote(d.is.String())+" is too short", `write at least "`+conf.Dur(d.least).String()+`"`)
		}
	}
	if n := c.MaxToken.Value(); c.MaxToken.IsOff() || n < 256 || n > 64<<10 {
		p.Add("max_token", strconv.Quote(c.MaxToken.String())+" is out of range", "write 256B to 64KiB")
	}
	if !c.Cache.IsOff() && c.Cache.Value() < 64<<10 {
		p.Add("cache", strconv.Quote(c.Cache.String())+" holds no token", `write at least "64KiB", or "off"`)
	}
	c.warn(p)
}

// warn notes what is allowed and seldom meant.
func (c *Config) warn(p *conf.Problems) {
	if len(c.Audience) == 0 {
		p.Warn("", "without audience, tokens are taken that the issuer gave for other services", `write audience = ["…"]`)
	}
	if c.NoExpiry {
		p.Warn("no_expiry", "a token without an expiry can't be ended but by a new key", "leave no_expiry out")
	}
}

func (c *Config) place() credential.At {
	return credential.At{Header: c.Header, Cookie: c.Cookie, Query: c.Query}
}

// isURL reports whether the keys are to be asked for.
func (c *Config) isURL() bool { return strings.Contains(c.JWKS, "://") }

func (c *Config) checkKeys(p *conf.Problems) {
	sources := 0
	for _, is := range []bool{c.JWKS != "", len(c.PublicKeys) > 0, !c.Secret.IsZero()} {
		if is {
			sources++
		}
	}
	if n := len(c.Secret.Reveal()); n > 0 && n < 32 {
		p.AddKey("secret", "the secret has fewer than 32 bytes", "make one by openssl rand -base64 32")
	}
	switch {
	case sources == 0:
		p.Add("", "there are no keys", `write jwks = "https://…" or jwks = "/path", or public_keys, or secret`)
	case sources > 1:
		p.Add("", "the keys have more than one source", "keep one of jwks, public_keys and secret")
	case c.isURL():
		if u := fetch.CheckURL(p, "jwks", c.JWKS); u != nil && fetch.Open(u) {
			p.Warn("jwks", "whoever stands on the way can put keys of his own in place of the issuer's", "write an https URL")
		}
	case c.JWKS != "":
		c.checkFile(p)
	}
	for i, k := range c.PublicKeys {
		if _, err := pemKeys(k, p.ReadFile); err != nil {
			p.Index("public_keys", i).Add("", err.Error(), "write a public key or a certificate in PEM, or the path of a file that holds it")
		}
	}
	if c.TLS == nil {
		return
	}
	if !strings.HasPrefix(c.JWKS, "https://") {
		p.AddKey("tls", "nothing is asked over TLS", "leave tls out")
		return
	}
	c.TLS.Check(p.In("tls"))
}

func (c *Config) checkFile(p *conf.Problems) {
	doc, err := p.ReadFile(c.JWKS)
	if err != nil {
		p.Add("jwks", strconv.Quote(c.JWKS)+" can't be read: "+conf.FileTrouble(err), "write the path of a file, or a URL that begins with https://")
		return
	}
	if _, err := parseSet(doc, true); err != nil {
		p.Add("jwks", strconv.Quote(c.JWKS)+" can't be used: "+err.Error(), "a key set is {\"keys\": […]} (RFC 7517 §5)")
	}
}

// checkAlgorithms keeps symmetric and asymmetric ones apart: a public key must never serve as a secret.
func (c *Config) checkAlgorithms(p *conf.Problems) {
	shared := !c.Secret.IsZero()
	if shared && len(c.Algorithms) == 0 {
		p.Add("algorithms", "with a secret the algorithm must be named", `write algorithms = ["HS256"]`)
	}
	known := asymmetric()
	if shared {
		known = symmetric()
	}
	for i, a := range c.Algorithms {
		at := p.Index("algorithms", i)
		switch {
		case strings.EqualFold(a, "none"):
			at.Add("", "anybody can write a token that is not signed", "name the algorithms that the issuer signs by")
		case shared == strings.HasPrefix(a, "HS"):
			at.OneOf("", a, "an algorithm", known...)
		case shared:
			at.Add("", strconv.Quote(a)+" needs a public key, and there is a secret", "name HS256, HS384 or HS512, or give jwks")
		default:
			c.checkSymmetric(at, a)
		}
	}
}

// checkSymmetric checks an algorithm that needs a secret where none is written: one may lie in the file of keys. No key of
// another type serves such an algorithm, so that a list which names it besides others does no harm.
func (c *Config) checkSymmetric(p *conf.Problems, a string) {
	others := slices.ContainsFunc(c.Algorithms, func(a string) bool { return !strings.HasPrefix(a, "HS") })
	switch {
	case c.holdsSecret(p):
		p.OneOf("", a, "an algorithm", symmetric()...)
	case c.JWKS == "" || !others:
		p.Add("", strconv.Quote(a)+" would take a public key for a secret", "name an asymmetric one, such as ES256, or give secret")
	default:
		p.OneOf("", a, "an algorithm", symmetric()...)
		p.Warn("", strconv.Quote(a)+" is never accepted: no key is a secret", "leave it out")
	}
}

// holdsSecret reports whether the keys are those of a file, a shared secret among them.
func (c *Config) holdsSecret(p *conf.Problems) bool {
	if c.JWKS == "" || c.isURL() {
		return false
	}
	doc, err := p.ReadFile(c.JWKS)
	if err != nil {
		return false
	}
	set, err := parseSet(doc, true)
	return err == nil && slices.ContainsFunc(set.keys, func(k key) bool { _, is := k.material.([]byte); return is })
}

func checkRealm(p *conf.Problems, realm string) {
	if strings.ContainsFunc(realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		p.Add("realm", strconv.Quote(realm)+" can't stand in a field between quotes", "write letters, digits and blanks")
	}
}

// isPEM reports whether a text is a key itself and not the path of one.
func isPEM(text string) bool {
	b, _ := pem.Decode([]byte(text))
	return b != nil || strings.Contains(text, "-----BEGIN")
}
