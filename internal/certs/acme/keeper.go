// Package acme holds certificates that it obtains and renews by itself, from an authority that
// speaks ACME (RFC 8555).
//
// The gateway makes one [Keeper] for each acme table of its listeners and runs it; certs asks it for
// certificates in handshakes, and whoever serves plain HTTP asks it for the answer to a challenge.
// acme opens no port and knows no listener. certmagic stores, locks and obtains; when that happens,
// and what is served meanwhile, is decided here.
package acme

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Keeper holds the certificates of one [Config]. It is safe for concurrent use.
type Keeper struct {
	// Attempted is told of every attempt to obtain a certificate whether it went well. Default: nil.
	// It may not change once the keeper runs.
	Attempted func(ok bool)
	// Obtained counts the certificates that were obtained, Failed the attempts that came to nothing.
	Obtained, Failed atomic.Int64

	config    *Config
	log       *slog.Logger
	authority *authority
	answers   answers
	calls     calls
	wake      chan struct{} // there may be something to do

	hosts atomic.Pointer[hosts]
	mu    sync.Mutex // guards the fates, and changes of hosts
	busy  int        // hosts that are worked on
}

// calls are what a keeper asks of its authority; tests have others.
type calls struct {
	load   func(name string) (*tls.Certificate, error)
	obtain func(ctx context.Context, name string, old *tls.Certificate, force bool) error
	window func(ctx context.Context, leaf *x509.Certificate) (window, time.Time, error)
	share  func() float64 // a number from 0 to 1, to spread hosts
}

// New returns a keeper that has read what dir, the storage, holds already, and starts nothing. dir
// is made when first needed. An authority that is not there is no error: hosts without a certificate
// stay without until [Keeper.Run] has got one. A nil log is slog.Default().
func New(c *Config, dir string, log *slog.Logger) (*Keeper, error) {
	if log == nil {
		log = slog.Default()
	}
	k := &Keeper{config: c, log: log, wake: make(chan struct{}, 1)}
	var err error
	if k.authority, err = newAuthority(c, dir, &k.answers, log); err != nil {
		return nil, err
	}
	k.calls = calls{load: k.authority.load, obtain: k.authority.obtain, window: k.authority.window, share: share}
	return k, k.read()
}

// read makes the hosts that are listed, with the certificates that the storage has.
func (k *Keeper) read() error {
	all := hosts{}
	var errs []error
	for _, name := range k.config.Hosts {
		h := newHost(normal(name), false)
		c, err := k.calls.load(h.name)
		if err != nil {
			errs = append(errs, err)
		}
		h.cert.Store(c)
		all[h.name] = h
	}
	k.hosts.Store(&all)
	return errors.Join(errs...)
}

// Config returns what the keeper was made from.
func (k *Keeper) Config() *Config { return k.config }

// Handles reports whether certificates for host, a name as a client asks for it, come from here,
// whether there is one yet or not.
func (k *Keeper) Handles(host string) bool {
	name := normal(host)
	return k.hosts.Load().find(name) != nil || k.config.OnDemand.allows(name)
}

// Certificate returns what a client that asks for host gets: the certificate for just that name,
// else for the wildcard above it, else nil. It never waits and never allocates for names of up to 30
// bytes in lower case. One that has expired is returned as well: a wrong date is better than no
// service.
func (k *Keeper) Certificate(host string) *tls.Certificate {
	if h := k.hosts.Load().find(normal(host)); h != nil {
		return h.cert.Load()
	}
	return nil
}

// GetCertificate chooses for one handshake. For a host allowed on demand that has no certificate it
// obtains one and waits, as long as the handshake's context lasts and half a minute at most. A host
// that it does not handle or has nothing for is an error.
func (k *Keeper) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := normal(hello.ServerName)
	h := k.hosts.Load().find(name)
	if k.config.OnDemand.allows(name) && (h == nil || h.demanded) {
		return k.demand(hello.Context(), name)
	}
	if h == nil {
		return nil, fmt.Errorf("acme: %q is none of the hosts", name)
	}
	if c := h.cert.Load(); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("acme: there is no certificate for %q yet", name)
}

// Challenged returns what the handshake of an authority that checks by tls-alpn-01 (RFC 8737) is
// answered with; nil for other handshakes, and for hosts that are not being checked. Use it in
// GetConfigForClient. A connection that has agreed on [Protocol] is closed after the handshake.
func (k *Keeper) Challenged(hello *tls.ClientHelloInfo) *tls.Config {
	if !checking(hello) {
		return nil
	}
	c := k.answers.cert(normal(hello.ServerName))
	if c == nil {
		return nil
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{*c},
		NextProtos:             []string{Protocol},
		MinVersion:             tls.VersionTLS12,
		SessionTicketsDisabled: true,
	}
}

// Challenge returns the body of the answer to a request for path at host, if that is an authority
// that checks by http-01 (RFC 8555 §8.3): 200, application/octet-stream. host may carry a port.
func (k *Keeper) Challenge(host, path string) (body string, ok bool) {
	return k.answers.body(host, path)
}

// Status is how one host fares.
type Status struct {
	// Host is the name; OnDemand says that a client brought it up.
	Host     string
	OnDemand bool
	// Leaf is the certificate that is served, nil if there is none yet. Renewal is when it is due for
	// renewal.
	Leaf    *x509.Certificate
	Renewal time.Time
	// Trouble is why the last attempt failed, "" if it did not. Since is when the first of those in a
	// row failed, Retry when the next will be made.
	Trouble      string
	Since, Retry time.Time
}

// Hosts returns how all hosts fare, by name.
func (k *Keeper) Hosts() []Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []Status
	for _, h := range *k.hosts.Load() {
		s := Status{Host: h.name, OnDemand: h.demanded, Trouble: h.trouble, Since: h.since, Retry: h.retry}
		if c := h.cert.Load(); c != nil {
			s.Leaf, s.Renewal = c.Leaf, renewal(c.Leaf, h.window, h.got)
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Status) int { return cmp.Compare(a.Host, b.Host) })
	return list
}

// change makes a new set of hosts. Call it with mu held.
func (k *Keeper) change(by func(hosts)) {
	all := maps.Clone(*k.hosts.Load())
	by(all)
	k.hosts.Store(&all)
}
