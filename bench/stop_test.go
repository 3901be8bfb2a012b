package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

func TestAStoppedRunSendsNothingMore(t *testing.T) {
	// Workers that slept until their slots were not told of the end: for a second, what came due was still sent, and
	// the run did not return before.
	for _, scheme := range []string{"http", "tcp"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			best(t, func() string { return stopped(t, scheme) })
		})
	}
}

// stopped stops a run with its first request and says what it did wrong.
func stopped(t *testing.T, scheme string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var came atomic.Int64
	at := listen(t, func(c *net.TCPConn) {
		block := make([]byte, 4096)
		for {
			n, err := c.Read(block)
			if err != nil {
				return
			}
			if came.Add(1) == 1 {
				cancel() // with the first request
			}
			if scheme == "http" {
				_, err = io.WriteString(c, fine)
			} else {
				_, err = c.Write(block[:n])
			}
			if err != nil {
				return
			}
		}
	})
	from := time.Now()
	r, err := Run(ctx, Config{Target: scheme + "://" + at, Connections: 4, Rate: 2, Duration: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(from); took > 450*time.Millisecond || came.Load() != 1 || r.OK != 1 || !r.CutShort {
		return fmt.Sprintf("it took %v, sent %d, ok %d, cut short %v; want an end before the slot at 500 ms", took, came.Load(), r.OK, r.CutShort)
	}
	return ""
}
