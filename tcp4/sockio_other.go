//go:build unix && !(linux && (amd64 || arm64))

package tcp4

import (
	"errors"
	"syscall"
)

func receive(fd uintptr, b []byte) (int, syscall.Errno) { return once(syscall.Read, fd, b) }

// glimpse says that a read would find something, since it can't tell: the reader then tries.
func glimpse(uintptr) bool { return true }

func transmit(fd uintptr, b []byte) (int, syscall.Errno) { return once(syscall.Write, fd, b) }

// once is one call on the socket fd, which never blocks, repeated while a signal interrupts it.
func once(call func(int, []byte) (int, error), fd uintptr, b []byte) (int, syscall.Errno) {
	for {
		n, err := call(int(fd), b)
		var errno syscall.Errno
		if !errors.As(err, &errno) {
			return n, 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}
