package tcp4

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// chatAfter small messages in one direction make it a chat: the price is two calls.
const chatAfter = 8

// chat is the state of a direction that passes small messages on inside one wait of its source.
//
// The runtime's poller forgets an edge when a read begins, so each read has to try before it waits,
// and behind a small message the trial finds nothing. In a chat the wait does not end between
// messages. What must be known behind each of them, whether more has come or the end, the kernel
// says with the message (TCP_INQ, Linux 4.18). It does not say that a reset has come with it. That
// shows when the other direction fails to write to that side, which wakes this one, or else when the
// session is looked at.
type chat struct {
	hint hint
	fn   func(fd uintptr) bool // made when the chat begins
	on   atomic.Bool           // the direction is in its wait
	over atomic.Bool           // it was woken: behind each message the source is tried
}

// chats reports whether the direction passes messages on as a chat.
func (d *direction) chats() bool {
	if d.chat.fn != nil {
		return !d.chat.over.Load()
	}
	if d.small < 0 || d.from.raw == nil || d.to.raw == nil {
		return false
	}
	if d.small--; d.small >= 0 || !d.chat.hint.ask(d.from.raw) {
		return false
	}
	d.chat.fn, d.sendNow = d.onMessages, d.sendAtOnce
	return true
}

// passChat passes messages on until one is not small, is not taken whole at once, or is the last.
func (d *direction) passChat() verdict {
	d.n, d.sent, d.err = 0, 0, nil
	d.chat.on.Store(true)
	if err := d.await(d.chat.fn); err != nil {
		d.err = err
	}
	d.chat.on.Store(false)
	v := d.forward()
	d.dropBuffer()
	return v
}

// await waits for the source as RawConn.Read does, and again when wake has ended the wait: each wait
// begins with a trial.
func (d *direction) await(try func(fd uintptr) bool) error {
	for {
		err := d.from.raw.Read(try)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		_ = d.from.conn.SetReadDeadline(time.Time{}) // on a closed connection the next read fails
	}
}

// wake ends a chat: a direction that waits tries its source again, and from now on behind each message.
// Any goroutine may call it.
func (d *direction) wake() {
	d.chat.over.Store(true) // before the look at on, which is set before the look at over
	if d.chat.on.Load() {
		_ = d.from.conn.SetReadDeadline(time.Unix(1, 0)) // on a closed connection nobody waits
	}
}

// onMessages passes on what has come, and reports false when it must be waited for more.
func (d *direction) onMessages(fd uintptr) bool {
	for {
		d.buf = d.shared.buffers.Get().(*buffer)
		n, more, errno := d.chat.hint.receive(fd, d.buf[:])
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
		if d.n, d.sent = n, 0; n > quickSend {
			return true
		}
		_ = d.to.raw.Control(d.sendNow) // what is wrong shows in forward
		if d.sent < n {
			return true
		}
		d.bytes.Add(int64(n))
		d.n, d.streak = 0, 0
		d.dropBuffer()
		if !more && !d.chat.over.Load() {
			return false
		}
	}
}
