package mirror

import (
	"context"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// laneWorkers is how many of the pool's workers one mirror may have: one that is slow leaves the other half.
	laneWorkers = poolWorkers / 2
	// laneQueue is how many copies may wait for them, and backlog how many for each before there is another.
	laneQueue = 256
	backlog   = laneQueue / laneWorkers
	// gather is how long copies gather before the worker looks again. To wake it for each would cost as much
	// as half of what it then does. Nobody waits for a copy.
	gather = 20 * time.Millisecond
	// restFor is after how many looks in vain the worker leaves.
	restFor = 10
	// deadAfter is after how many failures in a row the upstream is taken for dead, and probeEvery how often
	// a copy then finds out whether it still is. The others are not made.
	deadAfter  = 5
	probeEvery = time.Second
)

// lane is what one mirror has of the pool: its queue, its workers, what is known of its upstream, and its figures.
// It is found by route and upstream, so it survives reloads that leave these alone.
type lane struct {
	pool            *Pool
	route, upstream string

	sent, failed                     atomic.Uint64
	full, down, tooLarge, incomplete atomic.Uint64
	equal, different, unequalled     atomic.Uint64

	fails   atomic.Uint32 // in a row
	probeAt atomic.Int64  // since the pool's epoch: when the dead upstream is asked next

	queue   chan *copied
	mu      sync.Mutex // guards what follows, and that nothing is queued that nobody comes for
	closed  bool
	workers int
	resting bool // the worker lets copies gather
	pending int  // copies that were queued and are not over

	reports reports
}

func newLane(p *Pool, route, upstream string) *lane {
	return &lane{pool: p, route: route, upstream: upstream, queue: make(chan *copied, laneQueue)}
}

// alive reports whether a copy may be made, and whether it is the one that finds out.
func (l *lane) alive() (probe, ok bool) {
	if l.fails.Load() < deadAfter {
		return false, true
	}
	now := l.pool.now()
	at := l.probeAt.Load()
	ok = now >= at && l.probeAt.CompareAndSwap(at, now+int64(probeEvery))
	return ok, ok
}

// lost notes that the upstream gave no answer.
func (l *lane) lost() {
	if l.fails.Add(1) == deadAfter {
		l.probeAt.Store(l.pool.now() + int64(probeEvery))
	}
}

// reached notes that it gave one.
func (l *lane) reached() {
	if l.fails.Load() != 0 {
		l.fails.Store(0)
	}
}

// enqueue hands c to a worker, now or as soon as one has time. It never blocks; what there is no room for is
// dropped.
func (l *lane) enqueue(c *copied) {
	if !l.accept(c) {
		l.full.Add(1)
		c.release()
	}
}

func (l *lane) accept(c *copied) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.queue) == cap(l.queue) {
		return false
	}
	if !l.resting || len(l.queue) >= cap(l.queue)/2 {
		l.hire()
	}
	if l.workers == 0 { // nobody would come for it
		return false
	}
	l.pending++
	l.queue <- c // there is room, and only this function fills it
	return true
}

// hire takes on another worker if there is more to do than those at hand should have, and reports whether it did. The
// mutex is held.
func (l *lane) hire() bool {
	if l.pending < backlog*l.workers || l.workers == laneWorkers || !l.pool.crew.hire() {
		return false
	}
	l.workers++
	go l.work(l.workers > 1)
	return true
}

// work is the goroutine "mirror": it sends copies until there have been none for a while. One that helps leaves as
// soon as there is none. The lane owns it.
func (l *lane) work(helps bool) {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("weir", "mirror", "route", l.route)))
	look := time.NewTimer(gather)
	defer look.Stop()
	for vain := 0; ; vain++ {
		if l.drain() {
			vain = 0
		}
		if (helps || vain >= restFor || l.gone()) && l.leave() {
			return
		}
		l.rest(true)
		<-look.C
		l.rest(false)
		look.Reset(gather)
	}
}

// rest says that the worker lets copies gather, or that it does no more; then it takes on who helps it.
func (l *lane) rest(resting bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resting = resting
	for !resting && l.hire() {
	}
}

// drain serves what waits, and reports whether there was anything.
func (l *lane) drain() (any bool) {
	for {
		select {
		case c := <-l.queue:
			l.serve(c)
			any = true
		default:
			return any
		}
	}
}

// leave ends the worker, unless there is something to do after all.
func (l *lane) leave() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) > 0 {
		return false
	}
	l.workers--
	l.pool.crew.dismiss()
	return true
}

// serve sends one copy. What waited while its upstream died, or its lane was closed, is dropped.
func (l *lane) serve(c *copied) {
	defer l.over(c)
	switch {
	case l.gone():
		l.full.Add(1)
	case l.fails.Load() >= deadAfter && !c.probe:
		l.down.Add(1)
	default:
		defer l.recover()
		c.send()
	}
}

func (l *lane) over(c *copied) {
	c.release()
	l.mu.Lock()
	l.pending--
	l.mu.Unlock()
}

// recover ends a copy that panicked: the process lives.
func (l *lane) recover() {
	if v := recover(); v != nil {
		l.failed.Add(1)
		l.pool.log.Error("mirror panicked", "route", l.route, "panic", v, "stack", string(debug.Stack()))
	}
}

func (l *lane) gone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// close has what waits dropped and lets the workers go.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

func (l *lane) stats() Stats {
	l.mu.Lock()
	waiting := len(l.queue)
	flying := l.pending - waiting
	l.mu.Unlock()
	return Stats{
		Route: l.route, Upstream: l.upstream,
		Sent: l.sent.Load(), Failed: l.failed.Load(),
		Full: l.full.Load(), Down: l.down.Load(), TooLarge: l.tooLarge.Load(), Incomplete: l.incomplete.Load(),
		Equal: l.equal.Load(), Different: l.different.Load(), Unequalled: l.unequalled.Load(),
		Waiting: waiting, InFlight: flying,
	}
}
