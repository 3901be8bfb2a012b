package sock

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"weir/internal/deadline"
)

// anyPair returns a Conn over one end of a pipe in memory, and the other end.
func anyPair(t *testing.T) (*Conn, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	c := &Conn{}
	c.InitAny(near)
	deadline.New().Bind(&c.Timer, func() {})
	_ = far.SetDeadline(time.Now().Add(time.Minute))
	t.Cleanup(func() { c.Close(); _ = far.Close() })
	return c, far
}

func TestAConnectionWithoutADescriptorReadsAndWrites(t *testing.T) {
	t.Parallel()
	c, far := anyPair(t)
	r := &Reader{}
	r.Init(c)
	go func() { // the other end; ends with its writes
		_, _ = io.WriteString(far, "head")
		b := make([]byte, 4)
		_, _ = io.ReadFull(far, b)
		_, _ = far.Write(b)
		_ = far.Close()
	}()
	if err := r.FillHead(100); err != nil || string(r.Head()) != "head" {
		t.Fatalf("got %q, %v", r.Head(), err)
	}
	r.Consume(4)
	if n, err := c.Write([]byte("body")); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	if err := r.FillBody(); err != nil || string(r.Window()) != "body" {
		t.Fatalf("got %q, %v", r.Window(), err)
	}
	r.Consume(4)
	if err := r.FillBody(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	r.Release()
}

func TestAskOnAConnectionWithoutADescriptor(t *testing.T) {
	t.Parallel()
	c, far := anyPair(t)
	r := &Reader{}
	r.Init(c)
	go func() { // the other end; ends with its answer
		b := make([]byte, 3)
		_, _ = io.ReadFull(far, b)
		_, _ = io.WriteString(far, "answer to "+string(b))
	}()
	stale, sent, err := r.Ask([]byte("ask"), 100, true)
	if stale || !sent || err != nil || !r.Wrote() || string(r.Head()) != "answer to ask" {
		t.Errorf("stale %v, sent %v, %v: %q", stale, sent, err, r.Head())
	}
}

func TestAConnectionWithoutADescriptorIsInterruptedAndResumed(t *testing.T) {
	t.Parallel()
	c, far := anyPair(t)
	r := &Reader{}
	r.Init(c)
	for range 3 {
		done := make(chan error)
		go func() { done <- r.FillBody() }()
		c.Interrupt(Custom)
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) || c.Interrupted() != Custom {
			t.Fatalf("got %v, why %v", err, c.Interrupted())
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a write while interrupted: %v", err)
		}
		if why := c.Resume(); why != Custom {
			t.Errorf("resumed from %v", why)
		}
	}
	go func() { _, _ = io.WriteString(far, "on") }()
	if err := r.FillBody(); err != nil || string(r.Window()) != "on" {
		t.Errorf("got %q, %v", r.Window(), err)
	}
}

func TestNobodyKnowsMuchOfAConnectionWithoutADescriptor(t *testing.T) {
	t.Parallel()
	c, far := anyPair(t)
	go func() { _, _ = io.WriteString(far, "x") }() // ends with the pipe
	w, err := NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if c.Readable() || c.Unsent() != -1 || c.TLS() != nil || w.Arm(c, func() {}) != 0 {
		t.Errorf("readable %v, unsent %d", c.Readable(), c.Unsent())
	}
	w.Disarm(c, 0)
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
}

// telling is a connection that can wait without room, and says how its writes go on.
type telling struct {
	net.Conn
	awaited, unsent int
	err             error
}

func (c *telling) AwaitRead() error { c.awaited++; return c.err }
func (c *telling) Unsent() int      { return c.unsent }

func TestNoBlockIsHeldWhileAConnectionWaits(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	nc := &telling{Conn: near, unsent: 7, err: os.ErrDeadlineExceeded}
	c := &Conn{}
	c.InitAny(nc)
	r := &Reader{}
	r.Init(c)
	if err := r.FillBody(); !errors.Is(err, os.ErrDeadlineExceeded) || r.body != nil || nc.awaited != 1 {
		t.Errorf("got %v, block %v, awaited %d", err, r.body, nc.awaited)
	}
	if c.Unsent() != 7 {
		t.Errorf("unsent %d", c.Unsent())
	}
	nc.err = nil
	go func() { _, _ = io.WriteString(far, "x") }() // ends with the read
	if err := r.FillBody(); err != nil || r.body == nil || string(r.Window()) != "x" {
		t.Errorf("got %q, %v", r.Window(), err)
	}
}

func TestAConnIsBoundAnewOnceItIsClosed(t *testing.T) {
	t.Parallel()
	c := &Conn{}
	for range 3 {
		near, far := net.Pipe()
		c.InitAny(near)
		if c.Interrupted() != NotInterrupted {
			t.Error("interrupted from before")
		}
		c.Interrupt(Custom)
		_ = far.Close()
		_ = near.Close()
	}
}
