package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// parallel is how many hosts are worked on at once.
	parallel = 4
	// attemptTimeout bounds one attempt, waits for other processes that share the storage included.
	attemptTimeout = 10 * time.Minute
	// lookTimeout bounds one question for the window of renewal.
	lookTimeout = time.Minute
	// lookAround is how long Run sleeps at most: the clock may be set, or the machine sleep as well.
	lookAround = 10 * time.Minute
	// lookAgain is when that is asked again, if the authority does not say or was not there;
	// RFC 9773 §4.3.
	lookAgain = 6 * time.Hour
	// seldom and often are the bounds for what an authority may ask for instead.
	seldom, often = 24 * time.Hour, time.Minute
)

// share is a number from 0 to 1.
func share() float64 { return rand.Float64() }

// Run obtains and renews until ctx ends; attempts under way are given up then. Call it once.
func (k *Keeper) Run(ctx context.Context) {
	if k.authority != nil {
		k.authority.begin()
		defer k.authority.close()
	}
	var work sync.WaitGroup
	defer work.Wait()
	sleep := time.NewTimer(0)
	defer sleep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
		case <-sleep.C:
		}
		until := k.hand(time.Now(), func(h *host, what act) {
			work.Go(func() { // acme.attempt: ends with the attempt, or with ctx
				defer k.done(h)
				k.tend(ctx, h, what)
			})
		})
		sleep.Reset(until)
	}
}

// poke lets Run look for work.
func (k *Keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// hand gives out the work that is due, and returns when to look again.
func (k *Keeper) hand(now time.Time, start func(*host, act)) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	soonest := lookAround
	for _, h := range *k.hosts.Load() {
		what, at := h.next(now)
		switch wait := at.Sub(now); {
		case h.busy:
		case wait > 0:
			soonest = min(soonest, wait)
		case what == drop:
			k.change(func(all hosts) { delete(all, h.name) })
		case k.busy < parallel: // others wait for one that ends
			k.busy++
			h.busy = true
			start(h, what)
		}
	}
	return soonest
}

// done ends the work on h.
func (k *Keeper) done(h *host) {
	k.mu.Lock()
	k.busy--
	h.busy = false
	close(h.tried)
	h.tried = make(chan struct{})
	k.mu.Unlock()
	k.poke()
}

func (k *Keeper) tend(ctx context.Context, h *host, what act) {
	if what == look {
		k.look(ctx, h)
		return
	}
	attempt, cancel := context.WithTimeoutCause(ctx, attemptTimeout, errors.New("it took too long"))
	defer cancel()
	if err := k.attempt(attempt, h); err != nil && ctx.Err() == nil { // else given up: nobody's fault
		k.failed(h, err)
		k.told(false)
	}
}

func (k *Keeper) told(ok bool) {
	count := &k.Failed
	if ok {
		count = &k.Obtained
	}
	count.Add(1)
	if k.Attempted != nil {
		k.Attempted(ok)
	}
}

// attempt gets a newer certificate for h and serves it.
func (k *Keeper) attempt(ctx context.Context, h *host) error {
	old := h.cert.Load()
	stored, err := k.calls.load(h.name)
	if err != nil {
		return err
	}
	fresh := stored != nil && !same(stored, old) // another process has put it there
	if !fresh {
		if err := k.calls.obtain(ctx, h.name, stored, k.early(h, stored)); err != nil {
			return err
		}
		if stored, err = k.calls.load(h.name); err != nil {
			return err
		}
	}
	if stored == nil || same(stored, old) {
		return errors.New("the authority has issued nothing new")
	}
	k.serve(h, stored)
	if !fresh {
		k.told(true)
	}
	return nil
}

func same(a, b *tls.Certificate) bool { return a != nil && b != nil && a.Leaf.Equal(b.Leaf) }

// early reports whether a renewal comes before two thirds of the certificate's life have passed,
// for the authority asks for it.
func (k *Keeper) early(h *host, c *tls.Certificate) bool {
	return c != nil && time.Now().Before(renewal(c.Leaf, window{}, time.Time{}))
}

// serve puts a certificate in place: one that was obtained, or that another process had put into
// the storage.
func (k *Keeper) serve(h *host, c *tls.Certificate) {
	k.mu.Lock()
	h.cert.Store(c)
	h.fate = fate{busy: h.busy, tried: h.tried, got: time.Now()}
	k.mu.Unlock()
	k.log.Info("certificate obtained", "host", h.name, "authority", k.config.directory(), "expires", expiry(c.Leaf).UTC())
}

// failed notes an attempt that came to nothing, and tells what is served meanwhile.
func (k *Keeper) failed(h *host, err error) {
	k.mu.Lock()
	if h.failures++; h.failures == 1 {
		h.since = time.Now()
	}
	h.wanted = false
	wait := pause(h.failures, troubleOf(err) != "", k.calls.share())
	h.retry, h.trouble = time.Now().Add(wait), err.Error()
	k.mu.Unlock()
	served := "nothing: handshakes for the host fail"
	if c := h.cert.Load(); c != nil {
		served = fmt.Sprintf("the old one, which expires at %s", expiry(c.Leaf).Format(time.RFC3339))
	}
	k.log.Error("certificate can't be obtained", "host", h.name, "authority", k.config.directory(), "error", err,
		"served", served, "retry_in", wait.Round(time.Second).String())
}

// look asks when to renew. An authority that can't be asked changes nothing.
func (k *Keeper) look(ctx context.Context, h *host) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	leaf := h.cert.Load().Leaf
	w, until, err := k.calls.window(ctx, leaf)
	now := time.Now()
	if wait := until.Sub(now); until.IsZero() || err != nil {
		until = now.Add(lookAgain + time.Duration(k.calls.share()*float64(time.Hour)))
	} else {
		until = now.Add(min(max(wait, often), seldom))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	h.fate.look = until
	switch {
	case err != nil:
		k.log.Debug("the authority was not asked when to renew", "host", h.name, "error", err)
	case w.start.Equal(h.window.start) && w.end.Equal(h.window.end): // keeps the time that was chosen
	default:
		h.window = w
	}
}
