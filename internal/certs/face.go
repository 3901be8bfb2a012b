package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"slices"
)

// face makes the configs of handshakes anew: for other authorities of clients.
func (s *Store) face(cas *x509.CertPool, caText string) {
	f := &faces{clientCAs: cas}
	if a := s.config.ClientAuth; a != nil {
		sum := sha256.Sum256([]byte(caText))
		f.scope = a.Mode + " " + string(sum[:])
	}
	f.tcp = s.serverConfig(f, s.options.ALPN)
	f.quic = s.serverConfig(f, []string{"h3"})
	f.quic.MinVersion = tls.VersionTLS13 // RFC 9001 §4.2
	s.leaveElsewhere(f.quic)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setKeys(f)
	s.faces.Store(f)
}

func (s *Store) serverConfig(f *faces, alpn []string) *tls.Config {
	c := &tls.Config{
		MinVersion:     minVersion(s.config.MinVersion),
		CipherSuites:   suites(),
		GetCertificate: s.GetCertificate,
		NextProtos:     slices.Clone(alpn),
		// Small records would cost a write each, some hundred for the first 128 KiB of an answer.
		DynamicRecordSizingDisabled: true,
	}
	if from := s.options.Source; from != nil && from.Challenged != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) { return from.Challenged(hello), nil }
	}
	if a := s.config.ClientAuth; a != nil {
		c.ClientCAs, c.ClientAuth = f.clientCAs, tls.RequireAndVerifyClientCert
		if a.Mode == Request {
			c.ClientAuth = tls.VerifyClientCertIfGiven
		}
	}
	c.UnwrapSession = func(ticket []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		// Keys are those of other listeners too. A full handshake would show whoever was led here in
		// place of another listener that the name is none of ours; resumption must not hide that.
		if cs.ServerName != "" && !s.named(cs.ServerName) {
			return nil, nil
		}
		return c.DecryptTicket(ticket, cs)
	}
	return c
}

// leaveElsewhere refuses names that others take, in full handshakes and in resumed ones.
func (s *Store) leaveElsewhere(c *tls.Config) {
	elsewhere, resume := s.options.Elsewhere, c.UnwrapSession
	if elsewhere == nil {
		return
	}
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if elsewhere(canonical(hello.ServerName)) {
			return nil, nil
		}
		return s.GetCertificate(hello)
	}
	c.UnwrapSession = func(ticket []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		if elsewhere(canonical(cs.ServerName)) {
			return nil, nil
		}
		return resume(ticket, cs)
	}
}

// setKeys gives both configs the keys of their tickets. Clients of QUIC have a scope of their own.
// Call with mu held, so that the last to set keys has the newest.
func (s *Store) setKeys(f *faces) {
	f.tcp.SetSessionTicketKeys(s.keeper.tickets.keys("tcp " + f.scope))
	f.quic.SetSessionTicketKeys(s.keeper.tickets.keys("quic " + f.scope))
}

// turnKeys takes up keys that the keeper has made since.
func (s *Store) turnKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setKeys(s.faces.Load())
}

// suites are those of TLS 1.2 that are offered: ephemeral keys and authenticated encryption alone;
// crypto/tls puts them in order. Those of TLS 1.3 are all so, and can't be chosen.
func suites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

func minVersion(text string) uint16 {
	if text == "1.3" {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}
