package clients

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"syscall"
)

// ears is a TCP connection that counts what came: libraries read ahead and don't tell.
type ears struct {
	net.Conn
	heard atomic.Int64 // bytes, of TLS too
}

// Read counts.
func (e *ears) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	e.heard.Add(int64(n))
	return n, err
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
