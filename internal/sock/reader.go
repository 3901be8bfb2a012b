package sock

import (
	"errors"
	"io"
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
}

// Init binds r to c.
func (r *Reader) Init(c *Conn) {
	r.Conn = c
	r.into = r.room
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
