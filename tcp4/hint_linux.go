//go:build amd64 || arm64

package tcp4

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hint receives with word from the kernel on what lies behind (TCP_INQ).
type hint struct {
	head  unix.Msghdr
	piece unix.Iovec
	word  struct { // a control message
		unix.Cmsghdr
		behind int32
		_      int32
	}
}

// ask asks the kernel for the word, and reports whether it gives it. Urgent bytes then stand where they
// were sent: left aside, they would hide from the word what lies behind them.
func (h *hint) ask(raw syscall.RawConn) bool {
	return onFile(raw, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_INQ, 1); err != nil {
			return err
		}
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	}) == nil
}

// receive is one non-blocking call on the socket fd. more is false if nothing, not even the end of
// the stream, lies behind what was received; a reset may.
func (h *hint) receive(fd uintptr, b []byte) (n int, more bool, errno syscall.Errno) {
	h.piece.Base = &b[0]
	h.piece.SetLen(len(b))
	h.head.Iov = &h.piece
	h.head.SetIovlen(1)
	h.head.Control = (*byte)(unsafe.Pointer(&h.word))
	for {
		h.head.SetControllen(int(unsafe.Sizeof(h.word)))
		r, _, errno := syscall.RawSyscall(syscall.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&h.head)), syscall.MSG_DONTWAIT)
		h.piece.Base = nil
		switch errno {
		case 0:
			return int(r), h.more(), 0
		case syscall.EINTR:
			h.piece.Base = &b[0]
		default:
			return 0, false, errno
		}
	}
}

// more reads the word; without one there may be more.
func (h *hint) more() bool {
	given := h.head.Controllen >= unix.SizeofCmsghdr+4 && h.word.Level == unix.SOL_TCP && h.word.Type == unix.TCP_CM_INQ
	return !given || h.word.behind != 0
}
