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
