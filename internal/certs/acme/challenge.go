package acme

import (
	"context"
	"crypto/tls"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// Protocol is the ALPN name of a connection by which an authority checks a host (RFC 8737 §6.2).
const Protocol = acmez.ACMETLS1Protocol

// wellKnown is where authorities look for the answer to http-01 (RFC 8555 §8.3).
const wellKnown = "/.well-known/acme-challenge/"

// answers are what authorities that check just now are to be shown. It is safe for concurrent use.
type answers struct {
	open atomic.Int32 // how many there are; lets everybody else pass without the lock

	mu     sync.Mutex
	bodies map[place]string            // http-01
	certs  map[string]*tls.Certificate // tls-alpn-01, by host
}

// place is where an answer to http-01 lies.
type place struct{ host, path string }

// body returns the answer to http-01, if there is one at that place.
func (a *answers) body(host, path string) (string, bool) {
	if !strings.HasPrefix(path, wellKnown) || a.open.Load() == 0 {
		return "", false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	body, ok := a.bodies[place{normal(bareHost(host)), path}]
	return body, ok
}

// bareHost drops the port of a Host field.
func bareHost(host string) string {
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 && !strings.HasSuffix(host, "]") {
		return host[:colon]
	}
	return host
}

// cert returns the certificate that answers tls-alpn-01 for host, nil if there is none.
func (a *answers) cert(host string) *tls.Certificate {
	if a.open.Load() == 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.certs[host]
}

// showBody and showCert show an answer; hideBody and hideCert take it back, if it is there.
func (a *answers) showBody(at place, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bodies == nil {
		a.bodies = map[place]string{}
	}
	a.bodies[at] = body
	a.count()
}

func (a *answers) hideBody(at place) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.bodies, at)
	a.count()
}

func (a *answers) showCert(host string, c *tls.Certificate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.certs == nil {
		a.certs = map[string]*tls.Certificate{}
	}
	a.certs[host] = c
	a.count()
}

func (a *answers) hideCert(host string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.certs, host)
	a.count()
}

// count notes how many answers there are. Call it with mu held.
func (a *answers) count() { a.open.Store(int32(len(a.bodies) + len(a.certs))) }

// byHTTP shows the answers to http-01.
type byHTTP struct{ answers *answers }

// Present implements [acmez.Solver].
func (s byHTTP) Present(_ context.Context, c acme.Challenge) error {
	s.answers.showBody(placeOf(c), c.KeyAuthorization)
	return nil
}

// CleanUp implements [acmez.Solver].
func (s byHTTP) CleanUp(_ context.Context, c acme.Challenge) error {
	s.answers.hideBody(placeOf(c))
	return nil
}

func placeOf(c acme.Challenge) place {
	return place{normal(c.Identifier.Value), c.HTTP01ResourcePath()}
}

// byALPN shows the answers to tls-alpn-01.
type byALPN struct{ answers *answers }

// Present implements [acmez.Solver].
func (s byALPN) Present(_ context.Context, c acme.Challenge) error {
	cert, err := acmez.TLSALPN01ChallengeCert(c)
	if err == nil {
		s.answers.showCert(normal(c.Identifier.Value), cert)
	}
	return err
}

// CleanUp implements [acmez.Solver].
func (s byALPN) CleanUp(_ context.Context, c acme.Challenge) error {
	s.answers.hideCert(normal(c.Identifier.Value))
	return nil
}

// checking reports whether a handshake is that of an authority that checks by tls-alpn-01: it offers
// that protocol alone and names one host (RFC 8737 §3).
func checking(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == Protocol && hello.ServerName != ""
}
