package serve

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/deadline"
)

// h2Conn is a connection as the library of HTTP/2 gets it. It reads and writes in larger pieces than the library
// asks for, and notices when nothing moves that the hall knows of: the library keeps the end of a small answer
// until the client opens its window, after the exchange is over.
type h2Conn struct {
	net.Conn
	k     *carrier
	tick  int64 // how often it looks; 0: never
	timer deadline.Timer
	out   atomic.Int64 // bytes written
	busy  atomic.Bool  // streams are open, says the library

	// The reader's.
	at, n int
	ahead [1 << 10]byte // the head of a frame comes with its payload

	writing sync.Mutex
	frames  outFrames      // guarded by writing
	held    []byte         // guarded by writing: heads whose bodies are about to come
	loose   bool           // guarded by writing: the next write must not be held
	told    bool           // guarded by writing: a header bomb has been counted, or was none
	owes    bool           // guarded by writing: the announcement of a GOAWAY
	late    deadline.Timer // no body has come

	// The wheel's.
	seen  int64
	still int
}

func newH2Conn(nc net.Conn, k *carrier, stall time.Duration) *h2Conn {
	c := &h2Conn{Conn: nc, k: k, tick: int64(stall) / stallSteps}
	k.e.Wheel.Bind(&c.timer, c.look)
	k.e.Wheel.Bind(&c.late, func() {
		go c.release() // may block, as long as the client takes nothing
	})
	if c.tick > 0 {
		c.timer.Set(deadline.Now() + c.tick)
	}
	return c
}

// whole returns c for the library, which asks connections over TLS for their state.
func (c *h2Conn) whole() net.Conn {
	if t, ok := c.Conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return &h2Secure{h2Conn: c, connectionState: t.ConnectionState}
	}
	return c
}

// h2Secure is an h2Conn over TLS.
type h2Secure struct {
	*h2Conn
	connectionState func() tls.ConnectionState
}

// ConnectionState returns what the handshake came to.
func (c *h2Secure) ConnectionState() tls.ConnectionState { return c.connectionState() }

// Read reads what is there at once, as far as there is room, although the library asks for a head first.
func (c *h2Conn) Read(b []byte) (int, error) {
	if c.at < c.n {
		n := copy(b, c.ahead[c.at:c.n])
		c.at += n
		return n, nil
	}
	if len(b) >= len(c.ahead) {
		return c.Conn.Read(b)
	}
	n, err := c.Conn.Read(c.ahead[:])
	c.n, c.at = n, copy(b, c.ahead[:n])
	return c.at, err
}

// Write writes b, and what was held back before it. What ends with the head of an answer whose body is to come is
// held back until that comes: the library writes the two one by one, and each would be a system call and a record
// of TLS.
func (c *h2Conn) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	whole, open := len(b), c.frames.scan(b)
	c.tellBomb()
	if c.owes && c.frames.between() {
		c.owes, open = false, false
		b = append(append(make([]byte, 0, whole+len(announcement)), b...), announcement...)
	}
	hold := open && !c.loose && len(c.held)+len(b) <= maxHeld
	c.loose = false
	if hold {
		c.held = append(c.held, b...)
		c.late.Set(deadline.Now() + int64(deadline.Tick))
		return len(b), nil
	}
	if len(c.held) == 0 {
		n, err := c.Conn.Write(b)
		c.out.Add(int64(n))
		c.stuck(n, err)
		return min(n, whole), err
	}
	c.held = append(c.held, b...)
	if err := c.writeHeld(); err != nil {
		return 0, err
	}
	return whole, nil
}

// announcement is a GOAWAY that refuses nothing yet (RFC 9113 §6.8).
const announcement = "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x00"

// announce tells the client to send nothing more, and that what is on its way will be served. It may block.
func (c *h2Conn) announce() {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.owes = c.out.Load() == 0 || !c.frames.between(); c.owes { // the first frame is the library's
		return
	}
	c.held = append(c.held, announcement...)
	if c.writeHeld() != nil {
		c.k.shut() // the library learns it by its next read
	}
}

// tellBomb counts a head that was so large that the library has refused it without asking the hall.
func (c *h2Conn) tellBomb() {
	if c.frames.bomb && !c.told {
		c.told = true
		if !c.k.refused431.Load() {
			c.k.e.series.Defended(headerBomb)
		}
	}
}

// maxHeld is how much is held back at most.
const maxHeld = 4 << 10

// writeHeld writes what is held. Call with writing held.
func (c *h2Conn) writeHeld() error {
	c.late.Set(0)
	n, err := c.Conn.Write(c.held)
	c.out.Add(int64(n))
	c.stuck(n, err)
	if c.held = c.held[:0]; cap(c.held) > 2*maxHeld {
		c.held = nil
	}
	return err
}

// release lets go what is held back, or what is about to be. Any goroutine may call it.
func (c *h2Conn) release() {
	c.writing.Lock()
	defer c.writing.Unlock()
	if len(c.held) == 0 {
		c.loose = true
		return
	}
	if c.writeHeld() != nil {
		c.k.shut() // the library learns it by its next read
	}
}

// outFrames finds the frames in what the library writes.
type outFrames struct {
	skip int // bytes left of a frame's payload
	got  int // of head
	head [9]byte
	// code is what the payload begins with: of an answer's head its status.
	code [5]byte
	seen int // of code
	// bomb says that there was an answer 431; it is the first on its connection, which is written in letters.
	bomb bool
}

// scan looks at b and reports whether it ends with the end of an answer's head to which a body belongs. Only usual
// statuses are told apart from interim ones (RFC 7541 §A, indices 8 to 14).
func (o *outFrames) scan(b []byte) (open bool) {
	for len(b) > 0 {
		if o.skip > 0 {
			n := min(o.skip, len(b))
			o.look(b[:n])
			o.skip, b = o.skip-n, b[n:]
			continue
		}
		n := copy(o.head[o.got:], b)
		o.got, b = o.got+n, b[n:]
		if o.got == len(o.head) {
			o.got, o.seen, o.code = 0, 0, [5]byte{}
			o.skip = int(o.head[0])<<16 | int(o.head[1])<<8 | int(o.head[2])
		}
	}
	const endStream, endHeaders, indexed = 1, 4, 0x80
	whole := o.skip == 0 && o.got == 0 && o.isHead() && o.head[4]&(endStream|endHeaders) == endHeaders
	return whole && o.code[0] >= indexed+8 && o.code[0] <= indexed+14
}

// between reports whether another frame may follow here.
func (o *outFrames) between() bool {
	const headers, continuation, endHeaders = 1, 9, 4
	open := (o.head[3] == headers || o.head[3] == continuation) && o.head[4]&endHeaders == 0
	return o.skip == 0 && o.got == 0 && !open
}

func (o *outFrames) isHead() bool { return o.head[3] == 1 }

// headTooLarge is ":status: 431" as the library writes it first: a new entry, with the name of index 14 (RFC 7541 §6.2.1).
const headTooLarge = "\x4e\x03431"

// look takes the first bytes of a payload.
func (o *outFrames) look(b []byte) {
	if o.seen == len(o.code) || !o.isHead() {
		return
	}
	o.seen += copy(o.code[o.seen:], b)
	o.bomb = o.bomb || string(o.code[:]) == headTooLarge
}

// state is told by the library whether streams are open.
func (c *h2Conn) state(s http.ConnState) { c.busy.Store(s == http.StateActive) }

// look is called by the wheel. Streams that are open although the hall is done with all of them wait for nothing but
// the client.
func (c *h2Conn) look() {
	out := c.out.Load()
	if c.still++; out != c.seen || !c.busy.Load() || c.k.active() {
		c.seen, c.still = out, 0
	}
	if c.still >= stallSteps {
		c.k.e.series.Defended(windowStall)
		c.k.shut()
		return
	}
	c.timer.Rearm(deadline.Now() + c.tick)
}

func (c *h2Conn) stop() {
	c.timer.Remove()
	c.late.Remove()
}
