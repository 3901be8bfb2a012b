package sock

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

const roomy = 64 << 10

// serving answers each request line that arrives at far with its echo in brackets.
func serving(t *testing.T, far *net.TCPConn, answer func(request string) string) {
	t.Helper()
	go func() { // ends with the connection
		b := make([]byte, 4096)
		for {
			n, err := far.Read(b)
			if err != nil {
				return
			}
			if _, err := io.WriteString(far, answer(string(b[:n]))); err != nil {
				return
			}
		}
	}()
}

func TestAskSendsAndReadsWhatComesBack(t *testing.T) {
	c, far := pair(t)
	serving(t, far, func(r string) string { return "[" + r + "]" })
	r := reader(c)
	for _, q := range []string{"one", "two", "three"} {
		stale, sent, err := r.Ask([]byte(q), roomy, true)
		if stale || !sent || err != nil {
			t.Fatalf("%s: stale %v, sent %v, %v", q, stale, sent, err)
		}
		for r.Buffered() < len(q)+2 {
			if err := r.FillHead(roomy); err != nil {
				t.Fatal(err)
			}
		}
		if got := string(r.Window()); got != "["+q+"]" {
			t.Fatalf("got %q", got)
		}
		r.Consume(r.Buffered())
		r.Release()
	}
}

func TestAskSendsNothingWhereSomethingIsAtHand(t *testing.T) {
	for _, test := range []struct {
		what string
		far  func(far *net.TCPConn) error
	}{
		{"bytes that nobody asked for", func(far *net.TCPConn) error { _, err := far.Write([]byte("late")); return err }},
		{"an end", func(far *net.TCPConn) error { return far.CloseWrite() }},
		{"a reset", func(far *net.TCPConn) error { _ = far.SetLinger(0); return far.Close() }},
	} {
		c, far := pair(t)
		if err := test.far(far); err != nil {
			t.Fatal(err)
		}
		await(t, c.Readable)
		stale, sent, err := reader(c).Ask([]byte("request"), roomy, true)
		if !stale || sent || err != nil {
			t.Errorf("%s: stale %v, sent %v, %v", test.what, stale, sent, err)
		}
	}
}

func await(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

func TestAskWithoutTheCheckTakesWhatWasSaidBefore(t *testing.T) {
	c, far := pair(t)
	write(t, far, "greeting")
	await(t, c.Readable)
	r := reader(c)
	if stale, sent, err := r.Ask([]byte("request"), roomy, false); stale || !sent || err != nil {
		t.Fatal(stale, sent, err)
	}
	if got := string(r.Window()); got != "greeting" {
		t.Fatalf("got %q", got)
	}
}

func TestAskSendsMoreThanTheSocketTakesAtOnce(t *testing.T) {
	c, far := pair(t)
	big := bytes.Repeat([]byte("x"), 16<<20)
	got := make(chan int, 1)
	go func() { // reads the request, answers, ends
		n, _ := io.ReadFull(far, make([]byte, len(big)))
		_, _ = io.WriteString(far, "thanks")
		got <- n
	}()
	r := reader(c)
	stale, sent, err := r.Ask(big, roomy, true)
	if stale || !sent || err != nil {
		t.Fatal(stale, sent, err)
	}
	if n := <-got; n != len(big) || string(r.Window()) != "thanks" {
		t.Fatalf("%d of %d bytes arrived; answer %q", n, len(big), r.Window())
	}
}

func TestAskTellsAnEndFromSilenceAndAnInterrupt(t *testing.T) {
	t.Run("the other end closes", func(t *testing.T) {
		c, far := pair(t)
		go func() { // reads the request and leaves
			_, _ = far.Read(make([]byte, 10))
			_ = far.Close()
		}()
		_, sent, err := reader(c).Ask([]byte("request"), roomy, true)
		if !sent || !errors.Is(err, io.EOF) {
			t.Fatalf("sent %v, %v; want an end", sent, err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		c, far := pair(t)
		go func() { // interrupts once the request is there
			_, _ = far.Read(make([]byte, 10))
			c.Interrupt(DeadlinePassed)
		}()
		_, sent, err := reader(c).Ask([]byte("request"), roomy, true)
		if !sent || !errors.Is(err, os.ErrDeadlineExceeded) || c.Interrupted() != DeadlinePassed {
			t.Fatalf("sent %v, %v, why %v", sent, err, c.Interrupted())
		}
	})
	t.Run("interrupted before", func(t *testing.T) {
		c, _ := pair(t)
		c.Interrupt(DeadlinePassed)
		_, sent, err := reader(c).Ask([]byte("request"), roomy, true)
		if sent || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("sent %v, %v", sent, err)
		}
	})
}

func TestLoopTakesEveryTurnInOneWait(t *testing.T) {
	c, far := pair(t)
	r := reader(c)
	var turns []string
	done := make(chan error, 1)
	go func() { // the loop; ends at the third turn
		done <- r.Loop(roomy, func() bool {
			turns = append(turns, string(r.Window()))
			r.Consume(r.Buffered())
			r.Release()
			_, _ = c.Write([]byte("!"))
			return len(turns) < 3
		})
	}()
	for _, s := range []string{"a", "bb", "ccc"} {
		write(t, far, s)
		if _, err := io.ReadFull(far, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil || strings.Join(turns, " ") != "a bb ccc" {
		t.Fatalf("turns %q, %v", turns, err)
	}
}

func TestLoopEndsWithTheConnectionAndWithAnInterrupt(t *testing.T) {
	for _, test := range []struct {
		what string
		end  func(c *Conn, far *net.TCPConn)
		want error
	}{
		{"an end", func(_ *Conn, far *net.TCPConn) { _ = far.CloseWrite() }, io.EOF},
		{"an interrupt", func(c *Conn, _ *net.TCPConn) { c.Interrupt(DeadlinePassed) }, os.ErrDeadlineExceeded},
	} {
		c, far := pair(t)
		r := reader(c)
		done := make(chan error, 1)
		go func() { // the loop
			done <- r.Loop(roomy, func() bool { t.Error("a turn without bytes"); return false })
		}()
		test.end(c, far)
		if err := <-done; !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.what, err, test.want)
		}
		if r.head != nil || r.body != nil {
			t.Errorf("%s: the reader still holds a block", test.what)
		}
	}
}

// A read that fills the block leaves the rest in the socket, whose edge is spent.
func TestLoopReadsOnBehindABlockThatWasFilled(t *testing.T) {
	c, far := pair(t)
	r := reader(c)
	const turns = 3
	write(t, far, strings.Repeat("x", turns*SmallBlock))
	await(t, func() bool { return c.Readable() })
	total := 0
	err := r.Loop(roomy, func() bool {
		total += r.Buffered()
		r.Consume(r.Buffered())
		r.Release()
		return total < turns*SmallBlock
	})
	if err != nil || total != turns*SmallBlock {
		t.Fatalf("%d bytes, %v", total, err)
	}
}

func TestLoopHoldsNoBlockBetweenTurns(t *testing.T) {
	c, far := pair(t)
	r := reader(c)
	turn := make(chan struct{})
	done := make(chan error, 1)
	go func() { // the loop
		done <- r.Loop(roomy, func() bool {
			r.Consume(r.Buffered())
			r.Release()
			if r.head != nil {
				t.Error("a block is held after the turn")
			}
			turn <- struct{}{}
			return true
		})
	}()
	for range 3 {
		write(t, far, "request")
		<-turn
	}
	_ = far.Close()
	<-done
}

func TestAnAskThatWasInterruptedBeforeItWroteMayBeRepeated(t *testing.T) {
	c, far := pair(t)
	serving(t, far, func(r string) string { return "[" + r + "]" })
	r := reader(c)
	c.InterruptRead(Custom)
	if stale, sent, err := r.Ask([]byte("one"), roomy, true); stale || sent || !errors.Is(err, os.ErrDeadlineExceeded) || r.Wrote() {
		t.Fatalf("stale %v, sent %v, %v, wrote %v", stale, sent, err, r.Wrote())
	}
	c.Resume()
	if stale, sent, err := r.Ask([]byte("one"), roomy, true); stale || !sent || err != nil || !r.Wrote() {
		t.Fatalf("stale %v, sent %v, %v, wrote %v", stale, sent, err, r.Wrote())
	}
	if got := string(r.Window()); got != "[one]" {
		t.Fatalf("got %q", got)
	}
}
