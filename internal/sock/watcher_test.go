package sock

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A signal that comes amid a call interrupts it, and Go's runtime sends itself many. A watch is set all the same.
func TestAWatchIsSetWhileSignalsCome(t *testing.T) {
	w, err := NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c, _ := pair(t)
	stop := signalled(t)
	defer stop()
	rounds := 200_000
	if testing.Short() {
		rounds = 30_000
	}
	for i := range rounds {
		id := w.Arm(c, func() { t.Error("nobody has left") })
		if id == 0 {
			t.Fatalf("watch %d was not set", i)
		}
		w.Disarm(c, id)
	}
}

// A watcher that ends has done with its descriptors: whoever gets their numbers next gets no bytes of its.
func TestAWatcherThatHasEndedWritesNowhere(t *testing.T) {
	gone := func() {}
	rounds := 2_000
	if testing.Short() {
		rounds = 400
	}
	for i := range rounds {
		w, err := NewWatcher()
		if err != nil {
			t.Fatal(err)
		}
		c, other := pair(t)
		w.Arm(c, gone)
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { // the watcher
			defer close(ended)
			w.Run(ctx)
		}()
		go other.Close() // who wakes it, the client or its end?
		end()
		<-ended
		w.Close()
		next, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
		for _, fd := range next {
			if n, err := unix.Read(fd, make([]byte, 8)); err != unix.EAGAIN {
				t.Fatalf("round %d: %d bytes of a watcher's, %v", i, n, err)
			}
		}
		_, _ = unix.Close(next[0]), unix.Close(next[1])
		c.Close()
	}
}

// signalled sends this process the signal that Go preempts goroutines with, again and again, until stop.
func signalled(t *testing.T) (stop func()) {
	t.Helper()
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // the sender
		for {
			select {
			case <-ended:
				return
			default:
				_ = unix.Kill(unix.Getpid(), unix.SIGURG)
			}
		}
	})
	return func() { close(ended); wg.Wait() }
}
