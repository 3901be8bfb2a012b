package tcp4

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"
)

// TLSConfig says how a TLS hand-off terminates TLS.
type TLSConfig struct {
	// Listener is the name that logs carry.
	Listener string
	// Config returns the configuration for the next handshake, so that certificates may be swapped
	// while listening. Required; it must be safe for concurrent use and must not return nil.
	Config func() *tls.Config
	// Timeout bounds the handshake. Default (0): 10 s.
	Timeout time.Duration
	// Whole makes the end of a stream without close_notify an error, so that an attacker who cuts
	// the connection can't make a shorter stream look complete (RFC 8446 §6.1); crypto/tls takes
	// that for an end. A relay wants it; HTTP frames its messages itself. Default: false.
	Whole bool
	// Log receives failed handshakes, at level debug. Default (nil): slog.Default().
	Log *slog.Logger
}

// TLS terminates TLS in front of another handler. It is safe for concurrent use.
type TLS struct {
	cfg TLSConfig
	// Handshakes counts those that succeeded, Failures those that did not, Timeouts the failures
	// that took longer than allowed, NotTLS those whose client did not speak TLS.
	Handshakes, Failures, Timeouts, NotTLS atomic.Int64
}

// NewTLS checks cfg and fills in the defaults.
func NewTLS(cfg TLSConfig) (*TLS, error) {
	if cfg.Config == nil {
		return nil, errors.New("tcp4: TLS needs a configuration")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &TLS{cfg: cfg}, nil
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
	under := raw
	if t.cfg.Whole {
		under = whole{raw}
	}
	conn := tls.Server(under, t.cfg.Config())
	_ = raw.SetDeadline(time.Now().Add(t.cfg.Timeout))
	if err := conn.Handshake(); err != nil {
		t.failed(raw, err)
		return nil
	}
	_ = raw.SetDeadline(time.Time{})
	t.Handshakes.Add(1)
	return conn
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

// failed counts a handshake that failed. It is not logged above debug: whoever can connect can
// cause it.
func (t *TLS) failed(raw net.Conn, err error) {
	t.Failures.Add(1)
	var record tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.As(err, &record):
		t.NotTLS.Add(1)
	case errors.As(err, &timeout) && timeout.Timeout():
		t.Timeouts.Add(1)
	}
	t.cfg.Log.Debug("TLS handshake failed", "listener", t.cfg.Listener, "client", raw.RemoteAddr(), "cause", err)
}
