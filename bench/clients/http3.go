package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"weir/bench"
)

// HTTP3 speaks HTTP/3 (RFC 9114) by quic-go to an https:// target, with one QUIC connection and UDP socket for each
// of cfg.Connections. It never uses 0-RTT. A QUIC handshake that is not answered for 5 s, or until the request's
// deadline if that is earlier, is a failure to connect; where the system tells that the port is closed, at once.
// Requests beyond the server's limit of streams wait for one; that is part of their latency. Bytes are the bodies'.
func HTTP3(cfg Config) (Protocol, error) {
	t, err := check(cfg, "HTTP/3", "", "https")
	if err != nil {
		return Protocol{}, err
	}
	all := lanes(t, t.dialHTTP3)
	return Protocol{Name: "HTTP/3", Client: func(worker int) (bench.Client, error) {
		return newExchanger(t, all[worker%len(all)], sortHTTP3), nil
	}}, nil
}

// http3Link is a QUIC connection with what lies below it.
type http3Link struct {
	conn   *http3.ClientConn
	quic   *quic.Conn
	below  *quic.Transport
	socket net.PacketConn
}

func (l *http3Link) usable() bool { return l.quic.Context().Err() == nil }

func (l *http3Link) roundTrip(q *http.Request) (*http.Response, error) { return l.conn.RoundTrip(q) }

func (l *http3Link) close() {
	// What these report is how the connection ended, which the requests saw.
	_ = l.quic.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	_ = l.below.Close()
	_ = l.socket.Close()
}

// dialHTTP3 opens a QUIC connection on a socket of its own.
func (t *target) dialHTTP3(ctx context.Context) (*http3Link, error) {
	to, err := t.resolve(ctx)
	if err != nil {
		return nil, &bench.ConnectError{Cause: err}
	}
	socket, err := listenUDP(ctx, to)
	if err != nil {
		return nil, &bench.ConnectError{Cause: err}
	}
	l := &http3Link{below: &quic.Transport{Conn: socket}, socket: socket}
	l.quic, err = l.below.Dial(ctx, to, t.tlsFor(http3.NextProtoH3), &quic.Config{})
	if err != nil {
		_ = l.below.Close()
		_ = socket.Close()
		return nil, t.sortQUICDial(err)
	}
	l.conn = (&http3.Transport{DisableCompression: true}).NewClientConn(l.quic)
	return l, nil
}

// resolve returns the target's first UDP address.
func (t *target) resolve(ctx context.Context) (*net.UDPAddr, error) {
	host, service, err := net.SplitHostPort(t.address)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return nil, err
	}
	found, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return nil, err
	}
	return &net.UDPAddr{IP: found[0].IP, Port: port, Zone: found[0].Zone}, nil
}

// sortQUICDial tells a handshake that TLS refused from a server that is not there.
func (t *target) sortQUICDial(err error) error {
	var transport *quic.TransportError
	var silent *quic.HandshakeTimeoutError
	switch {
	case errors.As(err, &transport) && transport.ErrorCode.IsCryptoError():
		return &bench.TLSError{Cause: explainTLS(err, []string{http3.NextProtoH3})}
	case errors.As(err, &silent), errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer to the QUIC handshake from UDP %s: %w", t.address, err)
	}
	return &bench.ConnectError{Cause: err}
}

// textUnsent begins what quic-go says when a connection took no request any more; the error's type is not exported.
const textUnsent = "http3: conn unusable: "

// sortHTTP3 makes err of quic-go one that bench.KindOf sorts. begun says that the answer's head had come.
func sortHTTP3(err error, begun bool) error {
	var layer *http3.Error
	var transport *quic.TransportError
	isLayer, isTransport := errors.As(err, &layer), errors.As(err, &transport)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return err
	case strings.HasPrefix(err.Error(), textUnsent),
		!begun && isLayer && layer.Remote && layer.ErrorCode == http3.ErrCodeRequestRejected:
		return &unprocessed{err}
	case isLayer && !layer.Remote, isTransport && !transport.Remote && transport.ErrorCode > quic.ConnectionRefused:
		// It was this side that complained.
		return fmt.Errorf("%w: not HTTP/3: %w", bench.ErrMalformed, err)
	case begun:
		return fmt.Errorf("%w: %w", bench.ErrShort, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		// The connection lives; the stream ended, and no answer was on it (RFC 9114 §4.1).
		return fmt.Errorf("%w: not HTTP/3: %w", bench.ErrMalformed, err)
	}
	return err
}
