// Package framewatch looks at the frames of an HTTP/2 connection on their way to the library that serves
// it, and ends the connection of a client that sends what costs the server more than itself: resets of what it
// has just asked for, header blocks without end, control frames that ask for nothing but answers.
//
// It looks at frame heads alone, in what is read and written anyway, and keeps a few counters a connection. What a
// library bounds already (streams at once, sizes, the header list) it leaves to it. HTTP/2's engine uses it; it
// knows no exchange and no config file.
package framewatch

import (
	"crypto/tls"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// The kinds of attack, as [Limits].Told gets them.
const (
	RapidReset        = "rapid_reset"        // CVE-2023-44487, and CVE-2025-8671 where the resets are ours
	ContinuationFlood = "continuation_flood" // CVE-2024-27316 and its like
	ControlFlood      = "control_flood"      // CVE-2019-9512, 9515: PING, SETTINGS, PRIORITY, small WINDOW_UPDATEs
	EmptyData         = "empty_data_flood"   // CVE-2019-9518
	SlowHeader        = "slow_header"        // a header block, or the preface, that does not come to its end
)

// Limits say when a client has done too much. The zero value of a field means its default.
type Limits struct {
	// HeaderTimeout bounds the time from the first byte of a header block to its last. Default: 10s.
	HeaderTimeout time.Duration
	// HeaderBytes bounds a header block as it is sent. Default: 64 KiB.
	HeaderBytes int
	// Refusal is the error that Read ends the connection with. Default: [ErrFlood].
	Refusal error
	// Told is called once at most, by the goroutine that reads, writes or closes, before the connection ends. Default:
	// nobody.
	Told func(kind string)
	// Prefaced says that the client's preface has been read already.
	Prefaced bool
}

// ErrFlood is what Read returns on a connection that is not worth reading from.
var ErrFlood = os.ErrDeadlineExceeded

// What a connection may do. A client that uses the protocol as it is meant stays below a tenth of each.
const (
	resetBurst, resetRate = 200, 33   // resets beyond half of the streams, and those a second
	pingBurst, pingRate   = 1000, 100 // PING, PRIORITY, PRIORITY_UPDATE, unknown frames, tiny WINDOW_UPDATEs, likewise
	setBurst, setRate     = 100, 10   // SETTINGS
	emptyBurst, emptyRate = 100, 10   // DATA that carries nothing
	windowBurst           = 1000      // WINDOW_UPDATEs beyond two for each frame of data that leaves
	windowRate            = 100       // and those a second
	maxContinuations      = 64        // frames of one header block
	tinyWindow            = 256       // bytes: a window that grows by less is a drip
	resetWorth            = 0.5       // of a reset that each new stream gives back
	dataWorth             = 2         // of both that each frame of data excuses: clients that measure the path ping for each
	defaultHeaderTimeout  = 10 * time.Second
	defaultHeaderBytes    = 64 << 10
)

// Conn is a connection whose frames are watched. One goroutine reads and one writes at a time.
type Conn struct {
	net.Conn
	limits Limits

	in     scanner
	sawIn  func(frame) bool
	now    time.Time // of the read under way
	refuse atomic.Pointer[string]
	told   atomic.Bool
	stage  atomic.Int32 // how far the client has come: silent, prefacing …

	newest uint32 // the highest stream that the client has opened

	// Of the header block that is under way.
	block  time.Time // when its first byte came; zero: none
	open   bool      // its END_HEADERS is outstanding
	frames int
	bytes  int
	pieces atomic.Int32 // frames, if they are what came last, and more than one
	bound  bool         // a read deadline stands

	sets, empty budget
	partial     atomic.Int64 // bytes of a DATA frame that is not whole yet

	out    scanner
	sawOut func(frame) bool
	// Both sides spend of these.
	resets, windows, pings shared
	streams                streams
}

// The stages of a client.
const (
	silent    int32 = iota
	prefacing       // some of its preface has come, or all of it without a frame
	framing         // a frame has come, or nothing will
)

// New watches nc. A *tls.Conn stays one for who asks for its ConnectionState.
func New(nc net.Conn, l Limits) net.Conn {
	if l.HeaderTimeout == 0 {
		l.HeaderTimeout = defaultHeaderTimeout
	}
	if l.HeaderBytes == 0 {
		l.HeaderBytes = defaultHeaderBytes
	}
	if l.Refusal == nil {
		l.Refusal = ErrFlood
	}
	c := &Conn{Conn: nc, limits: l}
	c.pings.b = budget{burst: pingBurst, rate: pingRate}
	c.sets = budget{burst: setBurst, rate: setRate}
	c.empty = budget{burst: emptyBurst, rate: emptyRate}
	c.resets.b = budget{burst: resetBurst, rate: resetRate}
	c.windows.b = budget{burst: windowBurst, rate: windowRate}
	if l.Prefaced {
		c.stage.Store(prefacing)
	} else {
		c.in.skip, c.in.preface = len(Preface), true
	}
	c.sawIn, c.sawOut = c.came, c.left
	if t, ok := nc.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return &secure{Conn: c, state: t.ConnectionState}
	}
	return c
}

// secure is a Conn over TLS.
type secure struct {
	*Conn
	state func() tls.ConnectionState
}

// ConnectionState returns that of the connection below.
func (s *secure) ConnectionState() tls.ConnectionState { return s.state() }

// Partial returns how many bytes have come of a DATA frame that is not whole yet: a library shows a body's bytes
// frame by frame, so that a slow client may be sending although nobody sees it. Any goroutine may call it.
func (c *Conn) Partial() int64 { return c.partial.Load() }

// Read reads what comes, and fails with the refusal once that was too much.
func (c *Conn) Read(b []byte) (int, error) {
	c.clock()
	if c.refused() { // asked behind clock, which may have undone what wakes the read
		return 0, c.limits.Refusal
	}
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.now = time.Now()
		if c.stage.Load() == silent {
			c.stage.Store(prefacing)
		}
		c.in.scan(b[:n], c.sawIn)
		c.settle()
	}
	if err != nil {
		c.stage.Store(framing) // the client has left, or we have
	}
	switch {
	case c.refused():
		return 0, c.limits.Refusal
	case err != nil && c.bound && os.IsTimeout(err) && time.Since(c.block) >= c.limits.HeaderTimeout:
		c.blame(SlowHeader)
		return n, c.limits.Refusal
	}
	return n, err
}

// clock bounds the read that begins by what is left of a header block's time. That a connection has been closed,
// on which alone it fails, the read tells.
func (c *Conn) clock() {
	switch {
	case !c.block.IsZero():
		c.bound = true
		_ = c.Conn.SetReadDeadline(c.block.Add(c.limits.HeaderTimeout))
	case c.bound:
		c.bound = false
		_ = c.Conn.SetReadDeadline(time.Time{})
	}
}

// settle notes, behind a read, whether a header block is under way, and how much of a frame of data.
func (c *Conn) settle() {
	heading := c.open || c.in.got > 0 || c.in.within(frameHeaders)
	switch {
	case !heading:
		c.block = time.Time{}
	case c.block.IsZero():
		c.block = c.now
	}
	if part := c.in.part(); c.partial.Load() != part {
		c.partial.Store(part)
	}
}

// came judges a frame of the client's.
func (c *Conn) came(f frame) bool {
	if c.stage.Load() != framing {
		c.stage.Store(framing)
	}
	if f.kind != frameContinuation && c.pieces.Load() != 0 {
		c.pieces.Store(0)
	}
	switch f.kind {
	case frameHeaders:
		return c.header(f, true)
	case frameContinuation:
		return c.header(f, false)
	case frameReset:
		return c.resets.spend(c.streams.price(f.stream, c.now), c.now) || c.blame(RapidReset)
	case frameData:
		return f.length > 0 || f.flags&flagEndStream != 0 || c.empty.spend(1, c.now) || c.blame(EmptyData)
	case frameSettings:
		return f.flags&flagAck != 0 || c.sets.spend(1, c.now) || c.blame(ControlFlood)
	case frameWindowUpdate:
		if f.word >= tinyWindow {
			return c.windows.spend(1, c.now) || c.blame(ControlFlood)
		}
	case framePing:
		if f.flags&flagAck != 0 {
			return true
		}
	}
	return c.pings.spend(1, c.now) || c.blame(ControlFlood)
}

// header judges a frame of a header block.
func (c *Conn) header(f frame, first bool) bool {
	if first {
		c.frames, c.bytes = 0, 0
		if f.stream > c.newest { // trailers open nothing
			c.newest = f.stream
			c.resets.earn(resetWorth)
			c.streams.opened(f.stream, c.now)
		}
	}
	c.frames++
	c.bytes += f.length
	c.open = f.flags&flagEndHeaders == 0
	if !first {
		c.pieces.Store(int32(c.frames))
	}
	if c.frames > maxContinuations || c.bytes > c.limits.HeaderBytes {
		return c.blame(ContinuationFlood)
	}
	return true
}

// blame ends the connection because of kind. It returns false.
func (c *Conn) blame(kind string) bool {
	if c.refuse.CompareAndSwap(nil, &kind) {
		c.tell(kind)
	}
	return false
}

// tell tells kind, the first of a connection.
func (c *Conn) tell(kind string) {
	if c.told.CompareAndSwap(false, true) && c.limits.Told != nil {
		c.limits.Told(kind)
	}
}

func (c *Conn) refused() bool { return c.refuse.Load() != nil }
