package clients

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"weir/bench"
)

// grpcLink is a channel of grpc-go that lives and ends with one connection: what redials is the lane.
type grpcLink struct{ conn *grpc.ClientConn }

func (l *grpcLink) usable() bool { return l.conn.GetState() == connectivity.Ready }
func (l *grpcLink) close()       { _ = l.conn.Close() } // it fails only where it was closed before

// errOver is what a channel gets that asks for a second connection. grpc-go passes on only its text, as the failure of
// calls that found no connection any more.
var errOver = errors.New("this call's connection has ended")

// errBrief is a server that closes behind its SETTINGS.
var errBrief = errors.New("the server closed the connection at once")

// dialGRPC opens a connection, gives it to a channel and waits until the server's SETTINGS have come.
func (t *target) dialGRPC(ctx context.Context) (*grpcLink, error) {
	conn, err := t.dialPlainOr(ctx, "h2")
	if err != nil {
		return nil, err
	}
	listening := &ears{Conn: conn}
	var taken atomic.Bool
	channel, err := grpc.NewClient("passthrough:///"+t.address,
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			if taken.Swap(true) {
				return nil, errOver
			}
			return listening, nil
		}),
		grpc.WithTransportCredentials(shaken{t.secure}), grpc.WithAuthority(t.authority),
		grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(), grpc.WithIdleTimeout(0),
		grpc.WithStatsHandler(watcher{}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(anySize), grpc.MaxCallSendMsgSize(anySize)))
	if err != nil {
		conn.Close()
		return nil, &bench.ConnectError{Cause: err}
	}
	l := &grpcLink{conn: channel}
	if err := l.ready(ctx); err != nil {
		l.close()
		conn.Close() // the channel may not have taken it
		if !t.secure && listening.babble() && ctx.Err() == nil {
			return nil, fmt.Errorf("%w: not HTTP/2: %w", bench.ErrMalformed, err)
		}
		return nil, err
	}
	return l, nil
}

// ready waits for the channel, and returns why it does not come up.
func (l *grpcLink) ready(ctx context.Context) error {
	l.conn.Connect()
	for moved := false; ; moved = true {
		switch state := l.conn.GetState(); {
		case state == connectivity.Ready:
			return nil
		case state == connectivity.TransientFailure, state == connectivity.Shutdown:
			return l.why(ctx)
		case state == connectivity.Idle && moved:
			return errBrief // it was up and down again before anybody looked
		case !l.conn.WaitForStateChange(ctx, state):
			return ctx.Err()
		}
	}
}

// why returns the failure of a channel that did not come up: only a call gets to hear it.
func (l *grpcLink) why(ctx context.Context) error {
	err := l.conn.Invoke(ctx, "/", &message{}, &message{}, grpc.ForceCodecV2(rawCodec{}))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return errOver
	}
	return errors.New(status.Convert(err).Message())
}

// shaken are credentials for a connection on which TLS, if any, is up already.
type shaken struct{ secure bool }

// ClientHandshake has nothing to do.
func (s shaken) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	level := credentials.NoSecurity
	if s.secure {
		level = credentials.PrivacyAndIntegrity
	}
	return conn, identity{credentials.CommonAuthInfo{SecurityLevel: level}}, nil
}

// ServerHandshake is not for clients.
func (shaken) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("not a server")
}

// Info tells grpc-go which :scheme to send.
func (s shaken) Info() credentials.ProtocolInfo {
	if s.secure {
		return credentials.ProtocolInfo{SecurityProtocol: "tls"}
	}
	return credentials.ProtocolInfo{SecurityProtocol: "insecure"}
}

// Clone returns s, which never changes.
func (s shaken) Clone() credentials.TransportCredentials { return s }

// OverrideServerName does nothing; grpc-go does not call it.
func (shaken) OverrideServerName(string) error { return nil }

// identity says how safe a connection is.
type identity struct{ credentials.CommonAuthInfo }

// AuthType names the credentials.
func (identity) AuthType() string { return "weir" }

// ValidateAuthority lets a request ask for any host, as Host does in HTTP; the certificate was verified against the
// target's name.
func (identity) ValidateAuthority(string) error { return nil }
