//go:build linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what should come at once. It is shorter than the 30 s after which, unless a config
// says otherwise, Weir itself gives up an answer or ends its grace.
const patience = 20 * time.Second

// child is one running weir on a loopback address of its own.
type child struct {
	t    *testing.T
	ip   string
	dir  string
	file string
	vars []string

	cmd    *exec.Cmd
	out    *os.File // the child's stdout instead of the tape, if set before launch
	stdout *tape
	stderr *tape
	exited chan struct{}
	code   int // after exited
}

// taken counts the loopback addresses that were given out.
var taken atomic.Int32

// loopback returns an address of 127/8 that nobody else uses. Ports below the ephemeral range are
// then free on it.
func loopback() string {
	n := int(taken.Add(1))
	return fmt.Sprintf("127.%d.%d.%d", ours(), n/200, 1+n%200)
}

// ours is the part of 127/8 that belongs to this process.
func ours() int { return claim().part }

// claim takes the first part of 127/8, from one that the process id says, on whose last address a port
// can be bound. It is held as long as the process lives.
var claim = sync.OnceValue(func() (c struct {
	part int
	held net.Listener
}) {
	for i := range 200 {
		c.part = 16 + (os.Getpid()+i)%200
		var err error
		if c.held, err = net.Listen("tcp", fmt.Sprintf("127.%d.255.254:6999", c.part)); err == nil {
			return c
		}
	}
	panic("200 processes test at once")
})

// start runs weir with a config and returns when it is ready. In the config {ip} is the child's
// address, {dir} a directory of its own, and each pair of vars a name and its value. Without an
// [admin] table the admin server is at {ip}:9901.
func start(t *testing.T, config string, vars ...string) *child {
	t.Helper()
	c := prepare(t, config, vars...)
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()
	return c
}

// prepare writes the config and starts nothing.
func prepare(t *testing.T, config string, vars ...string) *child {
	t.Helper()
	dir := t.TempDir()
	c := &child{t: t, ip: loopback(), dir: dir, file: filepath.Join(dir, "weir.toml"), vars: vars}
	c.write(config)
	return c
}

// write replaces the config file, as an operator does before a reload.
func (c *child) write(config string) {
	c.t.Helper()
	if !strings.Contains(config, "[admin]") {
		config = "\nadmin.address = \"{ip}:9901\"\n" + config
	}
	pairs := []string{"{ip}", c.ip, "{dir}", c.dir}
	for i := 0; i+1 < len(c.vars); i += 2 {
		pairs = append(pairs, "{"+c.vars[i]+"}", c.vars[i+1])
	}
	text := strings.NewReplacer(pairs...).Replace(config)
	if err := os.WriteFile(c.file, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// launch starts the child and returns at once. It dies with the test.
func (c *child) launch(name string, args ...string) {
	c.t.Helper()
	c.stdout, c.stderr, c.exited = newTape(), newTape(), make(chan struct{})
	c.cmd = exec.Command(name, args...)
	c.cmd.Stdout, c.cmd.Stderr = c.stdout, c.stderr
	if c.out != nil {
		c.cmd.Stdout = c.out
	}
	if err := startDying(c.cmd); err != nil {
		c.t.Fatal(err)
	}
	go func() { // waits for the child; ends with it
		defer close(c.exited)
		_ = c.cmd.Wait() // the code below says it
		c.code = c.cmd.ProcessState.ExitCode()
	}()
	c.t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it may have ended long ago
		<-c.exited
		if strings.Contains(c.stderr.String(), "DATA RACE") {
			c.t.Errorf("weir has a data race:\n%s", c.stderr)
		}
		if c.t.Failed() {
			c.t.Logf("weir's log:\n%s", c.stderr.last(4<<10))
		}
	})
}

// awaitReady returns once the child takes traffic.
func (c *child) awaitReady() {
	c.t.Helper()
	eventually(c.t, "the child is ready", func() bool {
		select {
		case <-c.exited:
			c.t.Fatalf("weir ended with %d:\n%s", c.code, c.stderr.String())
		default:
		}
		status, _ := c.admin("GET", "/readyz")
		return status == 200
	})
}

// awaitExit returns the exit code of a child that should end within the time.
func (c *child) awaitExit(within time.Duration) int {
	c.t.Helper()
	select {
	case <-c.exited:
		return c.code
	case <-time.After(within):
		c.t.Fatalf("weir still runs after %v", within)
		return -1
	}
}

// signal sends sig to the child.
func (c *child) signal(sig syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
}

// alive fails the test if the child has ended.
func (c *child) alive() {
	c.t.Helper()
	select {
	case <-c.exited:
		c.t.Fatalf("weir ended with %d:\n%s", c.code, c.stderr.String())
	default:
	}
}

// at returns the child's address with a port.
func (c *child) at(port int) string { return fmt.Sprintf("%s:%d", c.ip, port) }

// command runs another weir to its end and returns its exit code and its two outputs.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
