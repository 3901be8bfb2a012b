package h2

import (
	"syscall"

	"weir/internal/deadline"
)

// write writes what is appended to out, in turns.
func (c *Conn) write() {
	for {
		b := c.take()
		if b == nil {
			_ = c.below.Close() // wakes the reader
			return
		}
		_, err := c.nc.Write(b)
		c.mu.Lock()
		c.written(b)
		if err != nil {
			c.fail(Lost, err)
		}
		c.mu.Unlock()
		if err != nil {
			_ = c.below.Close() // as above
			return
		}
	}
}

// take returns what is to be written, nil when there will be nothing more.
func (c *Conn) take() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.busy || len(c.out) == 0 && c.err == nil && !c.closing {
		c.work.Wait()
	}
	if len(c.out) == 0 {
		if c.err == nil {
			c.fail(Lost, errClosed)
		}
		return nil
	}
	c.wrote = deadline.Now()
	return c.begin()
}

// begin takes out for a write.
func (c *Conn) begin() []byte {
	b := c.out
	c.out, c.spare, c.busy = c.spare, nil, true
	c.unblock()
	return b
}

// written ends a write of b. A buffer that is large, or that nobody needs for now, is not kept.
func (c *Conn) written(b []byte) {
	c.busy, c.wrote = false, 0
	if cap(b) <= 2*mostOut && c.held > 0 {
		c.spare = b[:0]
	}
}

// fewStreams is up to how many streams write by themselves. Of more, the writer joins the frames.
const fewStreams = 4

// push sees to it that out is written: at once, if the socket takes it without a wait, which spares waking the
// writer; else by the writer. It lets go of the lock meanwhile.
func (c *Conn) push() {
	if c.raw == nil || c.busy || c.held > fewStreams || c.closing || c.err != nil {
		c.work.Signal()
		return
	}
	b := c.begin()
	c.mu.Unlock()
	n := c.try(b)
	c.mu.Lock()
	if n < len(b) {
		c.out = append(append([]byte(nil), b[n:]...), c.out...)
	}
	c.written(b)
	if len(c.out) > 0 || c.closing || c.err != nil {
		c.work.Signal()
	}
}

// try writes what the socket takes now. What it does not take, for whatever reason, is the writer's.
func (c *Conn) try(b []byte) (n int) {
	c.tried = b
	_ = c.raw.Write(c.once) // as above
	n = len(b) - len(c.tried)
	c.tried = nil
	return n
}

// tryOnce is the body of try; it waits for nothing.
func (c *Conn) tryOnce(fd uintptr) bool {
	for len(c.tried) > 0 {
		n, err := syscall.Write(int(fd), c.tried)
		if err != nil {
			break
		}
		c.tried = c.tried[n:]
	}
	return true
}
