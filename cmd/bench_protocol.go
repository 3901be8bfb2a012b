package cmd

import (
	"fmt"
	"strings"

	"weir/bench"
	"weir/bench/clients"
)

// speak sets the protocol that the flags, or the target's scheme, ask for. Plain HTTP/1.1, HTTPS and the echo are the
// generator's own.
func (f *sendFlags) speak(cfg *bench.Config, tcp string) error {
	scheme, _, _ := strings.Cut(cfg.Target, "://")
	var with func(clients.Config) (clients.Protocol, error)
	switch {
	case f.http2:
		with = clients.HTTP2
	case f.http3:
		with = clients.HTTP3
	case scheme == "grpc" || scheme == "grpcs":
		with = clients.GRPC
	case scheme == "ws" || scheme == "wss":
		with = clients.WebSocket
	case tcp == "connect":
		with = clients.TCPConnect
	case tcp == "bulk", tcp == "send", tcp == "receive":
		with = clients.TCPBulk
	}
	if with == nil {
		if f.streams > 1 {
			return fmt.Errorf("--streams %d: the protocol has one request at a time on a connection", f.streams)
		}
		return nil
	}
	p, err := with(clients.Config{Target: cfg.Target, Connections: cfg.Connections, Fresh: cfg.Fresh, TLS: cfg.TLS, Way: ways[tcp]})
	if err != nil {
		return err
	}
	cfg.Protocol, cfg.Client = p.Name, p.Client
	return nil
}

// ways are the directions of the values of --tcp that move blocks.
var ways = map[string]clients.Way{"bulk": clients.Echo, "send": clients.Send, "receive": clients.Receive}
