package tcp4

import "golang.org/x/sys/unix"

// hasLeft reports whether the other side of the socket will send no more.
func hasLeft(fd uintptr) bool {
	ended, err := poll(fd, unix.POLLRDHUP)
	return err == nil && ended != 0
}
