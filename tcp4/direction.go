package tcp4

import (
	"io"
	"sync/atomic"
	"syscall"
	"time"

	"weir/internal/splice"
)

const (
	// bulkAfter full reads in a row turn a direction to bulk: a splice costs two or three calls
	// more than read and write, which pays from about 64 KiB at a time.
	bulkAfter = 4
	// smallBytes moved by a splice are small; smallAfter of these in a row turn it back.
	smallBytes = 8 << 10
	smallAfter = 8
)

// quickSend is the longest message that may be sent without telling the scheduler.
const quickSend = 16 << 10

// verdict is how a direction ended.
type verdict uint8

const (
	goesOn verdict = iota
	sourceEnded
	sourceFailed
	sinkFailed
)

// direction passes bytes one way. Its goroutine alone touches it, but for bytes.
//
// While it waits for its source it holds neither buffer nor pipe, and sets no deadline; closing
// the source wakes it. The callbacks for the poller are made once, so that a message costs no
// allocation; their results are fields.
type direction struct {
	from, to *side
	shared   *Sessions
	bytes    atomic.Int64 // passed on
	first    time.Time    // when the first bytes came

	bulk     bool
	noSplice bool // one of the sockets can't
	streak   int  // steps in a row that speak for the other mode

	buf  *buffer
	pipe *splice.Pipe
	n    int // read
	sent int // of these, at once
	err  error

	read, send func(fd uintptr) bool
	fill, pour func(fd uintptr) bool // made when bulk begins
}

func (d *direction) join(shared *Sessions, from, to *side) {
	d.from, d.to, d.shared = from, to, shared
	d.read, d.send = d.onReadable, d.onSendable
}

// pass moves bytes until the source ends or a side fails.
func (d *direction) pass() verdict {
	v := goesOn
	for v == goesOn {
		if d.bulk {
			v = d.passBulk()
		} else {
			v = d.passSmall()
		}
	}
	return v
}

// passSmall passes on what one read gives.
func (d *direction) passSmall() verdict {
	if d.from.raw != nil {
		d.readRaw()
	} else {
		d.buf = d.shared.buffers.Get().(*buffer)
		d.n, d.err = d.from.conn.Read(d.buf[:])
	}
	v := d.forward()
	d.dropBuffer()
	return v
}

// readRaw waits for bytes without a buffer and reads them into one.
func (d *direction) readRaw() {
	d.n, d.err = 0, nil
	if err := d.from.raw.Read(d.read); err != nil {
		d.err = err
	} else if d.n == 0 && d.err == nil {
		d.err = io.EOF
	}
}

// onReadable tries a read. It reports false, and keeps no buffer, if there is nothing to read yet.
func (d *direction) onReadable(fd uintptr) bool {
	d.buf = d.shared.buffers.Get().(*buffer)
	n, errno := receive(fd, d.buf[:])
	switch errno {
	case 0:
		d.n = n
	case syscall.EAGAIN:
		d.dropBuffer()
		return false
	default:
		d.err = errno
	}
	return true
}

// onSendable sends what the socket takes at once, for write, which deals with the rest.
func (d *direction) onSendable(fd uintptr) bool {
	d.sent, _ = transmit(fd, d.buf[:d.n])
	return true
}

// write passes on what was read. A small message to a plain socket, which nearly always takes it
// whole, goes the short way.
func (d *direction) write() error {
	d.sent = 0
	if d.to.raw != nil && d.n <= quickSend {
		_ = d.to.raw.Write(d.send) // what is wrong shows in Write below
	}
	n := d.sent
	var err error
	if n < d.n {
		n, err = d.to.conn.Write(d.buf[n:d.n])
		n += d.sent
	}
	d.bytes.Add(int64(n))
	return err
}

func (d *direction) dropBuffer() {
	if d.buf != nil {
		d.shared.buffers.Put(d.buf)
		d.buf = nil
	}
}

// forward writes what was read, and then judges why the read gave no more.
func (d *direction) forward() verdict {
	if d.n > 0 {
		if d.first.IsZero() {
			d.first = time.Now()
		}
		if d.write() != nil {
			return sinkFailed
		}
	}
	switch {
	case d.err == io.EOF:
		return sourceEnded
	case d.err != nil:
		return sourceFailed
	}
	d.lean(d.n == bufferSize && d.from.raw != nil && d.to.raw != nil && !d.noSplice, bulkAfter)
	return goesOn
}

// lean counts a step that speaks for the other mode, or forgets the count, and changes the mode
// once there were enough in a row.
func (d *direction) lean(other bool, enough int) {
	if !other {
		d.streak = 0
		return
	}
	if d.streak++; d.streak == enough {
		d.bulk, d.streak = !d.bulk, 0
	}
}
