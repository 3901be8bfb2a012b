//go:build linux

package e2e

import "testing"

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
