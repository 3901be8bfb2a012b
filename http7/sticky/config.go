package sticky

import (
	"strconv"
	"strings"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// Config says how clients stay at their endpoint.
type Config struct {
	// Cookie is the name of the cookie. Required; upstreams that one site reaches need different
	// names, or each takes the other's cookie for garbage and replaces it.
	Cookie string `toml:"cookie"`
	// TTL is how long a client that stays away is remembered; one that comes gets a fresh cookie when
	// half of it has passed. "off": until the browser is closed. At most 400 days, as browsers have it.
	// Default: 1h.
	TTL conf.Duration `toml:"ttl"`
	// Key is the secret that the cookies are sealed with, of at least 16 characters, such as
	// { env = "STICKY_KEY" }; all nodes that serve one site need the same. A list rotates it: the
	// first seals, all open; the last may go when the TTL has passed. With several nodes, append the
	// new one on all of them before it becomes the first. Default: one is generated and kept in
	// state_dir.
	Key []conf.Secret `toml:"key"`
	// Secure marks the cookie Secure whatever the connection. Default: false, which marks it where the
	// client came by https.
	Secure bool `toml:"secure"`
	// HTTPOnly keeps scripts from reading the cookie. Default: true.
	HTTPOnly bool `toml:"http_only"`
	// SameSite says which requests from other sites carry the cookie: "lax", "strict" or "none", which
	// needs secure. Default: "lax".
	SameSite string `toml:"same_site"`
	// Path is the path below which the cookie is sent. Default: "/".
	Path string `toml:"path"`
	// Domain is the domain whose hosts all get the cookie. Default: none, the host alone that set it.
	Domain string `toml:"domain"`
}

// The values of Config.SameSite.
const (
	Lax    = "lax"
	Strict = "strict"
	None   = "none"
)

// Default returns the values of absent keys.
func Default() Config {
	return Config{TTL: conf.Dur(time.Hour), HTTPOnly: true, SameSite: Lax, Path: "/"}
}

const (
	// minSecret is the least length of a configured key, in characters.
	minSecret = 16
	// maxTTL is the longest that browsers keep a cookie (RFC 6265bis §5.5).
	maxTTL = 400 * 24 * time.Hour
)

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	c.checkName(p)
	p.OneOf("same_site", c.SameSite, "a rule for other sites", Lax, Strict, None)
	if c.SameSite == None && !c.Secure {
		p.Add("same_site", `browsers refuse a cookie with same_site = "none" that is not secure`, "write secure = true too")
	}
	switch ttl := c.TTL.Value(); {
	case c.TTL.IsOff():
	case ttl < time.Second:
		p.Add("ttl", strconv.Quote(c.TTL.String())+" is too short to stay anywhere", `write at least "1s", or "off" for as long as the browser is open`)
	case ttl > maxTTL:
		p.Add("ttl", strconv.Quote(c.TTL.String())+" is longer than browsers keep a cookie", `write at most "400d"`)
	}
	if !strings.HasPrefix(c.Path, "/") || !attribute(c.Path) {
		p.Add("path", strconv.Quote(c.Path)+" can't be the path of a cookie", `write a path that begins with /, without ";"`)
	}
	if c.Domain != "" && !domain(c.Domain) {
		p.Add("domain", strconv.Quote(c.Domain)+" can't be the domain of a cookie", `write a host name, such as "example.com"`)
	}
	c.checkKeys(p)
}

// checkName checks the name, and what its prefix promises to browsers (RFC 6265bis §4.1.3).
func (c *Config) checkName(p *conf.Problems) {
	switch {
	case c.Cookie == "":
		p.Add("cookie", "the cookie has no name", `write a name, such as cookie = "weir"`)
	case !http7.IsToken([]byte(c.Cookie)):
		p.Add("cookie", strconv.Quote(c.Cookie)+" can't be the name of a cookie", "write letters, digits, - and _")
	case prefixed(c.Cookie, "__Host-") && (!c.Secure || c.Path != "/" || c.Domain != ""):
		p.Add("cookie", "browsers refuse a cookie called "+c.Cookie+" unless it is secure, for the path / and without a domain", `write secure = true, and neither path nor domain`)
	case prefixed(c.Cookie, "__Secure-") && !c.Secure:
		p.Add("cookie", "browsers refuse a cookie called "+c.Cookie+" unless it is secure", "write secure = true")
	}
}

func prefixed(name, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

func (c *Config) checkKeys(p *conf.Problems) {
	seen := map[string]bool{}
	for i, s := range c.Key {
		at, text := p.Index("key", i), s.Reveal()
		switch {
		case text == "": // the loader says why
		case len(text) < minSecret:
			at.Add("", "the key has fewer than "+strconv.Itoa(minSecret)+" characters and could be guessed", "make one with: openssl rand -base64 32")
		case seen[text]:
			at.Add("", "the key is written twice", "leave one of them out")
		}
		seen[text] = true
	}
}

// attribute reports whether s may stand in an attribute of a cookie (RFC 6265 §4.1.1).
func attribute(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f || r == ';' })
}

// domain reports whether s is a host name of letters, digits and hyphens.
func domain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
		}) {
			return false
		}
	}
	return len(s) <= 253
}
