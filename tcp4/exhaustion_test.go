//go:build linux

package tcp4

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// inChild says to the test binary that it is the one that may lower its limits.
const inChild = "WEIR_TCP4_EXHAUSTION"

// TestAcceptPausesWhenDescriptorsRunOut runs itself again in a process with few descriptors.
func TestAcceptPausesWhenDescriptorsRunOut(t *testing.T) {
	t.Parallel()
	if os.Getenv(inChild) != "" {
		exhaust(t)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestAcceptPausesWhenDescriptorsRunOut$", "-test.v")
	child.Env = append(os.Environ(), inChild+"=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func exhaust(t *testing.T) {
	// The pollers and pipes of the runtime exist after a first connection.
	var log bytes.Buffer
	l, err := Listen(Config{Name: "web", Addresses: []string{"127.0.0.1:0"},
		Limits: Limits{MaxConnections: Off}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	l.Publish(greet("hello"))
	a := l.Addrs()[0].String()
	if got := read(t, dialTCP(t, a)); got != "hello" {
		t.Fatalf("at first: %q", got)
	}
	eventually(t, "the first connection gone", func() bool { return l.Counters().Active.Load() == 0 })
	l.Update(hold, Limits{MaxConnections: Off})
	limit := syscall.Rlimit{Cur: 64, Max: 64}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	var clients []net.Conn
	for { // each takes two: the client's end and ours
		c, err := net.DialTimeout("tcp", a, patience)
		if err != nil {
			break
		}
		clients = append(clients, c)
	}
	eventually(t, "accept pauses", func() bool { return l.Counters().Pauses.Load() > 0 })
	held := l.Counters().Active.Load()
	for range 3 { // it goes on pausing, and those who are in stay
		seen := l.Counters().Pauses.Load()
		eventually(t, "another pause", func() bool { return l.Counters().Pauses.Load() > seen })
	}
	if now := l.Counters().Active.Load(); now != held {
		t.Errorf("%d active, %d before the pauses", now, held)
	}
	l.Update(greet("again"), Limits{MaxConnections: Off})
	for _, c := range clients {
		_ = c.Close()
	}
	eventually(t, "all old connections gone", func() bool { return l.Counters().Active.Load() == 0 })
	if got := read(t, dialTCP(t, a)); got != "again" {
		t.Errorf("after descriptors were freed: %q", got)
	}
	l.StopAccepting()
	if n := strings.Count(log.String(), "accept pauses"); n != 1 || !strings.Contains(log.String(), "too many open files") {
		t.Errorf("%d lines in the log for one episode, want 1: %s", n, log.String())
	}
}

// A freed descriptor of the listener ends a pause at once, long before its time is over.
func TestAFreedDescriptorEndsThePause(t *testing.T) {
	cutShort(t, func(_ *socket, l *Listener) { l.release(netip.Addr{}) })
}

func TestPausesGrowFrom50msTo1s(t *testing.T) {
	s := &socket{stopping: make(chan struct{})}
	s.owner.Store(&Listener{name: "web", log: quiet(), ledger: newLedger()})
	var got []time.Duration
	for range 7 {
		s.owner.Load().ledger.freed <- struct{}{} // so that the test need not wait
		s.wait(syscall.EMFILE)
		got = append(got, s.backoff)
	}
	want := []time.Duration{50, 100, 200, 400, 800, 1000, 1000}
	for i := range want {
		if got[i] != want[i]*time.Millisecond {
			t.Fatalf("pauses %v, want %v ms", got, want)
		}
	}
}

func TestStopEndsAPauseAtOnce(t *testing.T) {
	cutShort(t, func(s *socket, _ *Listener) { s.stop() })
}

// unbound is the part of a socket that stop touches.
type unbound struct{ bound }

func (unbound) SetDeadline(time.Time) error { return nil }

// cutShort checks that a pause ends when end was called: by the bubble's clock, in no time.
func cutShort(t *testing.T, end func(*socket, *Listener)) {
	synctest.Test(t, func(t *testing.T) {
		s := &socket{ln: unbound{}, stopping: make(chan struct{}), backoff: lastPause}
		l := &Listener{name: "web", log: quiet(), ledger: newLedger()}
		s.owner.Store(l)
		l.ledger.Active.Store(2)
		done, began := make(chan struct{}), time.Now()
		go func() { defer close(done); s.wait(syscall.EMFILE) }() // waited for below
		synctest.Wait()
		if n := l.ledger.paused.Load(); n != 1 {
			t.Fatalf("%d pauses are under way, want 1", n)
		}
		end(s, l)
		<-done
		if took := time.Since(began); took != 0 {
			t.Errorf("the pause took %v", took)
		}
		if n := l.ledger.Pauses.Load(); n != 1 {
			t.Errorf("%d pauses counted, want 1", n)
		}
	})
}
