//go:build unix && !(linux && (amd64 || arm64))

package tcp4

import "syscall"

// hint is for systems that say with a message what lies behind it; this one does not.
type hint struct{}

func (*hint) ask(syscall.RawConn) bool { return false }

func (*hint) receive(fd uintptr, b []byte) (n int, more bool, errno syscall.Errno) {
	n, errno = receive(fd, b)
	return n, true, errno
}
