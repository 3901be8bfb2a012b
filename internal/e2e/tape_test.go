//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// tape keeps what a child writes. It is safe for concurrent use.
type tape struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func newTape() *tape { return &tape{} }

// Write implements io.Writer.
func (p *tape) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

// String returns everything so far.
func (p *tape) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// last returns at most the last n bytes.
func (p *tape) last(n int) string {
	s := p.String()
	return s[max(len(s)-n, 0):]
}

// lines returns the whole lines that hold every one of the words.
func (p *tape) lines(words ...string) []string {
	var out []string
	for line := range strings.Lines(p.String()) {
		if strings.HasSuffix(line, "\n") && has(line, words...) {
			out = append(out, strings.TrimSuffix(line, "\n"))
		}
	}
	return out
}

// has reports whether text has every one of the words.
func has(text string, words ...string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// eventually waits until ok says so, and gives up after patience. It looks every 10 ms, after a second every 50 ms.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	eventuallyIn(t, patience, what, ok)
}

func eventuallyIn(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	begun := time.Now()
	for n := 0; !ok(); <-look.C {
		if time.Since(begun) > within {
			t.Fatalf("not within %v: %s", within, what)
		}
		if n++; n == 100 {
			look.Reset(50 * time.Millisecond)
		}
	}
}

// logged waits until n lines of the child's log have every one of the words, and demands that they
// are no more.
func (c *child) logged(n int, words ...string) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%d log lines with %q", n, words), func() bool {
		return len(c.stderr.lines(words...)) >= n
	})
	if got := c.stderr.lines(words...); len(got) > n {
		c.t.Errorf("%d log lines, want %d: %q", len(got), n, got)
	}
}
