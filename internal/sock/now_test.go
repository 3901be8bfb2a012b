package sock

import (
	"io"
	"testing"
)

func TestInATurnWhatTheSocketTakesIsWrittenAtOnce(t *testing.T) {
	c, far := pair(t)
	r := reader(c)
	if n := c.WriteNow([]byte("early")); n != 0 {
		t.Errorf("before any turn %d bytes are written", n)
	}
	big, took := make([]byte, 64<<20), make(chan int, 1)
	done := make(chan error, 1)
	go func() { // ends with the third turn
		turns := 0
		done <- r.Loop(roomy, func() bool {
			r.Consume(r.Buffered())
			r.Release()
			switch turns++; turns {
			case 1:
				took <- c.WriteNow([]byte("hello")) + c.WriteNow(nil)
			case 2:
				c.Interrupt(Custom)
				took <- c.WriteNow([]byte("hello"))
				c.Resume()
			case 3:
				took <- c.WriteNow(big) // more than any socket holds
			}
			return turns < 3
		})
	}()
	ask := func() int {
		if _, err := far.Write([]byte("?")); err != nil {
			t.Fatal(err)
		}
		return <-took
	}
	b := make([]byte, 5)
	if n := ask(); n != 5 {
		t.Errorf("%d bytes are written, want 5", n)
	}
	if _, err := io.ReadFull(far, b); err != nil || string(b) != "hello" {
		t.Errorf("got %q, %v", b, err)
	}
	if n := ask(); n != 0 {
		t.Errorf("interrupted it writes %d bytes", n)
	}
	if n := ask(); n == 0 || n == len(big) {
		t.Errorf("%d bytes of %d are written", n, len(big))
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := c.WriteNow([]byte("late")); n != 0 {
		t.Errorf("behind the last turn %d bytes are written", n)
	}
}

func TestWhoHasNoSocketOfHisOwnWritesNothingNow(t *testing.T) {
	near, _ := pair(t)
	var c Conn
	c.InitAny(near.Net())
	if n := c.WriteNow([]byte("a")); n != 0 {
		t.Errorf("%d bytes are written", n)
	}
}
