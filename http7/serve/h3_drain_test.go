package serve

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// frames reads the server's control stream and passes the types of its frames on until the stream ends, with
// what a frame that is one number holds.
func (c *rawH3) frames() <-chan [2]uint64 {
	out := make(chan [2]uint64, 16)
	go func() { // ends with the connection
		defer close(out)
		str, err := c.AcceptUniStream(context.Background())
		if err != nil {
			return
		}
		r := bufio.NewReader(str)
		if kind, err := quicvarint.Read(r); err != nil || kind != 0 {
			return
		}
		for {
			kind, err := quicvarint.Read(r)
			if err != nil {
				return
			}
			n, _ := quicvarint.Read(r)
			payload := make([]byte, n)
			if _, err := io.ReadFull(r, payload); err != nil {
				return
			}
			value, _, _ := quicvarint.Parse(payload)
			out <- [2]uint64{kind, value}
		}
	}()
	return out
}

const frameGoAway = 0x07

// goneAway waits for GOAWAY and returns what it says.
func goneAway(t testing.TB, frames <-chan [2]uint64) uint64 {
	t.Helper()
	limit := time.After(ample)
	for {
		select {
		case f, ok := <-frames:
			if !ok {
				t.Fatal("the connection ended without GOAWAY")
			}
			if f[0] == frameGoAway {
				return f[1]
			}
		case <-limit:
			t.Fatal("no GOAWAY")
		}
	}
}

// gated is an origin whose answers wait for the test.
func gated(t testing.TB) (addr string, arrived chan string, answer chan struct{}) {
	arrived, answer = make(chan string, 100), make(chan struct{})
	return origin(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			h, err := readHead(r)
			if err != nil {
				return
			}
			arrived <- h
			<-answer
			if _, err := io.WriteString(c, hello); err != nil {
				return
			}
		}
	}), arrived, answer
}

func TestH3DrainSaysGoAwayAndLetsRequestsEnd(t *testing.T) {
	t.Parallel()
	addr, arrived, answer := gated(t)
	r := newRig(t, addr)
	c := newH3Front(t, r).raw()
	frames := c.frames()
	under := c.open(getHead("/"))
	_ = under.Close()
	<-arrived
	empty := r.engine.Drain()
	if next := goneAway(t, frames); next != 4 {
		t.Errorf("GOAWAY says %d, want 4: the first request is served, the next is not", next)
	}
	late := c.open(getHead("/late"))
	if _, err := late.Read(make([]byte, 1)); codeOf(err) != "0x10b" { // H3_REQUEST_REJECTED
		t.Errorf("a request behind GOAWAY ended with %v", err)
	}
	select {
	case <-empty:
		t.Fatal("the engine is empty while a request is under way")
	default:
	}
	close(answer)
	if got := c.status(under); got != "200" {
		t.Errorf("the request under way was answered %q", got)
	}
	select {
	case <-empty:
	case <-time.After(ample):
		t.Fatal("the drain does not end")
	}
	if got := c.ended(); got != "0x100" { // H3_NO_ERROR
		t.Errorf("the connection ended with %s", got)
	}
}

func TestH3DrainEndsAnIdleConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t, saying(t, hello))
	c := newH3Front(t, r).raw()
	frames := c.frames()
	str := c.open(getHead("/"))
	_ = str.Close()
	if got := c.status(str); got != "200" {
		t.Fatalf("answered %q", got)
	}
	empty := r.engine.Drain()
	if next := goneAway(t, frames); next != 4 {
		t.Errorf("GOAWAY says %d", next)
	}
	<-empty
	if got := c.ended(); got != "0x100" {
		t.Errorf("the connection ended with %s", got)
	}
}

func TestH3CutEndsEveryConnectionAtOnce(t *testing.T) {
	t.Parallel()
	addr, arrived, answer := gated(t)
	t.Cleanup(func() { close(answer) })
	r := newRig(t, addr)
	c := newH3Front(t, r).raw()
	_ = c.open(getHead("/")).Close()
	<-arrived
	empty := r.engine.Drain()
	r.engine.Cut()
	select {
	case <-empty:
	case <-time.After(ample):
		t.Fatal("connections are left")
	}
	c.ended()
}

func TestH3APortDrainsItsOwnConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t, saying(t, hello))
	leaving, staying := newH3Front(t, r), newH3Front(t, r)
	away, stays := leaving.raw(), staying.raw()
	for _, c := range []*rawH3{away, stays} {
		str := c.open(getHead("/"))
		_ = str.Close()
		if got := c.status(str); got != "200" {
			t.Fatalf("answered %q", got)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), ample)
	defer cancel()
	leaving.port.StopAccepting()
	leaving.port.Drain(ctx)
	if got := away.ended(); got != "0x100" || ctx.Err() != nil {
		t.Errorf("the connection of the port that drains ended with %s", got)
	}
	str := stays.open(getHead("/"))
	_ = str.Close()
	if got := stays.status(str); got != "200" {
		t.Errorf("the other port's connection answered %q", got)
	}
	dialCtx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if qc, err := quic.DialAddr(dialCtx, leaving.addr, leaving.client, nil); err == nil {
		_ = qc.CloseWithError(0, "")
		t.Error("a port that has stopped accepting accepts")
	}
}
