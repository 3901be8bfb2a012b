package certs

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/conf"
)

// pollEvery is how often files are looked at. Polling rather than notifications: a stat follows the
// symbolic links by which Kubernetes and certbot swap files, works on every file system, and costs
// a microsecond a file.
const pollEvery = 2 * time.Second

// Keeper looks after the stores of a process: it notices when their files change, and gives them
// the keys of session tickets. It is safe for concurrent use.
type Keeper struct {
	log     *slog.Logger
	now     func() time.Time
	file    func(path string) ([]byte, error)
	tickets tickets

	// Swaps counts what was read anew from changed files, Broken the changes that could not be used.
	Swaps, Broken atomic.Int64

	looking sync.Mutex // one look at a time
	mu      sync.Mutex
	stores  []*Store // never changed, only replaced
}

// NewKeeper returns a keeper of no stores. A nil log is slog.Default().
func NewKeeper(log *slog.Logger) (*Keeper, error) {
	if log == nil {
		log = slog.Default()
	}
	k := &Keeper{log: log, now: time.Now, file: conf.ReadFile}
	if _, err := k.tickets.turn(k.now()); err != nil {
		return nil, err
	}
	return k, nil
}

// Options are what a store needs beside its config.
type Options struct {
	// Listener is the name that logs carry.
	Listener string
	// ALPN are the protocols over TCP that are offered, the best first: "h2", "http/1.1". None: the
	// client's offer is not looked at.
	ALPN []string
	// Source is asked for names that it handles. Default: nil, there are files alone.
	Source *Source
	// Elsewhere reports names, in lower case, whose connections over TCP others take before they come
	// here. Over QUIC a client that asks for one is told unrecognized_name, and no other certificate
	// covers one. Default: nil, there are none. It must be safe for concurrent use.
	Elsewhere func(name string) bool
}

// Source is where certificates come from that no file of the config holds: an acme.Keeper. All
// functions must be safe for concurrent use.
type Source struct {
	// Handles reports whether certificates for a host, in lower case, come from here. It is asked
	// after the names that files have and before their wildcards. Required.
	Handles func(host string) bool
	// GetCertificate is as in [tls.Config], for hosts that Handles reports. Required.
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Certificate returns what a client that asks for host gets, nil if there is none yet. It does
	// not wait. Required.
	Certificate func(host string) *tls.Certificate
	// Challenged returns what a handshake is answered with by which an authority checks a name
	// (RFC 8737), nil for any other handshake. Default: nil, there are no such handshakes.
	Challenged func(*tls.ClientHelloInfo) *tls.Config
}

// Open reads the files of c and returns a store that is not watched yet. The error names every file
// that is at fault; certificates that have expired are taken, as a wrong date is better than no
// service. c must not change afterwards.
func (k *Keeper) Open(c *Config, o Options) (*Store, error) {
	s := &Store{keeper: k, config: c, options: o}
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, nil
}

// Keep makes all the stores that are looked after from now on: their files are watched and the keys
// of their tickets change. A store that is no longer among them goes on serving what it has.
func (k *Keeper) Keep(all ...*Store) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stores = append([]*Store(nil), all...)
	for _, s := range k.stores {
		s.turnKeys() // they may have turned since it was opened
	}
}

// Run looks at the files of the stores every two seconds, until ctx ends; less often where there are
// so many, or so slow ones, that it would take more than a hundredth of the time.
func (k *Keeper) Run(ctx context.Context) {
	wait := time.NewTimer(pollEvery)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
			began := time.Now()
			k.Look()
			wait.Reset(max(pollEvery, 100*time.Since(began)))
		}
	}
}

// Look looks at all files now. A change is taken up at the second look that finds the same files,
// when nobody is in the middle of writing them. A file system that hangs holds up nobody else.
func (k *Keeper) Look() {
	k.looking.Lock()
	defer k.looking.Unlock()
	turned, err := k.tickets.turn(k.now())
	if err != nil {
		k.log.Error("the old keys of session tickets stay", "cause", err)
	}
	for _, s := range k.kept() {
		s.look()
		if turned {
			s.turnKeys()
		}
	}
}

func (k *Keeper) kept() []*Store {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stores
}
