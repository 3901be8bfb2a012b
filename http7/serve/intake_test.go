package serve

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"weir/internal/sock"
)

func newIntake() *intake {
	return &intake{ask: make(chan bool, 1), told: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
}

// all reads body through in to its end.
func (in *intake) all(body io.Reader) (got string, err error) {
	b := make([]byte, 100)
	for {
		if err := in.await(body); err != nil {
			return got, err
		}
		n, err := in.read(b)
		got += string(b[:n])
		if err != nil {
			return got, err
		}
	}
}

func TestAnIntakeReadsABodyToItsEnd(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	large := strings.Repeat("x", 3*sock.LargeBlock)
	for _, c := range []struct {
		name string
		body io.Reader
		want string
		err  error
	}{
		{"nothing", strings.NewReader(""), "", io.EOF},
		{"a little", strings.NewReader("hello"), "hello", io.EOF},
		{"byte by byte", iotest.OneByteReader(strings.NewReader("hello")), "hello", io.EOF},
		{"the end with the last bytes", iotest.DataErrReader(strings.NewReader("hello")), "hello", io.EOF},
		{"a lot", strings.NewReader(large), large, io.EOF},
		{"an error", io.MultiReader(strings.NewReader("hel"), iotest.ErrReader(broken)), "hel", broken},
	} {
		in := newIntake()
		if got, err := in.all(c.body); got != c.want || err != c.err {
			t.Errorf("%s: got %d bytes, %v; want %d, %v", c.name, len(got), err, len(c.want), c.err)
		}
		in.finish()
		if in.lent || in.block != nil || in.err != nil {
			t.Errorf("%s: something is left: %+v", c.name, in)
		}
	}
}

// The bytes of a read that was waited for in vain are those of the next wait: none may be lost, none come twice.
func TestAnIntakeGoesOnBehindAnInterruption(t *testing.T) {
	t.Parallel()
	in := newIntake()
	body, w := io.Pipe()
	for range 100 {
		done := make(chan error)
		go func() { done <- in.await(body) }() // one wait; ends with the interruption
		in.interrupt(true)
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if err := in.await(body); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("still interrupted: got %v", err)
		}
		in.interrupt(false)
	}
	go func() { // the body; ends with it
		_, _ = io.WriteString(w, "hel")
		_, _ = io.WriteString(w, "lo")
		_ = w.Close()
	}()
	if got, err := in.all(body); got != "hello" || err != io.EOF {
		t.Errorf("got %q, %v", got, err)
	}
	in.finish()
}

func TestAnIntakeEndsWithItsBodysClose(t *testing.T) {
	t.Parallel()
	in := newIntake()
	body, _ := io.Pipe()
	done := make(chan error)
	go func() { done <- in.await(body) }() // one wait; ends with the interruption
	in.interrupt(true)
	<-done
	_ = body.Close()
	in.finish() // returns when the goroutine has ended
	if in.lent || in.asked || in.block != nil {
		t.Errorf("something is left: %+v", in)
	}
	in.interrupt(false)
	if got, err := in.all(strings.NewReader("next")); got != "next" || err != io.EOF {
		t.Errorf("the next stream got %q, %v", got, err)
	}
	in.finish()
}

// A wait for a body holds a small block: a stream that is silent may be one of many.
func TestAWaitingIntakeHoldsASmallBlock(t *testing.T) {
	t.Parallel()
	in := newIntake()
	if got, err := in.all(strings.NewReader(strings.Repeat("x", 10*sock.SmallBlock))); len(got) != 10*sock.SmallBlock || err != io.EOF {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if in.large {
		t.Error("the last read filled no block")
	}
	in.finish()
}
