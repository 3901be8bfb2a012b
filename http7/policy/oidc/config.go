package oidc

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/http7"
	"weir/http7/credential"
	"weir/internal/conf"
	"weir/internal/fetch"
	"weir/internal/tlsto"
)

// Config signs people in with an OpenID provider: a browser without a session is sent there, comes back with a code, and
// gets a session in a cookie that only Weir can read.
//
// Requests that are no navigation of a browser (scripts, APIs, uploads) are not sent anywhere: without a session they have
// no identity, which the bundle's require_identity answers with 401.
type Config struct {
	// Mode is "enforce", "observe" (read sessions, and record what would be done; nobody is sent anywhere) or "off".
	// Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Issuer is the provider: "https://id.example.com", as it writes itself in its tokens. Its endpoints and keys are read from
	// /.well-known/openid-configuration below it, when the first browser comes. Required.
	Issuer string `toml:"issuer"`
	// ClientID is the name that the provider knows Weir by. Required.
	ClientID string `toml:"client_id"`
	// ClientSecret goes with it. Default: none, for public clients, which need cookie_key.
	ClientSecret conf.Secret `toml:"client_secret"`
	// Scopes are what is asked for; "openid" is always among them. With "offline_access" most providers give a refresh token.
	// Default: openid and profile.
	Scopes []string `toml:"scopes"`
	// Callback is the path to which the provider sends browsers back. The provider must know it as a redirect URI, with scheme
	// and host, and a route with this bundle must match it. Default: "/oauth2/callback".
	Callback string `toml:"callback"`
	// Logout is the path that ends the session here and at the provider (RP-initiated logout). "": there is none.
	// Default: "/oauth2/logout".
	Logout string `toml:"logout"`
	// AfterLogout is where browsers go then: a path, or a whole URL, which the provider must know as a post-logout redirect
	// URI. Default: "/".
	AfterLogout string `toml:"after_logout"`
	// ExternalURL is scheme and host as browsers know them, "https://app.example.com"; those that ask for another host are sent
	// there to sign in. Default: what each request asks for.
	ExternalURL string `toml:"external_url"`
	// Redirect sends browsers without a session to the provider. false: they are left to require_identity, and a session comes
	// only from elsewhere. Default: true.
	Redirect bool `toml:"redirect"`
	// Session is how long a session lasts at most. At most 400 days, as browsers have it. A shorter time holds for sessions
	// that are there already, a longer one for new ones. Default: 8h.
	Session conf.Duration `toml:"session"`
	// RefreshGrace is how long a session that is due for a refresh goes on while the provider can't be asked. Without a
	// refresh token nothing is ever due. "off": not at all. Default: 5m.
	RefreshGrace conf.Duration `toml:"refresh_grace"`
	// Cookie is the name of the session's cookie; __Host- is put before it where it is secure. Two policies that browsers meet on
	// one host need two names. Default: "weir_oidc".
	Cookie string `toml:"cookie"`
	// Secure marks the cookies Secure: browsers then send them over https alone. Hazard: false is for trying things out; who
	// can listen has the session. Default: true.
	Secure bool `toml:"secure"`
	// CookieKey is the secret that the cookies are sealed with, of at least 16 characters; all nodes that serve one site need the
	// same. A list rotates it: the first seals, all open; the last may go when session has passed. Default: made from
	// client_secret, so that sessions end when that changes.
	CookieKey []conf.Secret `toml:"cookie_key"`
	// Consumer is the claim that says who it is, for limits, logs and conditions. Default: "sub".
	Consumer string `toml:"consumer"`
	// GroupsClaim is the claim that lists the groups. Default: "groups".
	GroupsClaim string `toml:"groups_claim"`
	// Claims are further claims of the ID token that the session keeps, for conditions and keys: "claim:email". Each makes the
	// cookie longer. Default: none.
	Claims []string `toml:"claims"`
	// UserInfo asks the provider's userinfo endpoint for claims that the ID token lacks, when somebody signs in. Default: false.
	UserInfo bool `toml:"userinfo"`
	// Forward are request fields in which the endpoint is told claims: { X-User = "sub" }. What clients write there is removed.
	// A list is written with commas. Default: none.
	Forward map[string]string `toml:"forward"`
	// AccessToken sends the provider's access token to the endpoint, as Authorization: Bearer, in place of what the client
	// writes there. Default: false.
	AccessToken bool `toml:"access_token"`
	// Parameters are added to the request for authorisation: { prompt = "login" }. Default: none.
	Parameters map[string]string `toml:"parameters"`
	// Algorithms are those that ID tokens may be signed with. Default: RS256, PS256, ES256 and EdDSA.
	Algorithms []string `toml:"algorithms"`
	// Timeout bounds each call to the provider; a browser that signs in waits for two or three of them. Default: 5s.
	Timeout conf.Duration `toml:"timeout"`
	// Pass leaves the session's cookies in what goes to the endpoint. Without it they are also kept from the endpoints of other
	// routes of the same hosts and listeners, to which browsers send them too. Default: false.
	Pass bool `toml:"pass"`
	// TLS is how the provider is spoken to. Default: by the system's authorities.
	TLS *tlsto.Config `toml:"tls"`
}

// Default returns the values of absent keys.
func Default() Config {
	return Config{
		Scopes: []string{scopeOpenID, "profile"}, Callback: "/oauth2/callback", Logout: "/oauth2/logout", AfterLogout: "/",
		Redirect: true, Session: conf.Dur(8 * time.Hour), RefreshGrace: conf.Dur(5 * time.Minute), Cookie: "weir_oidc", Secure: true,
		Consumer: "sub", GroupsClaim: "groups", Algorithms: []string{"RS256", "PS256", "ES256", "EdDSA"}, Timeout: conf.Dur(5 * time.Second),
	}
}

const (
	scopeOpenID = "openid"
	minSecret   = 16
	maxSession  = 400 * 24 * time.Hour
	maxTimeout  = time.Minute
)

// algorithms are those that the library verifies. HS256 is none of them: whoever can verify could sign.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Check notes what is wrong with c.
func (c *Config) Check(p *conf.Problems) {
	c.checkProvider(p)
	c.checkPaths(p)
	c.checkCookie(p)
	credential.CheckForward(p, c.Forward)
	if s := c.Session.Value(); c.Session.IsOff() || s < time.Minute || s > maxSession {
		p.Add("session", strconv.Quote(c.Session.String())+" is no time for a session", `write from "1m" to "400d"`)
	}
	if t := c.Timeout.Value(); c.Timeout.IsOff() || t <= 0 || t > maxTimeout {
		p.Add("timeout", "a browser that waits for the provider needs an end", `write a duration of at most "1m", such as "5s"`)
	}
	if c.TLS != nil {
		c.TLS.Check(p.In("tls"))
	}
}

func (c *Config) checkProvider(p *conf.Problems) {
	switch u := fetch.CheckURL(p, "issuer", c.Issuer); {
	case u == nil:
	case u.RawQuery != "":
		p.Add("issuer", "an issuer has no query", `write the URL as the provider's tokens have it, such as "https://id.example.com"`)
	case fetch.Open(u):
		p.Warn("issuer", "what the provider says can be read and changed on its way", "write https")
	}
	if c.ClientID == "" {
		p.Add("client_id", "the provider must know who asks", "write the name under which Weir is registered there")
	}
	if c.Consumer == "" {
		p.Add("consumer", "no claim names the consumer", `write its name, such as "sub"`)
	}
	if len(c.Algorithms) == 0 {
		p.Add("algorithms", "no signature would be good", "leave the key out for the usual ones")
	}
	for i, a := range c.Algorithms {
		p.Index("algorithms", i).OneOf("", a, "an algorithm that is verified here", algorithms...)
	}
	for i, s := range c.Scopes {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }) {
			p.Index("scopes", i).Add("", strconv.Quote(s)+" is not a scope", "write each scope as a text of its own")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		if slices.Contains(ownParameters, name) {
			p.In("parameters").AddKey(name, name+" is written by Weir itself", "leave it out")
		}
	}
}

// ownParameters are those of a request for authorisation that are not the operator's to choose.
var ownParameters = []string{"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge", "code_challenge_method"}

func (c *Config) checkPaths(p *conf.Problems) {
	if !isPath(c.Callback) {
		p.Add("callback", strconv.Quote(c.Callback)+" is not a path", `write a path, such as "/oauth2/callback"`)
	}
	if c.Logout != "" && !isPath(c.Logout) {
		p.Add("logout", strconv.Quote(c.Logout)+" is not a path", `write a path, such as "/oauth2/logout"`)
	}
	if c.Logout == c.Callback {
		p.Add("logout", "callback is the same path", "write another one")
	}
	if !isLocation(c.AfterLogout) {
		p.Add("after_logout", strconv.Quote(c.AfterLogout)+" leads nowhere", `write a path or a whole URL`)
	}
	if c.ExternalURL == "" {
		return
	}
	if u := fetch.CheckURL(p, "external_url", c.ExternalURL); u != nil && (u.Path != "" && u.Path != "/" || u.RawQuery != "") {
		p.Add("external_url", strconv.Quote(c.ExternalURL)+" has more than scheme and host", `write "https://app.example.com"`)
	}
}

// isPath reports whether a request may have s as its path, as it is.
func isPath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`?#%\*`, r) })
}

func isLocation(s string) bool {
	if strings.HasPrefix(s, "/") {
		path, _, _ := strings.Cut(s, "?")
		return isPath(path)
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && http7.IsFieldValue([]byte(s))
}

func (c *Config) checkCookie(p *conf.Problems) {
	if !http7.IsToken([]byte(c.Cookie)) || len(c.Cookie) > 64 {
		p.Add("cookie", strconv.Quote(c.Cookie)+" can't be the name of a cookie", "write letters, digits, - and _")
	}
	if len(c.CookieKey) == 0 && c.ClientSecret.IsZero() {
		p.Add("cookie_key", "there is nothing to seal sessions with", `write a key, such as { env = "OIDC_COOKIE_KEY" }, or a client_secret`)
	}
	seen := map[string]bool{}
	for i, s := range c.CookieKey {
		at, text := p.Index("cookie_key", i), s.Reveal()
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
