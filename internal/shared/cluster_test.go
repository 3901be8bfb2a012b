package shared

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/conf"
	"weir/internal/testkit"
)

// spawn runs a redis-server until the test ends. It has files of its own.
func spawn(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(testkit.Require(t, "redis-server"), args...)
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
}

// ownAddresses are loopback addresses that nobody else uses: a cluster's nodes have two ports that belong together.
func ownAddresses(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("127.%d.%d.%d", 64+os.Getpid()>>8%64, os.Getpid()&0xff, 1+i))
	}
	return all
}

// cli asks a server, and waits for the word that its answer has when it is done.
func cli(t *testing.T, want string, args ...string) {
	t.Helper()
	var said []byte
	eventually(t, strings.Join(args, " "), func() bool {
		said, _ = exec.Command(testkit.Require(t, "redis-cli"), args...).CombinedOutput()
		return bytes.Contains(said, []byte(want))
	})
}

// node runs a store of a server at address, and returns what it logs.
func nodeOf(t *testing.T, address string) (*Store, *lines) {
	t.Helper()
	c, log := Default(), &lines{}
	c.Redis, c.Timeout = "redis://"+address, conf.Dur(time.Second) // a busy machine has time to answer
	s, err := New(c, Needs{Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	running.Go(func() { s.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return s, log
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A node of a cluster has a third of the keys: it answered for some, so that the server was gone and back with every other key,
// and a log said "MOVED 1234".
func TestANodeOfAClusterIsSaidToBeOne(t *testing.T) {
	addresses := ownAddresses(3)
	create := []string{"--cluster", "create"}
	for _, a := range addresses {
		spawn(t, "--bind", a, "--port", "6379", "--cluster-enabled", "yes", "--cluster-announce-ip", a, "--save", "", "--protected-mode", "no")
		cli(t, "PONG", "-h", a, "ping")
		create = append(create, a+":6379")
	}
	cli(t, "All 16384 slots covered", append(create, "--cluster-yes", "--cluster-replicas", "0")...)
	for _, a := range addresses {
		cli(t, "cluster_size:3", "-h", a, "cluster", "info")
	}
	for _, a := range addresses { // whichever has the key of the trial
		s, log := nodeOf(t, a+":6379")
		eventually(t, "it is told", func() bool { return strings.Contains(log.String(), "does not answer") })
		probes := s.Stats().Failed
		eventually(t, "it is tried again", func() bool { return s.Stats().Failed > probes+1 })
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "a node of a Redis Cluster with several masters") || strings.Contains(got, "answers again") {
			t.Errorf("at %s the log says\n%s", a, got)
		}
		if l := s.Rate("api", 1, 5); takes(l, "key", 9) > 6 || !s.Stats().Down {
			t.Errorf("at %s: this node does not limit alone; %+v", a, s.Stats())
		}
	}
	// Of a server that says no more than MOVED.
	c := Default()
	c.Redis = "redis://" + addresses[0]
	s, err := New(c, Needs{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.server.close()
	var moved error
	for i := 0; moved == nil && i < 100; i++ {
		l := s.Rate(fmt.Sprint("limit", i), 1, 5)
		_, moved = s.server.ask(t.Context(), "weir:", []wish{{of: newEntry(l, "key"), limit: l, need: 1}})
	}
	if moved == nil || !strings.Contains(moved.Error(), "Redis Cluster") || !strings.Contains(moved.Error(), "MOVED") {
		t.Errorf("said %v", moved)
	}
}

// One that has all keys does what any server does.
func TestAClusterOfOneNodeIsAServer(t *testing.T) {
	a := ownAddresses(4)[3]
	spawn(t, "--bind", a, "--port", "6379", "--cluster-enabled", "yes", "--cluster-announce-ip", a, "--save", "", "--protected-mode", "no")
	cli(t, "PONG", "-h", a, "ping")
	cli(t, "OK", "-h", a, "cluster", "addslotsrange", "0", "16383")
	cli(t, "cluster_state:ok", "-h", a, "cluster", "info")
	s, log := nodeOf(t, a+":6379")
	l := s.Rate("api", 1.0/3600, 5)
	eventually(t, "the node is connected", func() bool { return take(l, "first", 1).Outcome == Taken && !s.down.Load() })
	if n := takes(l, "key", 20); n != 5 || s.Stats().Down {
		t.Errorf("%d taken, want 5; %+v\n%s", n, s.Stats(), log)
	}
}

func TestASentinelIsSaidToBeNone(t *testing.T) {
	a := ownAddresses(5)[4]
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(file, []byte("bind "+a+"\nport 26379\nprotected-mode no\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	spawn(t, file, "--sentinel")
	cli(t, "PONG", "-h", a, "-p", "26379", "ping")
	_, log := nodeOf(t, a+":26379")
	eventually(t, "it is told", func() bool { return strings.Contains(log.String(), "does not answer") })
	if got := log.String(); !strings.Contains(got, "as a Sentinel or some proxies don't: name the server itself") {
		t.Errorf("the log says %s", got)
	}
}
