package clients

import (
	"context"
	"net"
	"syscall"
)

// listenUDP opens a socket for one peer. It asks the kernel to report ICMP errors on it (ip(7), IP_RECVERR), so that
// a closed port is known at once and not by a timeout.
func listenUDP(ctx context.Context, peer *net.UDPAddr) (net.PacketConn, error) {
	network, level, option := "udp4", syscall.IPPROTO_IP, syscall.IP_RECVERR
	if peer.IP.To4() == nil {
		network, level, option = "udp6", syscall.IPPROTO_IPV6, syscall.IPV6_RECVERR
	}
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			// Advice: without it a closed port costs a handshake's timeout.
			_ = syscall.SetsockoptInt(int(fd), level, option, 1)
		})
	}}
	return c.ListenPacket(ctx, network, ":0")
}
