package tcp4

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"weir/internal/proxyproto"
)

// The words for what a listener defends itself against at the start of a connection.
const (
	// DefendedProxyHeader: a PROXY header of a trusted source was missing, malformed or cut.
	DefendedProxyHeader = "proxy_header"
	// DefendedProxyStranger: somebody who is not trusted sent a PROXY header, or what may become one and did not go on.
	DefendedProxyStranger = "proxy_stranger"
	// DefendedSlowProxyHeader: a trusted source did not send its PROXY header in time.
	DefendedSlowProxyHeader = "slow_proxy_header"
)

// ProxiesConfig says who sends PROXY headers.
type ProxiesConfig struct {
	// Listener is the name that logs carry.
	Listener string
	// From reports whether connections from an address must begin with a PROXY header, which is then
	// believed. Required; it must be safe for concurrent use. Clients of a unix socket have no
	// address: the mode of its file says who they are, and a header is required from them too.
	From func(netip.Addr) bool
	// Timeout is how long the header may take. Default (0): 5 s; the specification asks for 3 s at
	// least, the time of a packet that was lost.
	Timeout time.Duration
	// Log receives refused headers, at level debug. Default (nil): slog.Default().
	Log *slog.Logger
	// Defended, if not nil, is told of each refusal, by one of the words above. It must be safe for
	// concurrent use.
	Defended func(kind string)
}

// Proxies takes PROXY headers off connections. It is immutable and safe for concurrent use.
type Proxies struct{ cfg ProxiesConfig }

// NewProxies checks cfg and fills in the defaults.
func NewProxies(cfg ProxiesConfig) (*Proxies, error) {
	if cfg.From == nil {
		return nil, errors.New("tcp4: PROXY headers need to know from whom")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Defended == nil {
		cfg.Defended = func(string) {}
	}
	return &Proxies{cfg}, nil
}

// expects reports whether conn must begin with a header; p may be nil.
func (p *Proxies) expects(conn net.Conn) bool {
	if p == nil {
		return false
	}
	a, ok := clientAddr(conn)
	return !ok || p.cfg.From(a)
}

// take takes the header off conn. It returns nil if there is none that can be believed.
func (p *Proxies) take(conn net.Conn) *Proxied {
	plain, ok := conn.(plainConn)
	if !ok {
		return nil
	}
	var h proxyproto.Header
	look := peek{look: func(b []byte) (n int, err error) {
		if h, n, err = proxyproto.Parse(b); err == proxyproto.ErrMore {
			err = errMore
		}
		return n, err
	}}
	if err := look.run(conn, p.cfg.Timeout); err != nil {
		if err != io.EOF || look.have > 0 { // whoever says nothing at all checks whether we are there
			p.refuse(conn, err)
		}
		return nil
	}
	return newProxied(plain, h)
}

// refuse tells of a header that was not taken. It is not logged above debug: whoever can connect can
// cause it.
func (p *Proxies) refuse(conn net.Conn, err error) {
	kind := DefendedProxyHeader
	var timeout net.Error
	switch {
	case err == errStranger || err == errUnclear:
		kind = DefendedProxyStranger
	case errors.As(err, &timeout) && timeout.Timeout():
		kind = DefendedSlowProxyHeader
	}
	p.cfg.Defended(kind)
	p.cfg.Log.Debug("PROXY header refused", "listener", p.cfg.Listener, "from", conn.RemoteAddr(), "cause", err)
}

var (
	errStranger = errors.New("a PROXY header from a source that is not trusted")
	errUnclear  = errors.New("what may become a PROXY header from a source that is not trusted stays as short")
)

// vet waits until it is clear that a stranger's stream does not begin with a header, which it must
// not pass on to an endpoint that might believe it; an error other than errStranger is the
// connection's, and shows to whoever reads next. A connection that is Proxied has had its header.
//
// What could be the beginning of one has the time of a header to become something: then late is called,
// which has to end the connection, as otherwise both sides might wait for each other.
func (p *Proxies) vet(conn net.Conn, late func()) error {
	if _, believed := conn.(*Proxied); p == nil || believed {
		return nil
	}
	var unclear *time.Timer
	look := peek{look: func(b []byte) (int, error) {
		switch proxyproto.Begins(b) {
		case nil:
			return 0, errStranger
		case proxyproto.ErrMore:
			if unclear == nil {
				unclear = time.AfterFunc(p.cfg.Timeout, func() { p.refuse(conn, errUnclear); late() })
			}
			return len(b) + 1, errMore
		}
		return 0, nil
	}}
	err := look.run(conn, 0)
	if unclear != nil {
		unclear.Stop()
	}
	if err == errStranger {
		p.refuse(conn, err)
	}
	return err
}
