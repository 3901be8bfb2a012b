package evloop

import (
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrAgain says that a socket has no bytes, or no room, at present.
const ErrAgain = unix.EAGAIN

// Read reads what the socket has into b, without waiting: ErrAgain if it has nothing, io.EOF at the end of what the
// peer sent. The scheduler does not hear of it, so the socket must be non-blocking.
func Read(fd int, b []byte) (int, error) {
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
		switch {
		case e == unix.EINTR:
		case e != 0:
			return 0, e
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		default:
			return int(n), nil
		}
	}
}

// Write sends what the socket takes of b, without waiting, and returns the number of bytes: ErrAgain if it takes
// none. The socket must be non-blocking.
func Write(fd int, b []byte) (int, error) {
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
		switch {
		case e == unix.EINTR:
		case e != 0:
			return 0, e
		default:
			return int(n), nil
		}
	}
}

// Dial begins a TCP connection to an address, with TCP_NODELAY, and returns its non-blocking socket. The connection
// is made once the socket is ready for Out; DialError then says whether it really was.
func Dial(to netip.AddrPort) (int, error) {
	family, name, err := sockaddr(to)
	if err != nil {
		return -1, err
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	// It is advice: on a dead socket the next call says so.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	for {
		switch err := unix.Connect(fd, name); err {
		case nil, unix.EINPROGRESS, unix.EALREADY, unix.EISCONN:
			return fd, nil
		case unix.EINTR:
		default:
			unix.Close(fd)
			return -1, err
		}
	}
}

// DialError returns why a connection that Dial began was not made; nil if it was. A socket that has connected to
// itself, as may happen where nobody listens on a loopback port, counts as refused.
func DialError(fd int) error {
	e, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if e != 0 {
		return unix.Errno(e)
	}
	var near, far unix.RawSockaddrInet6
	if name(unix.SYS_GETSOCKNAME, fd, &near) && name(unix.SYS_GETPEERNAME, fd, &far) && near == far {
		return unix.ECONNREFUSED
	}
	return nil
}

// name fetches an address of a socket: of IPv4 it fills the front part.
func name(call uintptr, fd int, into *unix.RawSockaddrInet6) bool {
	size := uint32(unsafe.Sizeof(*into))
	_, _, e := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(into)), uintptr(unsafe.Pointer(&size)))
	return e == 0
}

// Close closes a socket that is in no loop any more.
func Close(fd int) { unix.Close(fd) }

func sockaddr(to netip.AddrPort) (family int, name unix.Sockaddr, err error) {
	ip := to.Addr().Unmap()
	if ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: ip.As4()}, nil
	}
	six := &unix.SockaddrInet6{Port: int(to.Port()), Addr: ip.As16()}
	six.ZoneId, err = zone(ip.Zone())
	return unix.AF_INET6, six, err
}

// zone returns the index of the interface that an address's zone names.
func zone(name string) (uint32, error) {
	if name == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n), nil
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	return uint32(i.Index), nil
}
