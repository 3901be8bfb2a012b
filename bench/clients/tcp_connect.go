package clients

import (
	"context"
	"net"
	"time"

	"weir/bench"
)

// TCPConnect connects to a tcp:// or tls:// target, for tls:// with the handshake, and closes: nothing is sent, and
// the latency is that of connecting. So cfg.Fresh is always on, and Connections means nothing.
//
// The close is a reset (SO_LINGER 0): an orderly one would leave the address in TIME_WAIT here, and a client to one
// target runs out of addresses after some 28,000 connections a minute. A server may count those clients as aborted.
func TCPConnect(cfg Config) (Protocol, error) {
	t, err := check(cfg, "a raw connection", "tcp", "tls")
	if err != nil {
		return Protocol{}, err
	}
	name := "TCP connect"
	if t.secure {
		name = "TLS handshake"
	}
	return Protocol{Name: name, Client: func(int) (bench.Client, error) { return connector{t}, nil }}, nil
}

// connector is the Client of one worker; it keeps nothing.
type connector struct{ to *target }

// Do connects and closes.
func (c connector) Do(ctx context.Context, deadline time.Time, _ *bench.Request) (a bench.Answer, err error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := c.to.dialPlainOr(ctx)
	if err != nil {
		return a, err
	}
	a.Opened = true
	abandon(conn)
	return a, nil
}

// Close does nothing: no connection outlives its request.
func (connector) Close() error { return nil }

// abandon closes conn by a reset.
func abandon(conn net.Conn) {
	if plain, ok := below(conn).(*net.TCPConn); ok {
		plain.SetLinger(0)
		conn = plain // no farewell of TLS either
	}
	conn.Close()
}
