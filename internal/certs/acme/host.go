package acme

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"sync/atomic"
	"time"
)

// host is what a keeper knows of one name.
type host struct {
	name     string
	demanded bool // not listed, but allowed on demand

	cert  atomic.Pointer[tls.Certificate] // nil: none yet
	asked atomic.Int64                    // of demanded ones: when a client last asked, in Unix seconds

	fate // the keeper's mu guards it
}

// fate is how a host's certificate fares.
type fate struct {
	busy   bool          // somebody works on it
	wanted bool          // of demanded ones: a client waits for a certificate
	tried  chan struct{} // closed when the attempt that is under way or next has ended
	got    time.Time     // when this process got the certificate; zero: it was in the storage
	window window
	look   time.Time // when to ask for the window again

	failures int // in a row
	since    time.Time
	retry    time.Time
	trouble  string // of the last attempt; "": it went well
}

func newHost(name string, demanded bool) *host {
	return &host{name: name, demanded: demanded, fate: fate{tried: make(chan struct{})}}
}

// act is what there is to do for a host.
type act int

const (
	obtain act = iota // a certificate
	look              // ask when to renew
	drop              // it, since nobody asks for it
)

// next returns what to do next for h, and when.
func (h *host) next(now time.Time) (what act, at time.Time) {
	if h.expired(now) && h.demanded && !h.wanted {
		return drop, h.retry.Add(memory)
	}
	c := h.cert.Load()
	if c == nil {
		return obtain, h.retry
	}
	at = renewal(c.Leaf, h.window, h.got)
	if h.demanded && h.idle(at, c.Leaf) {
		return drop, at
	}
	if at.Before(h.retry) {
		at = h.retry
	}
	if h.look.Before(at) {
		return look, h.look
	}
	return obtain, at
}

// memory is how long it is remembered after its pause that a demanded host could not be had, so that
// the pauses grow.
const memory = 6 * time.Hour

// idle reports whether nobody will have asked for a host in the half of its certificate's life that
// ends at a time.
func (h *host) idle(at time.Time, leaf *x509.Certificate) bool {
	half := expiry(leaf).Sub(leaf.NotBefore) / 2
	return time.Unix(h.asked.Load(), 0).Before(at.Add(-half))
}

// expired reports whether h has nothing that a client takes.
func (h *host) expired(now time.Time) bool {
	c := h.cert.Load()
	return c == nil || !now.Before(expiry(c.Leaf))
}

// hosts are those of a keeper by name. A set that is in use never changes.
type hosts map[string]*host

// find returns the host that a client that asks for name means: that name, else the wildcard that
// stands for its first label (RFC 9525 §6.3), else nil.
func (all hosts) find(name string) *host {
	if h := all[name]; h != nil {
		return h
	}
	if _, parent, ok := strings.Cut(name, "."); ok {
		return all["*."+parent]
	}
	return nil
}

// allows reports whether name, in lower case, is one of those allowed on demand.
func (o *OnDemand) allows(name string) bool {
	if o == nil || !hostName(name) {
		return false
	}
	_, parent, dotted := strings.Cut(name, ".")
	for _, h := range o.Hosts {
		h = normal(h)
		if h == name || dotted && strings.HasPrefix(h, "*.") && h[2:] == parent {
			return true
		}
	}
	return false
}
