package forward

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"time"

	"weir/http7"
	"weir/internal/deadline"
	"weir/internal/proxyproto"
	"weir/internal/sock"
	"weir/internal/tlsto"
	"weir/lb"
)

// The protocols of ALPN (RFC 7301 §6, RFC 9113 §3.2).
const (
	alpnH1 = "http/1.1"
	alpnH2 = "h2"
)

// dial makes a connection for transports like t: the socket, the PROXY header, TLS. The time to connect
// bounds all of it, as does limit if that is not 0.
func (t *Transport) dial(p *Pool, proxy string, limit int64) (net.Conn, *http7.Fault, error) {
	at, ctx := p.endpoint.Target(), context.Background()
	if limit != 0 || t.secure != nil || proxy != "" {
		left := t.connect
		if limit != 0 {
			left = min(left, time.Duration(limit-deadline.Now()))
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	nc, err := t.dialer.DialContext(ctx, at.Network(), at.Dial())
	if err != nil {
		return nil, connectFault(err), err
	}
	if proxy != "" {
		if err := introduce(ctx, nc, proxy); err != nil {
			_ = nc.Close() // it was of no use
			return nil, connectFault(err), err
		}
	}
	if t.secure == nil {
		return nc, nil, nil
	}
	return t.handshake(ctx, p, nc)
}

// introduce writes the PROXY header. No socket is so full at its start that this waits, but one of
// an endpoint that has no room for bytes at all.
func introduce(ctx context.Context, nc net.Conn, proxy string) error {
	if until, bound := ctx.Deadline(); bound {
		_ = nc.SetWriteDeadline(until)                          // fails only on a closed connection
		defer func() { _ = nc.SetWriteDeadline(time.Time{}) }() // likewise
	}
	_, err := nc.Write([]byte(proxy))
	return err
}

// handshake speaks TLS on nc, which it closes if that fails.
func (t *Transport) handshake(ctx context.Context, p *Pool, nc net.Conn) (net.Conn, *http7.Fault, error) {
	own := p.tlsFor(t)
	tc := tls.Client(sock.NewGate(nc), own)
	err := tc.HandshakeContext(ctx)
	if err == nil && t.way.protocol == ProtocolH2 && tc.ConnectionState().NegotiatedProtocol != alpnH2 {
		err = errNotH2
	}
	if err == nil {
		return tc, nil, nil
	}
	_ = nc.Close() // what is left of the handshake is of no use
	f := http7.UpstreamTLS
	var late net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout() {
		f = http7.ConnectTimeout
	}
	return nil, f, &tlsto.Error{Endpoint: p.endpoint.Address(), ServerName: own.ServerName, Err: err}
}

var errNotH2 = errors.New("the endpoint did not choose h2 by ALPN")

// tlsFor returns what connections to p's endpoint share: a name, and sessions to resume.
func (p *Pool) tlsFor(t *Transport) *tls.Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.secureWay != t.way {
		p.secure, p.alone, p.secureWay = nil, nil, t.way
	}
	own := &p.secure
	if t.alone {
		own = &p.alone
	}
	if *own == nil {
		*own = t.secure.For(hostOf(p.endpoint), t.alpn()...)
	}
	return *own
}

// alpn returns the protocols that are offered, the one preferred first.
func (t *Transport) alpn() []string {
	switch {
	case t.alone:
		return []string{alpnH1}
	case t.way.protocol == ProtocolH2:
		return []string{alpnH2}
	case t.multiplexes():
		return []string{alpnH2, alpnH1}
	}
	return []string{alpnH1}
}

// hostOf returns the host that an endpoint's certificate goes by.
func hostOf(e *lb.Endpoint) string {
	if e.Target().IsUnix() {
		return "localhost"
	}
	host, _, err := net.SplitHostPort(e.Name())
	if err != nil {
		return e.Target().Host()
	}
	return strings.Trim(host, "[]")
}

// proxyHeader returns the PROXY header that a connection for a client begins with; "" where none is
// sent.
func (t *Transport) proxyHeader(from *http7.Conn) string {
	if t.way.proxy == 0 {
		return ""
	}
	if from == nil {
		return string(proxyproto.AppendLocal(nil, t.way.proxy))
	}
	h := proxyproto.Header{Source: from.Peer, Destination: from.Local, Authority: from.SNI, ALPN: from.ALPN}
	if from.TLS {
		h.TLS = proxyproto.Ended(from.Version, from.Cipher, from.Resumed, from.ClientCert, from.ClientCert != nil)
	}
	return string(proxyproto.Append(nil, t.way.proxy, &h))
}

// connectFault says what a failed dial is.
func connectFault(err error) *http7.Fault {
	var timeout net.Error
	var name *net.DNSError
	var none *net.AddrError // the name has no address that can be dialled
	for _, ours := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, ours) {
			return http7.Exhausted // it says nothing of the endpoint
		}
	}
	switch {
	case errors.As(err, &name), errors.As(err, &none):
		return http7.NameUnresolved
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return http7.ConnectRefused
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return http7.ConnectTimeout
	}
	return http7.ConnectFailed
}

// multiplexes reports whether many attempts may share a connection.
func (t *Transport) multiplexes() bool {
	switch t.way.protocol {
	case ProtocolH2, ProtocolH2C:
		return true
	case ProtocolH1:
		return false
	}
	return t.secure != nil && t.way.proxy == 0
}
