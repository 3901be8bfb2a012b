package introspect

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/tlsto"
)

// right is a config that can be compiled.
func right() Config {
	c := Default()
	c.URL, c.ClientID, c.ClientSecret = "https://id.example.com/introspect", id, conf.SecretText(secret)
	return c
}

func TestConfigsThatAreWrong(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*Config)
		want   string
	}{
		{"a right one", func(c *Config) {}, ""},
		{"over plain HTTP, with a warning", func(c *Config) { c.URL = "http://id.example.com/" }, ""},
		{"no URL", func(c *Config) { c.URL = "" }, "url: it can't be asked: it begins neither with https:// nor with http://"},
		{"a user in the URL", func(c *Config) { c.URL = "https://a:b@h/" }, "url: it can't be asked: a user in a URL is shown wherever the URL is"},
		{"no client", func(c *Config) { c.ClientID = "" }, "client_id: it is missing"},
		{"no secret", func(c *Config) { c.ClientSecret = conf.Secret{} }, "client_secret: it is missing"},
		{"auth", func(c *Config) { c.Auth = "jwt" }, `auth: "jwt" is not a way to send client_id and secret`},
		{"on_failure", func(c *Config) { c.OnFailure = "opne" }, `on_failure: "opne" is not a way with failures`},
		{"connections", func(c *Config) { c.Connections = 0 }, "connections: 0 is out of range"},
		{"no place", func(c *Config) { c.Header = "" }, "header: nothing says where the token stands"},
		{"forward", func(c *Config) { c.Forward = map[string]string{"Host": "sub"} }, `forward.Host: "Host" has another meaning`},
		{"realm", func(c *Config) { c.Realm = "a\nb" }, `realm: "a\nb" can't stand in a field between quotes`},
		{"consumer", func(c *Config) { c.Consumer = "" }, "consumer: no member names the consumer"},
		{"timeout", func(c *Config) { c.Timeout = conf.OffDuration }, `timeout: "off" is too short`},
		{"cache", func(c *Config) { c.Cache = conf.Dur(0) }, `cache: "0s" is no time at all`},
		{"a long cache", func(c *Config) { c.Cache = conf.Dur(48 * time.Hour) }, `cache: "2d" is too long`},
		{"negative_cache", func(c *Config) { c.NegativeCache = conf.Dur(0) }, `negative_cache: "0s" is no time at all`},
		{"cache_size", func(c *Config) { c.CacheSize = conf.OffSize }, `cache_size: "off" holds no answer`},
		{"max_token", func(c *Config) { c.MaxToken = conf.Bytes(1) }, `max_token: "1B" is out of range`},
		{"tls over http", func(c *Config) { c.URL, c.TLS = "http://h/", &tlsto.Config{} }, "tls: nothing is asked over TLS"},
		{"tls", func(c *Config) { c.TLS = &tlsto.Config{CA: "/no/such"} }, `tls.ca: "/no/such" can't be read: no such file or directory`},
	} {
		cfg := right()
		c.change(&cfg)
		p := conf.NewProblems()
		cfg.Check(p)
		got := ""
		for _, one := range p.List() {
			if !one.Warning && got == "" {
				got = one.Path.String() + ": " + one.Text
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
		steps, err := Compile(&cfg, "edge", nil)
		if (err == nil) != (c.want == "") || err == nil && len(steps) != 2 {
			t.Errorf("%s: compiling gives %d steps, %v", c.what, len(steps), err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v tells the secret", c.what, err)
		}
	}
}

func TestStepsSayWhatTheyAre(t *testing.T) {
	c := right()
	c.Forward = map[string]string{"X-User": "sub"}
	steps, err := Compile(&c, "edge", nil)
	if err != nil {
		t.Fatal(err)
	}
	one, two := steps[0], steps[1]
	if one.Name != "edge.introspect" || one.Bundle != "edge" || one.Stage != http7.Identify || !one.Blocks || !one.Establishes || one.Challenge != `Bearer realm="api"` {
		t.Errorf("got %+v", one)
	}
	if two.Name != "edge.introspect.forward" || two.Stage != http7.Rewrite || len(two.Sets) != 1 || len(two.Edits) != 2 || two.Establishes {
		t.Errorf("got %+v", two)
	}
	c.Mode = conf.ModeOff
	if steps, err := Compile(&c, "edge", nil); len(steps) != 0 || err != nil {
		t.Errorf("off: %v, %v", steps, err)
	}
	c.Mode, c.Pass, c.Forward = conf.Enforce, true, nil
	if steps, err := Compile(&c, "edge", nil); len(steps) != 1 || err != nil {
		t.Errorf("with nothing to edit: %v, %v", steps, err)
	}
}

func TestWordsOfAServerTellNoSecret(t *testing.T) {
	c := right()
	key := serverKey(&c, "edge.introspect")
	if strings.Contains(key, secret) {
		t.Errorf("got %q", key)
	}
	c.ClientSecret = conf.SecretText("another")
	if serverKey(&c, "edge.introspect") == key {
		t.Error("with another secret the answers are the same")
	}
}

// FuzzAnswers: whatever a server says, nobody is established but by an object that says that the token is active, and
// nobody without a name where it has a member that names somebody.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{`{"active":true,"sub":"a"}`, `{"active":false}`, `{}`, `[]`, `{"active":true,"sub":"a","exp":1}`, `{"active":true,"client_id":"c","scope":"a b"}`, `{"active":true,"username":"u"}`, `{"active":true}`} {
		f.Add([]byte(s))
	}
	now := time.Unix(1300819380, 0)
	s := &server{consumer: "sub", groups: "groups", url: "https://h/"}
	f.Fuzz(func(t *testing.T, doc []byte) {
		a, err := s.read(doc, now)
		if err != nil || a.fault != noReason {
			return
		}
		var members map[string]any
		if err := json.Unmarshal(doc, &members); err != nil {
			t.Fatalf("%q is no object: %v", doc, err)
		}
		named := members["sub"] != nil || members["client_id"] != nil || members["username"] != nil
		if members["active"] != true || (a.consumer != "") != named || !a.until.IsZero() && !now.Before(a.until) {
			t.Errorf("%q establishes %q", doc, a.consumer)
		}
	})
}

// remembered returns a pass over a token that the server was asked about before.
func remembered(t testing.TB) (pass func()) {
	a := newAuthority(t)
	a.knows(t, "2YotnFZFEjr1zCsicMWpAA", map[string]any{"groups": []string{"staff", "x"}})
	w := worldOf(t, a, func(c *Config) { c.Forward = map[string]string{"X-User": "sub"} })
	x, value := asked(""), []byte("Bearer 2YotnFZFEjr1zCsicMWpAA")
	return func() {
		x.Release()
		x.Request.AddRaw([]byte("Authorization"), value)
		for i := range w.steps {
			if v := w.steps[i].Request.Request(x); v.Act != http7.Go {
				t.Fatal(v.Fault)
			}
		}
		if x.Consumer != "alice" {
			t.Fatal("nobody")
		}
	}
}

func TestAKnownTokenCostsNoMemory(t *testing.T) {
	pass := remembered(t)
	pass()
	if n := testing.AllocsPerRun(1000, pass); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

func BenchmarkAdmitted(b *testing.B) {
	pass := remembered(b)
	b.ReportAllocs()
	for b.Loop() {
		pass()
	}
}

func TestTheManualNamesEveryKey(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("config.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(source), "`toml:\"")[1:] {
		key, _, _ := strings.Cut(line, `"`)
		if !strings.Contains(string(text), "`"+key+"`") {
			t.Errorf("the manual says nothing of %s", key)
		}
	}
}
