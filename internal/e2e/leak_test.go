//go:build linux

package e2e

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// unpooled keeps no idle connection to the origin, so that what is open is in use.
const unpooled = webAndRelay + "[upstreams.api.connections]\nidle = \"off\"\n"

// After clients of every bad habit have gone, nothing of them is left: no descriptor, goroutine,
// connection or lease.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	c := startSecure(t, unpooled,
		"origin", newOrigin(t, "one").addr, "echo", newEcho(t))
	get(t, c.at(8080), "/")
	before := c.held(t)

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
	var all sync.WaitGroup
	for _, habit := range habits {
		all.Go(func() {
			for i := range 24 {
				nc, err := connect(c.at([]int{8080, 8443, 7000}[i%3]))
				if err != nil {
					t.Error(err)
					return
				}
				client := nc.(*net.TCPConn)
				_ = client.SetDeadline(time.Now().Add(100 * time.Millisecond)) // some wait in vain
				habit(client, bufio.NewReader(client))
				if i%2 == 0 {
					_ = client.SetLinger(0) // a reset
				}
				_ = client.Close() // nobody is interested
			}
		})
	}
	all.Wait()

	c.holdsNoMoreThan(t, before)
	if n := c.metrics().value("weir_panics_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
}

// holding is what a child has open.
type holding struct{ connections, leases, idle, files, goroutines float64 }

func (c *child) holds() holding {
	m := c.metrics()
	return holding{
		connections: m.sum("weir_listener_connections_active"), leases: m.sum("weir_endpoint_in_flight"),
		idle: m.sum("weir_endpoint_idle_connections"), files: float64(c.files()), goroutines: m.value("go_goroutines"),
	}
}

// held waits until no client and no lease is left, and returns what the child then holds.
func (c *child) held(t *testing.T) (now holding) {
	t.Helper()
	eventually(t, "the first clients have gone", func() bool {
		now = c.holds()
		return now.connections+now.leases+now.idle == 0
	})
	return now
}

// holdsNoMoreThan waits until the child is where it was before. The admin server keeps a few
// goroutines for its next calls, and the connection of the last scrape may still be closing.
func (c *child) holdsNoMoreThan(t *testing.T, before holding) {
	t.Helper()
	var now holding
	defer func() { t.Logf("before %+v, now %+v", before, now) }()
	eventually(t, "no more is held than before", func() bool {
		now = c.holds()
		return now.connections+now.leases+now.idle == 0 && now.files <= before.files+4 && now.goroutines <= before.goroutines+8
	})
}

// A hundred reloads leave no descriptor and no goroutine behind either.
func TestReloadsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	c := startSecure(t, unpooled, "origin", newOrigin(t, "one").addr, "echo", newEcho(t))
	more := unpooled + "[listeners.more]\naddress = \"{ip}:8081\"\n[access_log]\npath = \"{dir}/access.log\"\n"
	cycle := func(n int) {
		for range n {
			for _, config := range []string{more, unpooled} {
				c.write(config)
				c.mustReload()
				get(t, c.at(8080), "/")
			}
		}
	}
	cycle(5)
	before := c.held(t)
	cycle(50)
	c.holdsNoMoreThan(t, before)
}
