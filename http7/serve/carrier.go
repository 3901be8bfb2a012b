package serve

import (
	"net/http"
	"sync"
	"sync/atomic"

	"weir/http7"
)

// carrier is a client connection that carries streams. A library of HTTP/2 or HTTP/3 owns the connection; the
// carrier knows what is true of all its streams, and which of them are under way.
type carrier struct {
	e     *Engine
	proto http7.Proto
	leave func() // asks the client to leave: GOAWAY; any goroutine may call it, more than once; nil: others see to it
	shut  func() // closes the connection; likewise
	// hidden returns how many bytes have come of a piece of a body that is not whole; nil: there are no such pieces.
	hidden func() int64
	// release lets go what the connection holds back; nil: it holds back nothing.
	release func()
	// refused431 says that the hall itself has refused a head as too large.
	refused431 atomic.Bool

	mu      sync.Mutex
	info    *http7.Conn        // of streams that begin; guarded by mu
	tail    []byte             // likewise
	streams map[*conn]struct{} // guarded by mu
	cut     bool               // guarded by mu
	over    bool               // the connection has ended before its streams; guarded by mu
}

// addCarrier registers a connection that carries streams of proto, for Drain and Cut. The caller must call
// removeCarrier when it has ended, and no stream can begin.
func (e *Engine) addCarrier(proto http7.Proto, info *http7.Conn, leave, shut func()) *carrier {
	k := &carrier{e: e, proto: proto, info: info, tail: appendTail(nil, info), leave: leave, shut: shut, streams: map[*conn]struct{}{}}
	e.mu.Lock()
	e.carriers[k] = struct{}{}
	torn := e.isTorn()
	e.mu.Unlock()
	if torn {
		k.sever()
	}
	return k
}

// removeCarrier ends a connection's registration, at the end of the last of its streams: a drain waits for what they
// have to log and to give back, too.
func (e *Engine) removeCarrier(k *carrier) {
	k.mu.Lock()
	k.over = true
	last := len(k.streams) == 0
	k.mu.Unlock()
	if last {
		e.forget(k)
	}
}

// forget ends a connection's registration.
func (e *Engine) forget(k *carrier) {
	e.mu.Lock()
	delete(e.carriers, k)
	e.emptied()
	e.mu.Unlock()
}

func (e *Engine) isTorn() bool {
	select {
	case <-e.torn:
		return true
	default:
		return false
	}
}

// moved makes info what is known of the connection by the streams that begin from now on.
func (k *carrier) moved(info *http7.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.info, k.tail = info, appendTail(nil, info)
}

// drain asks the client to leave once its streams have ended.
func (k *carrier) drain() {
	if k.leave != nil {
		k.leave()
	}
}

// active reports whether any stream is under way in the hall.
func (k *carrier) active() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.streams) > 0
}

// sever ends the connection and all that is under way on it.
func (k *carrier) sever() {
	k.mu.Lock()
	k.cut = true
	for c := range k.streams {
		c.sever()
	}
	k.mu.Unlock()
	k.shut()
}

// ServeHTTP takes one stream through the hall. It panics with http.ErrAbortHandler for an answer that must not be
// taken for whole: the libraries reset the stream then.
func (k *carrier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	growStack(0)
	c := k.open(w, r)
	x := k.e.take(c)
	x.Fault = c.readStream(x)
	c.carry(x)
	torn := c.torn
	k.close(c)
	if torn {
		panic(http.ErrAbortHandler)
	}
}

// growStack makes room for the hall at once: the libraries begin each stream on a stack of 2 KiB, and growing it step
// by step, with the hall's frames on it, is a twentieth of what a small request costs.
//
//go:noinline
func growStack(i int) byte {
	var room [6 << 10]byte
	room[i] = 1
	return room[i>>1]
}

var streams = sync.Pool{New: func() any {
	c := &conn{}
	c.st = &stream{c: c}
	c.unstayFn, c.blockFn = c.unstayed, c.block
	in := &c.st.in
	in.ask, in.told, in.wake = make(chan bool, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	c.in.Init(&c.s)
	return c
}}

// open returns a conn for a stream that begins.
func (k *carrier) open(w http.ResponseWriter, r *http.Request) *conn {
	c := streams.Get().(*conn)
	if c.e == nil || c.e.Wheel != k.e.Wheel {
		if c.e != nil {
			c.s.Timer.Remove()
		}
		k.e.Wheel.Bind(&c.s.Timer, c.due)
	}
	if c.e != k.e {
		c.e, c.site = k.e, k.e.site(nil)
	}
	s := c.st
	s.k, s.w, s.r = k, w, r
	s.open, s.past, s.owes, s.dirty = true, false, false, false
	c.s.InitAny(s)
	c.cut.Store(false)
	c.left.Store(false)
	c.torn = false
	k.mu.Lock()
	c.info, c.tail = k.info, k.tail
	k.streams[c] = struct{}{}
	if k.cut {
		c.sever()
	}
	k.mu.Unlock()
	return c
}

// close ends a stream.
func (k *carrier) close(c *conn) {
	k.mu.Lock()
	delete(k.streams, c)
	last := k.over && len(k.streams) == 0
	k.mu.Unlock()
	if last {
		defer k.e.forget(k)
	}
	s := c.st
	c.s.Timer.Set(0)
	c.unwatch()
	if s.in.lent {
		_ = s.r.Body.Close() // wakes the intake
		s.in.finish()
	}
	s.mu.Lock()
	s.open = false
	s.mu.Unlock()
	s.in.interrupt(false)
	c.in.Consume(c.in.Buffered())
	c.in.Release()
	c.pump.fault = nil
	s.k, s.w, s.r = nil, nil, nil
	c.x = nil
	streams.Put(c)
}
