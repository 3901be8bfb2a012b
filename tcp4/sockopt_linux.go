package tcp4

import "golang.org/x/sys/unix"

func keepAlive(fd int) error {
	for opt, v := range map[int]int{unix.TCP_KEEPIDLE: keepIdle, unix.TCP_KEEPINTVL: keepInterval, unix.TCP_KEEPCNT: keepCount} {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, opt, v); err != nil {
			return err
		}
	}
	return nil
}

// isClosed reports whether a TCP connection is over in both directions, by a reset or by two ends.
func isClosed(fd int) bool {
	const closed = 7 // TCP_CLOSE of <netinet/tcp.h>
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.State == closed
}
