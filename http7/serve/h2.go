package serve

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
	_ "unsafe" // for the linkname

	"golang.org/x/net/http2"

	"weir/http7"
	"weir/internal/framewatch"
	"weir/internal/sock"
)

// This file is all that knows x/net/http2 on the clients' side.
//
//lint:file-ignore SA1019 net/http serves no connection that others accept; with Go 1.27 x/net leads there, and not before.

// x/net offers extended CONNECT (RFC 8441) only if GODEBUG asks for it before the process begins.
//
//go:linkname disableExtendedConnectProtocol golang.org/x/net/http2.disableExtendedConnectProtocol
var disableExtendedConnectProtocol bool

// It is switched on here; x/net's own initialisation comes before this package's.
var _ = func() bool {
	disableExtendedConnectProtocol = false
	return true
}()

// h2Server is what serves the connections that began under the same limits.
type h2Server struct {
	limits Limits
	base   *http.Server
	server *http2.Server
}

// h2Server returns what serves a connection under l.
func (e *Engine) h2Server(l Limits) (*h2Server, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.h2 {
		if s.limits == l {
			return s, nil
		}
	}
	s := &h2Server{limits: l, base: e.h2Base(l), server: &http2.Server{
		MaxConcurrentStreams: uint32(l.streams()),
		IdleTimeout:          l.IdleTimeout,
		ReadIdleTimeout:      pingAfter,
		WriteByteTimeout:     l.WriteStall,
		MaxReadFrameSize:     16 << 10, // what clients send is not shown before a frame is whole
		// What an endpoint does not take yet of one upload must not hold up the others.
		MaxUploadBufferPerConnection: 1 << 20,
		MaxUploadBufferPerStream:     256 << 10,
		CountError:                   e.countH2,
	}}
	if err := http2.ConfigureServer(s.base, s.server); err != nil {
		return nil, err
	}
	e.h2 = append(e.h2, s)
	return s, nil
}

func (e *Engine) h2Base(l Limits) *http.Server {
	return &http.Server{
		// A field costs 32 bytes more here than in HTTP/1 (RFC 9113 §10.5.1): whether a head is too large is for the
		// hall to say.
		MaxHeaderBytes: 2*l.Head.HeadBytes + 32*l.Head.Fields,
		ErrorLog:       slog.NewLogLogger(e.Log.Handler(), slog.LevelDebug),
		ConnState: func(nc net.Conn, s http.ConnState) {
			if c, ok := nc.(interface{ state(http.ConnState) }); ok {
				c.state(s)
			}
		},
	}
}

// countH2 counts what the library itself ends connections for, as far as it is an attack.
func (e *Engine) countH2(kind string) {
	switch {
	case strings.HasSuffix(kind, "too_many_early_resets"):
		e.series.Defended(rapidReset)
	case strings.HasSuffix(kind, "over_max_streams"):
		e.series.Defended(tooManyStreams)
	}
}

// pingAfter is how long a connection with requests under way may be silent before it is asked whether it lives.
const pingAfter = time.Minute

// defaultStreams is how many streams a connection may have where the limits don't say.
const defaultStreams = 250

func (l *Limits) streams() int {
	if l.H2Streams > 0 {
		return l.H2Streams
	}
	return defaultStreams
}

// serveH2 serves HTTP/2 on nc until it ends, and closes it. rest are the bytes behind the preface that have been
// read already; nil: nothing has been read.
func (e *Engine) serveH2(nc net.Conn, info *http7.Conn, rest []byte) {
	defer func() { _ = nc.Close() }() // nothing is left to be told
	l := e.site(nil).Limits
	s, err := e.h2Server(l)
	if err != nil {
		e.Log.Error("connection can't be served", "listener", e.listener, "error", err)
		return
	}
	k := e.addCarrier(http7.HTTP2, info, nil, func() { _ = nc.Close() })
	defer e.removeCarrier(k)
	below := nc
	if rest != nil {
		below = &rested{Conn: nc, rest: rest}
	}
	watched := framewatch.New(below, framewatch.Limits{
		HeaderTimeout: l.HeaderTimeout, Prefaced: rest != nil, Told: e.series.Defended,
	})
	if p, ok := watched.(interface{ Partial() int64 }); ok {
		k.hidden = p.Partial
	}
	c := newH2Conn(watched, k, l.WriteStall)
	defer c.stop()
	e.mu.Lock()
	k.leave = func() { go c.announce() } // the goroutine "h2 announcement": ends when that is written, or with the connection
	e.mu.Unlock()
	k.release = c.release
	s.server.ServeConn(c.whole(), &http2.ServeConnOpts{
		Context: context.Background(), BaseConfig: s.base, Handler: k, SawClientPreface: rest != nil,
	})
}

// announceTime is how long a client's requests may be on their way when it is asked to leave.
const announceTime = 250 * time.Millisecond

// dismiss ends what connections of HTTP/2 take: the library passes over streams that come later.
func (e *Engine) dismiss() {
	e.dismissing.Store(true)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.h2 {
		s.drain()
	}
}

// drain sends GOAWAY on all connections that s serves.
func (s *h2Server) drain() {
	go func() { // ends at once: net/http knows none of the connections
		_ = s.base.Shutdown(context.Background())
	}()
}

// rested is a connection of which some bytes have been read already.
type rested struct {
	net.Conn
	rest []byte
}

// Read reads those first.
func (r *rested) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		return r.Conn.Read(b)
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// prefaced reports whether the connection begins with the preface of HTTP/2 (RFC 9113 §3.4), and waits for it to be
// whole. Only a client with prior knowledge sends one without TLS.
func (c *conn) prefaced() bool {
	if c.s.TLS() != nil || !c.site.speaks(H2) {
		return false
	}
	for {
		b := c.in.Window()
		n := min(len(b), len(framewatch.Preface))
		switch {
		case string(b[:n]) != framewatch.Preface[:n]:
			return false
		case n == len(framewatch.Preface):
			return true
		}
		if c.in.FillHead(sock.SmallBlock) != nil {
			return false
		}
	}
}

// refuseH1 answers a client of a listener that does not speak HTTP/1.
func (c *conn) refuseH1() {
	x := c.e.take(c)
	x.Fault = http7.VersionUnsupported
	c.carry(x)
	c.linger()
}

// handOver gives the connection to HTTP/2.
func (c *conn) handOver() {
	c.in.Consume(len(framewatch.Preface))
	rest := append(make([]byte, 0, c.in.Buffered()), c.in.Window()...)
	c.in.Consume(len(rest))
	c.in.Release()
	c.s.Timer.Remove()
	c.s.Resume()
	c.e.serveH2(c.s.Net(), c.info, rest)
}
