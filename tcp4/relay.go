package tcp4

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime/pprof"
	"time"

	"weir/internal/hello"
	"weir/internal/proxyproto"
	"weir/lb"
)

// RelayConfig says where a relay's sessions go and how long it is patient with them.
type RelayConfig struct {
	// Listener is the name that records carry.
	Listener string
	// Upstream chooses the endpoint of each session. Required.
	Upstream *lb.Upstream
	// Key says what a session is about, for balancers that place equal keys on equal endpoints.
	// Default (nil): the zero Key.
	Key func(client netip.Addr) lb.Key
	// ConnectTimeout bounds one attempt to connect to an endpoint. Default (0): 1 s.
	ConnectTimeout time.Duration
	// Attempts is how many further endpoints are tried when no connection can be made. Nothing has
	// been sent by then, so that is always safe; it goes on while the upstream's retry budget lasts.
	// Default (0): 2. Off: none.
	Attempts int
	// IdleTimeout cuts a session after this long without a byte in either direction, at most an
	// eighth later. Default (0): 1 h. Off: never.
	IdleTimeout time.Duration
	// Strangers, if not nil, are the listener's Proxies: a client that is not Proxied must not begin
	// with a PROXY header, which the endpoint might believe, and is reset if it does. Nothing waits
	// for that: what the endpoint says first goes to the client at once.
	Strangers *Proxies
	// SendProxy has each session begin with a PROXY header of this version, 1 or 2, that tells the
	// endpoint who the client is. Default (0): none.
	SendProxy int
	// Sessions counts and cuts the sessions, and owns their buffers and pipes. Required. Relays of
	// successive snapshots share one.
	Sessions *Sessions
	// Dialed, if not nil, is told of each attempt to connect, on the session's goroutine; err is nil
	// for one that succeeded.
	Dialed func(e *lb.Endpoint, err error)
	// Record, if not nil, is told about each session when it has ended, on the session's goroutine.
	// The record is valid during the call.
	Record func(*Record)
}

// Relay connects each client with an endpoint and passes bytes both ways until both sides are
// done. It is immutable and safe for concurrent use. Sessions keep the relay that began them:
// they live on when a reload replaces it, or removes their endpoint.
type Relay struct {
	cfg    RelayConfig
	dialer net.Dialer
	back   context.Context // labels of the second goroutine
}

// NewRelay checks cfg, fills in the defaults and starts nothing.
func NewRelay(cfg RelayConfig) (*Relay, error) {
	switch {
	case cfg.Upstream == nil || cfg.Sessions == nil:
		return nil, errors.New("tcp4: a relay needs an upstream and sessions")
	case cfg.SendProxy < 0 || cfg.SendProxy > 2:
		return nil, errors.New("tcp4: PROXY headers have version 1 or 2")
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = time.Second
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = time.Hour
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = 2
	}
	cfg.Attempts = max(cfg.Attempts, 0)
	if cfg.Key == nil {
		cfg.Key = func(netip.Addr) lb.Key { return lb.Key{} }
	}
	return &Relay{
		cfg: cfg,
		dialer: net.Dialer{
			Timeout:         cfg.ConnectTimeout,
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepIdle * time.Second, Interval: keepInterval * time.Second, Count: keepCount},
		},
		back: pprof.WithLabels(context.Background(), pprof.Labels("goroutine", "tcp4.relay.back", "listener", cfg.Listener)),
	}, nil
}

// Serve is the relay's Handler: it returns when the session has ended and both connections are
// closed. A client for whom no endpoint can be had is reset.
func (r *Relay) Serve(client net.Conn) { r.ServeHello(client, nil) }

// ServeHello is Serve for a TLS connection whose hello has been looked at. h may be nil.
func (r *Relay) ServeHello(client net.Conn, h *hello.Hello) {
	rec := Record{Listener: r.cfg.Listener, Upstream: r.cfg.Upstream.Name(), Client: client.RemoteAddr(), ServerName: serverName(client, h), Start: time.Now()}
	if r.cfg.Sessions.begin() {
		r.session(client, &rec)
		r.cfg.Sessions.end()
	} else {
		rec.End = Cut
		reset(client)
	}
	rec.Duration = time.Since(rec.Start)
	if r.cfg.Record != nil {
		r.cfg.Record(&rec)
	}
}

// session finds an endpoint for client and runs the session with it.
func (r *Relay) session(client net.Conn, rec *Record) {
	addr, _ := clientAddr(client)
	endpoint, lease := r.connect(r.cfg.Key(addr), rec)
	if endpoint == nil {
		reset(client)
		return
	}
	rec.Endpoint = lease.Endpoint().Address()
	s := newSession(r, client, endpoint)
	if r.cfg.SendProxy > 0 {
		s.announce = proxyproto.Append(nil, r.cfg.SendProxy, announcement(client, rec.ServerName))
	}
	s.run()
	s.report(rec)
	lease.Done(rec.outcome())
}
