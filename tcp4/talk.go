package tcp4

import (
	"io"
	"syscall"
)

const (
	// quickSend is the longest message that may be sent without telling the scheduler.
	quickSend = 16 << 10
	// talkAfter messages in a row that one read each took whole make a conversation, in which a read
	// that left room is taken for all there is; see doubt.
	talkAfter = 16
)

// passTalk passes on messages between plain sockets within one wait, for as long as each is small
// and the receiver takes it whole. That spares two thirds of what a message costs beside the
// kernel's own share: the way into the poller and out of it, and in a conversation the read that
// finds nothing.
func (d *direction) passTalk() verdict {
	d.n, d.sent, d.err = 0, 0, nil
	if err := d.wait(d.from.raw, d.talk); err != nil {
		d.err = err
	}
	d.talked = 0
	v := d.forward()
	d.dropBuffer()
	return v
}

// onReadable reads and sends messages. It reports false, and keeps no buffer, when there is nothing
// to read; true when something is to be done that it does not do, with what was read in d.buf.
func (d *direction) onReadable(fd uintptr) bool {
	d.buf = d.shared.take(true)
	for {
		n, errno := receive(fd, d.buf.b)
		switch {
		case errno == syscall.EAGAIN:
			d.dropBuffer()
			return false
		case errno != 0:
			d.err = errno
			return true
		case n == 0:
			d.err = io.EOF
			return true
		}
		if d.n = n; n > quickSend || !d.hand() {
			return true
		}
		if d.talked++; d.talked >= talkAfter {
			d.dropBuffer()
			d.doubt.rise()
			return false
		}
	}
}

// hand sends what was read and reports whether the receiver took all of it.
func (d *direction) hand() bool {
	d.hear()
	d.streak = 0
	d.sent, _ = transmit(d.sink, d.buf.b[:d.n]) // what is wrong shows when the rest is written
	if d.sent < d.n {
		return false
	}
	d.bytes.Add(int64(d.n))
	d.n, d.sent = 0, 0
	return true
}
