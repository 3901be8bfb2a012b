package tcp4

import (
	"io"
	"sync/atomic"
	"syscall"

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

	bulk     bool
	noSplice bool // one of the sockets can't
	streak   int  // steps in a row that speak for the other mode

	buf  *buffer
	pipe *splice.Pipe
	n    int
	err  error

	read, fill, pour func(fd uintptr) bool // the latter two are made when bulk begins
}

func (d *direction) join(shared *Sessions, from, to *side) {
	d.from, d.to, d.shared = from, to, shared
	d.read = d.onReadable
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
	for {
		n, err := syscall.Read(int(fd), d.buf[:])
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			d.dropBuffer()
			return false
		}
		d.n, d.err = max(n, 0), err
		return true
	}
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
		n, err := d.to.conn.Write(d.buf[:d.n])
		d.bytes.Add(int64(n))
		if err != nil {
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
