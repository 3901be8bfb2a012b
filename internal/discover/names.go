package discover

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// leastTTL and mostTTL are the bounds in which an answer's time to live is followed.
	leastTTL = time.Second
	mostTTL  = 5 * time.Minute
	// mostRetry is the longest time between two lookups of a name that fails; the first are a second apart.
	mostRetry = 30 * time.Second
	// jitter is the share by which lookups are spread.
	jitter = 0.1
)

// pace is when a name is looked up again.
type pace struct {
	refresh time.Duration // 0: by the time to live
	retry   time.Duration // after the next failure
}

// next returns the time to the next lookup, after one that gave ttl or err.
func (p *pace) next(ttl time.Duration, err error) time.Duration {
	wait := p.refresh
	if wait == 0 {
		wait = min(max(ttl, leastTTL), mostTTL)
	}
	if err == nil {
		p.retry = 0
	} else {
		p.retry = min(max(2*p.retry, leastTTL), mostRetry)
		if p.refresh == 0 {
			wait = p.retry
		}
	}
	return time.Duration(float64(wait) * (1 + jitter*(2*rand.Float64()-1)))
}

// repeat calls look at its pace until ctx ends.
func repeat(ctx context.Context, p pace, look func() (time.Duration, error)) {
	for ctx.Err() == nil {
		timer := time.NewTimer(p.next(look()))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// names keeps the addresses of a changing set of host names, each looked up on a goroutine of its own that lives while
// the name is in the set.
type names struct {
	refresh time.Duration
	make    func(name string) *addresses
	changed func() // something may be new; it must not block

	mu      sync.Mutex
	watches map[string]*nameWatch
	running sync.WaitGroup
}

// nameWatch is what is known of one name.
type nameWatch struct {
	stop   context.CancelFunc
	looked bool // once at least
	found  []netip.Addr
	err    error
}

// want makes list the set. Names that were in it before keep what is known of them.
func (n *names) want(ctx context.Context, list []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, w := range n.watches {
		if !slices.Contains(list, name) {
			w.stop()
			delete(n.watches, name)
		}
	}
	for _, name := range list {
		if n.watches[name] != nil {
			continue
		}
		w := &nameWatch{}
		n.watches[name] = w
		var own context.Context
		own, w.stop = context.WithCancel(ctx)
		n.running.Go(func() { n.watch(own, w, n.make(name)) })
	}
}

// watch is the goroutine of one name.
func (n *names) watch(ctx context.Context, w *nameWatch, a *addresses) {
	repeat(ctx, pace{refresh: n.refresh}, func() (time.Duration, error) {
		found, ttl, err := a.look(ctx)
		if ctx.Err() != nil {
			return 0, err
		}
		n.mu.Lock()
		news := !w.looked || !slices.Equal(found, w.found) || text(err) != text(w.err)
		w.looked, w.found, w.err = true, found, err
		n.mu.Unlock()
		if news {
			n.changed()
		}
		return ttl, err
	})
}

// of returns what is known of a name of the set.
func (n *names) of(name string) (found []netip.Addr, looked bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.watches[name]
	if w == nil {
		return nil, false, nil
	}
	return w.found, w.looked, w.err
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
