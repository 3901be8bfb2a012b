package shared

import (
	"context"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/internal/testkit"
)

// patience is how long a test waits for what should come at once.
const patience = time.Minute

// realRedis is a real server of a test's own, on a socket.
type realRedis struct {
	t    testing.TB
	path string
	cmd  *exec.Cmd
}

// newRedis starts a server that lives as long as the test.
func newRedis(t testing.TB) *realRedis {
	t.Helper()
	r := &realRedis{t: t, path: filepath.Join(t.TempDir(), "redis.sock")}
	r.start()
	t.Cleanup(r.kill)
	return r
}

func (r *realRedis) start() {
	r.t.Helper()
	r.cmd = exec.Command(testkit.Require(r.t, "redis-server"), "--port", "0", "--unixsocket", r.path, "--save", "", "--appendonly", "no")
	r.cmd.Dir = filepath.Dir(r.path)
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "redis answers", func() bool {
		s := r.store(nil)
		defer s.server.close()
		return s.server.connect(r.t.Context()) == nil
	})
}

// kill ends the server at once.
func (r *realRedis) kill() {
	_ = r.cmd.Process.Kill() // it may have ended
	_ = r.cmd.Wait()
}

// signal stops the server for a while, or lets it go on.
func (r *realRedis) signal(s syscall.Signal) {
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// config is one for r that change has made what it wants of. A busy machine has time to answer.
func (r *realRedis) config(change func(*Config)) Config {
	c := Default()
	c.Redis, c.Timeout = "unix://"+r.path, conf.Dur(time.Second)
	if change != nil {
		change(&c)
	}
	return c
}

// store is a node that does not run.
func (r *realRedis) store(change func(*Config)) *Store {
	r.t.Helper()
	s, err := New(r.config(change), Needs{})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// node is a store that runs as long as the test, or until end.
func (r *realRedis) node(change func(*Config)) (s *Store, end func()) {
	r.t.Helper()
	s = r.store(change)
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	running.Go(func() { s.Run(ctx) })
	end = func() { cancel(); running.Wait() }
	r.t.Cleanup(end)
	return s, end
}

// eventually waits until what is.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// client is a request of a test, which waits as policies do.
type client struct{ woken chan struct{} }

// Wake implements [Waker].
func (c client) Wake() { close(c.woken) }

// take takes n tokens of key as a policy does: from what the node holds, else by asking.
func take(l *Limit, key string, n int64) Answer {
	now := time.Now()
	if a := l.Take([]byte(key), n, now); a.Outcome != Unknown {
		return a
	}
	c := client{make(chan struct{})}
	w, a := l.Await([]byte(key), n, now, c)
	if w == nil {
		return a
	}
	select {
	case <-c.woken:
	case <-time.After(l.Timeout()):
	}
	return w.Leave(time.Now())
}

// takes takes one token after the other, times times, and returns how many there were.
func takes(l *Limit, key string, times int) (taken int) {
	for range times {
		if take(l, key, 1).Outcome == Taken {
			taken++
		}
	}
	return taken
}

// pulse measures how late a busy machine lets things happen: until stopped, a goroutine wants to wake every millisecond.
func pulse() (stop func() time.Duration) {
	var beating sync.WaitGroup
	done := make(chan struct{})
	var latest time.Duration
	beating.Go(func() {
		for last := time.Now(); ; last = time.Now() {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				latest = max(latest, time.Since(last))
			}
		}
	})
	return func() time.Duration {
		close(done)
		beating.Wait()
		return latest
	}
}
