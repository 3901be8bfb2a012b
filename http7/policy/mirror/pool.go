package mirror

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// poolWorkers is how many copies of all mirrors may be under way at a time.
	poolWorkers = 64
	// poolBytes is how much memory copies may take: those that are being made, that wait, and that are under way.
	poolBytes = 64 << 20
)

// Pool is the bounded set of copies, one for the process: at most 64 are under way at a time, half of them of one
// mirror, and all that exist take at most 64 MiB. It survives reloads. All methods are safe for concurrent use.
type Pool struct {
	log   *slog.Logger
	epoch time.Time

	reserve sync.Pool // of *copied
	_       [64]byte
	held    atomic.Int64
	_       [64]byte

	mu     sync.Mutex // guards lanes and closed; taken before a lane's, and that before the crew's
	lanes  map[key]*lane
	closed bool

	crew crew
	says budget
}

type key struct{ route, upstream string }

// New returns a pool that writes differences to log. It starts nothing: workers come with the first copies, as
// many as are needed, and go when there is nothing to do.
func New(log *slog.Logger) *Pool {
	return &Pool{log: log, epoch: time.Now(), lanes: map[key]*lane{}, crew: crew{ended: make(chan struct{})}}
}

// Run blocks until ctx is done. Then no copy is taken any more and those that wait are dropped; Run returns when the
// last that is under way has ended, which its timeout bounds. It is called once.
func (p *Pool) Run(ctx context.Context) {
	<-ctx.Done()
	p.crew.close()
	p.closeLanes()
	<-p.crew.ended
}

func (p *Pool) closeLanes() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, l := range p.lanes {
		l.close()
	}
}

// Keep drops the mirrors that keep does not want any more, with their figures and what waits for them. gateway calls
// it when a snapshot has been retired: what the exchanges of that one still copy is dropped.
func (p *Pool) Keep(keep func(route, upstream string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, l := range p.lanes {
		if !keep(k.route, k.upstream) {
			l.close()
			delete(p.lanes, k)
		}
	}
}

// Stats returns the figures of all mirrors that have had something to do, in the order of their routes.
func (p *Pool) Stats() []Stats {
	var list []Stats
	for _, l := range p.all() {
		list = append(list, l.stats())
	}
	return list
}

// Differences returns what compare has found last for a route, the newest first, at most 100; nil if there is
// nothing, or no such route.
func (p *Pool) Differences(route string) []Difference {
	var list []Difference
	for _, l := range p.all() {
		if l.route == route {
			list = append(list, l.reports.list()...)
		}
	}
	slices.SortStableFunc(list, func(a, b Difference) int { return b.At.Compare(a.At) })
	return list[:min(len(list), keptReports)]
}

func (p *Pool) all() []*lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*lane, 0, len(p.lanes))
	for _, l := range p.lanes {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *lane) int {
		return cmp.Or(cmp.Compare(a.route, b.route), cmp.Compare(a.upstream, b.upstream))
	})
	return list
}

// Stats are the figures of one mirror since it was first used; they survive reloads that leave its route and
// upstream alone.
type Stats struct {
	Route, Upstream string
	// Sent copies left; Failed of them got no whole answer.
	Sent, Failed uint64
	// Full, Down, TooLarge and Incomplete copies were not sent: there was no room or no such mirror any more; the
	// upstream had no fit endpoint or had failed too often; the request's body was larger than max_body; it
	// was not read to its end, because the client left or the endpoint did not want it.
	Full, Down, TooLarge, Incomplete uint64
	// Equal and Different answers were compared. Unequalled ones could not be: there was no whole answer of an
	// endpoint on either side, or its body was too large or encoded in a way that is not read here.
	Equal, Different, Unequalled uint64
	// Waiting and InFlight are of now.
	Waiting, InFlight int
}

// lane returns what the mirror of a route has of p.
func (p *Pool) lane(route, upstream string) *lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := key{route, upstream}
	l := p.lanes[k]
	if l == nil {
		l = newLane(p, route, upstream)
		if p.closed {
			l.close()
		} else {
			p.lanes[k] = l
		}
	}
	return l
}

// take returns an empty copy that has n bytes of the pool's room, nil if there is no more.
func (p *Pool) take(n int64) *copied {
	if p.held.Add(n) > poolBytes {
		p.held.Add(-n)
		return nil
	}
	c, _ := p.reserve.Get().(*copied)
	if c == nil {
		c = new(copied)
	}
	c.held = n
	return c
}

// put takes back a copy that was emptied.
func (p *Pool) put(c *copied) {
	p.held.Add(-c.held)
	c.held = 0
	p.reserve.Put(c)
}

// crew counts the workers of all lanes.
type crew struct {
	mu      sync.Mutex
	workers int
	closed  bool
	ended   chan struct{} // is closed once the crew is and no worker is left
}

// hire takes a place for one more worker, and dismiss gives it back.
func (w *crew) hire() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.workers >= poolWorkers {
		return false
	}
	w.workers++
	return true
}

func (w *crew) dismiss() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.workers--
	w.end()
}

// close lets nobody in any more.
func (w *crew) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.end()
}

func (w *crew) end() {
	if w.closed && w.workers == 0 {
		close(w.ended)
	}
}

// now is the time since the epoch in nanoseconds.
func (p *Pool) now() int64 { return int64(time.Since(p.epoch)) }
