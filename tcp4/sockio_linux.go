//go:build amd64 || arm64

package tcp4

import (
	"syscall"
	"unsafe"
)

// receive and transmit are one non-blocking call on the socket fd, which the caller keeps open.
//
// They go past two things that cost a relayed message about a tenth of its CPU time: the
// scheduler, which need not give this thread's place away for a call of some microseconds, and the
// file layer that read(2) and write(2) pass before they reach the socket. b must not be empty.

func receive(fd uintptr, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// glimpse reports whether a read of the socket fd would find something: bytes, the end, an error.
func glimpse(fd uintptr) bool {
	var b [1]byte
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b[0])), 1, syscall.MSG_DONTWAIT|syscall.MSG_PEEK, 0, 0)
	return errno != syscall.EAGAIN && errno != syscall.EINTR
}

func transmit(fd uintptr, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
