//go:build !linux

package clients

import (
	"context"
	"net"
)

// listenUDP opens a socket for one peer.
func listenUDP(ctx context.Context, peer *net.UDPAddr) (net.PacketConn, error) {
	network := "udp4"
	if peer.IP.To4() == nil {
		network = "udp6"
	}
	var c net.ListenConfig
	return c.ListenPacket(ctx, network, ":0")
}
