package gateway

import (
	"net"

	"weir/internal/certs"
	"weir/internal/config"
	"weir/internal/hello"
	"weir/internal/sock"
	"weir/tcp4"
)

// enter returns the handler of a listener's connections in one generation: what lies between accept
// and serve, the engine or the relay. Until serve has a connection, it is among those that cut ends.
func (o *offer) enter(serve tcp4.Handler) tcp4.Handler {
	switch {
	case o.store != nil:
		serve = o.secured(serve)
	case o.pass != nil && serve != nil:
		serve = o.handed(serve)
	}
	if o.pass != nil {
		serve = o.pass.Handler(serve)
	}
	if o.store != nil || o.pass != nil {
		serve = o.held(serve)
	}
	if o.kind == config.KindTCP && len(o.guards) > 0 { // of http, requests are judged: a refusal can be told
		serve = o.guarded(serve)
	}
	return o.counted(serve)
}

// held notes connections while they enter. Whoever serves one takes it out.
func (l *listener) held(next tcp4.Handler) tcp4.Handler {
	return func(nc net.Conn) {
		l.entering.add(nc)
		defer l.entering.remove(nc)
		next(nc)
	}
}

// handed takes connections out of those that enter.
func (l *listener) handed(next tcp4.Handler) tcp4.Handler {
	return func(nc net.Conn) {
		l.entering.remove(nc)
		next(nc)
	}
}

// secured returns who shakes hands and gives what is inside TLS to next.
func (o *offer) secured(next tcp4.Handler) tcp4.Handler {
	return func(nc net.Conn) {
		below := nc
		if o.kind == config.KindHTTP {
			below = sock.NewGate(nc) // lets a connection that waits hold no block
		}
		o.tls.Handler(func(secure net.Conn) {
			o.entering.remove(nc)
			next(secure)
		})(below)
	}
}

// relayed counts the sessions that are relayed as they are, which are not an engine's.
func (l *listener) relayed(next func(net.Conn, *hello.Hello)) func(net.Conn, *hello.Hello) {
	return func(nc net.Conn, h *hello.Hello) {
		l.passing.Add(1)
		defer l.passing.Add(-1)
		l.entering.remove(nc)
		next(nc, h)
	}
}

// counted counts connections around next.
func (l *listener) counted(next tcp4.Handler) tcp4.Handler {
	return func(nc net.Conn) {
		l.series.Opened()
		defer l.series.Closed()
		next(nc)
	}
}

// openTLS reads the certificates of a listener that has tls.
func (g *Gateway) openTLS(o *offer, c *config.Listener, next *generation) error {
	if c.TLS == nil {
		return nil
	}
	err := g.openACME(o, c, next)
	if err != nil {
		return err
	}
	options := certs.Options{Listener: o.name, ALPN: alpn(c), Source: o.keeper.source()}
	if len(c.Passthrough) > 0 {
		options.Elsewhere = c.PassesHTTP
	}
	o.store, err = g.certs.Open(c.TLS, options)
	if err != nil {
		return &listenerError{o.name, err}
	}
	if o.site != nil {
		o.site.Covers = o.store.Covers
	}
	return nil
}

// listenerError says which listener can't be had.
type listenerError struct {
	listener string
	err      error
}

// Error implements error.
func (e *listenerError) Error() string { return "listener " + e.listener + ": " + e.err.Error() }

// Unwrap returns what is wrong.
func (e *listenerError) Unwrap() error { return e.err }

// alpn lists what an http listener offers over TLS, the best first. Sessions are of no protocol that
// we know.
func alpn(c *config.Listener) (list []string) {
	if c.Kind != config.KindHTTP {
		return nil
	}
	if c.Speaks(config.ProtocolH2) {
		list = append(list, "h2")
	}
	if c.Speaks(config.ProtocolH1) {
		list = append(list, "http/1.1", "http/1.0") // to a client that offers one alone, the other would be refused
	}
	return list
}

// secureBy makes handshakes that begin from now on go by what the generation says. Hellos that are
// looked at where no TLS ends have tcp4's own bounds.
func (o *offer) secureBy(c *config.Listener) {
	if o.store == nil {
		o.tls.Bound(0, 0)
		return
	}
	o.offered.Store(o.store)
	n := tcp4.Off
	if !c.TLS.HandshakesPerClient.IsOff() {
		n = c.TLS.HandshakesPerClient.Value()
	}
	o.tls.Bound(c.TLS.HandshakeTimeout.Value(), n)
}

// stores lists those that serve in a generation.
func (gen *generation) stores() (list []*certs.Store) {
	for _, o := range gen.listeners {
		if o.store != nil {
			list = append(list, o.store)
		}
	}
	return list
}
