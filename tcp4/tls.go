package tcp4

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// The defaults of a TLS hand-off.
const (
	DefaultHandshakeTimeout    = 10 * time.Second
	DefaultHandshakesPerClient = 256
)

// TLSConfig says how a TLS hand-off terminates TLS.
type TLSConfig struct {
	// Listener is the name that logs carry.
	Listener string
	// Config returns the configuration for the next handshake, so that certificates may be swapped
	// while listening. Required; it must be safe for concurrent use and must not return nil.
	Config func() *tls.Config
	// Timeout bounds the handshake, and before it, where a Passthrough asks, the time that the
	// ClientHello may take. Default (0): 10 s. Off: no limit.
	Timeout time.Duration
	// PerClient bounds the handshakes that one client address has under way, of IPv6 one /64, those
	// whose hello a Passthrough waits for among them; a further connection is closed. Clients on a unix socket have no address and are not bounded.
	// Default (0): 256. Off: no limit.
	PerClient int
	// Whole makes the end of a stream without close_notify an error, so that an attacker who cuts
	// the connection can't make a shorter stream look complete (RFC 8446 §6.1); crypto/tls takes
	// that for an end. A relay wants it; HTTP frames its messages itself. Default: false.
	Whole bool
	// Plain is what a client is answered that speaks HTTP without TLS. Default: nil, it is closed
	// without an answer.
	Plain []byte
	// Log receives failed handshakes, at level debug. Default (nil): slog.Default().
	Log *slog.Logger
}

// TLS terminates TLS in front of another handler. It is safe for concurrent use.
type TLS struct {
	cfg     TLSConfig
	bounds  atomic.Pointer[tlsBounds]
	shaking *clients

	TLSCounters
}

// TLSCounters are the live numbers of a TLS hand-off.
type TLSCounters struct {
	// Handshakes counts those that succeeded: TLS12 and TLS13 those of a version, Resumed those of
	// either that went on with an earlier session.
	Handshakes, TLS12, TLS13, Resumed atomic.Int64
	// Failures counts those that did not. Of them, Timeouts took longer than allowed, NotTLS were
	// none since the client did not speak TLS, Unproven lacked a client's certificate or had a bad
	// one, Unknown asked for a name that nobody serves, and ByClient were ended by an alert of the
	// client, which refuses our certificate, say.
	Failures, Timeouts, NotTLS, Unproven, Unknown, ByClient atomic.Int64
	// Flooded counts connections that were closed because of PerClient; they are no failures.
	Flooded atomic.Int64
}

// tlsBounds is what Bound swaps.
type tlsBounds struct {
	timeout   time.Duration // 0: none
	perClient int           // 0: any number
}

// NewTLS checks cfg and fills in the defaults.
func NewTLS(cfg TLSConfig) (*TLS, error) {
	if cfg.Config == nil {
		return nil, errors.New("tcp4: TLS needs a configuration")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return newTLS(cfg), nil
}

// newTLS returns a hand-off that at least bounds handshakes.
func newTLS(cfg TLSConfig) *TLS {
	t := &TLS{cfg: cfg, shaking: newClients()}
	t.Bound(cfg.Timeout, cfg.PerClient)
	return t
}

// Bound replaces Timeout and PerClient of the config, with the same defaults, for handshakes that
// begin from now on.
func (t *TLS) Bound(timeout time.Duration, perClient int) {
	if timeout == 0 {
		timeout = DefaultHandshakeTimeout
	}
	if perClient == 0 {
		perClient = DefaultHandshakesPerClient
	}
	t.bounds.Store(&tlsBounds{max(timeout, 0), max(perClient, 0)})
}

// Handler returns a handler that shakes hands on the connection and gives a *tls.Conn without
// deadlines to next. If the handshake fails, next is not called and the connection is closed.
func (t *TLS) Handler(next Handler) Handler {
	return func(raw net.Conn) {
		if conn := t.handshake(raw); conn != nil {
			next(conn)
			_ = conn.Close()
		}
	}
}

// handshake returns nil if it failed, which it has counted.
func (t *TLS) handshake(raw net.Conn) *tls.Conn {
	from, ok := t.enter(raw)
	if !ok {
		return nil
	}
	defer t.leave(from)
	bounds := t.bounds.Load()
	under := raw
	if t.cfg.Whole {
		under = whole{raw}
	}
	_ = deepen(0)
	conn := tls.Server(under, t.cfg.Config())
	if bounds.timeout > 0 {
		_ = raw.SetDeadline(time.Now().Add(bounds.timeout))
	}
	if err := conn.Handshake(); err != nil {
		t.failed(raw, err)
		return nil
	}
	if bounds.timeout > 0 {
		_ = raw.SetDeadline(time.Time{})
	}
	if t.succeeded(conn) {
		return conn
	}
	_ = conn.Close()
	return nil
}

// enter counts a handshake that raw's client begins; leave takes that back. ok is false if the client
// has too many under way, which is counted.
func (t *TLS) enter(raw net.Conn) (from netip.Addr, ok bool) {
	most := t.bounds.Load().perClient
	from, ok = shakes(raw)
	if !ok || most == 0 {
		return netip.Addr{}, true
	}
	if !t.shaking.enter(from, most) {
		t.Flooded.Add(1)
		return netip.Addr{}, false
	}
	return from, true
}

func (t *TLS) leave(from netip.Addr) {
	if from.IsValid() {
		t.shaking.leave(from)
	}
}

// deepen makes room on the goroutine's stack for a whole handshake. A fresh stack would grow to that in steps, and be
// copied with ever more frames on it in each: 6 % of the handshake.
//
//go:noinline
func deepen(i int) byte {
	var room [8 << 10]byte
	return room[i]
}

// shakes returns whom a handshake is accounted to: of IPv6, whoever has one address has its /64.
func shakes(raw net.Conn) (from netip.Addr, ok bool) {
	from, ok = clientAddr(raw)
	if ok && from.Is6() {
		block, _ := from.Prefix(64) // fails on no address of 128 bits
		from = block.Addr()
	}
	return from, ok
}

// acmeProtocol is agreed on by an authority that validates a name (RFC 8737 §3); the handshake is
// all that it wants.
const acmeProtocol = "acme-tls/1"

// succeeded counts a handshake and reports whether more is to come.
func (t *TLS) succeeded(conn *tls.Conn) bool {
	state := conn.ConnectionState()
	t.Handshakes.Add(1)
	if state.Version == tls.VersionTLS13 {
		t.TLS13.Add(1)
	} else {
		t.TLS12.Add(1)
	}
	if state.DidResume {
		t.Resumed.Add(1)
	}
	return state.NegotiatedProtocol != acmeProtocol
}

// whole is a connection whose end comes as an error; TLS on top of it gives io.EOF for close_notify
// alone.
type whole struct{ net.Conn }

var errCut = errors.New("tcp4: the stream ended without close_notify")

func (w whole) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err == io.EOF {
		err = errCut
	}
	return n, err
}

// NetConn returns the connection below, for reset.
func (w whole) NetConn() net.Conn { return w.Conn }

// failed counts a handshake that failed, and lets a client that was told why see that. It is not
// logged above debug: whoever can connect can cause it.
func (t *TLS) failed(raw net.Conn, err error) {
	t.Failures.Add(1)
	var record tls.RecordHeaderError
	var timeout net.Error
	var cert *tls.CertificateVerificationError
	var wire *net.OpError
	t.cfg.Log.Debug("TLS handshake failed", "listener", t.cfg.Listener, "client", raw.RemoteAddr(), "cause", err)
	switch {
	case errors.As(err, &record) && record.Conn != nil: // no alert was sent
		t.NotTLS.Add(1)
		if len(t.cfg.Plain) > 0 && looksLikeHTTP(record.RecordHeader) {
			lastWord(raw, t.cfg.Plain)
		}
		return
	case errors.As(err, &record):
		t.NotTLS.Add(1)
	case errors.As(err, &timeout) && timeout.Timeout():
		t.Timeouts.Add(1)
		return
	case errors.As(err, &wire) && wire.Op == remoteAlert:
		t.ByClient.Add(1)
		return
	case errors.As(err, &wire) && wire.Op != localAlert, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errCut):
		return // the client has left
	case errors.As(err, &cert), err.Error() == noClientCert:
		t.Unproven.Add(1)
	case err.Error() == noCert:
		t.Unknown.Add(1)
	}
	lastWord(raw, nil)
}

const (
	// noClientCert and noCert are the texts of errors that crypto/tls has no type for; the other is of a
	// name that there is no certificate for.
	noClientCert = "tls: client didn't provide a certificate"
	noCert       = "tls: no certificates configured"
	// localAlert and remoteAlert are what crypto/tls says where an alert is the error itself: one that it
	// has sent, and one that has come.
	localAlert  = "local error"
	remoteAlert = "remote error"
)
