package clients

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"syscall"
)

// ears is a TCP connection that counts what came, and keeps how it began: libraries read ahead and don't tell.
type ears struct {
	net.Conn
	heard atomic.Int64 // bytes, of TLS too
	first [4]byte      // complete, and not written any more, once 4 bytes are heard
}

// Read counts.
func (e *ears) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	if heard := e.heard.Load(); heard < int64(len(e.first)) {
		copy(e.first[heard:], p[:n])
	}
	e.heard.Add(int64(n))
	return n, err
}

// babble reports whether what came on a connection in clear text does not begin as a server's HTTP/2: with a SETTINGS
// frame (RFC 9113 §3.4), whose type is the fourth byte.
func (e *ears) babble() bool {
	const settings = 0x4
	heard := e.heard.Load()
	return heard > 0 && (heard < int64(len(e.first)) || e.first[3] != settings)
}

// below returns the connection under TLS and ears.
func below(conn net.Conn) net.Conn {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if e, ok := conn.(*ears); ok {
		conn = e.Conn
	}
	return conn
}

// idle looks at what lies ready on an idle connection without taking it: ended says that the peer has closed it,
// pending that bytes have come, which may be the end's announcement. It does not block.
func idle(conn net.Conn) (ended, pending bool) {
	socket, ok := below(conn).(syscall.Conn)
	if !ok {
		return false, true
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true, false
	}
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		ended = n == 0 && err == nil || err != nil && err != syscall.EAGAIN
		pending = n > 0
		return true
	})
	return ended || err != nil, pending
}
