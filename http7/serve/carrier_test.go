package serve

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

// writer is what a library hands over to answer with.
type writer struct {
	h        http.Header
	status   int
	body     strings.Builder
	flushes  int
	block    chan struct{}  // a write blocks until it is closed; nil: it does not
	begun    chan struct{}  // closed when one has begun
	deadline chan time.Time // gets what SetWriteDeadline is told
}

func newWriter() *writer { return &writer{h: http.Header{}, deadline: make(chan time.Time, 1)} }

func (w *writer) Header() http.Header    { return w.h }
func (w *writer) WriteHeader(status int) { w.status = status }
func (w *writer) Flush()                 { w.flushes++ }

func (w *writer) Write(b []byte) (int, error) {
	if w.block != nil {
		close(w.begun)
		<-w.block
		return 0, errors.New("reset")
	}
	return w.body.Write(b)
}

func (w *writer) SetWriteDeadline(t time.Time) error {
	w.deadline <- t
	close(w.block)
	return nil
}

// streamRequest is a request as a library hands it over.
func streamRequest(ctx context.Context) *http.Request {
	r, _ := http.NewRequestWithContext(ctx, "GET", "/a?b", nil)
	r.Proto, r.ProtoMajor, r.RequestURI, r.Host, r.Body = "HTTP/2.0", 2, "/a?b", "a.test", http.NoBody
	return r
}

func newCarrier(r *rig) *carrier {
	return r.engine.addCarrier(http7.HTTP2, &http7.Conn{Listener: "web"}, nil, func() {})
}

func TestACarrierTakesAStreamThroughTheHall(t *testing.T) {
	t.Parallel()
	r := newRig(t, answering(t, "HTTP/1.1 299 Odd\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello").addr)
	k, w := newCarrier(r), newWriter()
	k.ServeHTTP(w, streamRequest(t.Context()))
	if w.status != 299 || w.body.String() != "hello" || w.h.Get("X-A") != "b" || w.h.Get("Content-Length") != "5" || w.h.Get("Date") == "" {
		t.Errorf("got %d %q %v", w.status, w.body.String(), w.h)
	}
	if v, ok := w.h["Content-Type"]; !ok || v != nil {
		t.Errorf("the library may guess a type: %v", w.h)
	}
	if k.active() {
		t.Error("the stream is there still")
	}
	r.engine.removeCarrier(k)
}

func TestAnAnswerThatIsCutPanicsForTheLibrary(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, once, answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello<close>").addr)
	k := newCarrier(r)
	defer func() {
		if v := recover(); v != http.ErrAbortHandler || k.active() {
			t.Errorf("recovered %v", v)
		}
	}()
	k.ServeHTTP(newWriter(), streamRequest(t.Context()))
	t.Error("it has returned")
}

func TestASeveredCarrierEndsStreamsThatBeginLater(t *testing.T) {
	t.Parallel()
	r := newRig(t, mute(t, ""))
	k := newCarrier(r)
	k.sever()
	takes(t, 0, func() {
		defer func() { _ = recover() }()
		k.ServeHTTP(newWriter(), streamRequest(t.Context()))
	})
	r.engine.Cut()
	shut := make(chan struct{})
	r.engine.addCarrier(http7.HTTP2, &http7.Conn{}, nil, func() { close(shut) })
	<-shut // one that comes behind a cut is cut too
}

// newStream opens a stream of a carrier, which the test closes.
func newStream(t *testing.T, k *carrier, w http.ResponseWriter, r *http.Request) *conn {
	t.Helper()
	c := k.open(w, r)
	t.Cleanup(func() { k.close(c) })
	return c
}

func TestAnInterruptedWriteEndsItsStream(t *testing.T) {
	t.Parallel()
	w := newWriter()
	w.block, w.begun = make(chan struct{}), make(chan struct{})
	c := newStream(t, newCarrier(newRig(t, "127.0.0.1:1")), w, streamRequest(t.Context()))
	failed := make(chan error)
	go func() { // one write; ends with the interruption
		_, err := c.s.Write([]byte("hello"))
		failed <- err
	}()
	<-w.begun
	if c.s.Unsent() == 0 {
		t.Error("nothing is being written")
	}
	c.s.InterruptRead(cutting)
	select {
	case <-w.deadline:
		t.Error("a read that is interrupted ends a write")
	default:
	}
	c.s.Interrupt(cutting)
	if at := <-w.deadline; !at.Before(time.Now()) {
		t.Errorf("the library is told %v", at)
	}
	if err := <-failed; err == nil || c.s.Unsent() != 0 {
		t.Errorf("got %v, unsent %d", err, c.s.Unsent())
	}
}

func TestAnInterruptionBetweenWritesLeavesTheStreamAlone(t *testing.T) {
	t.Parallel()
	w := newWriter()
	c := newStream(t, newCarrier(newRig(t, "127.0.0.1:1")), w, streamRequest(t.Context()))
	c.s.Interrupt(cutting)
	if _, err := c.s.Write([]byte("a")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := c.st.flush(); err != nil {
		t.Errorf("nothing is to be flushed: %v", err)
	}
	c.s.Resume()
	if _, err := c.s.Write([]byte("b")); err != nil || w.body.String() != "b" {
		t.Errorf("got %q, %v", w.body.String(), err)
	}
	if err := c.st.flush(); err != nil || w.flushes != 1 {
		t.Errorf("%d flushes, %v", w.flushes, err)
	}
	if c.s.Readable() {
		t.Error("a stream tells what is at hand")
	}
}

func TestAWatchedStreamTellsWhenItsClientLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t, "127.0.0.1:1")
	k := newCarrier(r)
	ctx, leave := context.WithCancel(t.Context())
	c := newStream(t, k, newWriter(), streamRequest(ctx))
	c.x = r.engine.take(c)
	defer func() {
		c.unwatch()
		r.engine.release(c.x)
		c.x = nil
	}()
	c.st.watch()
	c.unwatch()
	c.st.watch()
	wakes := c.x.Wakes()
	leave()
	<-wakes
	if !c.left.Load() || !c.st.gone() {
		t.Error("it has not left")
	}
}

func TestAStreamThatEndedIsNotToldThatItsClientLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t, "127.0.0.1:1")
	k := newCarrier(r)
	for range 1_000 {
		ctx, leave := context.WithCancel(t.Context())
		c := k.open(newWriter(), streamRequest(ctx))
		x := r.engine.take(c)
		c.x = x
		c.st.watch()
		go leave()  // beside the end
		c.unwatch() // as done does it, while there is an exchange
		c.x = nil
		r.engine.release(x)
		k.close(c)
		if c.left.Load() {
			c.left.Store(false) // before the end: it was told in time
		}
		next := k.open(newWriter(), streamRequest(t.Context()))
		if next.left.Load() {
			t.Fatal("the next one was told")
		}
		k.close(next)
	}
}

func TestOwnAllocationsOfAStream(t *testing.T) {
	r := newRigWith(t, func(r *rig) { r.plan.Local = respondWith(204) }, "127.0.0.1:1")
	k, w, req := newCarrier(r), newWriter(), streamRequest(t.Context())
	n := testing.AllocsPerRun(200, func() {
		clear(w.h)
		k.ServeHTTP(w, req)
	})
	if n > 3 && !raceDetector { // what goes into the answer's map; under the race detector pools forget
		t.Errorf("a stream allocates %v times", n)
	}
	if w.status != 204 {
		t.Errorf("status %d", w.status)
	}
}

// respondWith is an action that answers with that status.
type respondWith int

func (s respondWith) Act(x *http7.Exchange) *http7.Fault {
	x.LocalAnswer(int(s))
	return nil
}
