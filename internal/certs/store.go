// Package certs keeps the certificates that a listener offers and chooses one for a handshake:
// from files, or self-signed in memory for the demo.
//
// The gateway loads one [Store] per listener when it prepares a snapshot and wraps the listener's
// connections with [Store.Config]. certs knows no listener and no config file.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Pair names the PEM files of one certificate: the chain, leaf first, and the leaf's key.
// Both may be the same file.
type Pair struct {
	Cert string
	Key  string
}

// Store is a set of certificates, chosen from by the name that a client asks for. It never
// changes and is safe for concurrent use.
type Store struct {
	first tls.Certificate
	// byName holds, for each name in lower case ("*.example.com" for a wildcard), its certificates
	// in the order given: there may be one for each kind of key.
	byName map[string][]*tls.Certificate
}

// Load reads certificates from files. The error names every file that is at fault, with the
// reason; certificates that have expired are taken, as a wrong date is better than no service.
func Load(pairs []Pair) (*Store, error) {
	var all []tls.Certificate
	var errs []error
	for _, p := range pairs {
		c, err := read(p)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, c)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return New(all...)
}

func read(p Pair) (tls.Certificate, error) {
	chain, err := os.ReadFile(p.Cert)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	key, err := os.ReadFile(p.Key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate's key: %w", err)
	}
	c, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s with key %s: %w", p.Cert, p.Key, err)
	}
	return c, nil
}

// New returns a store of certificates that are in memory already. The first is offered to clients
// that ask for no name or for an unknown one. No certificate is an error.
func New(all ...tls.Certificate) (*Store, error) {
	if len(all) == 0 {
		return nil, errors.New("certificates: there is none")
	}
	s := &Store{first: all[0], byName: map[string][]*tls.Certificate{}}
	for i := range all {
		if err := s.add(&all[i]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Store) add(c *tls.Certificate) error {
	leaf := c.Leaf
	if leaf == nil {
		if len(c.Certificate) == 0 {
			return errors.New("certificates: one holds no chain")
		}
		parsed, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			return fmt.Errorf("certificates: %w", err)
		}
		leaf = parsed
	}
	for _, name := range leaf.DNSNames {
		name = strings.ToLower(name)
		s.byName[name] = append(s.byName[name], c)
	}
	return nil
}

// GetCertificate chooses for one handshake: a certificate for exactly the name that the client
// asks for, else one whose wildcard stands for its first label (RFC 9525 §6.3), else the first of
// the store. Of several for one name it takes the first whose kind of key the client knows.
func (s *Store) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if c := fitting(s.byName[name], hello); c != nil {
		return c, nil
	}
	if _, parent, ok := strings.Cut(name, "."); ok {
		if c := fitting(s.byName["*."+parent], hello); c != nil {
			return c, nil
		}
	}
	return &s.first, nil
}

func fitting(all []*tls.Certificate, hello *tls.ClientHelloInfo) *tls.Certificate {
	if len(all) == 0 {
		return nil
	}
	for _, c := range all {
		if len(all) > 1 && hello.SupportsCertificate(c) == nil {
			return c
		}
	}
	return all[0]
}

// Config returns what a listener's connections are wrapped with: HTTP/1.1 by ALPN, session tickets
// with keys that crypto/tls rotates, and no version below minVersion, which is TLS 1.2 if less.
// The caller may not change it once it is in use.
func (s *Store) Config(minVersion uint16) *tls.Config {
	return &tls.Config{
		MinVersion:     max(minVersion, tls.VersionTLS12),
		GetCertificate: s.GetCertificate,
		NextProtos:     []string{"http/1.1"},
	}
}

// Version returns the version that a config calls "1.2" or "1.3"; "" is 1.2.
func Version(text string) (uint16, error) {
	switch text {
	case "", "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("%q is not a version of TLS that is served; it is 1.2 or 1.3", text)
}
