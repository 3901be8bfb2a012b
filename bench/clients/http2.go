package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"weir/bench"
)

// HTTP2 speaks HTTP/2 (RFC 9113) by net/http: for https:// over TLS, where the server must choose h2 by ALPN; for
// http:// in clear text with prior knowledge. Requests beyond the server's limit of concurrent streams wait for a
// stream of their connection; that wait is part of their latency. Bytes are the bodies'.
func HTTP2(cfg Config) (Protocol, error) {
	t, err := check(cfg, "HTTP/2", "http", "https")
	if err != nil {
		return Protocol{}, err
	}
	all := lanes(t, t.dialHTTP2)
	name := "HTTP/2"
	if !t.secure {
		name = "HTTP/2 in clear text"
	}
	return Protocol{Name: name, Client: func(worker int) (bench.Client, error) {
		return newExchanger(t, all[worker%len(all)], sortHTTP2), nil
	}}, nil
}

// http2Link is a connection of net/http's HTTP/2.
type http2Link struct {
	conn *http.ClientConn
	ears *ears // of a connection in clear text
}

func (l *http2Link) usable() bool { return l.conn.Err() == nil }
func (l *http2Link) close()       { _ = l.conn.Close() } // what it reports is how it ended, which the requests saw

func (l *http2Link) roundTrip(q *http.Request) (*http.Response, error) {
	answer, err := l.conn.RoundTrip(q)
	if err == nil || err.Error() != textStillborn {
		return answer, err
	}
	if l.ears != nil && l.ears.babble() {
		return nil, notHTTP2(err)
	}
	return nil, fmt.Errorf("the server closed the connection at once (%w): %w", err, io.EOF)
}

// dialHTTP2 opens a connection, with a Transport that serves it alone.
func (t *target) dialHTTP2(ctx context.Context) (*http2Link, error) {
	l := &http2Link{}
	var protocols http.Protocols
	protocols.SetHTTP2(t.secure)
	protocols.SetUnencryptedHTTP2(!t.secure)
	transport := &http.Transport{
		Protocols:          &protocols,
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := t.dial(ctx)
			if err != nil {
				return nil, err
			}
			l.ears = conn
			return conn, nil
		},
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return t.dialTLS(ctx, "h2") },
		HTTP2:          &http.HTTP2Config{StrictMaxConcurrentRequests: true},
	}
	conn, err := transport.NewClientConn(ctx, t.url.Scheme, t.address)
	if err != nil {
		return nil, err
	}
	l.conn = conn
	return l, nil
}

// Texts of net/http's HTTP/2, whose errors have no exported type; the tests provoke each of them.
const (
	textGoAway     = "http2: Transport received Server's graceful shutdown GOAWAY"
	textUnusable   = "http2: client conn not usable"
	textStillborn  = "http2: client conn could not be established"
	textConnection = "connection error: "
	textFrame      = "http2: failed reading the frame payload: "
	textTooLarge   = "http2: frame too large"
	textHead       = "malformed response from server"
	textFromPeer   = "received from peer" // the Cause of a stream error that the server sent
)

// saysNotHTTP2 reports whether net/http complains of the bytes that came.
func saysNotHTTP2(text string) bool {
	return strings.HasPrefix(text, textConnection) || strings.HasPrefix(text, textFrame) ||
		strings.HasPrefix(text, textTooLarge) || strings.HasPrefix(text, textHead)
}

// streamError has the shape of net/http's error for one stream, which errors.As fills in (net/http/h2_error.go).
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return fmt.Sprintf("stream error %d", e.Code) }

// codeRefusedStream is REFUSED_STREAM (RFC 9113 §7).
const codeRefusedStream = 0x7

// sortHTTP2 makes err of net/http one that bench.KindOf sorts. begun says that the answer's head had come.
func sortHTTP2(err error, begun bool) error {
	var stream streamError
	text := err.Error()
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, bench.ErrMalformed):
		return err
	case !begun && (text == textGoAway || text == textUnusable):
		return &unprocessed{err}
	case errors.As(err, &stream):
		return sortStream(err, stream, begun)
	case saysNotHTTP2(text):
		return notHTTP2(err)
	case begun:
		return fmt.Errorf("%w: %w", bench.ErrShort, err)
	}
	return err
}

func sortStream(err error, stream streamError, begun bool) error {
	switch {
	case stream.Cause == nil || stream.Cause.Error() != textFromPeer:
		// It was net/http that ended the stream, for what had come on it.
		return fmt.Errorf("%w: %w", bench.ErrMalformed, err)
	case stream.Code == codeRefusedStream:
		return fmt.Errorf("the server refused the stream: %w", err)
	case begun:
		return fmt.Errorf("%w: %w", bench.ErrShort, err)
	}
	return err
}

func notHTTP2(err error) error { return fmt.Errorf("%w: not HTTP/2: %w", bench.ErrMalformed, err) }
