package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// endpoint is one small server that can die and come back at its address. Its methods are safe for concurrent use.
type endpoint struct {
	name, address string
	serve         func(*endpoint, net.Listener)

	served atomic.Int64 // requests, or messages of the echo; no probes
	// first is when the first request came after the last revive, in Unix nanoseconds; 0: none yet.
	first atomic.Int64

	mu    sync.Mutex
	alive *mortal // nil: dead
}

func newEndpoint(name, address string, serve func(*endpoint, net.Listener)) *endpoint {
	return &endpoint{name: name, address: address, serve: serve}
}

// count takes down one request.
func (e *endpoint) count() {
	e.served.Add(1)
	if e.first.Load() == 0 {
		e.first.CompareAndSwap(0, time.Now().UnixNano())
	}
}

// revive listens at the address again. It does nothing if the endpoint lives.
func (e *endpoint) revive() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.alive != nil {
		return nil
	}
	l, err := net.Listen("tcp", e.address)
	if err != nil {
		return fmt.Errorf("endpoint %s: %w", e.name, err)
	}
	e.first.Store(0)
	m := &mortal{Listener: l, open: make(map[*mortalConn]struct{}), over: make(chan struct{})}
	e.alive = m
	go func() { // the endpoint's server; it ends when its listener closes, and kill waits for that
		defer close(m.over)
		e.serve(e, m)
	}()
	return nil
}

// kill ends the endpoint as a crash would: the listener closes and every connection is reset, whatever is under way.
// It returns the number of connections. It does nothing if the endpoint is dead.
func (e *endpoint) kill() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.alive == nil {
		return 0
	}
	n := e.alive.die()
	<-e.alive.over
	e.alive = nil
	return n
}

// dead reports whether the endpoint is down.
func (e *endpoint) dead() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.alive == nil
}

// mortal is a listener that knows its connections, so that all can be reset at once.
type mortal struct {
	net.Listener
	over chan struct{} // closed when the server has ended

	mu   sync.Mutex
	open map[*mortalConn]struct{}
	died bool
}

// mortalConn leaves its listener's list when it closes.
type mortalConn struct {
	*net.TCPConn
	home *mortal
}

// Accept returns the next connection.
func (m *mortal) Accept() (net.Conn, error) {
	conn, err := m.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &mortalConn{conn.(*net.TCPConn), m}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.died {
		c.reset()
		return nil, net.ErrClosed
	}
	m.open[c] = struct{}{}
	return c, nil
}

// Close closes the connection and takes it off the list.
func (c *mortalConn) Close() error {
	c.home.mu.Lock()
	delete(c.home.open, c)
	c.home.mu.Unlock()
	return c.TCPConn.Close()
}

// reset closes with a RST: lingering for no time throws away what is unsent.
func (c *mortalConn) reset() {
	c.SetLinger(0)
	c.TCPConn.Close()
}

// die closes the listener, resets every connection and returns their number.
func (m *mortal) die() int {
	m.Listener.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.died = true
	for c := range m.open {
		c.reset()
	}
	return len(m.open)
}

// serveAPI answers /healthz, and every other path with a small JSON document.
func serveAPI(e *endpoint, l net.Listener) {
	server := &fasthttp.Server{
		Name:   e.name,
		Logger: log.New(io.Discard, "", 0),
		Handler: func(ctx *fasthttp.RequestCtx) {
			if string(ctx.Path()) == "/healthz" {
				ctx.SetBodyString("ok\n")
				return
			}
			e.count()
			ctx.SetContentType("application/json")
			path, _ := json.Marshal(string(ctx.Path())) // a string has no error
			fmt.Fprintf(ctx, "{\"path\":%s,\"status\":\"shipped\",\"total\":\"49.90\",\"currency\":\"EUR\",\"served_by\":%q}\n", path, e.name)
		},
	}
	// It ends with the listener, always in an error, which is what kill wants.
	_ = server.Serve(l)
}

// serveEcho sends back what comes, message by message.
func serveEcho(e *endpoint, l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() { // one per connection; it ends when either side closes
			defer conn.Close()
			block := make([]byte, 4096)
			for {
				n, err := conn.Read(block)
				if err != nil {
					return
				}
				e.count()
				if _, err := conn.Write(block[:n]); err != nil {
					return
				}
			}
		}()
	}
}
