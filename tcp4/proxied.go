package tcp4

import (
	"net"
	"syscall"

	"weir/internal/proxyproto"
)

// Proxied is a connection that began with a PROXY header from a source that is believed. It is the
// socket, header consumed, but for its addresses: they are the header's, where it names some.
type Proxied struct {
	plainConn
	header       proxyproto.Header
	remote, here net.Addr
}

// plainConn is what *net.TCPConn and *net.UnixConn share.
type plainConn interface {
	net.Conn
	syscall.Conn
	CloseRead() error
	CloseWrite() error
}

func newProxied(conn plainConn, h proxyproto.Header) *Proxied {
	p := &Proxied{plainConn: conn, header: h, remote: conn.RemoteAddr(), here: conn.LocalAddr()}
	if source, destination := h.Addrs(); source != nil {
		p.remote, p.here = source, destination
	}
	return p
}

// RemoteAddr returns the client's address as the header has it.
func (p *Proxied) RemoteAddr() net.Addr { return p.remote }

// LocalAddr returns the address that the client connected to, as the header has it.
func (p *Proxied) LocalAddr() net.Addr { return p.here }

// Header returns the header; it must not be changed.
func (p *Proxied) Header() *proxyproto.Header { return &p.header }

// Sender returns the address that the socket is connected with.
func (p *Proxied) Sender() net.Addr { return p.plainConn.RemoteAddr() }

// SetLinger is that of a TCP socket; a unix socket has none.
func (p *Proxied) SetLinger(sec int) error {
	if tcp, ok := p.plainConn.(*net.TCPConn); ok {
		return tcp.SetLinger(sec)
	}
	return nil
}
