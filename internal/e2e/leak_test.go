//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// After clients of every bad habit have gone, nothing of them is left: no descriptor, goroutine,
// connection or lease.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	c := startSecure(t, webAndRelay+"[upstreams.api.connections]\nidle = \"off\"\n",
		"origin", newOrigin(t, "one").addr, "echo", newEcho(t))
	get(t, c.at(8080), "/")
	eventually(t, "the first client has gone", func() bool { return c.quiet() })
	files, goroutines := c.files(), c.metrics().value("go_goroutines")

	habits := []func(*net.TCPConn, *bufio.Reader){
		func(*net.TCPConn, *bufio.Reader) {},
		func(nc *net.TCPConn, _ *bufio.Reader) { say(nc, "GET / HT") },
		func(nc *net.TCPConn, _ *bufio.Reader) { say(nc, got) },
		func(nc *net.TCPConn, _ *bufio.Reader) { say(nc, "\x16\x03\x01\x00\x05hello") },
		func(nc *net.TCPConn, r *bufio.Reader) { say(nc, got); _, _ = readAnswer(r) },
		func(nc *net.TCPConn, _ *bufio.Reader) {
			say(nc, "POST /sink HTTP/1.1\r\nHost: weir.test\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 50000))
		},
		func(nc *net.TCPConn, r *bufio.Reader) {
			say(nc, "GET /big?n=5000000 HTTP/1.1\r\nHost: weir.test\r\n\r\n")
			_, _ = io.CopyN(io.Discard, r, 1000)
		},
		func(nc *net.TCPConn, r *bufio.Reader) {
			say(nc, "GET /slow?ms=5000 HTTP/1.1\r\nHost: weir.test\r\n\r\n")
			_ = nc.SetReadDeadline(time.Now().Add(60 * time.Millisecond)) // it has not failed before
			_, _ = r.Peek(1)
		},
	}
	for i := range 24 * len(habits) {
		nc, err := connect(c.at([]int{8080, 8443, 7000}[i/len(habits)%3]))
		if err != nil {
			t.Fatal(err)
		}
		client := nc.(*net.TCPConn)
		_ = client.SetDeadline(time.Now().Add(100 * time.Millisecond)) // some wait in vain
		habits[i%len(habits)](client, bufio.NewReader(client))
		if i%2 == 0 {
			_ = client.SetLinger(0) // a reset
		}
		_ = client.Close() // nobody is interested
	}

	eventually(t, "all have gone", func() bool {
		return c.quiet() && c.files() <= files && c.metrics().value("go_goroutines") <= goroutines
	})
	if n := c.metrics().value("weir_panics_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
}

// quiet reports whether no connection is open and no lease out.
func (c *child) quiet() bool {
	m := c.metrics()
	return m.sum("weir_listener_connections_active") == 0 && m.sum("weir_endpoint_in_flight") == 0 && m.sum("weir_endpoint_idle_connections") == 0
}

// A hundred reloads leave no descriptor and no goroutine behind either.
func TestReloadsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	c := startSecure(t, webAndRelay, "origin", newOrigin(t, "one").addr, "echo", newEcho(t))
	more := webAndRelay + "[listeners.more]\naddress = \"{ip}:8081\"\n[access_log]\npath = \"{dir}/access.log\"\n"
	cycle := func(n int) {
		for range n {
			for _, config := range []string{more, webAndRelay} {
				c.write(config)
				c.mustReload()
				get(t, c.at(8080), "/")
			}
		}
	}
	cycle(5)
	settled := func() string { return fmt.Sprint(c.files(), c.metrics().value("go_goroutines")) }
	var before string
	eventually(t, "the numbers settle", func() bool {
		last := before
		before = settled()
		return before == last
	})
	cycle(50)
	eventually(t, "descriptors and goroutines are again "+before, func() bool { return settled() == before })
}
