package serve

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/forward"
	"weir/internal/deadline"
	"weir/internal/obs"
	"weir/internal/sock"
	"weir/lb"
)

// Shared is what the engines of one process have in common.
type Shared struct {
	Wheel   *deadline.Wheel
	Watcher *sock.Watcher
	Log     *slog.Logger
	// Panicked is told of each panic of a policy or handler.
	Panicked func(value any, stack []byte)
	// Unreachable is told of each dial that failed, Reached of each that did not. Either may be nil.
	Unreachable func(e *lb.Endpoint, cause error)
	Reached     func(e *lb.Endpoint)
	// via is this process's name in Via; a request that carries it has been here before.
	via string

	mu       sync.Mutex
	counters map[string]*Counters // by upstream; guarded by mu
	rivals   atomic.Int64         // hedges that are out
	repeats  repeats
}

// NewShared returns what engines share. The caller runs wheel and watcher.
func NewShared(wheel *deadline.Wheel, watcher *sock.Watcher, log *slog.Logger) *Shared {
	var id [4]byte
	_, _ = rand.Read(id[:]) // never fails
	return &Shared{
		Wheel: wheel, Watcher: watcher, Log: log, via: "weir-" + hex.EncodeToString(id[:]),
		counters: map[string]*Counters{},
	}
}

// Engine serves HTTP/1 on the connections of one listener. It lives as long as the listener;
// snapshots pass through it.
type Engine struct {
	*Shared
	listener string
	slot     int
	snap     *atomic.Pointer[Snapshot]
	series   *obs.ListenerSeries
	draining atomic.Bool
	// dismissing follows it: clients of HTTP/2 have had the time to hear of it.
	dismissing atomic.Bool

	mu    sync.Mutex
	conns map[*conn]struct{}
	// carriers are the connections that carry streams, h2 what serves those of HTTP/2.
	carriers map[*carrier]struct{}
	// repeating are the exchanges without a client.
	repeating map[*conn]struct{}
	h2        []*h2Server
	empty     chan struct{} // closed when draining and the last connection has gone
	torn      chan struct{} // closed by Cut
}

// NewEngine returns the engine of the listener whose Site is snap's number slot.
func NewEngine(s *Shared, listener string, slot int, snap *atomic.Pointer[Snapshot], series *obs.ListenerSeries) *Engine {
	return &Engine{
		Shared: s, listener: listener, slot: slot, snap: snap, series: series,
		conns: map[*conn]struct{}{}, carriers: map[*carrier]struct{}{}, repeating: map[*conn]struct{}{}, empty: make(chan struct{}), torn: make(chan struct{}),
	}
}

func (e *Engine) add(c *conn) {
	e.mu.Lock()
	e.conns[c] = struct{}{}
	e.mu.Unlock()
}

func (e *Engine) remove(c *conn) {
	e.mu.Lock()
	delete(e.conns, c)
	e.emptied()
	e.mu.Unlock()
}

// emptied tells a drain that nothing is left. Call with mu held.
func (e *Engine) emptied() {
	if len(e.conns)+len(e.carriers) > 0 || !e.draining.Load() {
		return
	}
	select {
	case <-e.empty:
	default:
		close(e.empty)
	}
}

// quiet is how long a connection must have waited for a request before a drain closes it. A client
// that sends just now is answered first, and told to close.
const quiet = time.Second

// Drain asks every client to leave: answers say close, and connections that have been idle for a
// second are closed. It returns a channel that is closed when all have gone. The listener must
// accept no more.
func (e *Engine) Drain() <-chan struct{} {
	e.draining.Store(true)
	e.mu.Lock()
	defer e.mu.Unlock()
	now := deadline.Now()
	for c := range e.conns {
		c.drain(now)
	}
	for k := range e.carriers {
		k.drain()
	}
	if len(e.h2) > 0 {
		time.AfterFunc(announceTime, e.dismiss)
	}
	e.emptied()
	return e.empty
}

// Cut ends every connection at once.
func (e *Engine) Cut() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.conns {
		c.sever()
	}
	for k := range e.carriers {
		k.sever()
	}
	for c := range e.repeating {
		c.sever()
	}
	select {
	case <-e.torn:
	default:
		close(e.torn)
	}
}

// sever ends what c does, at once. Any goroutine may call it.
func (c *conn) sever() {
	c.cut.Store(true)
	c.s.Interrupt(cutting)
	if up := c.upstream.Load(); up != nil {
		up.S.Interrupt(cutting)
	}
	c.going.Lock()
	defer c.going.Unlock()
	http7.Interrupt(c.source)
}

// cutting is why Cut interrupts a connection.
const cutting = forward.Cutting
