//go:build linux

package e2e

import (
	"os"
	"syscall"
	"testing"
)

// logging serves one route from here, so that lines come fast, and writes them where {log} says.
const logging = `
[listeners.web]
address = "{ip}:8080"
[[routes]]
name = "ping"
respond = { body = "pong" }
[access_log]
path = "{log}"
`

// A log that can't be written costs lines, which are counted, and no request.
func TestAccessLogOnAFullDisk(t *testing.T) {
	t.Parallel()
	c := start(t, logging, "log", "/dev/full")
	w := dial(t, c.at(8080))
	for range 100 {
		if status, _ := w.get("/"); status != 200 {
			t.Fatalf("status %d", status)
		}
	}
	c.counts(100, "weir_access_log_dropped_total")
}

func TestAccessLogThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	c := prepare(t, logging, "log", "/nonexistent/access.log")
	c.launch(binary, "run", "-c", c.file)
	if code := c.awaitExit(patience); code != 3 || !has(c.stderr.String(), "/nonexistent/access.log") {
		t.Errorf("exit %d: %s", code, c.stderr)
	}
}

// Whoever reads stdout may stop reading, or go away; Weir serves on, counts what is lost, and ends
// when it is told to.
func TestAccessLogWithoutAReader(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		gone     bool
		requests int64
	}{
		{"reader that stalls", false, 30000},
		{"reader that has gone", true, 1000},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			c := prepare(t, logging, "log", "-")
			c.out = w
			c.launch(binary, "run", "-c", c.file)
			_ = w.Close() // the child has its own
			if test.gone {
				_ = r.Close()
			}
			c.awaitReady()
			busy := newLoad(t)
			busy.gets(4, c.at(8080), "/")
			busy.await(t, test.requests)
			busy.stop()
			busy.clean(t)
			eventually(t, "lost lines are counted", func() bool { return c.metrics().sum("weir_access_log_dropped_total") > 0 })
			c.signal(syscall.SIGTERM)
			if code := c.awaitExit(patience); code != 0 {
				t.Errorf("exit %d", code)
			}
		})
	}
}
