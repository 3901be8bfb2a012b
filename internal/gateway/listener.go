package gateway

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"weir/http7/serve"
	"weir/internal/config"
	"weir/internal/obs"
	"weir/internal/sock"
	"weir/tcp4"
)

// listener is what lives on under a listener's name and kind while configs come and go.
type listener struct {
	name, kind string
	series     *obs.ListenerSeries
	sockets    atomic.Pointer[tcp4.Listener]
	addresses  []string // of sockets, as configured

	// Of http listeners.
	slot    int
	engine  *serve.Engine
	shaking conns // hands over TLS
	tls     *tcp4.TLS
	offered atomic.Pointer[tls.Config] // what the next handshake offers

	told told
}

// told is how much of the numbers of tcp4 the series have been told; the scrape lock guards it.
type told struct {
	limit, client, pauses, panics, handshakes int64
}

// newListener returns a listener that is not served yet. It has series to retire.
func (g *Gateway) newListener(name, kind string) (*listener, error) {
	l := &listener{name: name, kind: kind, slot: -1, series: g.catalogue.Listener(name)}
	if kind != config.KindHTTP {
		return l, nil
	}
	var err error
	l.tls, err = tcp4.NewTLS(tcp4.TLSConfig{Listener: name, Config: l.offered.Load, Log: g.log.Logger})
	return l, err
}

// counted counts connections around next.
func (l *listener) counted(next tcp4.Handler) tcp4.Handler {
	return func(nc net.Conn) {
		l.series.Opened()
		defer l.series.Closed()
		next(nc)
	}
}

// http returns the handler of an http listener's connections.
func (l *listener) http(secure bool) tcp4.Handler {
	if !secure {
		return l.counted(l.engine.Serve)
	}
	return l.counted(func(nc net.Conn) {
		l.shaking.add(nc)
		shake := l.tls.Handler(func(secure net.Conn) {
			l.shaking.remove(nc)
			l.engine.Serve(secure)
		})
		shake(sock.NewGate(nc)) // lets a connection that waits hold no block
		l.shaking.remove(nc)
	})
}

// cut ends every connection of an http listener at once.
func (l *listener) cut() {
	l.shaking.cut()
	l.engine.Cut()
}

// conns are connections that no engine knows yet.
type conns struct {
	mu  sync.Mutex
	set map[net.Conn]struct{}
}

func (c *conns) add(nc net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set == nil {
		c.set = map[net.Conn]struct{}{}
	}
	c.set[nc] = struct{}{}
}

func (c *conns) remove(nc net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.set, nc)
}

// cut lets the reads and writes of all connections fail; who serves them closes them.
func (c *conns) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for nc := range c.set {
		_ = nc.SetDeadline(time.Unix(1, 0)) // fails only on a closed one
	}
}

// tell carries the numbers of tcp4 over into the series.
func (g *Gateway) tell(l *listener) {
	g.scrape.Lock()
	defer g.scrape.Unlock()
	sockets := l.sockets.Load()
	if sockets == nil {
		return // not published yet
	}
	n, t := sockets.Counters(), &l.told
	carry(&t.limit, n.RefusedLimit.Load(), func() { l.series.Refused("max_connections") })
	carry(&t.client, n.RefusedClient.Load(), func() { l.series.Refused("max_connections_per_client") })
	carry(&t.pauses, n.Pauses.Load(), l.series.AcceptPaused)
	carry(&t.panics, n.Panics.Load(), g.catalogue.Panicked)
	if l.tls != nil {
		carry(&t.handshakes, l.tls.Failures.Load(), l.series.HandshakeFailed)
	}
}

// inherit takes over what a listener of l's name and another kind has told: tcp4 goes on counting
// under the name.
func (g *Gateway) inherit(l *listener, old *generation) {
	g.scrape.Lock()
	defer g.scrape.Unlock()
	for _, o := range old.listeners {
		if o.name == l.name && o.listener != l {
			l.told = o.told
			l.told.handshakes = 0
		}
	}
}

// carry calls count once for each step from told to now.
func carry(told *int64, now int64, count func()) {
	for ; *told < now; *told++ {
		count()
	}
}

// connectionLimits compiles a listener's bounds for tcp4.
func connectionLimits(c *config.Listener) tcp4.Limits {
	l := tcp4.Limits{MaxPerClient: c.MaxConnectionsPerClient.Or(tcp4.Off)}
	if c.MaxConnections != nil {
		l.MaxConnections = c.MaxConnections.Or(tcp4.Off)
	}
	return l
}
