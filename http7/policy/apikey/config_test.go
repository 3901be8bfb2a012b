package apikey

import (
	"path/filepath"
	"strings"
	"testing"

	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

func TestConfigsThatCannotWorkAreRefused(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string // path, text
	}{
		{func(c *Config) { c.KeysFile = "" }, "keys_file: there is no file of keys"},
		{func(c *Config) { c.KeysFile = "/nowhere/keys" }, `keys_file: "/nowhere/keys" can't be read: no such file or directory`},
		{func(c *Config) { c.Header = "a b" }, `header: "a b" is not a field name`},
		{func(c *Config) { c.Header = "Cookie" }, `header: "Cookie" has another meaning`},
		{func(c *Config) { c.Header = "content-length" }, `header: "content-length" has another meaning`},
		{func(c *Config) { c.Cookie = "a;b" }, `cookie: "a;b" can't be the name of a cookie`},
		{func(c *Config) { c.Realm = `a"b` }, `realm: "a\"b" can't stand in a header`},
		{func(c *Config) { c.Realm = "a\r\nX: 1" }, `realm: "a\r\nX: 1" can't stand in a header`},
		{func(c *Config) { c.Forward = map[string]string{"a b": "consumer"} }, `forward."a b": "a b" is not a field name`},
		{func(c *Config) { c.Forward = map[string]string{"Host": "consumer"} }, `forward.Host: "Host" has another meaning`},
		{func(c *Config) { c.Forward = map[string]string{"x-api-key": "consumer"} }, "forward.x-api-key: it is the field of the key"},
		{func(c *Config) { c.Forward = map[string]string{"X-A": ""} }, "forward.X-A: the claim is missing"},
	} {
		p := conf.NewProblems()
		cfg := configured(t, c.change)
		cfg.Check(p)
		if l := p.List(); len(l) != 1 || l[0].Path.String()+": "+l[0].Text != c.want {
			t.Errorf("got %+v, want %s", l, c.want)
		}
		steps, err := Compile(cfg, "edge", nil)
		if fileless := strings.Contains(c.want, "can't be read"); (err == nil) != fileless || (steps == nil) == fileless {
			t.Errorf("%s: compiled: %v", c.want, err)
		}
	}
}

func TestACheckReadsTheKeys(t *testing.T) {
	cfg := configured(t, nil)
	cfg.KeysFile = filepath.Join(t.TempDir(), "bad.toml")
	policytest.Write(t, cfg.KeysFile, "[[keys]]\nhash = 1\n")
	p := conf.NewProblems()
	cfg.Check(p)
	if l := p.List(); len(l) != 1 || !strings.HasPrefix(l[0].Text, cfg.KeysFile+": line 2, column 8: keys[0].hash: 1 is not a text") {
		t.Errorf("got %+v", l)
	}
	for _, change := range []func(*Config){nil, bearer, inQuery, inCookie, everywhere} {
		p := conf.NewProblems()
		if configured(t, change).Check(p); p.Failed() {
			t.Errorf("a right config: %+v", p.List())
		}
	}
}
