package acme

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/conf"
)

// good is a config without a problem.
func good() *Config {
	c := Default()
	c.Hosts = []string{"api.example.com"}
	return &c
}

// calling is a dns table with a program.
func calling(program string) *DNS {
	d := DefaultDNS()
	d.Exec = []string{program}
	return &d
}

// problems lists what Check notes, a line each; warnings begin with "warning".
func problems(c *Config) string {
	p := conf.NewProblems()
	c.Check(p)
	var lines []string
	for _, n := range p.List() {
		line := n.Path.String() + ": " + n.Text
		if n.Hint != "" {
			line += " (" + n.Hint + ")"
		}
		if n.Warning {
			line = "warning " + line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestAPlainTableIsFine(t *testing.T) {
	program := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(program, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	dns, demand := DefaultDNS(), DefaultOnDemand()
	dns.Exec = []string{program, "--zone", "example.com"}
	demand.Hosts = []string{"*.shop.example.com"}
	for name, change := range map[string]func(*Config){
		"as it is": func(*Config) {},
		"several hosts": func(c *Config) {
			c.Hosts = []string{"a.example.com", "B.Example.com.", "xn--bcher-kva.example.com"}
		},
		"staging": func(c *Config) { c.Directory = LetsEncryptStaging },
		"an own authority": func(c *Config) {
			c.Directory, c.Hosts = "https://ca.internal:14000/dir", []string{"db.internal", "localhost"}
		},
		"a wildcard":      func(c *Config) { c.Hosts, c.DNS = []string{"*.example.com"}, &dns },
		"on demand alone": func(c *Config) { c.Hosts, c.OnDemand = nil, &demand },
		"bound":           func(c *Config) { c.EAB = &EAB{"kid", conf.SecretText("zWND-_9A==")} },
	} {
		c := good()
		change(c)
		if got := problems(c); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func rootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: newFake().issue("ca").Certificate[0]})
}

func TestWhatIsWrongIsToldWithAWayOut(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut")
	if err := os.WriteFile(cut, append(rootPEM(), rootPEM()[:200]...), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no host":                  {func(c *Config) { c.Hosts = nil }, "hosts: there is no host"},
		"an address":               {func(c *Config) { c.Hosts[0] = "192.0.2.1" }, `hosts[0]: "192.0.2.1" is an address`},
		"an IPv6 address":          {func(c *Config) { c.Hosts[0] = "[::1]" }, `hosts[0]: "[::1]" is an address`},
		"a port":                   {func(c *Config) { c.Hosts[0] = "example.com:443" }, `hosts[0]: "example.com:443" is not a host name`},
		"a URL":                    {func(c *Config) { c.Hosts[0] = "https://example.com" }, "is not a host name"},
		"an empty name":            {func(c *Config) { c.Hosts[0] = "" }, `hosts[0]: "" is not a host name`},
		"letters beyond ASCII":     {func(c *Config) { c.Hosts[0] = "bücher.example.com" }, "xn--"},
		"a wildcard in the middle": {func(c *Config) { c.Hosts[0] = "a.*.example.com" }, "is not a host name"},
		"a wildcard without dns":   {func(c *Config) { c.Hosts[0] = "*.example.com" }, "dns-01 (add dns"},
		"a host twice":             {func(c *Config) { c.Hosts = []string{"a.example.com", "A.example.com."} }, `hosts[1]: "A.example.com." is written twice`},
		"a private host":           {func(c *Config) { c.Hosts[0] = "db.internal" }, "is not a name of the public DNS"},
		"a bare name":              {func(c *Config) { c.Hosts[0] = "db" }, "is not a name of the public DNS"},
		"an email":                 {func(c *Config) { c.Email = "Ops <ops@example.com>" }, `email: "Ops <ops@example.com>" is not an email`},
		"a misspelt directory":     {func(c *Config) { c.Directory = "letsencript" }, `did you mean "letsencrypt"?`},
		"a directory without TLS":  {func(c *Config) { c.Directory = "http://ca.example.com/dir" }, "directory: "},
		"a root that is not there": {func(c *Config) { c.CA = "/no/such.pem" }, "ca: the file can't be read: no such file"},
		"a root that is none":      {func(c *Config) { c.CA = plain }, "holds no certificate"},
		"a root that is cut":       {func(c *Config) { c.CA = cut }, "can't be used: block 2 is cut or damaged"},
		"a misspelt challenge":     {func(c *Config) { c.Challenges = []string{"http01"} }, `challenges[0]: "http01" is not a challenge (did you mean "http-01"?`},
		"dns-01 without a program": {func(c *Config) { c.Challenges = []string{DNS01} }, "challenges[0]: dns-01 needs a program"},
		"dns of no effect": {func(c *Config) {
			c.DNS, c.Challenges = calling("/bin/sh"), []string{HTTP01}
		}, "warning dns: dns has no effect"},
		"a misspelt kind of key":   {func(c *Config) { c.KeyType = "ecdsa-p255" }, `did you mean "ecdsa-p256"?`},
		"no program":               {func(c *Config) { c.DNS = &DNS{} }, "dns.exec: there is no program"},
		"a program by name":        {func(c *Config) { c.DNS = calling("hook") }, `dns.exec[0]: "hook" is not a whole path`},
		"a program that is gone":   {func(c *Config) { c.DNS = calling("/no/such/hook") }, "dns.exec[0]: the program can't be found"},
		"no time for the program":  {func(c *Config) { c.DNS = &DNS{Exec: []string{"/bin/sh"}} }, "dns.timeout: "},
		"nothing on demand":        {func(c *Config) { c.OnDemand = &OnDemand{Max: 1} }, "on_demand.hosts: no host is allowed"},
		"everything on demand":     {func(c *Config) { c.OnDemand = &OnDemand{Hosts: []string{"*"}, Max: 1} }, `on_demand.hosts[0]: "*" is not a host name`},
		"no room on demand":        {func(c *Config) { c.OnDemand = &OnDemand{Hosts: []string{"*.example.com"}} }, "on_demand.max: 0 is out of range"},
		"a binding without a name": {func(c *Config) { c.EAB = &EAB{HMAC: conf.SecretText("YQ")} }, "eab.key_id: "},
		"a binding without a key":  {func(c *Config) { c.EAB = &EAB{KeyID: "k"} }, "eab.hmac: the key is missing"},
		"a binding's key in other": {func(c *Config) { c.EAB = &EAB{"k", conf.SecretText("a+b/")} }, "eab.hmac: the key is not base64url"},
	} {
		c := good()
		tc.change(c)
		if got := problems(c); !strings.Contains(got, tc.want) || strings.Count(got, "\n") > 0 {
			t.Errorf("%s:\n%s\nwant %q alone", name, got, tc.want)
		}
	}
}

func TestASecretIsNotInAProblem(t *testing.T) {
	c := good()
	c.EAB = &EAB{"k", conf.SecretText("top+secret")}
	if got := problems(c); got == "" || strings.Contains(got, "secret") {
		t.Error(got)
	}
}

func TestWhichChallengesAreTried(t *testing.T) {
	dns := DefaultDNS()
	for want, c := range map[string]*Config{
		"http-01 tls-alpn-01": {},
		"dns-01":              {DNS: &dns},
		"tls-alpn-01":         {Challenges: []string{TLSALPN01}},
		"http-01 dns-01":      {DNS: &dns, Challenges: []string{HTTP01, DNS01}},
	} {
		if got := strings.Join(c.challenges(), " "); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestTablesAreTheSameIfAllInThemIs(t *testing.T) {
	a, b := good(), good()
	a.EAB, b.EAB = &EAB{"k", conf.SecretText("YQ")}, &EAB{"k", conf.SecretText("YQ")}
	if !a.Same(b) {
		t.Error("equal tables differ")
	}
	b.EAB.HMAC = conf.SecretText("Yg")
	if a.Same(b) {
		t.Error("tables with another secret are the same")
	}
}
