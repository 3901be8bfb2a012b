package acme

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// hook writes the records of dns-01 by an operator's program.
type hook struct {
	config  DNS
	records *records
}

// The words that the program is told what to do by.
const (
	present = "present"
	cleanUp = "cleanup"
)

// Present implements [acmez.Solver]: it returns when the program has ended. A host and its wildcard have one name of a
// record, and a program may replace or remove what it holds as a whole: so whoever comes second waits for the first one's
// CleanUp. An order is for one host, so that none waits for itself.
func (h hook) Present(ctx context.Context, c acme.Challenge) error {
	if err := h.records.take(ctx, c.DNS01TXTRecordName(), c.DNS01KeyAuthorization()); err != nil {
		return err
	}
	err := h.call(ctx, present, c)
	if err != nil {
		h.records.give(c.DNS01TXTRecordName(), c.DNS01KeyAuthorization())
	}
	return err
}

// Wait implements [acmez.Waiter]: it lets the record reach the name servers.
func (h hook) Wait(ctx context.Context, _ acme.Challenge) error {
	t := time.NewTimer(h.config.Propagation.Value())
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cleanTimeout bounds what is done for an attempt that has been given up: perhaps Weir is ending.
const cleanTimeout = 10 * time.Second

// CleanUp implements [acmez.Solver]. It is done even if the attempt has been given up.
func (h hook) CleanUp(ctx context.Context, c acme.Challenge) error {
	defer h.records.give(c.DNS01TXTRecordName(), c.DNS01KeyAuthorization())
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
		defer cancel()
	}
	return h.call(ctx, cleanUp, c)
}

// records are the names of records that challenges hold, each for one at a time. The zero value holds none. It is safe for
// concurrent use.
type records struct {
	mu   sync.Mutex
	held map[string]heldRecord // by name; guarded by mu
}

// heldRecord is who holds a name, by the record's value.
type heldRecord struct {
	by   string
	free chan struct{} // closed when it is free again
}

// take waits until name is free, and holds it for by.
func (r *records) take(ctx context.Context, name, by string) error {
	for {
		r.mu.Lock()
		other, busy := r.held[name]
		if !busy {
			if r.held == nil {
				r.held = map[string]heldRecord{}
			}
			r.held[name] = heldRecord{by, make(chan struct{})}
		}
		r.mu.Unlock()
		if !busy {
			return nil
		}
		select {
		case <-other.free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// give frees name, if by holds it.
func (r *records) give(name, by string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h, ok := r.held[name]; ok && h.by == by {
		delete(r.held, name)
		close(h.free)
	}
}

// call runs the program in a process group of its own, so that what it started ends with it.
func (h hook) call(ctx context.Context, word string, c acme.Challenge) error {
	ctx, cancel := context.WithTimeoutCause(ctx, h.config.Timeout.Or(time.Hour), errors.New("it took longer than dns.timeout"))
	defer cancel()
	name := c.DNS01TXTRecordName() + "."
	args := append(append([]string(nil), h.config.Exec[1:]...), word, name, c.DNS01KeyAuthorization())
	cmd := exec.CommandContext(ctx, h.config.Exec[0], args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	said := &tail{}
	cmd.Stdout, cmd.Stderr = said, said
	err := cmd.Run()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s %s %s: %w%s", h.config.Exec[0], word, name, err, said)
	}
	return nil
}

// tail keeps the end of what a program has said.
type tail struct{ text []byte }

// keep is how many bytes of it go into an error.
const keep = 500

// Write implements [io.Writer].
func (t *tail) Write(b []byte) (int, error) {
	t.text = append(t.text, b...)
	if more := len(t.text) - keep; more > 0 {
		t.text = append(t.text[:0], t.text[more:]...)
	}
	return len(b), nil
}

// String returns it as the end of a message; "" if it said nothing.
func (t *tail) String() string {
	text := bytes.TrimSpace(t.text)
	if len(text) == 0 {
		return ""
	}
	return ": " + strings.ToValidUTF8(string(text), "?")
}
