package bench

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// descriptors returns how many are open, the one that counts them left out.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list) - 1
}

// leave lets the process open so many descriptors more, until the test ends. It must not run beside others.
func leave(t *testing.T, more int) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	now := was
	now.Cur = uint64(descriptors(t) + more)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWithoutDescriptorsARequestFailsToConnect(t *testing.T) {
	// Both ends are this process's: 40 descriptors are some 15 connections, of 60 that are asked for.
	for what, cfg := range map[string]Config{
		"closed loop": {Requests: 600},
		"open loop":   {Requests: 600, Rate: 2000},
		"fresh":       {Requests: 600, Fresh: true},
	} {
		t.Run(what, func(t *testing.T) {
			cfg.Target, cfg.Connections, cfg.Threads, cfg.Timeout = "http://"+startEndpoint(t, fine), 60, 2, time.Second
			before := descriptors(t)
			t.Run("few", func(t *testing.T) { // a scope for the limit
				leave(t, 40)
				r := mustRun(t, cfg)
				// Whichever end asks for the one too many: a connect fails, or a connection is never accepted.
				failures, text := r.Failures, r.FirstFailures["connect"]
				if failures[Connect]+failures[Timeout]+failures[Reset] == 0 {
					t.Errorf("ok %d, %v; want some without a socket", r.OK, failures)
				}
				if failures[Connect] > 0 && failures[Timeout]+failures[Reset] == 0 && !strings.Contains(text, "too many open files") {
					t.Errorf("%v: %s; want the lack of descriptors named", failures, text)
				}
				checkSums(t, r)
				if r.Requests != 600 {
					t.Errorf("%d requests, want all 600", r.Requests)
				}
			})
			awaitDescriptors(t, before)
		})
	}
}

// awaitDescriptors waits until no more than so many are open: endpoints close theirs when they hear of the end.
func awaitDescriptors(t *testing.T, most int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); descriptors(t) > most; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors are open, %d were", descriptors(t), most)
		}
	}
}

func TestARunThatCannotBeginLeavesNothingOpen(t *testing.T) {
	at := startEndpoint(t, fine)
	before := descriptors(t)
	for more := range 5 { // one loop takes two descriptors, so the first, the second or the third can't be made
		t.Run("", func(t *testing.T) {
			leave(t, more)
			if r, err := Run(t.Context(), Config{Target: "http://" + at, Connections: 3, Threads: 3, Requests: 3}); err == nil {
				t.Errorf("%d descriptors more: a run of %d requests; want an error", more, r.Requests)
			} else if !strings.Contains(err.Error(), "too many open files") {
				t.Errorf("%d descriptors more: %v", more, err)
			}
		})
	}
	awaitDescriptors(t, before)
}

func TestNothingOfARunOutlivesIt(t *testing.T) {
	// Each way to speak, with a run that ends by itself and one that is stopped with requests under way.
	hang := func(c net.Conn) { io.Copy(io.Discard, c) }
	secureEcho := secure(t, func(c *tls.Conn) { answeringOn(c, fine) })
	secureHang := secure(t, func(c *tls.Conn) {
		if c.Handshake() == nil {
			hang(c)
		}
	})
	plainHang := listen(t, func(c *net.TCPConn) { hang(c) })
	for _, c := range []struct {
		what string
		cfg  Config
		stop bool
	}{
		{"http", Config{Target: "http://" + startEndpoint(t, fine), Requests: 100}, false},
		{"https", Config{Target: "https://" + secureEcho, Requests: 100, Rate: 1000}, false},
		{"tcp", Config{Target: "tcp://" + listen(t, func(c *net.TCPConn) { io.Copy(c, c) }), Requests: 100}, false},
		{"http that hangs", Config{Target: "http://" + plainHang, Duration: time.Hour}, true},
		{"https that hangs", Config{Target: "https://" + secureHang, Duration: time.Hour, Method: "PUT", Body: make([]byte, 8<<20)}, true},
		{"tcp that hangs, open loop", Config{Target: "tcp://" + plainHang, Duration: time.Hour, Rate: 100}, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			before := descriptors(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.stop {
				time.AfterFunc(50*time.Millisecond, cancel)
			}
			c.cfg.Connections, c.cfg.TLS = 8, trusting
			from := time.Now()
			r, err := Run(ctx, c.cfg)
			if err != nil || r.CutShort != c.stop || r.Failed() != 0 || time.Since(from) > time.Minute {
				t.Fatalf("%v, %v after %v", err, r.FirstFailures, time.Since(from))
			}
			if left := goroutinesOfRuns(); left != "" {
				t.Errorf("a goroutine outlives the run:\n%s", left)
			}
			awaitDescriptors(t, before)
		})
	}
}

// answeringOn serves HTTP on one connection.
func answeringOn(c net.Conn, text string) {
	block := make([]byte, 4096)
	for {
		if _, err := c.Read(block); err != nil { // its requests come whole
			return
		}
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
}

// goroutinesOfRuns returns the stack of a goroutine that a Run has started; "" if there is none.
func goroutinesOfRuns() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		for _, of := range []string{"bench.(*loop).run", "bench.(*workers).work", "bench.(*gate).run", "bench.(*run).seconds", "bench.(*message).start"} {
			if strings.Contains(stack, of) {
				return stack
			}
		}
	}
	return ""
}
