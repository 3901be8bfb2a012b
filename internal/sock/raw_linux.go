package sock

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// recv and send never block, so they need not tell the scheduler that they might: that saves it
// about 100 ns a call, and the file layer's share with it (measured as a part of the proxy's cost
// per request, see docs/decisions/002).

// recv reads from a socket into b, which must not be empty.
func recv(fd uintptr, b []byte, flags uintptr) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), flags|unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// send writes what a socket takes of b, which must not be empty.
func send(fd uintptr, b []byte) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
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
