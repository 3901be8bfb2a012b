package config

import (
	"crypto/tls"
	"crypto/x509"
	"strconv"
	"strings"
	"time"

	"weir/internal/conf"
)

func (c *Config) checkListener(p *conf.Problems, l *Listener, o Options) {
	p.OneOf("kind", l.Kind, "a kind of listener", KindHTTP, KindTCP)
	if len(l.Address) == 0 {
		p.Add("address", "the listener has no address", `write address = ":8080"`)
	}
	for i, a := range l.Address {
		checkBind(p.Index("address", i), a)
	}
	checkCount(p, "max_connections_per_client", l.MaxConnectionsPerClient)
	if l.MaxConnections != nil {
		checkCount(p, "max_connections", *l.MaxConnections)
	}
	switch l.Kind {
	case KindHTTP:
		c.checkHTTPListener(p, l, o)
	case KindTCP:
		c.checkTCPListener(p, l)
	}
}

func checkCount(p *conf.Problems, key string, n conf.Limit) {
	if !n.IsOff() && n.Value() == 0 {
		p.Add(key, "0 would let nobody in", `write a number from 1, or "off" for no limit`)
	}
}

func checkBind(p *conf.Problems, a conf.Address) {
	switch {
	case a.IsZero():
		p.Add("", "an address is empty", `write ":8080"`)
	case a.IsOff():
		p.Add("", `"off" is not an address to listen on`, "leave the listener out")
	case a.IsName():
		p.Add("", strconv.Quote(a.Host())+" is a name; listeners bind IP addresses",
			"write "+strconv.Quote("127.0.0.1:"+strconv.Itoa(int(a.Port())))+" for this machine alone, or "+strconv.Quote(":"+strconv.Itoa(int(a.Port())))+" for all")
	}
}

func (c *Config) checkHTTPListener(p *conf.Problems, l *Listener, o Options) {
	if l.Upstream != "" {
		p.AddKey("upstream", "an http listener has routes, not an upstream", `write [[routes]] with upstream = `+strconv.Quote(l.Upstream)+`, or kind = "tcp" here`)
	}
	p.OneOf("forwarded", l.Forwarded, "a way to forward the client's address", ForwardedX, ForwardedRFC7239, ForwardedBoth, ForwardedOff)
	referAll(p, "policies", l.Policies, "policy", c.Policies)
	l.Limits.Check(p.In("limits"))
	l.Paths.Check(p.In("paths"))
	for i, b := range l.TrustedProxies {
		if b.Value().Bits() == 0 {
			p.Index("trusted_proxies", i).Warn("", "every client is trusted to say who it is", "write the addresses of your proxies")
		}
	}
	if l.TLS != nil {
		l.TLS.check(p.In("tls"), o)
	}
}

func (c *Config) checkTCPListener(p *conf.Problems, l *Listener) {
	if l.Upstream == "" {
		p.Add("upstream", "a tcp listener needs an upstream", `write upstream = "name"`)
	} else {
		refer(p, "upstream", l.Upstream, "upstream", c.Upstreams)
	}
	p.In("limits").Positive("idle_timeout", l.Limits.IdleTimeout)
}

func (t *TLS) check(p *conf.Problems, o Options) {
	p.OneOf("min_version", t.MinVersion, "a TLS version that Weir speaks", "1.2", "1.3")
	if len(t.Certificates) == 0 {
		p.Add("certificates", "tls has no certificate", `write certificates = [{ cert = "/path.pem", key = "/path.key" }]`)
	}
	for i := range t.Certificates {
		t.Certificates[i].check(p.Index("certificates", i), o)
	}
}

func (c *Certificate) check(p *conf.Problems, o Options) {
	cert := readPEM(p, "cert", c.Cert, o)
	key := readPEM(p, "key", c.Key, o)
	if cert == nil || key == nil {
		return
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		c.explain(p, err)
		return
	}
	leaf := pair.Leaf
	if leaf == nil {
		leaf, err = x509.ParseCertificate(pair.Certificate[0])
	}
	if err == nil && time.Now().After(leaf.NotAfter) {
		p.Warn("cert", "the certificate has expired on "+leaf.NotAfter.UTC().Format(time.DateOnly), "clients will refuse it")
	}
}

func readPEM(p *conf.Problems, key, path string, o Options) []byte {
	if path == "" {
		p.Add(key, "the "+key+" file is missing", "a certificate has both cert and key")
		return nil
	}
	b, err := o.ReadFile(path)
	if err != nil {
		p.Add(key, strconv.Quote(path)+" can't be read: "+conf.FileTrouble(err), "")
		return nil
	}
	return b
}

// explain turns an error of tls.X509KeyPair, which has no kinds, into the key that it is about.
func (c *Certificate) explain(p *conf.Problems, err error) {
	switch text := strings.TrimPrefix(err.Error(), "tls: "); {
	case strings.Contains(text, "does not match"):
		p.Add("key", strconv.Quote(c.Key)+" is not the key of the certificate in "+strconv.Quote(c.Cert), "")
	case strings.Contains(text, "private key") || strings.Contains(text, "key input"):
		p.Add("key", strconv.Quote(c.Key)+" holds no private key that can be used", text)
	default:
		p.Add("cert", strconv.Quote(c.Cert)+" holds no certificate that can be used", text)
	}
}
