package serve

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/forward"
	"weir/http7/wire"
	"weir/internal/deadline"
	"weir/internal/sock"
)

// tunnel is a client's connection that has changed to another protocol, together with its endpoint's: bytes pass
// both ways, unread by Weir. It holds no block while it waits.
//
// The connection's goroutine carries what the endpoint sends; a lent one, "tunnel", what the client sends. Each
// owns the reading side of one connection and the writing side of the other.
type tunnel struct {
	c       *conn
	up      *forward.Conn
	in, out way // from the client, to the client
	fault   atomic.Pointer[http7.Fault]
	over    atomic.Bool   // ended in order, though the client has not ended its side
	joined  chan struct{} // closed when the lent goroutine has ended

	// The wheel's.
	idle   int64 // how long nothing may pass; 0: for ever
	tick   int64 // how often it looks
	seen   int64 // bytes both ways when it last looked
	since  int64 // since when they are unchanged
	unsent int   // bytes in the client's socket while it is written to
	still  int   // how often they were unchanged
}

// way is one direction of a tunnel.
type way struct {
	from    *sock.Reader
	to      *sock.Conn
	lost    *http7.Fault // what it means that from fails
	bytes   atomic.Int64
	writing atomic.Bool
	ended   atomic.Bool // from has said that nothing more will come
}

// tunnel writes the answer that ends the exchange's HTTP and passes bytes both ways until the tunnel is over.
func (c *conn) tunnel(x *exchange) {
	x.unbound()
	x.close, x.clean = true, true
	if f := c.sendSwitch(x); f != nil {
		x.tearTunnel(f)
		return
	}
	c.e.series.TunnelOpened()
	defer c.e.series.TunnelClosed()
	x.shed(&c.in)
	x.up.Tunnel()
	t := &tunnel{
		c: c, up: x.up, idle: int64(x.plan.Transport.TunnelIdle), since: deadline.Now(), joined: make(chan struct{}),
		in: way{from: &c.in, to: &x.up.S, lost: http7.ClientLeft}, out: way{from: &x.up.In, to: &c.s, lost: http7.UpstreamCut},
	}
	t.run()
	x.bytesIn, x.bytesOut = x.bytesIn+t.in.bytes.Load(), x.bytesOut+t.out.bytes.Load()
	if f := t.fault.Load(); f != nil {
		x.tearTunnel(f)
	}
}

// tearTunnel ends a tunnel by f: neither side may take what it got for whole, so both are reset.
func (x *exchange) tearTunnel(f *http7.Fault) {
	x.cutBy(f)
	x.frame = wire.UntilClose // to whoever ends the client's side: by a reset
	x.up.S.Abort()
}

// run passes bytes both ways and returns when both directions are over. The connections are open still.
func (t *tunnel) run() {
	t.tick = t.interval(t.c.site.Limits.WriteStall)
	t.c.unwatch()
	t.c.tunnelled = t
	t.c.enter(tunnelling, after(t.since, time.Duration(t.tick)))
	if st := t.c.st; st != nil { // behind the end of its side nothing else shows that its client has gone
		st.watch()
	}
	go func() { // the goroutine "tunnel": ends with the client's side, and is joined below
		t.carry(&t.in)
		close(t.joined)
	}()
	t.carry(&t.out)
	<-t.joined
	t.c.enter(waiting, 0)
	t.c.tunnelled = nil
}

// carry passes one direction on to its end, which it tells the other side. A source that fails ends the tunnel; of a
// sink that fails there may be bytes left to be passed back.
func (t *tunnel) carry(w *way) {
	sink, f := t.pass(w)
	w.ended.Store(f == nil)
	switch {
	case sink && w == &t.in && t.out.ended.Load(): // an endpoint that has said all may not listen any more
	case f != nil && !sink:
		t.stop(f)
	case f != nil:
		t.fault.CompareAndSwap(nil, f)
	case t.fault.Load() != nil:
	case w == &t.out && t.c.st != nil:
		t.finish()
	default:
		_ = w.to.CloseWrite() // whom it no longer reaches has failed, and shows it by its own direction
	}
}

// finish ends the tunnel of a stream when the endpoint has ended its side: the libraries end a stream's answer when
// all of it is over, and its client waits for that end.
func (t *tunnel) finish() {
	t.over.Store(true)
	t.interrupt()
}

func (t *tunnel) interrupt() {
	t.c.s.Interrupt(forward.Stopped)
	t.up.S.Interrupt(forward.Stopped)
}

// pass moves bytes until the source ends; a fault says that a side has failed, the sink or the source.
func (t *tunnel) pass(w *way) (sink bool, f *http7.Fault) {
	for {
		if b := w.from.Window(); len(b) > 0 {
			if f := t.write(w, b); f != nil {
				return f != http7.Stopping, f
			}
			w.from.Consume(len(b))
		}
		w.from.Release() // so that the wait costs no block
		if err := w.from.FillBody(); err != nil && w.from.Buffered() == 0 {
			switch {
			case errors.Is(err, io.EOF):
				return false, nil
			case w.from.Conn.Interrupted() != sock.NotInterrupted:
				return false, http7.Stopping
			}
			return false, w.lost
		}
	}
}

// write passes b on.
func (t *tunnel) write(w *way, b []byte) *http7.Fault {
	w.writing.Store(true)
	_, err := w.to.Write(b)
	if st := t.c.st; err == nil && st != nil && w == &t.out {
		err = st.flush()
	}
	w.writing.Store(false)
	switch {
	case err == nil:
		w.bytes.Add(int64(len(b)))
		return nil
	case w.to.Interrupted() != sock.NotInterrupted:
		return http7.Stopping
	case w == &t.in:
		return t.out.lost
	}
	return t.in.lost
}

// stop ends the tunnel for f, the first that is given.
func (t *tunnel) stop(f *http7.Fault) {
	if !t.over.Load() && t.fault.CompareAndSwap(nil, f) {
		t.interrupt()
	}
}

// interval returns how often the wheel looks: four times in the shortest time that may pass without a byte.
func (t *tunnel) interval(stall time.Duration) int64 {
	d := int64(stall)
	if t.idle != 0 && (d == 0 || t.idle < d) {
		d = t.idle
	}
	return d / stallSteps
}

// due is called by the wheel. It ends a tunnel that is idle, or whose client takes nothing, and returns when to look
// again; 0 if the tunnel is over.
func (t *tunnel) due(now int64) int64 {
	if bytes := t.in.bytes.Load() + t.out.bytes.Load(); bytes != t.seen {
		t.seen, t.since = bytes, now
	}
	switch {
	case t.idle != 0 && now-t.since >= t.idle:
		t.stop(http7.TunnelIdle)
		return 0
	case t.stalled(now):
		t.stop(http7.ClientStalled)
		return 0
	}
	return now + t.tick
}

// stalled reports whether the client has taken no byte of what is being written to it for the write stall.
func (t *tunnel) stalled(now int64) bool {
	limit := int64(t.c.site.Limits.WriteStall)
	if limit == 0 || !t.out.writing.Load() {
		t.still = 0
		return false
	}
	n := t.c.s.Unsent()
	if t.still++; n != t.unsent || n == 0 {
		t.unsent, t.still = n, 0
	}
	return int64(t.still)*t.tick >= limit && now-t.since >= limit
}
