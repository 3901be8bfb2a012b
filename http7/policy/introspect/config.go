package introspect

import (
	"strconv"
	"strings"
	"time"

	"weir/http7/credential"
	"weir/internal/conf"
	"weir/internal/fetch"
	"weir/internal/tlsto"
)

// Config establishes who sends a request by asking the authorisation server about the token that it carries (RFC 7662). A
// request without one goes on without an identity; one with a token that is not active is refused.
type Config struct {
	// Mode is "enforce", "observe" (record what would be refused; forward nothing) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`

	// URL is the server's introspection endpoint. Required.
	URL string `toml:"url"`
	// ClientID is what Weir calls itself to the server. Required.
	ClientID string `toml:"client_id"`
	// ClientSecret is the secret that goes with client_id. Required.
	ClientSecret conf.Secret `toml:"client_secret"`
	// Auth is how both are sent: "basic" (RFC 6749 §2.3.1) or "post", in the body. Default: "basic".
	Auth string `toml:"auth"`
	// TLS is how the server is spoken to.
	TLS *tlsto.Config `toml:"tls"`
	// Timeout bounds one call, and how long a request waits for it. Default: 2s.
	Timeout conf.Duration `toml:"timeout"`
	// Connections is how many calls may be under way; those beyond wait within timeout. Default: 32.
	Connections int `toml:"connections"`
	// OnFailure says what becomes of a request whose token nobody could judge, because the server did not answer or not
	// rightly: "closed" refuses it with 503, "open" lets it go on without an identity, as if it had no token; whoever
	// requires one refuses it then. Default: "closed".
	OnFailure string `toml:"on_failure"`

	// Issuer is what the answer's iss must be, if it is not empty. Default: not looked at.
	Issuer string `toml:"issuer"`
	// Audience are names of which the answer's aud must hold one. Default: not looked at, the server has judged.
	Audience []string `toml:"audience"`

	// Header is the field that carries the token: in Authorization behind "Bearer", in another field alone. "": none.
	// Default: "Authorization".
	Header string `toml:"header"`
	// Cookie is a cookie that carries the token, besides header. Hazard: browsers send cookies with the requests of other
	// sites too. Default: none.
	Cookie string `toml:"cookie"`
	// Query is a parameter of the query that carries the token, besides header. Hazard: URLs are written down on the way.
	// Default: none.
	Query string `toml:"query"`
	// Realm is what clients are told in WWW-Authenticate. Default: "api".
	Realm string `toml:"realm"`

	// Consumer is the member of the answer that names the consumer for limits, logs and conditions; without it client_id
	// does, or username. A token whose answer has none of them is good, and nobody's by name. Default: "sub".
	Consumer string `toml:"consumer"`
	// GroupsClaim is the member whose strings are the groups that authorise asks for; members of objects are written by
	// path, "realm_access.roles". Default: "groups". Scopes are those of scope.
	GroupsClaim string `toml:"groups_claim"`
	// Forward are request fields in which endpoints are told members of the answer: { X-User = "sub" }. What clients write
	// there is removed. Default: none.
	Forward map[string]string `toml:"forward"`
	// Pass lets the token go on to the endpoint. Default: false, it is taken out.
	Pass bool `toml:"pass"`

	// Cache is how long an answer is believed, and never longer than its exp: a token that the server ends meanwhile is
	// good for that long here. "off": the server is asked for every request. Default: 30s.
	Cache conf.Duration `toml:"cache"`
	// NegativeCache is how long it is remembered that a token is not active. "off": not at all. Default: 10s.
	NegativeCache conf.Duration `toml:"negative_cache"`
	// CacheSize is how much memory answers may take. Default: 16MiB.
	CacheSize conf.Size `toml:"cache_size"`
	// MaxToken is how long a token may be. Default: 4KiB.
	MaxToken conf.Size `toml:"max_token"`
}

// Default returns the values of absent keys.
func Default() Config {
	return Config{
		Auth: "basic", Timeout: conf.Dur(2 * time.Second), Connections: 32, OnFailure: "closed",
		Header: "Authorization", Realm: "api", Consumer: "sub", GroupsClaim: "groups",
		Cache: conf.Dur(30 * time.Second), NegativeCache: conf.Dur(10 * time.Second),
		CacheSize: conf.Bytes(16 << 20), MaxToken: conf.Bytes(4 << 10),
	}
}

// maxCache is how long a token that was ended may be good at most.
const maxCache = 24 * time.Hour

// Check notes what is wrong with c and its files.
func (c *Config) Check(p *conf.Problems) {
	if u := fetch.CheckURL(p, "url", c.URL); u != nil && fetch.Open(u) {
		p.Warn("url", "whoever stands on the way can read tokens and the secret, and answer in the server's place", "write an https URL")
	}
	if c.ClientID == "" {
		p.Add("client_id", "it is missing", "write the name that the server knows Weir by")
	}
	if c.ClientSecret.IsZero() {
		p.Add("client_secret", "it is missing", `write { env = "NAME" } or { file = "/path" }`)
	}
	p.OneOf("auth", c.Auth, "a way to send client_id and secret", "basic", "post")
	p.OneOf("on_failure", c.OnFailure, "a way with failures", "closed", "open")
	p.Between("connections", c.Connections, 1, 1024)
	credential.At{Header: c.Header, Cookie: c.Cookie, Query: c.Query}.Check(p)
	credential.CheckForward(p, c.Forward)
	c.checkRest(p)
	if c.TLS == nil {
		return
	}
	if !strings.HasPrefix(c.URL, "https://") {
		p.AddKey("tls", "nothing is asked over TLS", "leave tls out")
		return
	}
	c.TLS.Check(p.In("tls"))
}

func (c *Config) checkRest(p *conf.Problems) {
	if strings.ContainsFunc(c.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		p.Add("realm", strconv.Quote(c.Realm)+" can't stand in a field between quotes", "write letters, digits and blanks")
	}
	if c.Consumer == "" {
		p.Add("consumer", "no member names the consumer", `write its name, such as "sub"`)
	}
	if c.Timeout.IsOff() || c.Timeout.Value() < time.Millisecond {
		p.Add("timeout", strconv.Quote(c.Timeout.String())+" is too short", `write a time, such as "2s"`)
	}
	for _, d := range []struct {
		key string
		is  conf.Duration
	}{{"cache", c.Cache}, {"negative_cache", c.NegativeCache}} {
		p.Positive(d.key, d.is)
		if d.is.Value() > maxCache {
			p.Add(d.key, strconv.Quote(d.is.String())+" is too long", "write at most 24h")
		}
	}
	if c.CacheSize.IsOff() || c.CacheSize.Value() < 64<<10 {
		p.Add("cache_size", strconv.Quote(c.CacheSize.String())+" holds no answer", `write at least "64KiB"; cache = "off" remembers none`)
	}
	if n := c.MaxToken.Value(); c.MaxToken.IsOff() || n < 16 || n > 64<<10 {
		p.Add("max_token", strconv.Quote(c.MaxToken.String())+" is out of range", "write 16B to 64KiB")
	}
}
