package certs

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"strings"
	"testing"
	"time"

	"weir/internal/certs/acme"
	"weir/internal/conf"
)

// found checks c with the given files and returns the problems, a line each.
func found(c Config, files map[string][]byte) string {
	p := conf.NewProblems()
	p.ReadBy(func(path string) ([]byte, error) {
		if b, ok := files[path]; ok {
			return b, nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	})
	c.Check(p)
	var all []string
	for _, one := range p.List() {
		level := ""
		if one.Warning {
			level = "warning: "
		}
		all = append(all, level+one.Path.String()+": "+one.Text)
	}
	return strings.Join(all, "\n")
}

func TestWhatCanNotServeIsAProblem(t *testing.T) {
	good, other := selfSigned(t, "a"), selfSigned(t, "b")
	ended := func(from, to int) tls.Certificate {
		now := time.Now()
		return signed(t, &x509.Certificate{NotBefore: now.AddDate(0, 0, from), NotAfter: now.AddDate(0, 0, to), DNSNames: []string{"a"}}, nil)
	}
	old, early := ended(-9, -2), ended(2, 9)
	files := map[string][]byte{
		"/cert": certPEM(good), "/key": keyPEM(t, good), "/other": keyPEM(t, other), "/both": append(certPEM(good), keyPEM(t, good)...),
		"/old": certPEM(old), "/oldkey": keyPEM(t, old), "/early": certPEM(early), "/earlykey": keyPEM(t, early),
		"/chain": append(certPEM(good), certPEM(other)...), "/cut": append(certPEM(good), certPEM(other)[:200]...),
		"/odd":  append(certPEM(good), "-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n"...),
		"/text": []byte("hello"), "/broken": []byte("-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n"),
	}
	day := func(c tls.Certificate, early bool) string {
		if early {
			return c.Leaf.NotBefore.UTC().Format(time.DateOnly)
		}
		return c.Leaf.NotAfter.UTC().Format(time.DateOnly)
	}
	with := func(edit func(*Config)) Config {
		c := Default()
		c.Certificates = []Pair{{"/cert", "/key"}}
		edit(&c)
		return c
	}
	pair := func(cert, key string) Config {
		return with(func(c *Config) { c.Certificates = []Pair{{cert, key}} })
	}
	asks := func(ca, mode string) Config {
		return with(func(c *Config) { c.ClientAuth = &ClientAuth{ca, mode} })
	}
	for _, c := range []struct {
		config Config
		want   string
	}{
		{pair("/cert", "/key"), ""},
		{pair("/both", "/both"), ""},
		{pair("/chain", "/key"), ""},
		{pair("/cut", "/key"), `certificates[0].cert: "/cut" can't be used: block 2 is cut or damaged`},
		{pair("/odd", "/key"), `certificates[0].cert: "/odd" can't be used: certificate 2: x509: `},
		{pair("/cert", "/other"), `certificates[0].key: "/other" is not the key of the certificate in "/cert"`},
		{pair("/none", "/key"), `certificates[0].cert: "/none" can't be read: file does not exist`},
		{pair("/cert", "/none"), `certificates[0].key: "/none" can't be read: file does not exist`},
		{pair("/text", "/key"), `certificates[0].cert: "/text" holds no certificate that can be used`},
		{pair("/broken", "/key"), `certificates[0].cert: "/broken" holds no certificate that can be used`},
		{pair("/cert", "/text"), `certificates[0].key: "/text" holds no private key that can be used`},
		{pair("/cert", "/cert"), `certificates[0].key: "/cert" holds no private key that can be used`},
		{pair("", "/key"), `certificates[0].cert: the cert file is missing`},
		{pair("/cert", ""), `certificates[0].key: the key file is missing`},
		{pair("/old", "/oldkey"), `warning: certificates[0].cert: the certificate has expired on ` + day(old, false)},
		{pair("/early", "/earlykey"), `warning: certificates[0].cert: the certificate is not valid before ` + day(early, true)},
		{with(func(c *Config) { c.Certificates = nil }), `certificates: tls has no certificate`},
		{with(func(c *Config) {
			a := acme.Default()
			a.Hosts, a.Directory = []string{"a.example.com"}, "https://ca.internal/directory"
			c.Certificates, c.ACME = nil, &a
		}), ``},
		{with(func(c *Config) { c.MinVersion = "1.1" }), `min_version: "1.1" is not a TLS version that Weir speaks`},
		{with(func(c *Config) { c.HandshakeTimeout = conf.Dur(0) }), `handshake_timeout: "0s" is no time at all`},
		{with(func(c *Config) { c.HandshakeTimeout = conf.OffDuration }), `handshake_timeout: "off" would let clients that never finish stay for ever`},
		{with(func(c *Config) { c.HandshakesPerClient = conf.AtMost(0) }), `handshakes_per_client: 0 would let nobody in`},
		{with(func(c *Config) { c.HandshakesPerClient = conf.OffLimit }), ``},
		{asks("/cert", Require), ``},
		{asks("/cert", "demand"), `client_auth.mode: "demand" is not a way to ask for client certificates`},
		{asks("", Request), `client_auth.ca: the ca file is missing`},
		{asks("/none", Request), `client_auth.ca: "/none" can't be read: file does not exist`},
		{asks("/text", Require), `client_auth.ca: "/text" can't be used: it holds no certificate in PEM`},
		{asks("/broken", Require), `client_auth.ca: "/broken" can't be used: certificate 1: `},
		{asks("/chain", Require), ``},
		{asks("/cut", Require), `client_auth.ca: "/cut" can't be used: block 2 is cut or damaged`},
		{asks("/key", Require), `client_auth.ca: "/key" can't be used: it holds no certificate in PEM`},
		{asks("/old", Require), `warning: client_auth.ca: the authority "" has expired on ` + day(old, false)},
	} {
		if got := found(c.config, files); c.want == "" && got != "" || !strings.HasPrefix(got, c.want) || strings.Contains(got, "\n") {
			t.Errorf("%+v gave\n%s\nwant %s", c.config, got, c.want)
		}
	}
}

func TestAKeyIsNotShownInAProblem(t *testing.T) {
	a, b := selfSigned(t, "a"), selfSigned(t, "b")
	c := Default()
	c.Certificates = []Pair{{"/c", "/k"}}
	key := keyPEM(t, b)
	got := found(c, map[string][]byte{"/c": certPEM(a), "/k": key})
	if got == "" || strings.Contains(got, strings.Split(string(key), "\n")[1]) {
		t.Errorf("the problem is\n%s", got)
	}
}

func TestTheDefaultsAreWhatTheManualSays(t *testing.T) {
	if c := Default(); c.MinVersion != "1.2" || c.HandshakeTimeout.Value() != 10*time.Second || c.HandshakesPerClient.Value() != 256 {
		t.Errorf("got %+v", c)
	}
	if a := DefaultClientAuth(); a.Mode != Require {
		t.Errorf("got %+v", a)
	}
}

// FuzzCovers compares with x509: whoever is covered here is covered there.
func FuzzCovers(f *testing.F) {
	for _, seed := range [][2]string{{"*.example.com", "a.example.com"}, {"a.test", "A.test"}, {"*", "a"}, {"*.", "a."}, {"*.", "aa.."}, {"192.0.2.1", "192.0.2.1"}, {"", "."}, {"a*.b", "ax.b"}, {"*.*.c", "a.*.c"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, host string) {
		leaf := &x509.Certificate{DNSNames: []string{name}}
		host = canonical(host)
		// As requests have hosts, and as crypto/x509 has names: IA5String.
		valid := strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" && !strings.Contains(host, "..") && !strings.Contains("."+host, ".-") &&
			strings.IndexFunc(name, func(r rune) bool { return r > 0x7e }) < 0
		if valid && covers(leaf, host) && leaf.VerifyHostname(host) != nil {
			t.Errorf("%q is said to cover %q", name, host)
		}
		c := &choice{byName: map[string][]*tls.Certificate{strings.ToLower(name): {{Leaf: leaf}}}}
		if len(c.exact(host)) == 0 && len(c.wildcard(host)) > 0 && !strings.HasPrefix(name, "*.") {
			t.Errorf("%q is a wildcard for %q", name, host)
		}
	})
}
