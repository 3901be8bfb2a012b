package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is one proxy under way, with all its processes.
type child struct {
	peer   peer
	port   int
	cmd    *exec.Cmd
	output *os.File
	ended  chan struct{} // closed when the first process has ended
}

const (
	startPatience = 30 * time.Second
	stopPatience  = 3 * time.Second
)

// start runs p on the given core (-1: on any) and waits until it accepts connections.
func start(ctx context.Context, p peer, at setup, core int) (*child, error) {
	conf, err := p.configure(at)
	if err != nil {
		return nil, err
	}
	output, err := os.Create(filepath.Join(at.Dir, p.name+".out"))
	if err != nil {
		return nil, err
	}
	c := &child{peer: p, port: at.Port, output: output, ended: make(chan struct{})}
	c.cmd = exec.Command(p.program, p.args(conf, at)...)
	c.cmd.Stdout, c.cmd.Stderr = output, output
	// What it keeps besides its config goes into the run's folder (Caddy's last config).
	c.cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+at.Dir, "XDG_DATA_HOME="+at.Dir)
	// A group of its own, so that the keyboard's interrupt reaches this process alone, which then stops it.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := onCore(core, c.cmd.Start); err != nil {
		output.Close()
		return nil, fmt.Errorf("bench peers: %s: %w", p.name, err)
	}
	go c.wait()
	if err := c.accepting(ctx); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// wait is the goroutine that notices the child's end.
func (c *child) wait() {
	// How it ended matters to nobody: while it is needed, its requests fail.
	_ = c.cmd.Wait()
	close(c.ended)
}

// onCore calls f on a thread that runs on the given core alone; a process that f starts inherits that.
func onCore(core int, f func() error) error {
	if core < 0 {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	var only unix.CPUSet
	only.Set(core)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return err
	}
	return errors.Join(f(), unix.SchedSetaffinity(0, &before))
}

// accepting waits for the proxy's port, by asking every 20 ms: another program's socket gives no event.
func (c *child) accepting(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port))); err == nil {
			return conn.Close()
		}
		select {
		case <-c.ended:
			return fmt.Errorf("bench peers: %s ended at once: %s", c.peer.name, c.said())
		case <-limit.Done():
			return fmt.Errorf("bench peers: %s does not accept on port %d: %s", c.peer.name, c.port, c.said())
		case <-tick.C:
		}
	}
}

// said returns the end of what the proxy has printed, in one line.
func (c *child) said() string {
	text, err := os.ReadFile(c.output.Name())
	if err != nil {
		return err.Error()
	}
	return string(bytes.Join(bytes.Fields(text[max(0, len(text)-400):]), []byte(" ")))
}

// stop ends all processes of the child.
func (c *child) stop() {
	defer c.output.Close()
	// Signals fail for what has ended already.
	_ = syscall.Kill(c.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(stopPatience):
	}
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.ended
}
