package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"weir/http7/serve"
	"weir/internal/config"
	"weir/tcp4"
)

// udpPort is a UDP socket on which a listener speaks HTTP/3. It stays bound while any generation's listener
// wants its address.
type udpPort struct {
	*serve.H3Port
	listener, address string // as configured, when it was bound
	socket            *net.UDPConn
	fresh             bool // no generation that has it has been published
}

// openUDP gives an offer whose listener speaks HTTP/3 its UDP ports: those of old where the addresses are the
// same. The offer's sockets of TCP are there already: a port 0 is the one that they have got.
func (g *Gateway) openUDP(o *offer, c *config.Listener, old *generation) error {
	if c.Kind != config.KindHTTP || !c.Speaks(config.ProtocolH3) {
		return nil
	}
	for _, address := range o.address {
		if strings.HasPrefix(address, "unix:") {
			continue
		}
		p := old.udpPort(o.name, address)
		if p == nil {
			var err error
			if p, err = g.bindUDP(o, address); err != nil {
				return &tcp4.BindError{Listener: o.name, Address: address + " over UDP", Err: err}
			}
		}
		o.ports = append(o.ports, p)
	}
	o.site.AltSvc = altSvc(o.ports)
	return nil
}

// udpPort returns the port that is bound for an address. One that the system has chosen is its listener's alone.
func (gen *generation) udpPort(listener, address string) *udpPort {
	for _, p := range gen.udpPorts() {
		if p.address == address && (p.listener == listener || !strings.HasSuffix(address, ":0")) {
			return p
		}
	}
	return nil
}

// udpPorts lists the ports of a generation; nil has none.
func (gen *generation) udpPorts() (list []*udpPort) {
	if gen == nil {
		return nil
	}
	for _, o := range gen.listeners {
		list = append(list, o.ports...)
	}
	return list
}

func (g *Gateway) bindUDP(o *offer, address string) (*udpPort, error) {
	// quic-go would write to standard error that the kernel's buffers are small; Weir says so in its own log.
	if err := os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true"); err != nil {
		return nil, err
	}
	pc, err := net.ListenPacket(udpNetwork(address), o.samePort(address))
	if err != nil {
		return nil, bindCause(err)
	}
	socket := pc.(*net.UDPConn)
	return &udpPort{H3Port: serve.NewH3Port(g.shared, socket), listener: o.name, address: address, socket: socket, fresh: true}, nil
}

// udpNetwork is the family that an address is bound in: as for TCP, ":443" is both.
func udpNetwork(address string) string {
	ap, err := netip.ParseAddrPort(address)
	switch {
	case err != nil:
		return "udp"
	case ap.Addr().Is4():
		return "udp4"
	default:
		return "udp6" // with IPV6_V6ONLY
	}
}

// samePort returns address with the port that TCP has got there, if the system was to choose one.
func (o *offer) samePort(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port != "0" {
		return address
	}
	sockets := o.bound
	if sockets == nil {
		sockets = o.sockets.Load()
	}
	for _, a := range sockets.Addrs() {
		t, ok := a.(*net.TCPAddr)
		if !ok || host != "" && !t.IP.Equal(net.ParseIP(host)) || o.hasPort(t.Port) {
			continue
		}
		return net.JoinHostPort(host, strconv.Itoa(t.Port))
	}
	return address
}

func (o *offer) hasPort(port int) bool {
	return slices.ContainsFunc(o.ports, func(p *udpPort) bool { return p.Addr().(*net.UDPAddr).Port == port })
}

// bindCause strips what net wraps around an error and which repeats the address.
func bindCause(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err
		}
		err = inner.Unwrap()
	}
}

// altSvcAge is how long clients may remember that HTTP/3 is served; they try TCP beside it all the same.
const altSvcAge = 24 * time.Hour

// altSvc tells clients of TCP where HTTP/3 is (RFC 7838 §3): on the same host, at these ports.
func altSvc(ports []*udpPort) []byte {
	var list []string
	for _, p := range ports {
		at := fmt.Sprintf("h3=%q; ma=%d", ":"+strconv.Itoa(p.Addr().(*net.UDPAddr).Port), int(altSvcAge.Seconds()))
		if !slices.Contains(list, at) {
			list = append(list, at)
		}
	}
	return []byte(strings.Join(list, ", "))
}

// undoUDP closes the ports that were bound for an offer that is not published.
func (o *offer) undoUDP() {
	for _, p := range o.ports {
		if p.fresh {
			p.Close()
		}
	}
}

// serveUDP gives what comes to an offer's ports to its listener.
func (g *Gateway) serveUDP(o *offer, c *config.Listener) {
	if len(o.ports) == 0 {
		return
	}
	host := &serve.H3Host{
		Engine: o.engine, TLS: o.quicFace, HandshakeTimeout: c.TLS.HandshakeTimeout.Value(),
		MaxConnections: defaultQUIC, MaxPerClient: c.MaxConnectionsPerClient.Or(0), Handshakes: c.TLS.HandshakesPerClient.Or(0),
	}
	if c.MaxConnections != nil {
		host.MaxConnections = c.MaxConnections.Or(0)
	}
	for _, p := range o.ports {
		if err := p.Publish(host); err != nil {
			g.log.Error("HTTP/3 can't be served", "listener", o.name, "address", p.address, "error", err)
		}
		if p.fresh {
			p.fresh = false
			g.warnOfBuffer(p)
		}
	}
}

// defaultQUIC is how many connections a port takes where the config does not say. They need no file descriptors,
// which bound those of TCP, but have some 50 KiB each.
const defaultQUIC = 20_000

// quicFace returns what the next handshake over QUIC is made with.
func (l *listener) quicFace() *tls.Config { return l.offered.Load().QUIC() }

// smallBuffer is what a burst of one fast upload fills.
const smallBuffer = 1 << 20

// warnOfBuffer says that packets will be lost, if the kernel keeps few of them.
func (g *Gateway) warnOfBuffer(p *udpPort) {
	raw, err := p.socket.SyscallConn()
	if err != nil {
		return
	}
	size := 0
	_ = raw.Control(func(fd uintptr) { // a socket that can't be asked is not warned of
		size, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
	})
	if size > 0 && size < smallBuffer {
		g.log.Warn("the kernel keeps few UDP packets, so that fast uploads over HTTP/3 lose some; raise net.core.rmem_max",
			"listener", p.listener, "address", p.address, "bytes", size)
	}
}

// retireUDP lets go of the ports that only old had. Their connections have the grace to end.
func (g *Gateway) retireUDP(old, next *generation) {
	keep := next.udpPorts()
	grace := next.Config.Shutdown.Grace.Value()
	for _, p := range old.udpPorts() {
		if slices.Contains(keep, p) {
			continue
		}
		p.StopAccepting()
		g.leaves.Go(func() { // gateway.udp: ends when the port's connections have, or with grace
			ctx, cancel := context.WithTimeout(g.cut, grace)
			defer cancel()
			p.Drain(ctx)
			p.Close()
		})
	}
}
