package sock

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrHeadFull says that a head does not fit the limit.
var ErrHeadFull = errors.New("sock: head over its limit")

// Reader is the incoming side of a connection: a window of unread bytes in pooled blocks. The block
// of a head stays as it is until Release, since a Header refers to it; what comes behind the head is
// consumed in place and further reads go to another block. Without unread bytes and without a head
// it holds no block.
type Reader struct {
	Conn *Conn

	head, body *Block
	inBody     bool
	r, w       int // the unread window
	into       func() []byte
	max        int

	// Of the Ask or Loop that is under way.
	ask    []byte
	check  bool
	asked  bool
	wrote  bool
	stale  bool
	turn   func() bool
	err    error
	askFn  func(fd uintptr) bool
	loopFn func(fd uintptr) bool
}

// Init binds r to c.
func (r *Reader) Init(c *Conn) {
	r.Conn = c
	r.into = r.room
	c.waits = r.freeUnused
	r.askFn, r.loopFn = r.askOnce, r.loopOnce
}

// Ask writes b and reads the first bytes of what comes back into the head's block, of at most max
// bytes. With check it first makes sure that nothing is at hand, and writes nothing if something
// is: stale then. sent says that all of b was written.
//
// It is Readable, Write and FillHead in one wait: the runtime's poller forgets an edge when a read
// begins, so each read must try before it waits; here the trial is the check.
func (r *Reader) Ask(b []byte, max int, check bool) (stale, sent bool, err error) {
	c := r.Conn
	if c.tls != nil || c.raw == nil {
		r.wrote = false
		return r.askTLS(b, max, check)
	}
	r.max, r.ask, r.check, r.asked, r.wrote, r.stale, r.err = max, b, check, false, false, false, nil
	err = c.raw.Read(r.askFn)
	stale, sent, rest := r.stale, r.asked, r.ask
	r.ask = nil
	switch {
	case err != nil || r.err != nil || stale || sent:
		return stale, sent, errors.Join(err, r.err)
	}
	r.wrote = true // the socket had no room for all of it
	if _, err = c.Write(rest); err != nil {
		return false, false, err
	}
	return false, true, r.fill()
}

// Wrote reports whether the last Ask has written anything. After one that was interrupted before
// that, the same bytes may be asked with again.
func (r *Reader) Wrote() bool { return r.wrote }

func (r *Reader) askTLS(b []byte, max int, check bool) (stale, sent bool, err error) {
	if check && r.Conn.Readable() {
		return true, false, nil
	}
	r.wrote = true
	if _, err = r.Conn.Write(b); err != nil {
		return false, false, err
	}
	return false, true, r.FillHead(max)
}

// askOnce checks and writes at first, and reads when it is called again.
func (r *Reader) askOnce(fd uintptr) bool {
	if r.asked {
		return r.readHead(fd)
	}
	if r.check {
		if _, errno := recv(fd, r.Conn.one[:], unix.MSG_PEEK); errno != unix.EAGAIN {
			r.stale = true
			return true
		}
	}
	n, errno := send(fd, r.ask)
	switch {
	case errno == unix.EAGAIN:
		n = 0
	case errno != 0:
		r.err = os.NewSyscallError("write", errno)
		return true
	}
	r.ask, r.wrote = r.ask[n:], n > 0
	if r.asked = len(r.ask) == 0; !r.asked {
		return true
	}
	// Without the check an edge from before this wait may be lost: try once.
	return !r.check && r.readHead(fd)
}

// readHead is one non-blocking read into the head's block; false waits for readability.
func (r *Reader) readHead(fd uintptr) bool {
	n, errno := recv(fd, r.room(), 0)
	switch {
	case errno == unix.EAGAIN:
		r.freeHead()
		return false
	case errno != 0:
		r.err = os.NewSyscallError("read", errno)
	case n == 0:
		r.err = io.EOF
	}
	if r.err != nil {
		r.freeHead()
		return true
	}
	r.w += n
	return true
}

// freeHead gives back a head's block that holds nothing.
func (r *Reader) freeHead() {
	if r.w == 0 {
		r.head.Free()
		r.head = nil
	}
}

// freeUnused gives back the block that a read was about to fill, if it holds nothing.
func (r *Reader) freeUnused() {
	if r.inBody {
		r.FreeIdle()
	} else {
		r.freeHead()
	}
}

// Loop calls turn each time bytes have come into the empty window, until turn returns false, or
// with an error when the connection ends or is interrupted. turn must not read from the
// connection; what it leaves unread stays in the window. The connection must be one that Loops.
//
// One wait serves all turns, so that none begins with a read that only finds nothing; see Ask.
func (r *Reader) Loop(max int, turn func() bool) error {
	r.max, r.turn, r.err = max, turn, nil
	if g := r.Conn.gate; g != nil {
		g.ajar = true
		defer func() { g.ajar, g.shut = false, false }()
	}
	err := r.Conn.raw.Read(r.loopFn)
	r.Conn.turning = false
	if err != nil {
		return err
	}
	return r.err
}

// Loops reports whether Loop may be called: TLS must lie over a [Gate].
func (r *Reader) Loops() bool { return r.Conn.raw != nil && (r.Conn.tls == nil || r.Conn.gate != nil) }

// loopTLS takes what TLS makes of what the socket has. Behind a record it tries the socket again only if the last read
// left no room. Within one it always does: an end that came together with half a record has no edge of its own.
func (r *Reader) loopTLS(fd uintptr) bool {
	g := r.Conn.gate
	g.fd, g.shut, g.dry = fd, false, false
	for {
		n, err := r.Conn.tls.Read(r.room())
		r.w += n
		g.shut = g.dry
		switch {
		case n > 0: // an error behind it comes again
			if !r.turn() {
				return true
			}
		case err == errShut:
			r.freeHead()
			return false
		case err == nil: // there was no room
			r.err = ErrHeadFull
			return true
		default:
			r.freeHead()
			r.err = err
			return true
		}
	}
}

// loopOnce waits again only behind a read that left room: what lies behind a full one has no edge
// of its own.
func (r *Reader) loopOnce(fd uintptr) bool {
	if r.Conn.tls != nil {
		return r.loopTLS(fd)
	}
	r.Conn.turning, r.Conn.fd = true, fd
	for {
		if !r.readHead(fd) {
			return false
		}
		full := r.err == nil && r.w == min(len(r.head.B), r.max)
		if r.err != nil || !r.turn() {
			return true
		}
		if !full {
			return false
		}
	}
}

// Window returns the unread bytes, valid until the next call but Consume.
func (r *Reader) Window() []byte {
	b := r.block()
	if b == nil {
		return nil
	}
	return b.B[r.r:r.w]
}

// Head returns the head's block from its start: a head parsed from it refers to it by offset.
func (r *Reader) Head() []byte { return r.head.B[:r.w] }

func (r *Reader) block() *Block {
	if r.inBody {
		return r.body
	}
	return r.head
}

// Consume drops the first n unread bytes.
func (r *Reader) Consume(n int) { r.r += n }

// Buffered returns the number of unread bytes.
func (r *Reader) Buffered() int { return r.w - r.r }

// room returns where the next read goes, taking a block only now.
func (r *Reader) room() []byte {
	if r.inBody {
		if r.body == nil {
			r.body = NewBlock(LargeBlock)
		}
		return r.body.B[r.w:]
	}
	if r.head == nil {
		r.head = NewBlock(SmallBlock)
	}
	return r.head.B[r.w:min(len(r.head.B), r.max)]
}

// FillHead reads more bytes behind the window in the head's block, moving the block to a larger one
// up to max bytes. Offsets into it stay; slices don't.
func (r *Reader) FillHead(max int) error {
	r.max = max
	if r.head != nil && r.w == min(len(r.head.B), max) {
		if r.w >= max {
			return ErrHeadFull
		}
		bigger := NewBlock(min(len(r.head.B)*8, max))
		copy(bigger.B, r.head.B[:r.w])
		r.head.Free()
		r.head = bigger
	}
	return r.fill()
}

func (r *Reader) fill() error {
	n, err := r.Conn.ReadInto(r.into)
	r.w += n
	if err != nil && r.w == 0 && r.head != nil && !r.inBody {
		r.head.Free()
		r.head = nil
	}
	return err
}

// FillBody reads more bytes, to another block than the head's.
func (r *Reader) FillBody() error {
	if !r.inBody {
		r.toBody()
	} else if r.r == r.w {
		r.r, r.w = 0, 0
	} else if r.r > 0 {
		r.w = copy(r.body.B, r.body.B[r.r:r.w])
		r.r = 0
	}
	if r.body != nil && r.w == len(r.body.B) {
		return io.ErrShortBuffer
	}
	return r.fill()
}

// toBody moves the unread bytes off the head's block.
func (r *Reader) toBody() {
	left := r.Window()
	if len(left) > 0 {
		r.body = NewBlock(max(len(left)+1, LargeBlock))
		r.w = copy(r.body.B, left)
	} else {
		r.w = 0
	}
	r.r, r.inBody = 0, true
}

// FreeIdle gives back the body's block if it holds nothing unread, so that waiting costs none.
func (r *Reader) FreeIdle() {
	if r.inBody && r.r == r.w {
		r.body.Free()
		r.body, r.r, r.w = nil, 0, 0
	}
}

// Release ends the use of the head's block. Unread bytes begin the next head, in a fresh block.
func (r *Reader) Release() {
	left := r.Window()
	var next *Block
	if len(left) > 0 {
		next = NewBlock(len(left))
		copy(next.B, left)
	}
	r.head.Free()
	r.body.Free()
	r.head, r.body, r.inBody = next, nil, false
	r.r, r.w = 0, len(left)
}
