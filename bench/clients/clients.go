// Package clients speaks, for package bench, the protocols that libraries implement: HTTP/2, HTTP/3, gRPC and
// WebSocket, and the uses of raw TCP that are more than an echo.
//
// The command `weir bench` puts a Protocol's Client and Name into a bench.Config; nobody else calls it. It keeps no
// figures and no schedule of its own: one call of a client is one round trip, however it ends.
//
// A client never sends a request twice to hide a failure. The exception is what the peer says it has not processed,
// or a connection that it had closed while idle: then the request goes once more on a new connection, its time goes
// on, and the answer says Reopened.
package clients

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"weir/bench"
)

// Config says where a protocol's clients connect, and how. It must not be changed once it is in use.
type Config struct {
	// Target is the URL; its scheme must be one of the protocol's. Required.
	Target string
	// Connections is how many connections the workers share: worker n uses connection n % Connections. Default: 1.
	// WebSocket and raw TCP don't share: each worker has its own.
	Connections int
	// Fresh gives each request a connection of its own, closed behind it.
	Fresh bool
	// TLS is used where the scheme asks for TLS; ServerName is filled in from the target where it is empty, and the
	// protocol sets NextProtos. Default: verify against the system's roots, TLS 1.2 or newer.
	TLS *tls.Config
	// Block is how many bytes one request of TCPBulk moves. Default: the request's body; 1 MiB if that is empty.
	// Not used elsewhere.
	Block int
	// Way is the direction in which TCPBulk moves bytes. Default: Echo. Not used elsewhere.
	Way Way
}

// Protocol is one way to speak to a target, for bench.Config.
type Protocol struct {
	// Name is for bench.Config.Protocol.
	Name string
	// Client is for bench.Config.Client: it returns what speaks for a worker, and connects nothing. It is safe for
	// concurrent use and may serve several runs. A connection closes when the last worker that shares it has.
	Client func(worker int) (bench.Client, error)
}

// target is a Config, checked.
type target struct {
	Config
	url       *url.URL
	address   string // host:port to dial
	authority string // host and port as the request names them
	secure    bool
}

// ports are the defaults of the schemes that have one; the others need a port.
var ports = map[string]string{"http": "80", "https": "443", "ws": "80", "wss": "443"}

// check compiles cfg for a protocol that speaks plain and secure; an empty scheme is one that it lacks.
func check(cfg Config, protocol, plain, secure string) (*target, error) {
	u, err := url.Parse(cfg.Target)
	if err != nil {
		return nil, fmt.Errorf("%w: target: %v", bench.ErrConfig, err)
	}
	schemes := slices.DeleteFunc([]string{plain, secure}, func(s string) bool { return s == "" })
	if !slices.Contains(schemes, u.Scheme) {
		return nil, fmt.Errorf("%w: target %q: %s needs %s://", bench.ErrConfig, cfg.Target, protocol, strings.Join(schemes, ":// or "))
	}
	port := cmp.Or(u.Port(), ports[u.Scheme])
	switch {
	case u.Hostname() == "":
		return nil, fmt.Errorf("%w: target %q lacks a host", bench.ErrConfig, cfg.Target)
	case port == "":
		return nil, fmt.Errorf("%w: target %q lacks a port", bench.ErrConfig, cfg.Target)
	case u.User != nil:
		return nil, fmt.Errorf("%w: target %q: a user belongs into a header field", bench.ErrConfig, u.Redacted())
	case cfg.Connections < 0, cfg.Block < 0:
		return nil, fmt.Errorf("%w: a figure is negative", bench.ErrConfig)
	}
	cfg.Connections = cmp.Or(cfg.Connections, 1)
	return &target{
		Config: cfg, url: u, address: net.JoinHostPort(u.Hostname(), port), authority: u.Host,
		secure: u.Scheme == secure,
	}, nil
}

// tlsFor is the target's TLS with ALPN for protos.
func (t *target) tlsFor(protos ...string) *tls.Config {
	given := t.TLS
	if given == nil {
		given = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	cfg := given.Clone()
	cfg.ServerName = cmp.Or(cfg.ServerName, t.url.Hostname())
	cfg.NextProtos = protos
	return cfg
}

// dial opens a TCP connection.
func (t *target) dial(ctx context.Context) (*ears, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, &bench.ConnectError{Cause: err}
	}
	return &ears{Conn: conn}, nil
}

// dialTLS opens a TCP connection and shakes hands. With protos the server must choose the first of them.
func (t *target) dialTLS(ctx context.Context, protos ...string) (net.Conn, error) {
	conn, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(conn, t.tlsFor(protos...))
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, &bench.TLSError{Cause: explainTLS(err, protos)}
	}
	chosen := secured.ConnectionState().NegotiatedProtocol
	if len(protos) > 0 && chosen != protos[0] {
		conn.Close()
		return nil, &bench.TLSError{Cause: fmt.Errorf("the server does not speak %s here: asked by ALPN, it chose %q", protos[0], chosen)}
	}
	return secured, nil
}

// dialPlainOr opens a connection as the scheme asks: in clear text, or by TLS with protos.
func (t *target) dialPlainOr(ctx context.Context, protos ...string) (net.Conn, error) {
	if t.secure {
		return t.dialTLS(ctx, protos...)
	}
	return t.dial(ctx)
}

// textNoProtocol is how crypto/tls tells of the alert of a server that speaks none of the protocols offered
// (RFC 7301 §3.2); over TCP the alert has no exported type.
const textNoProtocol = "tls: no application protocol"

// explainTLS says what a refusal of our only protocol means.
func explainTLS(err error, protos []string) error {
	if strings.HasSuffix(err.Error(), textNoProtocol) {
		return fmt.Errorf("the server does not speak %s here: %w", strings.Join(protos, ", "), err)
	}
	return err
}
