package bench

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// loops is the engine of plain HTTP/1.1: a few threads, each with an epoll loop and its share of the connections.
type loops struct {
	owner     *run
	loops     []*loop
	addresses []netip.AddrPort // of the target, tried in turn
	lost      error            // why there is none
	timeout   error            // what a request that took too long failed by

	lastWall time.Duration
	lastRest []time.Duration // by loop
}

// newLoops looks the target up, once, and makes a loop for each thread; nothing is connected yet. A target without
// an address is every request's failure.
func newLoops(ctx context.Context, r *run) (engine, error) {
	e := &loops{owner: r, lastRest: make([]time.Duration, r.cfg.Threads)}
	e.timeout = fmt.Errorf("no answer within %v: %w", r.cfg.Timeout, os.ErrDeadlineExceeded)
	e.addresses, e.lost = lookUp(ctx, r.to.address, r.cfg.Timeout)
	for n := range r.cfg.Threads {
		share := r.cfg.Connections / r.cfg.Threads
		if n < r.cfg.Connections%r.cfg.Threads {
			share++
		}
		l, err := newLoop(e, n, share)
		if err != nil {
			e.close()
			return nil, err
		}
		e.loops = append(e.loops, l)
	}
	return e, nil
}

// lookUp returns the addresses of host:port in the resolver's order. Of an address it makes no lookup.
func lookUp(ctx context.Context, address string, patience time.Duration) ([]netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", service)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	var found []netip.AddrPort
	for _, ip := range ips {
		found = append(found, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return found, err
}

func (e *loops) close() {
	for _, l := range e.loops {
		l.close()
	}
}

// run starts the thread of each loop and waits for them.
func (e *loops) run(ctx context.Context) {
	defer e.close()
	stop := context.AfterFunc(ctx, func() {
		for _, l := range e.loops {
			l.abort()
		}
	})
	defer stop()
	var threads sync.WaitGroup
	for _, l := range e.loops {
		threads.Go(l.run)
	}
	threads.Wait()
}

// halt wakes the loops that wait for their slots.
func (e *loops) halt() {
	for _, l := range e.loops {
		l.poll.Wake()
	}
}

// busy returns the share of the time since the last call in which the busiest loop did not wait for anything.
func (e *loops) busy() float64 {
	now := e.owner.now()
	wall := max(1, now-e.lastWall)
	e.lastWall = now
	most := time.Duration(0)
	for n, l := range e.loops {
		rest := l.rested(now)
		most = max(most, wall-(rest-e.lastRest[n]))
		e.lastRest[n] = rest
	}
	return min(1, float64(most)/float64(wall))
}
