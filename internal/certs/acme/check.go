package acme

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// Check notes what is wrong with c. It reads the file of roots and looks whether there is a program
// of dns; [New] looks whether that can be run.
func (c *Config) Check(p *conf.Problems) {
	if c.Email != "" {
		if a, err := mail.ParseAddress(c.Email); err != nil || a.Address != c.Email {
			p.Add("email", strconv.Quote(c.Email)+" is not an email address", `write one such as "ops@example.com", or leave email out`)
		}
	}
	c.checkDirectory(p)
	c.checkHosts(p)
	c.checkChallenges(p)
	p.OneOf("key_type", c.KeyType, "a kind of key", ECDSAP256, ECDSAP384, RSA2048, RSA4096)
	if c.DNS != nil {
		c.DNS.check(p.In("dns"))
	}
	if c.EAB != nil {
		c.EAB.check(p.In("eab"))
	}
}

func (c *Config) checkDirectory(p *conf.Problems) {
	if u, err := url.Parse(c.directory()); err != nil || u.Scheme != "https" || u.Host == "" {
		names := []string{LetsEncrypt, LetsEncryptStaging}
		hint := `write "letsencrypt", "letsencrypt-staging", or the https URL of a directory`
		if near := conf.Nearest(c.Directory, names); near != "" {
			hint = "did you mean " + strconv.Quote(near) + "? " + hint
		}
		p.Add("directory", strconv.Quote(c.Directory)+" is not a directory of an authority", hint)
	}
	if c.CA == "" {
		return
	}
	text, err := p.ReadFile(c.CA)
	switch {
	case err != nil:
		p.Add("ca", "the file can't be read: "+conf.FileTrouble(err), "the user that runs Weir must be able to read this file")
	case !x509.NewCertPool().AppendCertsFromPEM(text):
		p.Add("ca", c.CA+" holds no certificate", "write a PEM file of the roots that signed the directory's certificate")
	default:
		if err := conf.WholePEM(text); err != nil {
			p.Add("ca", c.CA+" can't be used: "+err.Error(), "")
		}
	}
}

func (c *Config) checkHosts(p *conf.Problems) {
	if len(c.Hosts) == 0 && c.OnDemand == nil {
		p.Add("hosts", "there is no host to hold a certificate for", `write the names, such as hosts = ["api.example.com"]`)
	}
	seen := map[string]bool{}
	for i, h := range c.Hosts {
		at := p.Index("hosts", i)
		name := normal(h)
		switch text, hint := c.badHost(name); {
		case text != "":
			at.Add("", strconv.Quote(h)+" "+text, hint)
		case seen[name]:
			at.Add("", strconv.Quote(h)+" is written twice", "leave one of them out")
		case strings.HasPrefix(name, "*.") && !c.Uses(DNS01):
			at.Add("", "a certificate for a wildcard is only given for the challenge dns-01", "add dns = { exec = [\"/path/to/program\"] }, or write the names")
		}
		seen[name] = true
	}
	if c.OnDemand != nil {
		c.checkOnDemand(p.In("on_demand"))
	}
}

func (c *Config) checkOnDemand(p *conf.Problems) {
	if len(c.OnDemand.Hosts) == 0 {
		p.Add("hosts", "no host is allowed", `write those that may be, such as hosts = ["*.example.com"]`)
	}
	for i, h := range c.OnDemand.Hosts {
		if text, hint := c.badHost(normal(h)); text != "" {
			p.Index("hosts", i).Add("", strconv.Quote(h)+" "+text, hint)
		}
	}
	p.Between("max", c.OnDemand.Max, 1, 100_000)
}

// badHost says why nobody certifies name, which is in lower case, and what to write instead; "" if
// somebody may.
func (c *Config) badHost(name string) (text, hint string) {
	bare := strings.TrimPrefix(name, "*.")
	switch {
	case isAddress(name):
		return "is an address; clients don't ask for a certificate by address", "write a host name, and give a certificate for the address by certificates"
	case strings.ContainsFunc(name, func(r rune) bool { return r > 0x7e }):
		return "is not how the name is written in certificates", `write it with the letters of the DNS: "xn--…"`
	case !hostName(bare):
		return "is not a host name", `write a name, such as "api.example.com", without scheme, port or path`
	case c.public() && (!strings.Contains(bare, ".") || private(bare)):
		return "is not a name of the public DNS, and this authority certifies no others", "write a public name, or the directory of an authority of your own"
	}
	return "", ""
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil
}

// private reports whether a name is in a domain that the public DNS will never have (RFC 6761,
// RFC 8375, RFC 6762 and what ICANN has set aside).
func private(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return slices.Contains([]string{"localhost", "local", "internal", "test", "invalid", "example", "lan", "home", "arpa"}, last)
}

// hostName reports whether s is made of letters, digits, hyphens and dots as RFC 1123 §2.1 has it.
func hostName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return false
			}
		}
	}
	return true
}

// normal returns a name as certificates and this package compare it.
func normal(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func (c *Config) checkChallenges(p *conf.Problems) {
	for i, name := range c.Challenges {
		at := p.Index("challenges", i)
		at.OneOf("", name, "a challenge", HTTP01, TLSALPN01, DNS01)
		if name == DNS01 && c.DNS == nil {
			at.Add("", "dns-01 needs a program that writes the records", "add dns = { exec = [\"/path/to/program\"] }")
		}
	}
	if c.DNS != nil && !c.Uses(DNS01) {
		p.Warn("dns", "dns has no effect, since challenges does not name dns-01", "add \"dns-01\" there, or leave dns out")
	}
}

func (d *DNS) check(p *conf.Problems) {
	if len(d.Exec) == 0 {
		p.Add("exec", "there is no program to call", `write its path, such as exec = ["/etc/weir/dns-hook"]`)
		return
	}
	if path := d.Exec[0]; !filepath.IsAbs(path) {
		p.Index("exec", 0).Add("", strconv.Quote(path)+" is not a whole path", "write it from the root, such as \"/etc/weir/dns-hook\"")
	} else if _, err := p.ReadFile(path); errors.Is(err, fs.ErrNotExist) {
		p.Index("exec", 0).Add("", "the program can't be found: "+conf.FileTrouble(err), "write the path of one that is there")
	}
	p.Positive("timeout", d.Timeout)
}

func (e *EAB) check(p *conf.Problems) {
	if e.KeyID == "" {
		p.Add("key_id", "the account has no name", "write the key id that the authority has given out")
	}
	key := e.HMAC.Reveal()
	if e.HMAC.IsZero() {
		p.Add("hmac", "the key is missing", `write where it is, such as hmac = { file = "/etc/weir/eab.key" }`)
	} else if _, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(key, "=")); key != "" && err != nil {
		p.Add("hmac", "the key is not base64url", "write it as the authority has given it out")
	}
}
