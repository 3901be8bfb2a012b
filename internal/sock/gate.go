package sock

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Gate lies between a socket and its TLS layer. While it is shut, reads end at once instead of
// waiting: that is how a [Conn] takes what TLS has decrypted already, and no more. While it is ajar,
// they take what the socket has and end at once too: that is how [Reader.Loop] does the waiting.
type Gate struct {
	net.Conn
	shut bool
	ajar bool
	dry  bool    // the last read while ajar left room: what comes later has an edge of its own
	fd   uintptr // while ajar

	// Writes go past the file layer, as those of a [Conn] without TLS do. TLS makes one at a time.
	raw     syscall.RawConn // nil for a connection without a descriptor
	from    []byte
	written int
	err     error
	writeFn func(fd uintptr) bool
}

// NewGate puts a gate over nc.
func NewGate(nc net.Conn) *Gate {
	g := &Gate{Conn: nc}
	if sc, ok := nc.(syscall.Conn); ok {
		g.raw, _ = sc.SyscallConn() // without it, writes are nc's
	}
	g.writeFn = g.writeOnce
	return g
}

// Write writes all of b, unless there is an error.
func (g *Gate) Write(b []byte) (int, error) {
	if g.raw == nil || len(b) == 0 {
		return g.Conn.Write(b)
	}
	g.from, g.written, g.err = b, 0, nil
	err := g.raw.Write(g.writeFn)
	g.from = nil
	if err == nil {
		err = g.err
	}
	return g.written, err
}

func (g *Gate) writeOnce(fd uintptr) bool {
	for g.written < len(g.from) {
		n, errno := send(fd, g.from[g.written:])
		switch {
		case errno == unix.EAGAIN:
			return false
		case errno != 0:
			g.err = os.NewSyscallError("write", errno)
			return true
		}
		g.written += n
	}
	return true
}

// NetConn returns the socket, for whoever wants to end one direction of it.
func (g *Gate) NetConn() net.Conn { return g.Conn }

// Read reads from the socket, or not at all while the gate is shut.
func (g *Gate) Read(b []byte) (int, error) {
	switch {
	case g.shut:
		return 0, errShut
	case g.ajar:
		return g.recv(b)
	}
	return g.Conn.Read(b)
}

// recv is one non-blocking read.
func (g *Gate) recv(b []byte) (int, error) {
	n, errno := recv(g.fd, b, 0)
	switch {
	case errno == unix.EAGAIN:
		g.shut = true
		return 0, errShut
	case errno != 0:
		return 0, os.NewSyscallError("read", errno)
	case n == 0:
		return 0, io.EOF
	}
	g.dry = n < len(b)
	return n, nil
}

// errShut is temporary to crypto/tls, which would otherwise repeat it for ever.
var errShut error = shutError{}

type shutError struct{}

func (shutError) Error() string   { return "sock: gate is shut" }
func (shutError) Timeout() bool   { return true }
func (shutError) Temporary() bool { return true }
