package tcp4

import (
	"errors"
	"io"
	"os"
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

// verdict is how a direction ended.
type verdict uint8

const (
	goesOn verdict = iota
	sourceEnded
	sourceFailed
	sinkFailed
)

// direction passes bytes one way. Its goroutine alone touches it, but for bytes and doubt.
//
// While it waits for its source it holds neither buffer nor pipe (for TLS a small buffer), and sets
// no deadline; closing the source wakes it. The callbacks for the poller are made once, so that a
// message costs no allocation; their results are fields.
type direction struct {
	from, to *side
	shared   *Sessions
	bytes    atomic.Int64 // passed on
	spoke    bool
	first    time.Time // when the first bytes came

	bulk     bool
	noSplice bool // one of the sockets can't
	streak   int  // steps in a row that speak for the other mode
	talked   int  // messages in a row that one read took whole
	deep     bool // the last read of a TLS connection filled its buffer

	buf  *buffer
	pipe *splice.Pipe
	n    int // read
	sent int // of these, at once
	err  error

	sink       uintptr     // the descriptor of to, if that is a plain socket
	over       func() bool // of the session
	talk       func(fd uintptr) bool
	fill, pour func(fd uintptr) bool // made when bulk begins

	doubt doubt
}

func (d *direction) join(shared *Sessions, from, to *side) {
	d.from, d.to, d.shared = from, to, shared
	d.doubt.look = func(fd uintptr) { d.doubt.found.Store(glimpse(fd)) }
	d.talk, d.over = d.onReadable, func() bool { return false }
}

// pass moves bytes until the source ends or a side fails. Meanwhile it holds the sink's descriptor,
// which then can't become another connection's, whoever closes this one.
func (d *direction) pass() (v verdict) {
	if d.to.raw == nil {
		return d.passAll()
	}
	err := d.to.raw.Control(func(fd uintptr) {
		d.sink = fd
		v = d.passAll()
	})
	if err != nil {
		return sinkFailed
	}
	return v
}

func (d *direction) passAll() verdict {
	v := goesOn
	for v == goesOn {
		switch {
		case d.bulk:
			v = d.passBulk()
		case d.from.raw != nil && d.to.raw != nil:
			v = d.passTalk()
		default:
			v = d.passSmall()
		}
	}
	d.doubt.dispel()
	return v
}

// wait calls try when the source, raw, can be read, until it reports true. A deadline that passes is
// the end of the session, or one of its doubts: a reason to try again.
func (d *direction) wait(raw syscall.RawConn, try func(fd uintptr) bool) error {
	for {
		err := raw.Read(try)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		_ = d.from.conn.SetReadDeadline(time.Time{}) // fails only on a closed connection, which Read tells
		if d.over() {                                // whoever decides it sets the deadline afterwards
			return err
		}
	}
}

// passSmall passes on what one read gives, where one of the sides is no plain socket.
func (d *direction) passSmall() verdict {
	if d.from.raw != nil {
		d.n, d.err = 0, nil
		if err := d.wait(d.from.raw, d.onFilled); err != nil {
			d.err = err
		}
	} else {
		d.buf = d.shared.take(d.deep)
		d.n, d.err = d.from.conn.Read(d.buf.b)
		d.deep = d.n == len(d.buf.b)
	}
	d.sent = 0
	v := d.forward()
	d.dropBuffer()
	return v
}

// onFilled tries a read. It reports false, and keeps no buffer, if there is nothing to read yet.
func (d *direction) onFilled(fd uintptr) bool {
	d.buf = d.shared.take(true)
	n, errno := receive(fd, d.buf.b)
	switch {
	case errno == syscall.EAGAIN:
		d.dropBuffer()
		return false
	case errno != 0:
		d.err = errno
	case n == 0:
		d.err = io.EOF
	}
	d.n = n
	return true
}

// write passes on what was read and has not been sent yet.
func (d *direction) write() error {
	n := d.sent
	var err error
	if n < d.n {
		n, err = d.to.conn.Write(d.buf.b[n:d.n])
		n += d.sent
	}
	d.bytes.Add(int64(n))
	return err
}

func (d *direction) dropBuffer() {
	if d.buf != nil {
		d.shared.give(d.buf)
		d.buf = nil
	}
}

// forward writes what was read, and then judges why the read gave no more.
func (d *direction) forward() verdict {
	if d.n > 0 {
		d.hear()
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

// hear notes when the first bytes came.
func (d *direction) hear() {
	if !d.spoke {
		d.spoke, d.first = true, time.Now()
	}
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
