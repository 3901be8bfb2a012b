package shared

import (
	"strings"
	"testing"
	"time"

	"weir/internal/conf"
)

func TestConfigProblemsNameTheKeyAndTheWayOut(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string // of each problem, path and text
	}{
		{func(*Config) {}, ""},
		{func(c *Config) { c.Redis = "" }, "redis: there is no address of a server"},
		{func(c *Config) { c.Redis = "localhost:6379" }, `redis: "localhost:6379" is not the address of a server`},
		{func(c *Config) { c.Redis = "http://localhost" }, `redis: "http://localhost" is not the address of a server`},
		{func(c *Config) { c.Redis = "redis://:hunter2@localhost" }, "redis: a password does not belong in an address"},
		{func(c *Config) { c.Redis = "redis://u:hunter2@local host" }, "redis: it is not an address"},
		{func(c *Config) { c.Redis = "redis://" }, "redis: the address lacks a host, or its port is none"},
		{func(c *Config) { c.Redis = "redis://a:0" }, "redis: the address lacks a host, or its port is none"},
		{func(c *Config) { c.Redis = "redis://a/x" }, `redis: "x" is not the number of a database`},
		{func(c *Config) { c.Redis = "unix://" }, `redis: "unix://" has no path of a socket`},
		{func(c *Config) { c.OnFailure = "lokal" }, `on_failure: "lokal" is not what to do without the server`},
		{func(c *Config) { c.Prefix = "a b" }, `prefix: "a b" is no prefix`},
		{func(c *Config) { c.Timeout = conf.OffDuration }, `timeout: "off" is out of range`},
		{func(c *Config) { c.Timeout = conf.Dur(2 * time.Second) }, `timeout: "2s" is out of range`},
		{func(c *Config) { c.Grant = conf.Percent(60) }, `grant: "60%" is out of range`},
		{func(c *Config) { c.Redis, c.OnFailure = "", "" }, `redis: there is no address of a server; on_failure: "" is not what to do without the server`},
	} {
		config := Default()
		config.Redis = "redis://localhost:6379/0"
		c.change(&config)
		p := conf.NewProblems()
		config.Check(p)
		var got []string
		for _, problem := range p.List() {
			got = append(got, problem.Path.String()+": "+problem.Text)
			if strings.Contains(problem.Text+problem.Hint, "hunter2") {
				t.Errorf("%q shows a password", problem.Text)
			}
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("got  %s\nwant %s", text, c.want)
		}
		if _, err := New(config, Needs{}); (err != nil) != (c.want != "") {
			t.Errorf("%s: New says %v", c.want, err)
		}
	}
}

func TestAddressesAreRead(t *testing.T) {
	for _, c := range []struct {
		text string
		want place
	}{
		{"redis://localhost", place{network: "tcp", address: "localhost:6379", host: "localhost"}},
		{"redis://weir@10.0.0.1:6380/3", place{network: "tcp", address: "10.0.0.1:6380", host: "10.0.0.1", user: "weir", database: 3}},
		{"rediss://[::1]:1", place{network: "tcp", address: "[::1]:1", host: "::1", secure: true}},
		{"unix:///run/redis.sock", place{network: "unix", address: "/run/redis.sock", host: "localhost"}},
	} {
		if got, err := parsePlace(c.text); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.text, got, err)
		}
	}
}

// FuzzAddress: no address breaks anything, and none that is refused shows its password.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"redis://localhost:6379/0", "rediss://u@[::1]:1/2", "unix:///a", "redis://:pw@h", "://", "redis://h/%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parsePlace(text)
		if err == nil && (at.address == "" || at.network != "tcp" && at.network != "unix") {
			t.Errorf("%q is %+v", text, at)
		}
		if _, err := parsePlace("redis://user:hunter2@" + text); err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q shows a password: %v", text, err)
		}
	})
}
