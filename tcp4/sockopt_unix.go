//go:build unix

package tcp4

import (
	"io/fs"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// A peer that vanished is noticed after keepIdle + keepCount × keepInterval seconds of silence.
const (
	keepIdle     = 60
	keepInterval = 15
	keepCount    = 4
)

// tuneListener sets on a listening socket what accepted ones inherit, which saves four calls per
// connection.
func tuneListener(network, _ string, c syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	return onFile(c, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1); err != nil {
			return err
		}
		return keepAlive(fd)
	})
}

// modeBeforeBind sets the mode that bind(2) will create the socket's file with, so that there is
// no moment at which others may connect (Linux takes it from the inode of the descriptor).
func modeBeforeBind(c syscall.RawConn, mode fs.FileMode) error {
	return onFile(c, func(fd int) error { return unix.Fchmod(fd, uint32(mode.Perm())) })
}

// pending reports whether the kernel holds a connection that accept would return at once.
func (s *socket) pending() bool {
	ready := false
	err := onFile(s.raw, func(fd int) error {
		at, err := poll(uintptr(fd), unix.POLLIN)
		ready = at&unix.POLLIN != 0
		return err
	})
	return err == nil && ready
}

// poll asks, without waiting, which of the poll(2) events hold on fd. A signal interrupts even a poll that does not
// wait, and Go's runtime sends itself many: such a poll is made again.
func poll(fd uintptr, events int16) (int16, error) {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		if _, err := unix.Poll(p[:], 0); err != unix.EINTR {
			return p[0].Revents, err
		}
	}
}

// socketError takes and returns the pending error of a socket, 0 if there is none.
func socketError(fd int) syscall.Errno {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return 0
	}
	return syscall.Errno(n)
}

// onFile runs f with the descriptor of c.
func onFile(c syscall.RawConn, f func(fd int) error) error {
	var inner error
	if err := c.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// netConner is a connection on top of another one, as *tls.Conn is.
type netConner interface{ NetConn() net.Conn }

// reset closes conn so that the peer sees a reset and never a clean end (SO_LINGER 0; on a unix
// socket there is no reset, and the peer sees the end). Bytes that were not sent yet are dropped,
// and TLS says no goodbye.
func reset(conn net.Conn) {
	conn = lowest(conn)
	if tcp, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
