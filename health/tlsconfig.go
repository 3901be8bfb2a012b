package health

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// TLSConfig says how a probe speaks TLS. Its words are those of an upstream's tls table. Files are
// read when a config is checked and again when it is published.
type TLSConfig struct {
	// ServerName is the name that is asked for (SNI) and that the endpoint's certificate must have.
	// Default: the host of the endpoint's address.
	ServerName string `toml:"server_name"`
	// CA is a file of PEM certificates, one of which must have signed the endpoint's. Default: the
	// system's.
	CA string `toml:"ca"`
	// Cert is a PEM file: the certificate that the probe shows to an endpoint that asks for one. It
	// needs key. Default: none.
	Cert string `toml:"cert"`
	// Key is a PEM file: the private key of cert. Default: none.
	Key string `toml:"key"`
	// Insecure takes any certificate. A probe then tells no endpoint from an impostor. Default:
	// false.
	Insecure bool `toml:"insecure"`
}

func (c *TLSConfig) check(p *conf.Problems) {
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
	files, err := c.read(p.ReadFile)
	if err == nil {
		_, err = c.compile(files)
	}
	if err != nil {
		p.Add(err.key, err.text, "")
	}
}

// material is what the files of a TLSConfig hold.
type material struct{ ca, cert, key []byte }

// fileError says what is wrong with a file, and which key names it.
type fileError struct{ key, text string }

func (e *fileError) Error() string { return "tls: " + e.text }

// read reads the files that are named by file.
func (c *TLSConfig) read(file func(path string) ([]byte, error)) (m material, wrong *fileError) {
	for _, f := range []struct {
		key, path string
		to        *[]byte
	}{{"ca", c.CA, &m.ca}, {"cert", c.Cert, &m.cert}, {"key", c.Key, &m.key}} {
		if f.path == "" {
			continue
		}
		text, err := file(f.path)
		if err != nil {
			return material{}, &fileError{f.key, strconv.Quote(f.path) + " can't be read: " + fileTrouble(err)}
		}
		*f.to = text
	}
	return m, nil
}

// compile returns what every endpoint of the upstream has in common.
func (c *TLSConfig) compile(m material) (*tls.Config, *fileError) {
	secure := &tls.Config{ServerName: c.ServerName, InsecureSkipVerify: c.Insecure, MinVersion: tls.VersionTLS12}
	if m.ca != nil {
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(m.ca) {
			return nil, &fileError{"ca", strconv.Quote(c.CA) + " holds no certificate in PEM"}
		}
	}
	if m.cert != nil {
		pair, err := tls.X509KeyPair(m.cert, m.key)
		if err != nil {
			return nil, &fileError{"cert", strconv.Quote(c.Cert) + " with " + strconv.Quote(c.Key) + ": " +
				strings.TrimPrefix(err.Error(), "tls: ")}
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	return secure, nil
}

// fileTrouble returns the cause of a file error, without the system call and the path.
func fileTrouble(err error) string {
	var of *fs.PathError
	if errors.As(err, &of) {
		err = of.Err
	}
	return err.Error()
}
