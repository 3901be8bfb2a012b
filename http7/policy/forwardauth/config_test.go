package forwardauth

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
		{"no URL", func(c *Config) { c.URL = "" }, []string{"url: it can't be asked: it begins neither with https:// nor with http://"}},
		{"a URL with a password", func(c *Config) { c.URL = "https://a:b@h/" }, []string{"url: it can't be asked: a user in a URL is shown wherever the URL is"}},
		{"http over the network", func(c *Config) { c.URL = "http://auth.internal/" }, []string{"warning url: what is asked can be read and changed on its way"}},
		{"names that are none", func(c *Config) { c.RequestHeaders, c.Copy, c.Consumer = []string{"a b"}, []string{""}, "ä" },
			[]string{`request_headers[0]: "a b" is not a field name`, `copy[0]: "" is not a field name`, `consumer: "ä" is not a field name`}},
		{"fields that are Weir's", func(c *Config) {
			c.RequestHeaders, c.Copy = []string{"Host", "x-forwarded-uri", "Connection"}, []string{"Set-Cookie", "X-Forwarded-For"}
		},
			[]string{"request_headers[0]: Host is written by Weir itself", "request_headers[1]: x-forwarded-uri is written by Weir itself",
				"request_headers[2]: Connection is written by Weir itself", "copy[0]: Set-Cookie is written by Weir itself", "copy[1]: X-Forwarded-For is written by Weir itself"}},
		{"twice", func(c *Config) { c.Copy = []string{"X-User", "x-user"} }, []string{"copy[1]: x-user is written twice"}},
		{"no end", func(c *Config) { c.Timeout = conf.OffDuration }, []string{"timeout: a request that waits for an answer needs an end"}},
		{"no time", func(c *Config) { c.Timeout, c.Cache = conf.Dur(0), conf.Dur(0) },
			[]string{"timeout: a request that waits for an answer needs an end", `cache: "0s" is no time at all`}},
		{"no room", func(c *Config) { c.CacheSize, c.MaxBody = conf.Bytes(1), conf.OffSize },
			[]string{`cache_size: "1B" holds no answer`, `max_body: "off" is too much to hold in memory for each answer`}},
		{"ajar", func(c *Config) { c.OnFailure = "ajar" }, []string{`on_failure: "ajar" is not what happens when nobody answers`}},
		{"TLS", func(c *Config) { c.TLS = &tlsto.Config{ServerName: "a/b"} }, []string{`tls.server_name: "a/b" is not a name`}},
	} {
		p := conf.NewProblems()
		configured("https://auth.internal/check", c.change).Check(p)
		if got := policytest.Said(p); got != strings.Join(c.want, "\n") {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestTheDefaultsAreThoseOfTheManual(t *testing.T) {
	c := Default()
	if !slices.Equal(c.RequestHeaders, []string{"Authorization", "Cookie"}) || c.Timeout != conf.Dur(time.Second) || !c.Cache.IsOff() ||
		c.CacheSize.Value() != 16<<20 || c.OnFailure != "closed" || c.Pass || c.MaxBody.Value() != 64<<10 {
		t.Errorf("got %+v", c)
	}
}
