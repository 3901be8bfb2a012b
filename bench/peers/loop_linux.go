package peers

import (
	"fmt"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// loop is a small level-triggered epoll loop: one thread reads and writes every socket of the load and of the
// endpoint. They share a core with each other and should cost as little as they can, so each saves what it may:
// one block to read into, plain non-blocking calls that the scheduler need not hear of, no goroutine hand-off.
type loop struct {
	epoll  int
	events []unix.EpollEvent
	socks  []*sock // by descriptor
	block  []byte  // what every read fills; used up before the next
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

func newLoop() (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &loop{epoll: fd, events: make([]unix.EpollEvent, 256), block: make([]byte, 256<<10)}, nil
}

// add takes a descriptor into the loop.
func (l *loop) add(fd int, ready func(*sock)) (*sock, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	for len(l.socks) <= fd {
		l.socks = append(l.socks, nil)
	}
	l.socks[fd] = &sock{fd: fd, ready: ready}
	return l.socks[fd], nil
}

// drop closes a socket and forgets it.
func (l *loop) drop(s *sock) {
	l.socks[s.fd] = nil
	unix.Close(s.fd)
}

// wantWrite makes the loop call ready when s can be written, or again only when it can be read.
func (l *loop) wantWrite(s *sock, want bool) {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(s.fd)}
	if want {
		event.Events = unix.EPOLLOUT
	}
	// It fails for a descriptor that is not in the set; s is.
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, s.fd, &event)
}

// turn waits for events, at most so many milliseconds, and serves them.
func (l *loop) turn(wait int) error {
	n, err := unix.EpollWait(l.epoll, l.events, wait)
	if err != nil && err != unix.EINTR {
		return os.NewSyscallError("epoll_wait", err)
	}
	for i := range max(n, 0) {
		// A socket may have gone since the event was taken.
		if s := l.socks[l.events[i].Fd]; s != nil {
			s.ready(s)
		}
	}
	return nil
}

// close closes every socket and the loop.
func (l *loop) close() {
	for _, s := range l.socks {
		if s != nil {
			l.drop(s)
		}
	}
	unix.Close(l.epoll)
}

// read fills the block from s and returns it; again means that nothing is there now.
func (l *loop) read(s *sock) (data []byte, again bool, err error) {
	n, _, e := unix.RawSyscall(unix.SYS_READ, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(l.block))), uintptr(len(l.block)))
	if e == unix.EAGAIN || e == unix.EINTR {
		return nil, true, nil
	}
	if e != 0 {
		return nil, false, e
	}
	return l.block[:n], false, nil
}

// write sends what the socket takes of b and returns the number of bytes.
func (l *loop) write(s *sock, b []byte) (int, error) {
	n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	if e == unix.EAGAIN || e == unix.EINTR {
		return 0, nil
	}
	if e != 0 {
		return 0, e
	}
	return int(n), nil
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
