package oidc

import (
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/tlsto"
)

func TestWhatIsWrongIsNotedAtItsKey(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*Config)
		want   []string
	}{
		{"nothing", func(*Config) {}, nil},
		{"nothing at all", func(c *Config) { *c = Default() }, []string{"issuer: it can't be asked: it begins neither with https:// nor with http://",
			"client_id: the provider must know who asks", "cookie_key: there is nothing to seal sessions with"}},
		{"an issuer with a query", func(c *Config) { c.Issuer = "https://id.example.com/?a=b" }, []string{"issuer: an issuer has no query"}},
		{"http over the network", func(c *Config) { c.Issuer = "http://id.example.com" }, []string{"warning issuer: what the provider says can be read and changed on its way"}},
		{"a public client", func(c *Config) { c.ClientSecret, c.CookieKey = conf.Secret{}, secrets("0123456789abcdef") }, nil},
		{"keys", func(c *Config) { c.CookieKey = secrets("short", "0123456789abcdef", "0123456789abcdef") },
			[]string{"cookie_key[0]: the key has fewer than 16 characters and could be guessed", "cookie_key[2]: the key is written twice"}},
		{"algorithms", func(c *Config) { c.Algorithms = []string{"HS256", "none", "RS256"} },
			[]string{`algorithms[0]: "HS256" is not an algorithm that is verified here`, `algorithms[1]: "none" is not an algorithm that is verified here`}},
		{"no algorithm", func(c *Config) { c.Algorithms = nil }, []string{"algorithms: no signature would be good"}},
		{"scopes", func(c *Config) { c.Scopes = []string{"a b", ""} }, []string{`scopes[0]: "a b" is not a scope`, `scopes[1]: "" is not a scope`}},
		{"parameters", func(c *Config) { c.Parameters = map[string]string{"state": "a", "prompt": "login"} }, []string{"parameters.state: state is written by Weir itself"}},
		{"paths", func(c *Config) { c.Callback, c.Logout = "callback", "//evil" }, []string{`callback: "callback" is not a path`, `logout: "//evil" is not a path`}},
		{"one path for both", func(c *Config) { c.Logout = c.Callback }, []string{"logout: callback is the same path"}},
		{"no logout", func(c *Config) { c.Logout = "" }, nil},
		{"places", func(c *Config) { c.AfterLogout, c.ExternalURL = "javascript:alert(1)", "https://app.example.com/sub" },
			[]string{`after_logout: "javascript:alert(1)" leads nowhere`, `external_url: "https://app.example.com/sub" has more than scheme and host`}},
		{"after_logout elsewhere", func(c *Config) { c.AfterLogout = "//evil.example/" }, []string{`after_logout: "//evil.example/" leads nowhere`}},
		{"good places", func(c *Config) {
			c.AfterLogout, c.ExternalURL = "https://www.example.com/bye?a=b", "https://app.example.com"
		}, nil},
		{"a cookie", func(c *Config) { c.Cookie = "a=b" }, []string{`cookie: "a=b" can't be the name of a cookie`}},
		{"fields", func(c *Config) { c.Forward = map[string]string{"A B": "sub", "Cookie": "sub", "X-User": ""} },
			[]string{`forward."A B": "A B" is not a field name`, `forward.Cookie: "Cookie" has another meaning`, "forward.X-User: the claim is missing"}},
		{"times", func(c *Config) { c.Session, c.Timeout = conf.Dur(time.Second), conf.OffDuration },
			[]string{`session: "1s" is no time for a session`, "timeout: a browser that waits for the provider needs an end"}},
		{"TLS", func(c *Config) { c.TLS = &tlsto.Config{ServerName: "a/b"} }, []string{`tls.server_name: "a/b" is not a name`}},
		{"no consumer", func(c *Config) { c.Consumer = "" }, []string{"consumer: no claim names the consumer"}},
	} {
		cfg := Default()
		cfg.Issuer, cfg.ClientID, cfg.ClientSecret = "https://id.example.com", "weir", conf.SecretText("secret")
		c.change(&cfg)
		p := conf.NewProblems()
		cfg.Check(p)
		if got := policytest.Said(p); got != strings.Join(c.want, "\n") {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
		failed := slices.ContainsFunc(p.List(), func(p conf.Problem) bool { return !p.Warning })
		if _, err := Compile(&cfg, "edge", nil); (err != nil) != failed {
			t.Errorf("%s: compiled with %v", c.what, err)
		}
	}
}

func secrets(texts ...string) (all []conf.Secret) {
	for _, text := range texts {
		all = append(all, conf.SecretText(text))
	}
	return all
}

func TestOpenIDIsAlwaysAskedFor(t *testing.T) {
	for _, c := range []struct{ in, want []string }{
		{nil, []string{"openid"}},
		{[]string{"email"}, []string{"openid", "email"}},
		{[]string{"email", "openid"}, []string{"email", "openid"}},
	} {
		if got := scopes(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}
