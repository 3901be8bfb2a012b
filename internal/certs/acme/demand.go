package acme

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"
)

// demandWait is how long a client waits at most for a certificate that is obtained on its demand.
const demandWait = 30 * time.Second

// demand returns the certificate for a name that is allowed on demand. If there is none in memory or
// storage it waits for an attempt, unless one has failed lately.
func (k *Keeper) demand(ctx context.Context, name string) (*tls.Certificate, error) {
	h, tried, err := k.bringUp(name)
	if err != nil || tried == nil {
		return h.certificate(), err
	}
	limit := time.NewTimer(demandWait)
	defer limit.Stop()
	select {
	case <-tried:
	case <-limit.C:
		return nil, fmt.Errorf("acme: obtaining a certificate for %q takes too long for a handshake", name)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c := h.cert.Load(); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("acme: there is no certificate for %q", name)
}

// certificate returns what h has; a nil h has nothing.
func (h *host) certificate() *tls.Certificate {
	if h == nil {
		return nil
	}
	return h.cert.Load()
}

// bringUp returns the host of that name, a new one if need be. tried is what to wait for, nil if there
// is a certificate.
func (k *Keeper) bringUp(name string) (h *host, tried chan struct{}, err error) {
	now := time.Now()
	if h = (*k.hosts.Load())[name]; h != nil && !h.expired(now) {
		h.asked.Store(now.Unix())
		return h, nil, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if h = (*k.hosts.Load())[name]; h == nil {
		if h, err = k.admit(name); err != nil {
			return nil, nil, err
		}
	}
	h.asked.Store(now.Unix())
	switch {
	case !h.expired(now):
		return h, nil, nil
	case now.Before(h.retry):
		return nil, nil, fmt.Errorf("acme: the last attempt for %q failed: %s", name, h.trouble)
	}
	h.wanted = true
	k.poke()
	return h, h.tried, nil
}

// admit adds a host, with what the storage has for it. Call it with mu held.
func (k *Keeper) admit(name string) (*host, error) {
	h := newHost(name, true)
	c, err := k.calls.load(name)
	if err != nil {
		return nil, err
	}
	h.cert.Store(c)
	all := *k.hosts.Load()
	out := ""
	if len(all)-len(k.config.Hosts) >= k.config.OnDemand.Max {
		if out = all.forgettable(); out == "" {
			return nil, fmt.Errorf("acme: there are certificates for %d hosts on demand already, none for %q", k.config.OnDemand.Max, name)
		}
	}
	k.change(func(all hosts) {
		delete(all, out)
		all[name] = h
	})
	return h, nil
}

// forgettable returns a demanded host that could not be had and nobody waits for, "" if there is
// none.
func (all hosts) forgettable() string {
	for name, h := range all {
		if h.demanded && !h.wanted && !h.busy && h.cert.Load() == nil {
			return name
		}
	}
	return ""
}
