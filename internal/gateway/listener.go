package gateway

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/serve"
	"weir/internal/certs"
	"weir/internal/config"
	"weir/internal/obs"
	"weir/tcp4"
)

// listener is what lives on under a listener's name and kind while configs come and go.
type listener struct {
	name, kind string
	series     *obs.ListenerSeries
	sockets    atomic.Pointer[tcp4.Listener]
	addresses  []string // of sockets, as configured

	entering conns        // those that neither an engine nor a relay has yet
	passing  atomic.Int64 // those that are relayed as they are
	tls      *tcp4.TLS
	offered  atomic.Pointer[certs.Store] // whose certificates the next handshake offers

	// Of http listeners.
	slot   int
	engine *serve.Engine

	told told
}

// newListener returns a listener that is not served yet. It has series to retire.
func (g *Gateway) newListener(name, kind string) (*listener, error) {
	l := &listener{name: name, kind: kind, slot: -1, series: g.catalogue.Listener(name)}
	c := tcp4.TLSConfig{Listener: name, Config: l.face, Log: g.log.Logger, Whole: kind == config.KindTCP}
	if kind == config.KindHTTP {
		c.Plain = http7.PlainOnTLS()
	}
	var err error
	l.tls, err = tcp4.NewTLS(c)
	return l, err
}

// face returns what the next handshake is made with.
func (l *listener) face() *tls.Config { return l.offered.Load().TCP() }

// cut ends every connection at once, those of a tcp listener that are sessions already aside.
func (l *listener) cut() {
	l.entering.cut()
	if l.engine != nil {
		l.engine.Cut()
	}
}

// conns are connections that nobody serves yet.
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

// connectionLimits compiles a listener's bounds for tcp4.
func connectionLimits(c *config.Listener) tcp4.Limits {
	l := tcp4.Limits{MaxPerClient: c.MaxConnectionsPerClient.Or(tcp4.Off)}
	if c.MaxConnections != nil {
		l.MaxConnections = c.MaxConnections.Or(tcp4.Off)
	}
	return l
}
