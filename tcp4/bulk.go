package tcp4

import (
	"io"
	"syscall"
)

// passBulk passes on what one splice gives, through a pipe that it holds only while bytes move.
func (d *direction) passBulk() verdict {
	if d.fill == nil {
		d.fill, d.pour = d.onFillable, d.onPourable
	}
	d.n, d.err = 0, nil
	if err := d.wait(d.from.raw, d.fill); err != nil {
		return sourceFailed
	}
	v := d.judgeFill()
	if v == goesOn && d.pipe != nil {
		moved := d.n
		if err := d.to.raw.Write(d.pour); err != nil || d.err != nil {
			v = sinkFailed
		}
		d.lean(moved < smallBytes, smallAfter)
	}
	d.dropPipe()
	return v
}

// judgeFill judges what onFillable found.
func (d *direction) judgeFill() verdict {
	switch d.err {
	case nil:
		return goesOn
	case io.EOF:
		return sourceEnded
	case syscall.EINVAL: // not a kind of socket that splices; nothing was taken (splice(2))
		d.bulk, d.streak, d.noSplice = false, 0, true
		d.dropPipe()
		return goesOn
	default:
		return sourceFailed
	}
}

// onFillable tries to fill a pipe. It reports false, and keeps no pipe, if there is nothing to
// read yet. When no pipe can be had the direction goes back to copying.
func (d *direction) onFillable(fd uintptr) bool {
	if d.pipe = d.shared.pipes.Get(); d.pipe == nil {
		d.bulk, d.streak = false, 0
		return true
	}
	n, err := d.pipe.Fill(fd)
	if err == syscall.EAGAIN {
		d.dropPipe()
		return false
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	d.n, d.err = n, err
	return true
}

// onPourable empties the pipe as far as the receiver takes it, and reports whether that is all.
func (d *direction) onPourable(fd uintptr) bool {
	for d.pipe.Held() > 0 {
		n, err := d.pipe.Pour(fd)
		d.bytes.Add(int64(n))
		if err == syscall.EAGAIN {
			return false
		}
		if err != nil {
			d.err = err
			return true
		}
	}
	return true
}

func (d *direction) dropPipe() {
	if d.pipe != nil {
		d.shared.pipes.Put(d.pipe)
		d.pipe = nil
	}
}
