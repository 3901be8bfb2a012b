package serve

import (
	"weir/http7"
	"weir/http7/wire"
	"weir/internal/deadline"
	"weir/internal/sock"
)

// maxJoined is how much of a body is copied behind what is written before it, to save a write.
const maxJoined = 16 << 10

// writeChunk appends a chunk to what is written next, or writes it at once if it is large.
func (c *conn) writeChunk(x *exchange, chunk []byte, chunked bool) *http7.Fault {
	x.bytesOut += int64(len(chunk))
	if chunked {
		x.out = wire.AppendChunkHead(x.out, len(chunk))
	}
	if len(x.out)+len(chunk) > maxJoined {
		if f := c.flush(x); f != nil {
			return f
		}
		if f := c.write(x, chunk); f != nil {
			return f
		}
	} else {
		x.out = append(x.out, chunk...)
	}
	if chunked {
		x.out = append(x.out, "\r\n"...)
	}
	return nil
}

// flush writes what has been appended.
func (c *conn) flush(x *exchange) *http7.Fault {
	if len(x.out) == 0 && (c.st == nil || !c.st.owes) {
		return nil
	}
	f := c.write(x, x.out)
	x.out = x.out[:0]
	return f
}

// write writes b to the client, who must take bytes within the write stall. What the socket takes at once needs no
// clock to watch it.
func (c *conn) write(x *exchange, b []byte) *http7.Fault {
	x.begins()
	if x.up != nil {
		x.up.Pause()
	}
	if b = b[c.s.WriteNow(b):]; len(b) == 0 && c.st == nil {
		return nil
	}
	if !c.pump.running || c.joined() {
		c.enter(writing, c.writeLimit(x, deadline.Now()))
	}
	return c.wrote(x, c.put(x, b))
}

// put hands b to whatever carries it.
func (c *conn) put(x *exchange, b []byte) error {
	if c.st != nil {
		c.st.head(x)
		if len(b) == 0 {
			return nil
		}
	}
	_, err := c.s.Write(b)
	return err
}

// wrote says what a write to the client has come to.
func (c *conn) wrote(x *exchange, err error) *http7.Fault {
	if err != nil {
		x.Cause = err
		switch c.s.Interrupted() {
		case sock.NotInterrupted:
			return http7.ClientLeft
		case cutting:
			return http7.Stopping
		}
		return http7.ClientStalled
	}
	return nil
}

// begins notes when the first byte is written. That of an endpoint's answer is when its head came, just now; that of an
// answer that leaves whole is done's to say: they are the same moment, and reading the clock is not free.
func (x *exchange) begins() {
	switch {
	case x.begun:
		return
	case x.up != nil && x.headAt != 0:
		x.firstByte = x.headAt
	case !x.ending:
		x.firstByte = x.elapsed()
	}
	x.begun = true
}

// writeLimit returns when the wheel looks at a write that starts now.
func (c *conn) writeLimit(x *exchange, now int64) int64 {
	at := after(now, c.site.Limits.WriteStall/stallSteps)
	if x.limit != 0 && (at == 0 || x.limit < at) {
		return x.limit
	}
	return at
}
