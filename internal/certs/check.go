package certs

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"weir/internal/conf"
)

// Check reports what can't serve. It reads the files by p.
func (c *Config) Check(p *conf.Problems) {
	p.OneOf("min_version", c.MinVersion, "a TLS version that Weir speaks", "1.2", "1.3")
	if len(c.Certificates) == 0 && c.ACME == nil {
		p.Add("certificates", "tls has no certificate", `write certificates = [{ cert = "/path.pem", key = "/path.key" }], or acme = { hosts = ["api.example.com"] } to obtain them`)
	}
	if c.ACME != nil {
		c.ACME.Check(p.In("acme"))
	}
	for i := range c.Certificates {
		c.Certificates[i].check(p.Index("certificates", i))
	}
	if c.ClientAuth != nil {
		c.ClientAuth.check(p.In("client_auth"))
	}
	switch t := c.HandshakeTimeout; {
	case t.IsOff():
		p.Add("handshake_timeout", `"off" would let clients that never finish stay for ever`, `write a time, such as "10s"`)
	case t.Value() <= 0:
		p.Add("handshake_timeout", strconv.Quote(t.String())+" is no time at all", `write a longer time, such as "10s"`)
	}
	if n := c.HandshakesPerClient; !n.IsOff() && n.Value() == 0 {
		p.Add("handshakes_per_client", "0 would let nobody in", `write a number from 1, or "off" for no limit`)
	}
}

func (c *Pair) check(p *conf.Problems) {
	cert := readPEM(p, "cert", c.Cert, "a certificate has both cert and key")
	key := readPEM(p, "key", c.Key, "a certificate has both cert and key")
	if cert == nil || key == nil {
		return
	}
	pair, err := keyPair(cert, key)
	if err != nil {
		c.explain(p, err)
		return
	}
	now, leaf := time.Now(), pair.Leaf
	switch {
	case now.After(leaf.NotAfter):
		p.Warn("cert", "the certificate has expired on "+leaf.NotAfter.UTC().Format(time.DateOnly), "clients will refuse it")
	case now.Before(leaf.NotBefore):
		p.Warn("cert", "the certificate is not valid before "+leaf.NotBefore.UTC().Format(time.DateOnly), "clients will refuse it")
	}
}

func readPEM(p *conf.Problems, key, path, hint string) []byte {
	if path == "" {
		p.Add(key, "the "+key+" file is missing", hint)
		return nil
	}
	b, err := p.ReadFile(path)
	if err != nil {
		p.Add(key, strconv.Quote(path)+" can't be read: "+conf.FileTrouble(err), "")
		return nil
	}
	return b
}

// explain turns an error of keyPair, of which those of crypto/tls have no kinds, into the key that it is about.
func (c *Pair) explain(p *conf.Problems, err error) {
	var chain chainError
	if errors.As(err, &chain) {
		p.Add("cert", strconv.Quote(c.Cert)+" can't be used: "+chain.Error(), "")
		return
	}
	switch text := strings.TrimPrefix(err.Error(), "tls: "); {
	case strings.Contains(text, "does not match"):
		p.Add("key", strconv.Quote(c.Key)+" is not the key of the certificate in "+strconv.Quote(c.Cert), "")
	case strings.Contains(text, "private key") || strings.Contains(text, "key input"):
		p.Add("key", strconv.Quote(c.Key)+" holds no private key that can be used", text)
	default:
		p.Add("cert", strconv.Quote(c.Cert)+" holds no certificate that can be used", text)
	}
}

func (a *ClientAuth) check(p *conf.Problems) {
	p.OneOf("mode", a.Mode, "a way to ask for client certificates", Require, Request)
	b := readPEM(p, "ca", a.CA, "client certificates are judged by the authorities in a PEM file")
	if b == nil {
		return
	}
	all, err := authorities(b)
	if err != nil {
		p.Add("ca", strconv.Quote(a.CA)+" can't be used: "+err.Error(), "")
		return
	}
	now := time.Now()
	for _, ca := range all {
		if now.After(ca.NotAfter) {
			p.Warn("ca", "the authority "+strconv.Quote(ca.Subject.String())+" has expired on "+ca.NotAfter.UTC().Format(time.DateOnly), "certificates that it signed will be refused")
		}
	}
}
