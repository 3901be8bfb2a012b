package evloop

import (
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// noted is a handler that keeps what it is told.
type noted struct{ events []Events }

func (n *noted) Ready(e Events) { n.events = append(n.events, e) }

// handle is a handler that is a function.
type handle func(Events)

func (h handle) Ready(e Events) { h(e) }

func newTest(t testing.TB, batch int) *Loop {
	t.Helper()
	l, err := New(batch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// pair returns two connected sockets, closed with the test.
func pair(t testing.TB) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// turn polls once and serves.
func turn(t testing.TB, l *Loop) int {
	t.Helper()
	n, err := l.Poll()
	if err != nil {
		t.Fatal(err)
	}
	l.Serve()
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAReadyDescriptorIsReportedAsOftenAsItsModeSays(t *testing.T) {
	for _, c := range []struct {
		what string
		want Events
		told []Events // by three turns after a byte came
	}{
		{"level", In, []Events{In, In, In}},
		{"edge", In | Edge, []Events{In}},
		{"edge, and it can be written too", In | Out | Edge, []Events{In | Out}},
		{"writes alone", Out, []Events{Out, Out, Out}},
	} {
		l := newTest(t, 8)
		a, b := pair(t)
		h := &noted{}
		if _, err := Write(b, []byte("x")); err != nil {
			t.Fatal(err)
		}
		must(t, l.Add(a, c.want, h))
		for range 3 {
			turn(t, l)
		}
		if !equal(h.events, c.told) {
			t.Errorf("%s: told %v, want %v", c.what, h.events, c.told)
		}
	}
}

func equal(a, b []Events) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestSetReportsAgainWhatWasNotRead(t *testing.T) {
	l := newTest(t, 8)
	a, b := pair(t)
	h := &noted{}
	must(t, l.Add(a, In|Edge, h))
	if _, err := Write(b, []byte("xy")); err != nil {
		t.Fatal(err)
	}
	turn(t, l)
	turn(t, l)
	if len(h.events) != 1 {
		t.Fatalf("told %v, want one edge", h.events)
	}
	must(t, l.Set(a, In|Edge))
	if turn(t, l); len(h.events) != 2 {
		t.Errorf("told %v after Set, want In again", h.events)
	}
}

func TestThePeersEndIsReported(t *testing.T) {
	l := newTest(t, 8)
	a, b := pair(t)
	h := &noted{}
	must(t, l.Add(a, In|PeerEnd|Edge, h))
	must(t, unix.Shutdown(b, unix.SHUT_WR))
	turn(t, l)
	if len(h.events) != 1 || h.events[0]&PeerEnd == 0 {
		t.Errorf("told %v, want PeerEnd", h.events)
	}
	if _, err := Read(a, make([]byte, 1)); err != io.EOF {
		t.Errorf("read: %v, want EOF", err)
	}
}

func TestARoomyWriteIsToldOnlyAfterOneThatWasShort(t *testing.T) {
	l := newTest(t, 8)
	a, b := pair(t)
	h := &noted{}
	must(t, l.Add(a, In|Out|Edge, h))
	turn(t, l) // it can be written from the start
	if turn(t, l); !equal(h.events, []Events{Out}) {
		t.Fatalf("told %v, want Out once", h.events)
	}
	block := make([]byte, 64<<10)
	for {
		if _, err := Write(a, block); err == ErrAgain {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if turn(t, l); len(h.events) != 1 {
		t.Fatalf("told %v while the socket is full", h.events)
	}
	for {
		if _, err := Read(b, block); err == ErrAgain {
			break
		}
	}
	if turn(t, l); !equal(h.events, []Events{Out, Out}) {
		t.Errorf("told %v once there is room, want Out again", h.events)
	}
}

func TestAnEventOfAClosedDescriptorIsNotItsSuccessors(t *testing.T) {
	// Two descriptors are ready in one batch. The first handler closes the second and gets its number for another
	// socket: that one's handler must not hear of the old event.
	l := newTest(t, 8)
	first, one := pair(t)
	second, two := pair(t)
	successor := &noted{}
	var fd int
	must(t, l.Add(first, In, handle(func(Events) {
		l.Remove(second)
		unix.Close(second)
		var err error
		if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0); err != nil {
			t.Fatal(err)
		}
		must(t, l.Add(fd, In, successor))
	})))
	must(t, l.Add(second, In, handle(func(Events) { t.Error("the closed descriptor's handler is told") })))
	for _, peer := range []int{one, two} {
		if _, err := Write(peer, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if n := turn(t, l); n != 2 || fd != second {
		t.Fatalf("%d events, descriptor %d in the place of %d: not the case under test", n, fd, second)
	}
	if len(successor.events) != 0 {
		t.Errorf("the successor is told %v", successor.events)
	}
}

func TestAFullBatchIsToldFromOneThatTookAll(t *testing.T) {
	l := newTest(t, 2)
	h := &noted{}
	for range 3 {
		a, b := pair(t)
		must(t, l.Add(a, In|Edge, h))
		if _, err := Write(b, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []struct {
		n    int
		full bool
	}{{2, true}, {1, false}, {0, false}} {
		n, err := l.Poll()
		if err != nil || n != want.n || l.Full() != want.full {
			t.Errorf("poll %d: %d events, full %v, %v; want %+v", i, n, l.Full(), err, want)
		}
		l.Serve()
	}
	if len(h.events) != 3 {
		t.Errorf("told %d times, want 3", len(h.events))
	}
}

// bothWays runs a test with epoll_pwait2 and with the timer that stands in for it.
func bothWays(t *testing.T, f func(t *testing.T, l *Loop)) {
	t.Run("epoll_pwait2", func(t *testing.T) { f(t, newTest(t, 8)) })
	t.Run("timerfd", func(t *testing.T) {
		l := newTest(t, 8)
		must(t, l.addTimer())
		f(t, l)
	})
}

func TestAWaitIsHardlyLongerThanAskedFor(t *testing.T) {
	bothWays(t, func(t *testing.T, l *Loop) {
		ended := make(chan time.Duration)
		go func() { // ends, with its thread, after the waits
			LockThread()
			best, waits := time.Hour, 0
			for range 100 {
				from := time.Now()
				for left := 200 * time.Microsecond; left > 0; left = 200*time.Microsecond - time.Since(from) {
					if _, err := l.Wait(left); err != nil {
						t.Error(err)
					}
					l.Serve()
					waits++
				}
				best = min(best, time.Since(from))
			}
			// A signal may end a wait, but not many.
			if waits > 300 {
				t.Errorf("%d waits for 100 times", waits)
			}
			ended <- best
		}()
		// The best of them, so that a busy machine does not fail the test; and some machines' clocks are coarse.
		if best := <-ended; best > 600*time.Microsecond && best > 2*sleeps(200*time.Microsecond) {
			t.Errorf("a wait of 200 µs takes %v", best)
		}
	})
}

// sleeps returns what the system makes of a sleep of d, at best.
func sleeps(d time.Duration) time.Duration {
	best := time.Hour
	for range 100 {
		from, ts := time.Now(), unix.NsecToTimespec(int64(d))
		if unix.Nanosleep(&ts, nil) == nil {
			best = min(best, time.Since(from))
		}
	}
	return best
}

func TestNoTimeIsNoWait(t *testing.T) {
	bothWays(t, func(t *testing.T, l *Loop) {
		for _, d := range []time.Duration{0, -time.Second} {
			if n, err := l.Wait(d); n != 0 || err != nil {
				t.Errorf("%v: %d, %v", d, n, err)
			}
		}
	})
}

func TestAnEventEndsAWait(t *testing.T) {
	bothWays(t, func(t *testing.T, l *Loop) {
		a, b := pair(t)
		h := &noted{}
		must(t, l.Add(a, In|Edge, h))
		go func() { _, _ = Write(b, []byte("x")) }() // ends at once
		for from := time.Now(); len(h.events) == 0; {
			if _, err := l.Wait(time.Minute); err != nil || time.Since(from) > 30*time.Second {
				t.Fatalf("%v after %v", err, time.Since(from))
			}
			l.Serve()
		}
	})
}

func TestWakeEndsTheNextWaitOrThePresentOne(t *testing.T) {
	bothWays(t, func(t *testing.T, l *Loop) {
		from := time.Now()
		l.Wake()
		if _, err := l.Wait(time.Minute); err != nil {
			t.Fatal(err)
		}
		l.Serve()
		waiting := make(chan error)
		go func() { // ends with the wait
			_, err := l.Wait(time.Minute)
			waiting <- err
		}()
		l.Wake()
		if err := <-waiting; err != nil || time.Since(from) > 30*time.Second {
			t.Errorf("%v after %v", err, time.Since(from))
		}
		l.Serve()
	})
}

func TestWakeAfterCloseTouchesNothing(t *testing.T) {
	l, err := New(1)
	must(t, err)
	waker := l.waker
	l.Close()
	l.Close()
	a, b := pair(t)
	if a != waker && b != waker {
		t.Logf("descriptors %d and %d, not %d again", a, b, waker)
	}
	l.Wake()
	for _, fd := range []int{a, b} {
		if _, err := Read(fd, make([]byte, 9)); err != ErrAgain {
			t.Errorf("descriptor %d: %v, want nothing to read", fd, err)
		}
	}
}

func TestABadDescriptorIsAnError(t *testing.T) {
	l := newTest(t, 1)
	if err := l.Add(9999, In, &noted{}); !errors.Is(err, unix.EBADF) {
		t.Errorf("Add: %v", err)
	}
	a, _ := pair(t)
	must(t, l.Add(a, In, &noted{}))
	if err := l.Add(a, In, &noted{}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("Add again: %v", err)
	}
	unix.Close(l.epoll)
	if _, err := l.Poll(); !errors.Is(err, unix.EBADF) {
		t.Errorf("Poll: %v", err)
	}
	if _, err := l.Wait(time.Second); !errors.Is(err, unix.EBADF) {
		t.Errorf("Wait: %v", err)
	}
}

// echo answers what it reads.
type echo struct {
	fd    int
	block []byte
}

func (e *echo) Ready(Events) {
	if n, err := Read(e.fd, e.block); err == nil {
		_, _ = Write(e.fd, e.block[:n])
	}
}

func TestATurnAllocatesNothing(t *testing.T) {
	l := newTest(t, 8)
	a, b := pair(t)
	must(t, l.Add(a, In|Out|PeerEnd|Edge, &echo{a, make([]byte, 64)}))
	out, in := []byte("ping"), make([]byte, 64)
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := Write(b, out); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Wait(time.Second); err != nil {
			t.Fatal(err)
		}
		l.Serve()
		if n, err := Read(b, in); n != len(out) || err != nil {
			t.Fatal(n, err)
		}
		if _, err := Read(b, in); err != ErrAgain {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("a turn allocates %v times", n)
	}
}

func BenchmarkTurn(b *testing.B) {
	l := newTest(b, 64)
	near, far := pair(b)
	must(b, l.Add(near, In|Out|PeerEnd|Edge, &echo{near, make([]byte, 64)}))
	out, in := []byte("ping"), make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Write(far, out); err != nil {
			b.Fatal(err)
		}
		turn(b, l)
		if _, err := Read(far, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPollOfNothing(b *testing.B) {
	l := newTest(b, 64)
	b.ReportAllocs()
	for b.Loop() {
		turn(b, l)
	}
}
