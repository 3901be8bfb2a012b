package h2

import (
	"bufio"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"weir/internal/deadline"
)

// Options say how a connection is used.
type Options struct {
	// Streams is how many streams there may be at once, unless the endpoint allows fewer.
	Streams int
	// HeaderBytes bounds an answer's header section, as RFC 9113 §6.5.2 counts it.
	HeaderBytes uint32
	// KeepAlive is how long a connection without streams is kept; 0: for ever. MaxAge is the age at
	// which it takes no more; 0: off.
	KeepAlive, MaxAge time.Duration
	// Ended is called once, on the connection's own goroutine, when it is over.
	Ended func()
}

const (
	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

	firstWindow = 65535   // of each stream, before it grows (RFC 9113 §6.9.2)
	mostWindow  = 1 << 20 // of a stream whose reader keeps up
	mostGrown   = 8 << 20 // of all streams together, beyond their first windows: a reader that has kept up may stop
	connWindow  = 16 << 20
	maxWindow   = 1<<31 - 1
	firstFrame  = 16 << 10 // the frames that every endpoint takes
	lastStream  = 1 << 30  // beyond it a connection is retired
	mostHeader  = 1 << 20  // a header section, or a field of one, beyond which the connection is not read on

	// mostOut is how many bytes may wait for the socket before a body has to; mostControl how many
	// more an endpoint may cause by asking for answers.
	mostOut     = 64 << 10
	mostControl = 512 << 10

	tick       = 500 * time.Millisecond
	quietTime  = 15 * time.Second // without a frame, while there are streams, before a ping
	pingTime   = 5 * time.Second  // to the answer of a ping
	stuckTime  = 30 * time.Second // of one write
	guessLimit = 100              // of the endpoint's streams, until its settings are there
)

// Conn is one connection. All methods are safe for concurrent use.
type Conn struct {
	nc     net.Conn
	raw    syscall.RawConn // nc's; nil over TLS
	below  io.Closer       // closes the socket without a word
	o      Options
	framer *http2.Framer
	timer  deadline.Timer
	born   int64
	once   func(fd uintptr) bool // tryOnce
	tried  []byte                // what it has left; of whoever is busy

	mu       sync.Mutex
	work     sync.Cond // the writer has something to do
	out      []byte    // what is written next
	spare    []byte    // what out becomes
	busy     bool      // a write is under way
	wrote    int64     // when it began, if it is the writer's; 0: none
	streams  map[uint32]*Stream
	held     int // streams reserved or open
	opened   int // streams ever
	next     uint32
	window   int64     // what may be sent
	blocked  []*Stream // wait for room to write
	met      sync.Cond // the endpoint's settings are there, or never will be
	recv     int64     // what may be received
	credit   int64     // what was received and is not given back yet
	grown    int64     // the streams' windows beyond firstWindow
	peer     peer
	retiring bool
	goodbye  bool // the endpoint has said GOAWAY
	closing  bool // the writer closes when everything is written
	err      error
	idle     int64 // since when there are no streams
	heard    int64 // when the last frame came
	pinged   int64 // when the ping was sent that is not answered; 0: none
	hushed   bool  // no further ping before the endpoint sends HEADERS or DATA
	resets   int   // streams that were reset before the ping, and may still be at work
}

// peer is what the endpoint's settings say.
type peer struct {
	known   bool
	streams int
	window  int64
	frame   int
	connect bool // it takes extended CONNECT (RFC 8441)
}

// New returns a connection over nc, whose socket below closes without a word. wheel keeps its clock. It
// does nothing until Run.
func New(nc net.Conn, below io.Closer, wheel *deadline.Wheel, o Options) *Conn {
	now := deadline.Now()
	c := &Conn{
		nc: nc, below: below, o: o, born: now, idle: now, heard: now,
		streams: map[uint32]*Stream{}, next: 1,
		window: firstWindow, recv: connWindow,
		peer: peer{streams: guessLimit, window: firstWindow, frame: firstFrame},
	}
	c.work.L, c.met.L = &c.mu, &c.mu
	c.framer = http2.NewFramer(nil, bufio.NewReaderSize(nc, 16<<10))
	c.framer.SetReuseFrames()
	c.framer.SetMaxReadFrameSize(firstFrame)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.MaxHeaderListSize = max(mostHeader, o.HeaderBytes) // what is over HeaderBytes ends its stream alone
	c.out = append(c.out, preface...)
	c.out = appendSettings(c.out,
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: o.HeaderBytes})
	c.out = appendWindowUpdate(c.out, 0, connWindow-firstWindow)
	if sc, ok := nc.(syscall.Conn); ok {
		c.raw, _ = sc.SyscallConn() // without it the writer alone writes
		c.once = c.tryOnce
	}
	wheel.Bind(&c.timer, c.look)
	return c
}

// Run reads and writes frames until the connection is over.
func (c *Conn) Run() {
	written := make(chan struct{})
	go func() { // the goroutine "h2 writer": ends with the connection
		defer close(written)
		c.write()
	}()
	c.timer.Set(deadline.Now() + int64(tick))
	c.read()
	_ = c.nc.SetWriteDeadline(time.Now().Add(time.Second)) // for a last word; fails only on a closed connection
	<-written
	c.timer.Remove()
	_ = c.below.Close() // nothing is left to be told
	c.o.Ended()
}

// Reserve takes the right to one stream. It reports false if the connection takes no more.
func (c *Conn) Reserve() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.usable() || c.held+c.resets >= min(c.o.Streams, c.peer.streams) {
		return false
	}
	c.held++
	return true
}

// Await blocks until the endpoint's settings are there, with which it begins, and so what it allows: else the
// first requests would have to guess, and some be refused. It returns why that can't be any more. Close ends
// the wait.
func (c *Conn) Await() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.peer.known && c.err == nil {
		c.met.Wait()
	}
	if c.peer.known {
		return nil
	}
	return c.err
}

// Close ends the connection at once, for that reason.
func (c *Conn) Close(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kill(why)
}

func (c *Conn) usable() bool { return c.err == nil && !c.retiring && !c.closing }

// Held returns how many streams are reserved or open.
func (c *Conn) Held() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// Retire makes the connection take no further streams; it closes when the last one ends.
func (c *Conn) Retire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retire()
}

func (c *Conn) retire() {
	c.retiring = true
	if c.held == 0 {
		c.close(http2.ErrCodeNo)
	}
}

// close lets the writer say goodbye and close the connection.
func (c *Conn) close(code http2.ErrCode) {
	if c.closing {
		return
	}
	c.closing = true
	c.out = appendGoAway(c.out, code)
	c.work.Signal()
}

// leave gives back the right to a stream.
func (c *Conn) leave() {
	if c.held--; c.held > 0 {
		return
	}
	c.idle = deadline.Now()
	if c.retiring {
		c.close(http2.ErrCodeNo)
	}
}

// fail ends the connection and all its streams; kind is what that means for them.
func (c *Conn) fail(kind Kind, err error) {
	if c.err != nil {
		return
	}
	c.err = err
	for _, s := range c.streams {
		s.fail(kind, err)
	}
	c.unblock()
	c.met.Broadcast()
	c.work.Signal()
}

// breach ends the connection for what the endpoint did against the protocol. Of several streams nobody can tell
// whose answer that was to be.
func (c *Conn) breach(code http2.ErrCode, err error) error {
	c.close(code)
	kind := Malformed
	if len(c.streams) > 1 {
		kind = Lost
	}
	c.fail(kind, err)
	return err
}

// look is called by the wheel twice a second.
func (c *Conn) look() {
	now := deadline.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	silent := now - c.heard
	switch {
	case c.wrote != 0 && now-c.wrote > int64(stuckTime):
		c.kill(errStuck)
	case c.pinged != 0 && c.heard < c.pinged && now-c.pinged > int64(pingTime):
		c.kill(errSilent)
	case c.held == 0 && c.o.KeepAlive > 0 && now-c.idle >= int64(c.o.KeepAlive):
		c.retire()
	case c.o.MaxAge > 0 && !c.retiring && now-c.born >= int64(c.o.MaxAge):
		c.retire()
	case c.held > 0 && silent > int64(quietTime):
		c.ping()
	}
	c.timer.Rearm(now + int64(tick))
}

// kill ends the connection without a word.
func (c *Conn) kill(err error) {
	c.fail(Lost, err)
	_ = c.below.Close() // wakes reader and writer
}

// ping asks for a sign of life. There is never more than one ping between two HEADERS or DATA of the
// endpoint: grpc-go counts them and hangs up.
func (c *Conn) ping() {
	if c.hushed || c.pinged != 0 || c.err != nil {
		return
	}
	c.hushed, c.pinged = true, deadline.Now()
	c.out = appendPing(c.out, false, [8]byte{'w', 'e', 'i', 'r'})
	c.work.Signal()
}

// unblock wakes the streams that wait for room.
func (c *Conn) unblock() {
	for i, s := range c.blocked {
		s.waiting = false
		s.writes.Signal()
		c.blocked[i] = nil
	}
	c.blocked = c.blocked[:0]
}
