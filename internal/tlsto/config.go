// Package tlsto is TLS towards endpoints: the words of a tls table, and what its files compile to.
//
// Traffic (http7/forward) and probes (health) share it. It dials nothing and knows no endpoint.
package tlsto

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strconv"
	"strings"
	"time"

	"weir/internal/conf"
)

// Config says how endpoints are spoken to over TLS. Files are read when a config is checked, and again
// when it is published, so that files that change need a reload; connections made by other files or
// words are not used any more then.
type Config struct {
	// ServerName is the name that is asked for (SNI) and that an endpoint's certificate must have.
	// Default: the host of the endpoint's address; an IP address must be named by the certificate,
	// and a unix socket goes by "localhost".
	ServerName string `toml:"server_name"`
	// CA is a file of PEM certificates, one of which must have signed the endpoint's. Default: the
	// system's.
	CA string `toml:"ca"`
	// Cert is a PEM file: the certificate that is shown to an endpoint that asks for one. It needs
	// key. Default: none.
	Cert string `toml:"cert"`
	// Key is a PEM file: the private key of cert. Default: none.
	Key string `toml:"key"`
	// Insecure takes any certificate. Hazard: whoever can stand between can read and change
	// everything, and a probe tells no endpoint from an impostor. Default: false.
	Insecure bool `toml:"insecure"`
}

// Check notes what is wrong with c and its files.
func (c *Config) Check(p *conf.Problems) {
	if strings.ContainsFunc(c.ServerName, notVisible) || strings.ContainsAny(c.ServerName, "/:*") {
		p.Add("server_name", strconv.Quote(c.ServerName)+" is not a name", `write a host name, such as "orders.internal"`)
	}
	if c.Insecure && c.CA != "" {
		p.AddKey("insecure", "any certificate is taken, so ca has no use", "keep ca or insecure")
	}
	switch {
	case c.Cert != "" && c.Key == "":
		p.AddKey("cert", "cert is nothing without its key", `write key = "/path"`)
		return
	case c.Cert == "" && c.Key != "":
		p.AddKey("key", "key is nothing without its cert", `write cert = "/path"`)
		return
	}
	compiled, err := c.Compile(p.ReadFile)
	if err != nil {
		p.Add(err.Key, err.text, "")
		return
	}
	c.warnOfDates(p, compiled)
}

// warnOfDates warns of what endpoints or we will refuse.
func (c *Config) warnOfDates(p *conf.Problems, compiled *Compiled) {
	now := time.Now()
	for _, shown := range compiled.base.Certificates {
		switch end := shown.Leaf.NotAfter; {
		case now.After(end):
			p.Warn("cert", "the certificate has expired on "+end.UTC().Format(time.DateOnly), "endpoints will refuse it")
		case now.Before(shown.Leaf.NotBefore):
			p.Warn("cert", "the certificate is not valid before "+shown.Leaf.NotBefore.UTC().Format(time.DateOnly), "endpoints will refuse it")
		}
	}
	if c.CA == "" {
		return
	}
	text, _ := p.ReadFile(c.CA) // has been read
	for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
		if ca, err := x509.ParseCertificate(b.Bytes); err == nil && now.After(ca.NotAfter) {
			p.Warn("ca", "the authority "+strconv.Quote(ca.Subject.String())+" has expired on "+ca.NotAfter.UTC().Format(time.DateOnly),
				"certificates that it signed will be refused")
		}
	}
}

// FileError says what is wrong with a file, and which key names it.
type FileError struct {
	// Key is "ca", "cert" or "key".
	Key  string
	text string
}

// Error says what is wrong, with the path.
func (e *FileError) Error() string { return "tls: " + e.text }

// Sum tells compiled configs apart: equal ones have equal sums. The zero Sum is no TLS.
type Sum [sha256.Size]byte

// Compiled is a Config with what its files hold. It never changes and is safe for concurrent use.
type Compiled struct {
	// Sum is equal for equal words and equal files.
	Sum  Sum
	base *tls.Config
}

// material is what the files of a Config hold.
type material struct{ ca, cert, key []byte }

// Compile reads the files with read and returns what all endpoints have in common.
func (c *Config) Compile(read func(path string) ([]byte, error)) (*Compiled, *FileError) {
	m, wrong := c.read(read)
	if wrong != nil {
		return nil, wrong
	}
	base := &tls.Config{ServerName: c.ServerName, InsecureSkipVerify: c.Insecure, MinVersion: tls.VersionTLS12}
	if m.ca != nil {
		base.RootCAs = x509.NewCertPool()
		if !base.RootCAs.AppendCertsFromPEM(m.ca) {
			return nil, &FileError{"ca", strconv.Quote(c.CA) + " holds no certificate in PEM"}
		}
	}
	if m.cert != nil {
		pair, err := tls.X509KeyPair(m.cert, m.key)
		if err != nil {
			return nil, &FileError{"cert", strconv.Quote(c.Cert) + " with " + strconv.Quote(c.Key) + ": " +
				strings.TrimPrefix(err.Error(), "tls: ")}
		}
		base.Certificates = []tls.Certificate{pair}
	}
	return &Compiled{Sum: c.sum(&m), base: base}, nil
}

func (c *Config) read(file func(path string) ([]byte, error)) (m material, wrong *FileError) {
	for _, f := range []struct {
		key, path string
		to        *[]byte
	}{{"ca", c.CA, &m.ca}, {"cert", c.Cert, &m.cert}, {"key", c.Key, &m.key}} {
		if f.path == "" {
			continue
		}
		text, err := file(f.path)
		if err != nil {
			return material{}, &FileError{f.key, strconv.Quote(f.path) + " can't be read: " + conf.FileTrouble(err)}
		}
		if err := conf.WholePEM(text); err != nil {
			return material{}, &FileError{f.key, strconv.Quote(f.path) + " can't be used: " + err.Error()}
		}
		*f.to = text
	}
	return m, nil
}

func (c *Config) sum(m *material) (s Sum) {
	h := sha256.New()
	for _, part := range []string{c.ServerName, strconv.FormatBool(c.Insecure), string(m.ca), string(m.cert), string(m.key)} {
		_, _ = h.Write([]byte(strconv.Itoa(len(part)) + ":" + part)) // a hash takes everything
	}
	h.Sum(s[:0])
	return s
}

// For returns a client's config for one endpoint that is called host, offering protocols by ALPN, with
// room to resume sessions of its own.
func (c *Compiled) For(host string, protocols ...string) *tls.Config {
	own := c.base.Clone()
	if own.ServerName == "" {
		own.ServerName = host
	}
	own.NextProtos = protocols
	own.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	return own
}

// Error is a handshake that failed: with whom, by which name, and why.
type Error struct {
	// Endpoint is the address that was dialled, ServerName the name its certificate was to have.
	Endpoint, ServerName string
	// Err is the reason.
	Err error
}

// Error says it in the words of a log line.
func (e *Error) Error() string {
	why := e.Err.Error()
	var bad *tls.CertificateVerificationError
	if errors.As(e.Err, &bad) {
		why = bad.Err.Error()
	}
	return "TLS with " + e.Endpoint + " as " + strconv.Quote(e.ServerName) + ": " + strings.TrimPrefix(why, "tls: ")
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

func notVisible(r rune) bool { return r <= ' ' || r >= 0x7f }
