package sticky

import (
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
)

func TestWhatIsWrongWithAConfigIsNotedAtItsKey(t *testing.T) {
	for _, c := range []struct {
		edit func(*Config)
		want string // "key: part of the trouble"; "" for none
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.Cookie = "" }, "cookie: the cookie has no name"},
		{func(c *Config) { c.Cookie = "a b" }, `cookie: "a b" can't be the name`},
		{func(c *Config) { c.Cookie = "ä" }, `cookie: "ä" can't be the name`},
		{func(c *Config) { c.Cookie = "__Host-weir" }, "cookie: browsers refuse a cookie called __Host-weir unless"},
		{func(c *Config) { c.Cookie, c.Secure = "__Host-weir", true }, ""},
		{func(c *Config) { c.Cookie, c.Secure, c.Path = "__host-weir", true, "/a" }, "cookie: browsers refuse"},
		{func(c *Config) { c.Cookie, c.Secure, c.Domain = "__Host-weir", true, "example.com" }, "cookie: browsers refuse"},
		{func(c *Config) { c.Cookie = "__Secure-weir" }, "cookie: browsers refuse a cookie called __Secure-weir unless it is secure"},
		{func(c *Config) { c.Cookie, c.Secure = "__Secure-weir", true }, ""},
		{func(c *Config) { c.TTL = conf.OffDuration }, ""},
		{func(c *Config) { c.TTL = conf.Dur(0) }, `ttl: "0s" is too short`},
		{func(c *Config) { c.TTL = conf.Dur(999 * time.Millisecond) }, `ttl: "999ms" is too short`},
		{func(c *Config) { c.TTL = conf.Dur(400 * 24 * time.Hour) }, ""},
		{func(c *Config) { c.TTL = conf.Dur(401 * 24 * time.Hour) }, `ttl: "401d" is longer than browsers keep`},
		{func(c *Config) { c.SameSite = "Lax" }, `same_site: "Lax" is not a rule`},
		{func(c *Config) { c.SameSite = "none" }, `same_site: browsers refuse`},
		{func(c *Config) { c.SameSite, c.Secure = "none", true }, ""},
		{func(c *Config) { c.Path = "app" }, `path: "app" can't be the path`},
		{func(c *Config) { c.Path = "" }, `path: "" can't be the path`},
		{func(c *Config) { c.Path = "/a; Domain=b" }, `path: "/a; Domain=b" can't be the path`},
		{func(c *Config) { c.Path = "/a\r\nX: y" }, `can't be the path`},
		{func(c *Config) { c.Domain = "example.com" }, ""},
		{func(c *Config) { c.Domain = ".example.com" }, `domain: ".example.com" can't be the domain`},
		{func(c *Config) { c.Domain = "example.com; Secure" }, `domain: "example.com; Secure" can't be the domain`},
		{func(c *Config) { c.Domain = strings.Repeat("a.", 127) + "a" }, `can't be the domain`},
		{keyed("sixteen letters!"), ""},
		{keyed("too short"), "key[0]: the key has fewer than 16 characters"},
		{keyed("sixteen letters!", "sixteen letters!"), "key[1]: the key is written twice"},
	} {
		cfg := Default()
		cfg.Cookie = "weir"
		c.edit(&cfg)
		p := conf.NewProblems()
		cfg.Check(p)
		var got []string
		for _, problem := range p.List() {
			got = append(got, problem.Path.String()+": "+problem.Text)
			if problem.Hint == "" {
				t.Errorf("%s has no hint", problem.Text)
			}
			if strings.Contains(problem.Text+problem.Hint, "too short!") {
				t.Errorf("the secret shows in %s", problem.Text)
			}
		}
		switch {
		case c.want == "" && len(got) > 0, c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestTheDefaultsAreTheManuals(t *testing.T) {
	c := Default()
	if c.TTL.String() != "1h" || !c.HTTPOnly || c.Secure || c.SameSite != "lax" || c.Path != "/" || c.Domain != "" || c.Key != nil {
		t.Errorf("the defaults are %+v", c)
	}
}
