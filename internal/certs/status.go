package certs

import (
	"crypto/x509"
	"time"
)

// Status says what a store serves from one entry of its config, or whom it asks of clients.
type Status struct {
	// Files are those of the config: certificate and key, or the authorities of clients.
	Files []string
	// Names are what the certificate is for, names and addresses; none for authorities.
	Names []string
	// NotBefore and NotAfter bound when it is valid; zero for authorities.
	NotBefore, NotAfter time.Time
	// Trouble is why newer files are not served, and Since when that was found; "" if there are none.
	Trouble string
	Since   time.Time
}

// Status returns one entry for each certificate of the config, in its order, and one for client_auth.
// What a [Source] has is not among them.
func (s *Store) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Status
	for _, p := range s.pairs {
		st := p.status()
		st.describe(p.cert.Leaf)
		out = append(out, st)
	}
	if s.ca != nil {
		out = append(out, s.ca.status())
	}
	return out
}

func (w *watchedFile) status() Status {
	s := Status{Files: w.paths}
	if w.broken != nil {
		s.Trouble, s.Since = w.broken.Error(), w.since
	}
	return s
}

func (s *Status) describe(leaf *x509.Certificate) {
	s.NotBefore, s.NotAfter = leaf.NotBefore, leaf.NotAfter
	s.Names = names(leaf)
	for _, ip := range leaf.IPAddresses {
		s.Names = append(s.Names, ip.String())
	}
}
