//go:build linux

package e2e

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestRequestOverALimit(t *testing.T) {
	t.Parallel()
	c := start(t, web+`
[listeners.web.limits]
header_bytes = "4KiB"
header_count = 20
body_bytes = "1KiB"
[listeners.hasty]
address = "{ip}:8081"
limits.header_timeout = "300ms"
`, "origin", newOrigin(t, "one").addr)
	const head = "GET / HTTP/1.1\r\nHost: weir.test\r\n"
	bystander := dial(t, c.at(8080))
	bystander.get("/")
	for _, test := range []struct {
		name, request string
		port, status  int
	}{
		{"head of 5 KiB", head + "X: " + strings.Repeat("x", 5<<10) + "\r\n\r\n", 8080, 431},
		{"21 fields", head + strings.Repeat("X: y\r\n", 20) + "\r\n", 8080, 431},
		{"target of 5 KiB", "GET /" + strings.Repeat("x", 5<<10) + " HTTP/1.1\r\nHost: weir.test\r\n\r\n", 8080, 414},
		{"body of 2 KiB by length", "POST /sink HTTP/1.1\r\nHost: weir.test\r\nContent-Length: 2048\r\n\r\n" + strings.Repeat("x", 2048), 8080, 413},
		{"body of 2 KiB by chunks", "POST /sink HTTP/1.1\r\nHost: weir.test\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" + strings.Repeat("x", 2048) + "\r\n0\r\n\r\n", 8080, 413},
		{"head that does not end", head, 8081, 408},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := dial(t, c.at(test.port))
			w.send(test.request)
			resp, _ := w.answer()
			if resp.StatusCode != test.status || !resp.Close {
				t.Errorf("%s, close %v, want %d and close", resp.Status, resp.Close, test.status)
			}
			w.ended()
			if status, _ := bystander.get("/"); status != 200 {
				t.Errorf("another connection got %d", status)
			}
		})
	}
}

// A body that is refused while most of it is unread: the client reads the refusal, and the body
// never becomes a request.
func TestUnreadBodyIsNoRequest(t *testing.T) {
	t.Parallel()
	c := start(t, web+"[listeners.web.limits]\nbody_bytes = \"1KiB\"\n", "origin", newOrigin(t, "one").addr)
	w := dial(t, c.at(8080))
	w.send("POST /sink HTTP/1.1\r\nHost: weir.test\r\nContent-Length: 1048576\r\n\r\n")
	go func() { // writes until the connection ends
		smuggled := "GET /smuggled HTTP/1.1\r\nHost: weir.test\r\n\r\n"
		_, _ = io.WriteString(w.Conn, strings.Repeat(smuggled, 1<<20/len(smuggled)))
	}()
	if resp, _ := w.answer(); resp.StatusCode != 413 {
		t.Errorf("got %s, want 413", resp.Status)
	}
	w.ended()
	c.counts(1, "weir_http_requests_total")
}

func TestConnectionsPerClient(t *testing.T) {
	t.Parallel()
	c := start(t, strings.Replace(web, "[[routes]]", "max_connections_per_client = 2\n[[routes]]", 1), "origin", newOrigin(t, "one").addr)
	first, second := dial(t, c.at(8080)), dial(t, c.at(8080))
	first.get("/")
	second.get("/")
	turnedAway(t, c.at(8080))
	if status, _ := first.get("/"); status != 200 {
		t.Errorf("a client within its limit got %d", status)
	}
	c.counts(1, "weir_listener_connections_refused_total", `listener="web"`, `reason="max_connections_per_client"`)
	second.Close()
	eventually(t, "there is room again", func() bool {
		return c.metrics().value(`weir_listener_connections_active{listener="web"}`) < 2
	})
	if status, _ := get(t, c.at(8080), "/"); status != 200 {
		t.Errorf("got %d", status)
	}
}

// With 64 descriptors Weir can't hold 100 clients: accept pauses, those inside are served, and the
// others come in as room is made.
func TestDescriptorsRunOut(t *testing.T) {
	t.Parallel()
	c := prepare(t, web+"[[routes]]\nname = \"ping\"\nmatch = { path = \"/ping\" }\nrespond = { body = \"pong\" }\n", "origin", newOrigin(t, "one").addr)
	c.launch("/bin/sh", "-c", "ulimit -n 64; exec \"$0\" \"$@\"", binary, "run", "-c", c.file)
	c.awaitReady()
	admin := dial(t, c.at(9901)) // a new one would find no descriptor
	inside := dial(t, c.at(8080))
	inside.get("/") // its endpoint connection stays
	crowd := make([]*wire, 100)
	for i := range crowd {
		crowd[i] = dial(t, c.at(8080)) // the kernel answers
		crowd[i].send("GET /ping HTTP/1.1\r\nHost: weir.test\r\n\r\n")
	}
	paused := func() float64 {
		status, body := admin.get("/metrics")
		if status != 200 {
			t.Fatalf("/metrics answers %d", status)
		}
		return parseMetrics(t, []byte(body)).value(`weir_listener_accept_pauses_total{listener="web"}`)
	}
	eventually(t, "accept pauses", func() bool { return paused() > 0 })
	if n := c.files(); n < 60 {
		t.Errorf("weir holds only %d descriptors of 64", n)
	}
	stranger := dial(t, c.at(9901)) // the admin server must not give up for want of a descriptor
	for range 3 {
		if status, body := inside.get("/"); status != 200 || body != "one" {
			t.Errorf("a client inside got %d %q", status, body)
		}
	}
	for i, w := range crowd {
		if resp, body := w.answer(); resp.StatusCode != 200 || body != "pong" {
			t.Fatalf("client %d: %s %q", i, resp.Status, body)
		}
		w.Close()
	}
	c.alive()
	if status, body := get(t, c.at(8080), "/"); status != 200 || body != "one" {
		t.Errorf("afterwards: %d %q", status, body)
	}
	if status, _ := stranger.get("/healthz"); status != 200 {
		t.Errorf("afterwards the admin server answers %d", status)
	}
	if n := c.metrics().value("weir_panics_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
}

// A client that stops sending in the middle of a body, and one that trickles it, hold nobody up
// and are ended. The grace for slow bodies is 5 s.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	c := start(t, web+"[listeners.web.limits]\nmin_body_rate = \"1KiB/s\"\nheader_timeout = \"1m\"\n", "origin", newOrigin(t, "one").addr)
	w := dial(t, c.at(8080))
	w.send("POST /sink HTTP/1.1\r\nHost: weir.test\r\nContent-Length: 1000\r\n\r\nx")
	begin := time.Now()
	resp, _ := w.answer()
	if took := time.Since(begin); resp.StatusCode != 408 || took < 4*time.Second || took > patience { // the next would be 30 s
		t.Errorf("%s after %v, want 408 after 5 s", resp.Status, took)
	}
	w.ended()
	c.counts(1, "weir_http_faults_total", `kind="request_timeout"`)
}
