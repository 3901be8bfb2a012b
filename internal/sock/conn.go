// Package sock is a connection as a proxy wants one: it holds no buffer while it waits, it can be
// woken from outside, its deadlines are cheap, and it can say whether bytes are at hand.
//
// The engines and the upstream pools use it. It knows no protocol.
package sock

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"weir/internal/deadline"
)

// Why says what interrupted a connection.
type Why uint32

// The reasons. Owners may define their own from Custom on.
const (
	NotInterrupted Why = iota
	DeadlinePassed
	Custom
)

// Conn is one TCP, unix or TLS connection, or any other that [Conn.InitAny] took. One goroutine reads
// and one writes at a time; Interrupt may come from any.
type Conn struct {
	nc  net.Conn
	raw syscall.RawConn // nil for one without a descriptor
	tls *tls.Conn
	// await and unsent are nc's own, if it has them.
	await  awaiter
	unsent unsender
	// gate is below tls, if the connection was made with NewGate.
	gate *Gate

	// Timer is the connection's deadline; what happens when it passes is the owner's choice,
	// usually Interrupt(DeadlinePassed).
	Timer deadline.Timer

	mu  sync.Mutex
	why atomic.Uint32

	// The arguments and results of the one raw call that is under way.
	waits     func() // called when a read finds nothing and is about to wait
	readInto  func() []byte
	readN     int
	readErr   error
	readFn    func(fd uintptr) bool
	writeFrom []byte
	writeN    int
	writeErr  error
	writeFn   func(fd uintptr) bool
	probeFn   func(fd uintptr)
	ready     atomic.Bool
	turning   bool    // its owner is in a turn of Reader.Loop
	fd        uintptr // while turning
	one       [1]byte
}

// errNoRaw is for connections that have no file descriptor.
var errNoRaw = errors.New("sock: connection has no file descriptor")

// Init binds c to nc, a *net.TCPConn, *net.UnixConn or *tls.Conn over one of these.
func (c *Conn) Init(nc net.Conn) error {
	c.nc = nc
	under := nc
	if t, ok := nc.(*tls.Conn); ok {
		c.tls, under = t, t.NetConn()
		if g, ok := under.(*Gate); ok {
			c.gate, under = g, g.Conn
		}
	}
	sc, ok := under.(syscall.Conn)
	if !ok {
		return errNoRaw
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	c.raw = raw
	c.readFn, c.writeFn, c.probeFn = c.readOnce, c.writeOnce, c.probe
	return nil
}

// awaiter is a connection without a descriptor that can wait before it is given room to read to.
type awaiter interface {
	// AwaitRead blocks until Read will not: until bytes, the end or the deadline have come.
	AwaitRead() error
}

// unsender is a connection without a descriptor that knows how its writes go on.
type unsender interface {
	// Unsent returns a number that is 0 while nothing is being written, and else changes whenever the other
	// end has taken something. Any goroutine may call it.
	Unsent() int
}

// InitAny binds c to a connection that need not have a descriptor: one stream of many, a pipe in memory. Its
// deadlines must wake whoever waits, and be forgiven by a zero time; it may have AwaitRead() error, so that
// nothing is held while it waits, and Unsent() int. [Conn.Readable] is always false on it, [Reader.Loop] is not
// for it, and [Reader.Ask] makes no check. c may be bound anew once it is closed.
func (c *Conn) InitAny(nc net.Conn) {
	c.nc, c.raw, c.tls, c.gate = nc, nil, nil, nil
	c.await, _ = nc.(awaiter)
	c.unsent, _ = nc.(unsender)
	c.why.Store(uint32(NotInterrupted))
}

// Net returns the connection beneath.
func (c *Conn) Net() net.Conn { return c.nc }

// TLS returns the TLS layer, nil without one.
func (c *Conn) TLS() *tls.Conn { return c.tls }

// ReadInto waits until bytes or the end arrive and only then asks into for the room to read to,
// so that a waiting connection holds no buffer. It may ask more than once.
func (c *Conn) ReadInto(into func() []byte) (int, error) {
	if c.tls != nil {
		return c.readTLS(into)
	}
	if c.raw == nil {
		return c.readAny(into)
	}
	c.readInto, c.readN, c.readErr = into, 0, nil
	err := c.raw.Read(c.readFn)
	if err == nil {
		err = c.readErr
	}
	return c.readN, err
}

// readAny waits without a buffer, if the connection can.
func (c *Conn) readAny(into func() []byte) (int, error) {
	if c.await != nil {
		if c.waits != nil {
			c.waits()
		}
		if err := c.await.AwaitRead(); err != nil {
			return 0, err
		}
	}
	return c.nc.Read(into())
}

// readOnce is one non-blocking read; false waits for readability.
func (c *Conn) readOnce(fd uintptr) bool {
	n, errno := recv(fd, c.readInto(), 0)
	switch {
	case errno == unix.EAGAIN:
		if c.waits != nil {
			c.waits()
		}
		return false
	case errno != 0:
		c.readErr = os.NewSyscallError("read", errno)
	case n == 0:
		c.readErr = io.EOF
	default:
		c.readN = n
	}
	return true
}

// readTLS waits with a buffer of one byte, then takes what else has been decrypted. Without a gate
// it can't tell what that is, and waits with the block.
func (c *Conn) readTLS(into func() []byte) (int, error) {
	if c.gate == nil {
		return c.tls.Read(into())
	}
	if n, err := c.tls.Read(c.one[:]); n == 0 {
		return 0, err
	}
	b := into()
	b[0] = c.one[0]
	if len(b) == 1 {
		return 1, nil
	}
	c.gate.shut = true
	n, err := c.tls.Read(b[1:])
	c.gate.shut = false
	if err == errShut {
		err = nil
	}
	return 1 + n, err
}

// Write writes all of b.
func (c *Conn) Write(b []byte) (int, error) {
	if c.tls != nil || c.raw == nil {
		return c.nc.Write(b)
	}
	c.writeFrom, c.writeN, c.writeErr = b, 0, nil
	err := c.raw.Write(c.writeFn)
	c.writeFrom = nil
	if err == nil {
		err = c.writeErr
	}
	return c.writeN, err
}

// WriteNow writes what the socket takes of b without waiting for anything, and returns how much that is. In a turn of
// [Reader.Loop] on a connection without TLS that is one system call; everywhere else, and once the connection was
// interrupted or has failed, it is nothing: Write finds out why.
func (c *Conn) WriteNow(b []byte) int {
	if !c.turning || c.tls != nil || len(b) == 0 || c.Interrupted() != NotInterrupted {
		return 0
	}
	n, errno := send(c.fd, b)
	if errno != 0 {
		return 0
	}
	return n
}

// writeOnce writes what the socket takes; false waits for room.
func (c *Conn) writeOnce(fd uintptr) bool {
	for c.writeN < len(c.writeFrom) {
		n, errno := send(fd, c.writeFrom[c.writeN:])
		switch {
		case errno == unix.EAGAIN:
			return false
		case errno != 0:
			c.writeErr = os.NewSyscallError("write", errno)
			return true
		}
		c.writeN += n
	}
	return true
}

// Readable reports, without waiting, whether bytes, the end or an error are at hand on the socket.
// Any goroutine may call it.
func (c *Conn) Readable() bool {
	if c.raw == nil {
		return false // nobody knows
	}
	return c.raw.Control(c.probeFn) != nil || c.ready.Load()
}

func (c *Conn) probe(fd uintptr) {
	var b [1]byte
	_, errno := recv(fd, b[:], unix.MSG_PEEK)
	c.ready.Store(errno != unix.EAGAIN)
}

// past is a deadline that wakes whoever waits.
var past = time.Unix(1, 0)

// Interrupt wakes the owner from a read or write, now or when it next begins one. The first
// reason stays until [Conn.Resume].
func (c *Conn) Interrupt(why Why) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.why.CompareAndSwap(uint32(NotInterrupted), uint32(why))
	_ = c.nc.SetDeadline(past) // fails only on a closed connection, whose owner is awake
}

// InterruptRead is Interrupt for reads alone: whoever writes meanwhile is left in peace.
func (c *Conn) InterruptRead(why Why) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.why.CompareAndSwap(uint32(NotInterrupted), uint32(why))
	_ = c.nc.SetReadDeadline(past) // as in Interrupt
}

// Interrupted returns why c was interrupted since the last Resume.
func (c *Conn) Interrupted() Why { return Why(c.why.Load()) }

// Resume makes an interrupted connection usable again and returns the reason.
func (c *Conn) Resume() Why {
	if c.why.Load() == uint32(NotInterrupted) {
		return NotInterrupted
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.nc.SetDeadline(time.Time{}) // as in Interrupt
	return Why(c.why.Swap(uint32(NotInterrupted)))
}

// Close closes the connection and takes its timer off the wheel.
func (c *Conn) Close() {
	c.Timer.Remove()
	_ = c.nc.Close() // nothing is left to be told
}

// Abort closes the connection so that the other end sees a reset, never an orderly end.
func (c *Conn) Abort() {
	nc := c.nc
	if c.tls != nil {
		nc = c.tls.NetConn() // no close_notify: that would be an orderly end
	}
	if c.gate != nil {
		nc = c.gate.Conn
	}
	if t, ok := nc.(interface{ SetLinger(sec int) error }); ok { // a TCP connection, or one with other addresses
		_ = t.SetLinger(0) // on failure the close below is still a close
	}
	c.Timer.Remove()
	_ = nc.Close()
}

// CloseWrite says that nothing more will be sent.
func (c *Conn) CloseWrite() error {
	if w, ok := c.nc.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Unsent returns how many written bytes the other end has not acknowledged; -1 if that can't be told.
func (c *Conn) Unsent() int {
	if c.raw == nil {
		if c.unsent == nil {
			return -1
		}
		return c.unsent.Unsent()
	}
	n := -1
	_ = c.raw.Control(func(fd uintptr) { // a closed connection has nothing unsent
		if v, err := unix.IoctlGetInt(int(fd), unix.TIOCOUTQ); err == nil {
			n = v
		}
	})
	return n
}
