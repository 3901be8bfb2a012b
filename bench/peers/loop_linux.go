package peers

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"weir/internal/evloop"
)

// loop serves every socket of the load and of the endpoint on one thread. They share a core with each other and should
// cost as little as they can, so all read into one block, and no goroutine hands anything to another.
type loop struct {
	events *evloop.Loop
	socks  map[*sock]struct{}
	block  []byte // what every read fills; used up before the next
}

// sock is one descriptor in the loop.
type sock struct {
	fd    int
	ready func(s *sock) // called when it can be read, or written where it waits for that

	stash []byte // a head that has not come whole
	rest  int    // bytes of the answer, or of the request's body, that are still to come
	asked int64  // load: when the request was due to go, ns of the monotonic clock
	out   []byte // what the socket would not take yet
	count int64  // answers: endpoint: in this round; load: ever
}

// Ready is called by the loop.
func (s *sock) Ready(evloop.Events) { s.ready(s) }

func newLoop() (*loop, error) {
	events, err := evloop.New(256)
	if err != nil {
		return nil, err
	}
	return &loop{events: events, socks: make(map[*sock]struct{}), block: make([]byte, 256<<10)}, nil
}

// add takes a descriptor into the loop.
func (l *loop) add(fd int, ready func(*sock)) (*sock, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	s := &sock{fd: fd, ready: ready}
	if err := l.events.Add(fd, evloop.In, s); err != nil {
		return nil, err
	}
	l.socks[s] = struct{}{}
	return s, nil
}

// drop closes a socket and forgets it.
func (l *loop) drop(s *sock) {
	delete(l.socks, s)
	l.events.Remove(s.fd)
	evloop.Close(s.fd)
}

// wantWrite makes the loop call ready when s can be written, or again only when it can be read.
func (l *loop) wantWrite(s *sock, want bool) {
	events := evloop.In
	if want {
		events = evloop.Out
	}
	// It fails for a descriptor that is not in the set; s is.
	_ = l.events.Set(s.fd, events)
}

// turn waits for events, at most so many milliseconds, and serves them.
func (l *loop) turn(wait int) error {
	_, err := l.events.Wait(time.Duration(wait) * time.Millisecond)
	l.events.Serve()
	return err
}

// close closes every socket and the loop.
func (l *loop) close() {
	for s := range l.socks {
		l.drop(s)
	}
	l.events.Close()
}

// read fills the block from s and returns it; again means that nothing is there now.
func (l *loop) read(s *sock) (data []byte, again bool, err error) {
	n, err := evloop.Read(s.fd, l.block)
	return l.block[:n], err == evloop.ErrAgain, err
}

// write sends what the socket takes of b and returns the number of bytes.
func (l *loop) write(s *sock, b []byte) (int, error) {
	n, err := evloop.Write(s.fd, b)
	if err == evloop.ErrAgain {
		err = nil
	}
	return n, err
}

// listen opens a listener on a loopback port of the kernel's choice.
func listen() (fd, port int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, 0, os.NewSyscallError("socket", err)
	}
	if err = unix.Bind(fd, loopback(0)); err == nil {
		err = unix.Listen(fd, 4096)
	}
	var name unix.Sockaddr
	if err == nil {
		name, err = unix.Getsockname(fd)
	}
	if err != nil {
		unix.Close(fd)
		return 0, 0, fmt.Errorf("bench peers: listen: %w", err)
	}
	return fd, name.(*unix.SockaddrInet4).Port, nil
}

// dial connects to a loopback port. It blocks, for as long as the kernel takes to queue us at the listener.
func dial(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	if err := unix.Connect(fd, loopback(port)); err != nil {
		unix.Close(fd)
		return 0, os.NewSyscallError("connect", err)
	}
	noDelay(fd)
	return fd, nil
}

func loopback(port int) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: port, Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}).As4()}
}

// noDelay is advice; a dead socket says so at the next read or write.
func noDelay(fd int) { _ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) }
