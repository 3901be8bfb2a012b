//go:build unix

package tcp4

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"weir/internal/hello"
)

// errMore is a peek's verdict that more bytes are needed.
var errMore = errors.New("tcp4: more bytes are needed")

// peekBuffer is what one look at a connection takes at most.
type peekBuffer [hello.MaxLen]byte

var peekBuffers = sync.Pool{New: func() any { return new(peekBuffer) }}

// peek is a look at what a connection begins with, before anybody has taken a byte of it, so that
// whoever reads next finds all of it: in this process, or by splice.
//
// It holds no buffer while it waits, and it looks again only when as many bytes have come as were
// asked for: a client that sends byte by byte costs no more than one that does not.
type peek struct {
	// look judges the bytes so far. With errMore, n is how many there must be at least for the next
	// look; with nil, how many are to be taken off the connection. Another error ends the peek.
	look func(b []byte) (n int, err error)

	have, want int
	err        error
}

// run returns look's error, io.EOF if the other side ended before there were enough bytes, or what
// the system says; a deadline that passes is a net.Error. The connection has no deadline afterwards.
func (p *peek) run(conn net.Conn, timeout time.Duration) error {
	file, ok := conn.(syscall.Conn)
	if !ok {
		return errors.ErrUnsupported
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	if timeout > 0 {
		_ = conn.SetReadDeadline(time.Now().Add(timeout)) // fails only on a closed connection, which Read tells
	}
	if err := raw.Read(p.once); err != nil {
		return err
	}
	if timeout > 0 {
		_ = conn.SetReadDeadline(time.Time{})
	}
	if p.want > 1 {
		_ = raw.Control(func(fd uintptr) { p.wake(fd, 1) })
	}
	return p.err
}

// once looks at what is there. It reports false to be called again when there is more.
func (p *peek) once(fd uintptr) bool {
	b := peekBuffers.Get().(*peekBuffer)
	defer peekBuffers.Put(b)
	if done := p.see(fd, b); done {
		return true
	}
	if !hasLeft(fd) {
		return false
	}
	// Whatever came before the other side left is there by now.
	if !p.see(fd, b) {
		p.err = io.EOF
	}
	return true
}

// see peeks once and reports whether that was the last time.
func (p *peek) see(fd uintptr, b *peekBuffer) (done bool) {
	n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return false
	case err != nil:
		p.err = err
		return true
	case n == 0:
		p.err = io.EOF
		return true
	case n <= p.have || n < p.want:
		return false
	}
	p.have = n
	take, err := p.look(b[:n])
	if err == errMore {
		p.wake(fd, take)
		return false
	}
	if p.err = err; err == nil && take > 0 {
		p.take(fd, b[:take])
	}
	return true
}

// take takes off the connection what was seen.
func (p *peek) take(fd uintptr, b []byte) {
	if n, errno := receive(fd, b); errno != 0 || n != len(b) {
		p.err = io.ErrUnexpectedEOF
	}
}

// wake has the system say that there are bytes only once there are n of them. Where it can't (unix
// sockets) the peek is woken for each that comes, and p.want spares it the look.
func (p *peek) wake(fd uintptr, n int) {
	p.want = n
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, n)
}
