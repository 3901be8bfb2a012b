//go:build linux

package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load is traffic that runs beside a test. A worker has a connection of its own and makes one use
// after the other.
type load struct {
	// leave ends a worker whose connection was told to close; else it connects again.
	leave bool

	uses    atomic.Int64
	running sync.WaitGroup
	cancel  context.CancelFunc
	ctx     context.Context

	mu       sync.Mutex
	failures []string
}

// newLoad makes a load that ends with the test at the latest.
func newLoad(t *testing.T) *load {
	l := &load{}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	t.Cleanup(func() { l.stop() })
	return l
}

// stop lets every worker end the use that it has begun, and returns when all have.
func (l *load) stop() {
	l.cancel()
	l.running.Wait()
}

// await returns once n uses have been made.
func (l *load) await(t *testing.T, n int64) {
	t.Helper()
	end := l.uses.Load() + n
	eventuallyIn(t, 3*patience, fmt.Sprintf("%d more uses", n), func() bool { return l.uses.Load() >= end })
}

// clean fails the test if any use failed.
func (l *load) clean(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.failures); n > 0 {
		t.Errorf("%d of %d uses failed: %q", n, l.uses.Load(), l.failures[:min(n, 5)])
	}
}

func (l *load) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, time.Now().Format("05.000 ")+fmt.Sprintf(format, args...))
}

// gets starts workers that ask for path, keep their connections, and expect status 200.
func (l *load) gets(workers int, address, path string) {
	request := "GET " + path + " HTTP/1.1\r\nHost: weir.test\r\n\r\n"
	for range workers {
		l.running.Go(func() { l.each(address, func(nc net.Conn, r *bufio.Reader) error { return l.get(nc, r, request) }) })
	}
}

// each connects and makes uses until the load ends.
func (l *load) each(address string, use func(net.Conn, *bufio.Reader) error) {
	for l.ctx.Err() == nil {
		nc, err := connect(address)
		if err != nil {
			l.fail("connect: %v", err)
			return
		}
		err = l.uses1(nc, use)
		_ = nc.Close() // nothing is on its way
		if errors.Is(err, errToldToClose) && !l.leave {
			continue
		}
		if err != nil {
			return
		}
	}
}

// errToldToClose ends a connection without being a failure.
var errToldToClose = errors.New("told to close")

// uses1 makes uses of one connection.
func (l *load) uses1(nc net.Conn, use func(net.Conn, *bufio.Reader) error) error {
	r := bufio.NewReader(nc)
	for n := 0; l.ctx.Err() == nil; n++ {
		if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		switch err := use(nc, r); {
		case err == nil:
			l.uses.Add(1)
		case errors.Is(err, errToldToClose):
			l.uses.Add(1)
			return err
		default:
			l.fail("use %d of its connection: %v", n, err)
			return err
		}
	}
	return nil
}

func (l *load) get(nc net.Conn, r *bufio.Reader, request string) error {
	if _, err := io.WriteString(nc, request); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return fmt.Errorf("head: %w", err)
	}
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return fmt.Errorf("body: %w", err)
	case resp.StatusCode != 200:
		return fmt.Errorf("status %d: %s", resp.StatusCode, body)
	case resp.Close:
		return errToldToClose
	}
	return nil
}

// echoes starts workers that keep one TCP session each and exchange messages on it.
func (l *load) echoes(workers int, address string) {
	for i := range workers {
		message := fmt.Sprintf("message of worker %d\n", i)
		l.running.Go(func() {
			l.each(address, func(nc net.Conn, r *bufio.Reader) error { return echoOnce(nc, r, message) })
		})
	}
}

// sessions starts workers that open a TCP session for each message.
func (l *load) sessions(workers int, address string) {
	for range workers {
		l.running.Go(func() {
			l.each(address, func(nc net.Conn, r *bufio.Reader) error {
				if err := echoOnce(nc, r, "one message\n"); err != nil {
					return err
				}
				return errToldToClose
			})
		})
	}
}

func echoOnce(nc net.Conn, r *bufio.Reader, message string) error {
	if _, err := io.WriteString(nc, message); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	back := make([]byte, len(message))
	if _, err := io.ReadFull(r, back); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if string(back) != message {
		return fmt.Errorf("sent %q, got back %q", message, back)
	}
	return nil
}
