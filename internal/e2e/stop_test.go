//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// webAndRelay serves http at {ip}:8080, https at {ip}:8443 and tcp at {ip}:7000.
const webAndRelay = web + `
[listeners.secure]
address = "{ip}:8443"
tls.certificates = { cert = "{dir}/cert.pem", key = "{dir}/key.pem" }
[listeners.relay]
address = "{ip}:7000"
kind = "tcp"
upstream = "echo"
[upstreams.echo]
endpoints = "{echo}"
`

// startSecure is start for a config with the certificate of {dir}.
func startSecure(t *testing.T, config string, vars ...string) *child {
	t.Helper()
	c := prepare(t, config, vars...)
	certificate(t, c.dir, "weir.test")
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()
	return c
}

// Whatever was begun on an accepted connection before it was told to close is answered: requests
// one after the other, slow ones, an upload under way, pipelined ones, TCP sessions.
func TestTerminateUnderLoad(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, "one")
	c := startSecure(t, webAndRelay, "origin", o.addr, "echo", newEcho(t))
	busy := newLoad(t)
	busy.leave = true
	busy.gets(16, c.at(8080), "/")
	busy.gets(8, c.at(8080), "/slow?ms=40")
	busy.gets(4, c.at(8080), "/big?n=300000")
	busy.uploads(4, c.at(8080))
	busy.gets(4, "tls:"+c.at(8443), "/")
	busy.uploads(2, "tls:"+c.at(8443))
	slow, upload, session := dial(t, c.at(8080)), dial(t, c.at(8080)), dial(t, c.at(7000))
	session.echo("before")
	upload.send("POST /sink HTTP/1.1\r\nHost: weir.test\r\nContent-Length: 10\r\n\r\nhello")
	slow.send("GET /drip?n=40&ms=20 HTTP/1.1\r\nHost: weir.test\r\n\r\n")
	busy.await(t, 500)

	c.signal(syscall.SIGTERM)
	c.logged(1, "stopping")
	eventually(t, "clients are told to close", func() bool { return o.idleFor(50 * time.Millisecond) })
	session.echo("while it drains")
	upload.send("world")
	if resp, body := upload.answer(); resp.StatusCode != 200 || body != "10" || !resp.Close {
		t.Errorf("the upload got %s %q, close %v", resp.Status, body, resp.Close)
	}
	if _, body := slow.answer(); body != dripped(40) {
		t.Errorf("the slow answer has %d bytes", len(body))
	}
	if err := session.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	session.ended()
	busy.running.Wait() // every worker was told to leave
	busy.clean(t)
	if code := c.awaitExit(patience); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// idleFor reports whether no request came for d.
func (o *origin) idleFor(d time.Duration) bool {
	before := o.requests.Load()
	<-time.After(d)
	return o.requests.Load() == before
}

// uploads starts workers that send 100 kB each time and expect to hear so.
func (l *load) uploads(workers int, address string) {
	const size = 100000
	head := fmt.Sprintf("POST /sink HTTP/1.1\r\nHost: weir.test\r\nContent-Length: %d\r\n\r\n", size)
	request := head + strings.Repeat("x", size)
	for range workers {
		l.running.Go(func() {
			l.each(address, func(nc net.Conn, r *bufio.Reader) error { return l.get(nc, r, request) })
		})
	}
}

// Readiness fails first, and for the delay Weir goes on as before.
func TestDelayBeforeDraining(t *testing.T) {
	t.Parallel()
	c := start(t, web+"[shutdown]\ndelay = \"2s\"\n", "origin", newOrigin(t, "one").addr)
	begin := time.Now()
	c.signal(syscall.SIGTERM)
	eventually(t, "readiness fails", func() bool {
		status, _ := c.admin("GET", "/readyz")
		return status == 503
	})
	for range 20 {
		w := dial(t, c.at(8080))
		w.send("GET / HTTP/1.1\r\nHost: weir.test\r\n\r\n")
		if resp, _ := w.answer(); resp.StatusCode != 200 || resp.Close {
			t.Fatalf("during the delay: %s, close %v", resp.Status, resp.Close)
		}
		w.Close()
	}
	if code := c.awaitExit(patience); code != 0 {
		t.Errorf("exit %d", code)
	}
	if took := time.Since(begin); took < 2*time.Second {
		t.Errorf("it ended after %v", took)
	}
}

// What does not end by itself is cut when the grace is over.
func TestGraceEnds(t *testing.T) {
	t.Parallel()
	c := startSecure(t, webAndRelay+"[shutdown]\ngrace = \"300ms\"\n", "origin", newOrigin(t, "one").addr, "echo", newEcho(t))
	session, slow := dial(t, c.at(7000)), dial(t, c.at(8080))
	session.echo("hello")
	slow.send("GET /drip?n=100000&ms=20 HTTP/1.1\r\nHost: weir.test\r\n\r\n")
	if _, err := slow.r.Peek(1); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	c.signal(syscall.SIGTERM)
	session.ended()
	if body, err := readAnswer(slow.r); err == nil {
		t.Errorf("an answer that was cut looks like one that ended: %d bytes", len(body))
	}
	// Without the 300ms it were 30s.
	if took := time.Since(begin); took < 300*time.Millisecond || took > patience {
		t.Errorf("cut after %v, want 300ms", took)
	}
	if code := c.awaitExit(patience); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestSecondSignalEndsTheGrace(t *testing.T) {
	t.Parallel()
	c := startSecure(t, webAndRelay+"[shutdown]\ngrace = \"10m\"\n", "origin", newOrigin(t, "one").addr, "echo", newEcho(t))
	session := dial(t, c.at(7000))
	session.echo("hello")
	c.signal(syscall.SIGTERM)
	c.logged(1, "stopping")
	c.signal(syscall.SIGTERM)
	if code := c.awaitExit(patience); code != 0 {
		t.Errorf("exit %d", code)
	}
}
