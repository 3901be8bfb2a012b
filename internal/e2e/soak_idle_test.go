//go:build linux && soak

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// 10,000 clients make 100 requests each, taking turns, and are then idle for 30 s.
func TestSoakIdleClients(t *testing.T) {
	const clients, requests, workers, most = 10000, 100, 32, 20 << 10
	needFiles(t, clients+1000)
	config := web + "[listeners.web.limits]\nidle_timeout = \"10m\"\n"
	c := start(t, "[defaults.listeners]\nmax_connections = 20000\n"+config, "origin", newOrigin(t, "one").addr)
	g := watchGrowth(t, c)
	crowd := make([]net.Conn, clients)
	for i := range crowd {
		nc, err := connect(c.at(8080))
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		defer nc.Close()
		crowd[i] = nc
	}
	begin := time.Now()
	var working sync.WaitGroup
	for n := range workers {
		mine := crowd[n*clients/workers : (n+1)*clients/workers]
		working.Go(func() { takeTurns(t, mine, requests) })
	}
	working.Wait()
	took := time.Since(begin)
	t.Logf("%d requests in %.1f s, %.0f a second", clients*requests, took.Seconds(), float64(clients*requests)/took.Seconds())
	<-time.After(30 * time.Second)
	m := c.metrics()
	if n := m.value(`weir_listener_connections_active{listener="web"}`); n != clients {
		t.Errorf("%v connections are open, want %d", n, clients)
	}
	if n := m.sum("weir_http_requests_total", `class="2xx"`); n < clients*requests {
		t.Errorf("%v requests counted", n)
	}
	g.stop()
	<-g.done
	each := float64(c.rss()-g.before) / clients
	t.Logf("an idle client costs %.1f KiB of RSS; at most %.1f KiB under load; heap in use %.1f MiB, stacks %.1f MiB, goroutines %v", each/1024,
		float64(g.peak-g.before)/clients/1024, m.value("go_memstats_heap_inuse_bytes")/mib, m.value("go_memstats_stack_inuse_bytes")/mib, m.value("go_goroutines"))
	if each > most {
		t.Errorf("an idle client costs %.1f KiB, want at most %d", each/1024, most>>10)
	}
}

// needFiles fails the test if this process can't open n files.
func needFiles(t *testing.T, n uint64) {
	t.Helper()
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil || r.Cur < n {
		t.Fatalf("RLIMIT_NOFILE is %d, and this needs %d; raise it by ulimit -n: %v", r.Cur, n, err)
	}
}

// takeTurns makes rounds in which every client makes one request.
func takeTurns(t *testing.T, crowd []net.Conn, rounds int) {
	room := make([]byte, 4<<10)
	for round := range rounds {
		for i, nc := range crowd {
			if err := oneRequest(nc, room); err != nil {
				t.Errorf("round %d, client %d: %v", round, i, err)
				return
			}
		}
	}
}

var (
	plainGet = []byte("GET / HTTP/1.1\r\nHost: weir.test\r\n\r\n")
	ok       = []byte("HTTP/1.1 200 ")
	named    = []byte("\r\n\r\none")
)

// oneRequest asks for the origin's name and reads the answer into room. It allocates nothing.
func oneRequest(nc net.Conn, room []byte) error {
	if _, err := nc.Write(plainGet); err != nil {
		return err
	}
	for n := 0; ; {
		k, err := nc.Read(room[n:])
		n += k
		switch {
		case bytes.HasPrefix(room[:n], ok) && bytes.HasSuffix(room[:n], named):
			return nil
		case err != nil || n == len(room):
			return fmt.Errorf("got %q: %w", room[:n], err)
		}
	}
}

// Beyond what an idle Weir allocates in the same time, a hundred thousand requests, and as many
// relayed messages, add fewer than 500 objects to the heap.
func TestSoakAllocations(t *testing.T) {
	const warm, uses, most = 10000, 100000, 500
	c := startSecure(t, webAndRelay+"[access_log]\npath = \"{dir}/access.log\"\n", "origin", newOrigin(t, "one").addr, "echo", newEcho(t))
	message := []byte("a message of a few words\n")
	for _, test := range []struct {
		name string
		nc   net.Conn
		use  func(net.Conn, []byte) error
	}{
		{"proxied requests", dial(t, c.at(8080)).Conn, oneRequest},
		{"relayed messages", dial(t, c.at(7000)).Conn, func(nc net.Conn, room []byte) error {
			if _, err := nc.Write(message); err != nil {
				return err
			}
			_, err := io.ReadFull(nc, room[:len(message)])
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			room := make([]byte, 4<<10)
			repeat := func(n int) {
				for i := range n {
					if err := test.use(test.nc, room); err != nil {
						t.Fatalf("use %d: %v", i, err)
					}
				}
			}
			if err := test.nc.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
				t.Fatal(err)
			}
			repeat(warm)
			begin := time.Now()
			busy := c.mallocs(func() { repeat(uses) })
			took := time.Since(begin)
			idle := c.mallocs(func() { <-time.After(took) })
			t.Logf("%d %s in %.1f s: %.0f objects, idle as long %.0f", uses, test.name, took.Seconds(), busy, idle)
			if busy-idle >= most {
				t.Errorf("%d %s added %.0f objects to the heap, want fewer than %d", uses, test.name, busy-idle, most)
			}
		})
	}
}

// mallocs returns how many objects the child allocates while do runs, the cost of one scrape
// included.
func (c *child) mallocs(do func()) float64 {
	c.t.Helper()
	before := c.metrics().value("go_memstats_mallocs_total")
	do()
	return c.metrics().value("go_memstats_mallocs_total") - before
}
