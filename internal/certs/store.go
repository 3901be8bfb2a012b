// Package certs keeps the certificates that a listener offers and chooses one for a handshake:
// from files, from another [Source] such as ACME, or self-signed in memory for the demo.
//
// The gateway opens one [Store] per listener when it prepares a snapshot, by the process's [Keeper];
// handshakes take [Store.TCP] or [Store.QUIC]. certs knows no listener and no config file.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"sync"
	"sync/atomic"
)

// Store is a set of certificates, chosen from by the name that a client asks for, with all that a
// handshake needs besides. What is in it follows its files while a [Keeper] keeps it. It is safe for
// concurrent use.
type Store struct {
	keeper  *Keeper
	config  *Config
	options Options

	choice atomic.Pointer[choice]
	faces  atomic.Pointer[faces]

	pairs []*watchedPair
	ca    *watchedFile // nil: clients are not asked
	mu    sync.Mutex   // what the watched files came to, and whose turn it is to set keys
}

// faces are the configs of handshakes, for as long as the client authorities are the same.
type faces struct {
	clientCAs *x509.CertPool
	scope     string
	tcp, quic *tls.Config
}

// TCP returns what the next handshake over TCP is made with. It must not be changed; a later call
// may return another, when the clients' authorities have changed.
func (s *Store) TCP() *tls.Config { return s.faces.Load().tcp }

// QUIC is [Store.TCP] for HTTP/3: TLS 1.3, ALPN "h3", tickets of its own.
func (s *Store) QUIC() *tls.Config { return s.faces.Load().quic }

// GetCertificate chooses for one handshake: a certificate for exactly the name that the client
// asks for, else the source's if it handles the name, else one whose wildcard stands for the first
// label (RFC 9525 §6.3), else the first of the list. Of several for one name it takes the first whose
// kind of key the client knows.
func (s *Store) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := canonical(hello.ServerName)
	c, sourced := s.pick(name)
	switch {
	case sourced && s.options.Source.Handles(name): // without files it comes to the others too
		return s.options.Source.GetCertificate(hello)
	case len(c) > 0:
		return fitting(c, hello), nil
	}
	return nil, nil // crypto/tls tells the client unrecognized_name
}

// pick returns the certificates for a name, or that the source has them.
func (s *Store) pick(name string) (all []*tls.Certificate, sourced bool) {
	c, from := s.choice.Load(), s.options.Source
	if all = c.exact(name); len(all) > 0 {
		return all, false
	}
	if from != nil && name != "" && from.Handles(name) {
		return nil, true
	}
	if all = c.wildcard(name); len(all) > 0 {
		return all, false
	}
	return c.first, from != nil && len(c.first) == 0
}

// named reports whether there is a certificate for the name that a client asks for, so that it is
// not the first of the list for want of a better one.
func (s *Store) named(name string) bool {
	name = canonical(name)
	c, from := s.choice.Load(), s.options.Source
	return len(c.exact(name)) > 0 || len(c.wildcard(name)) > 0 || from != nil && from.Handles(name)
}

// Covers reports whether the certificate that a client got who asked for sni ("" for no name) is
// also for host: a name, or an IP address without brackets, both without port. It is for hosts that
// differ from sni; that one was chosen for sni does not mean that it covers it. Nothing covers hosts
// that are served elsewhere.
func (s *Store) Covers(sni, host string) bool {
	sni, host = canonical(sni), canonical(host)
	if s.options.Elsewhere != nil && s.options.Elsewhere(host) {
		return false
	}
	all, sourced := s.pick(sni)
	if sourced {
		c := s.options.Source.Certificate(sni)
		return c != nil && c.Leaf != nil && covers(c.Leaf, host)
	}
	for _, c := range all {
		if covers(c.Leaf, host) {
			return true
		}
	}
	return false
}
