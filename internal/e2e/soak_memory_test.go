//go:build linux && soak

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	gib = 1 << 30
	mib = 1 << 20
	// mostGrowth is what streaming may add to the resident memory.
	mostGrowth = 64 * mib
)

// growth watches a child's resident memory.
type growth struct {
	before, peak int64
	stop         context.CancelFunc
	done         chan struct{}
}

// watchGrowth warms c up, notes its memory and watches it from then on.
func watchGrowth(t *testing.T, c *child) *growth {
	t.Helper()
	w := dial(t, c.at(8080))
	for range 100 {
		w.get("/")
	}
	w.Close()
	g := &growth{before: c.rss()}
	g.follow(t, c)
	return g
}

// follow looks at c's memory until stop.
func (g *growth) follow(t *testing.T, c *child) {
	var ctx context.Context
	ctx, g.stop = context.WithCancel(t.Context())
	g.done = make(chan struct{})
	go func() { // looks five times a second until stop
		defer close(g.done)
		look := time.NewTicker(200 * time.Millisecond)
		defer look.Stop()
		for ctx.Err() == nil {
			<-look.C
			g.peak = max(g.peak, c.rss())
		}
	}()
}

// end fails the test if memory grew too much meanwhile.
func (g *growth) end(t *testing.T, what string) {
	t.Helper()
	g.stop()
	<-g.done
	by := g.peak - g.before
	t.Logf("%s: RSS %.1f MiB at first, %.1f MiB at most: grew by %.1f MiB", what, mibs(g.before), mibs(g.peak), mibs(by))
	if by >= mostGrowth {
		t.Errorf("%s: RSS grew by %.1f MiB, want less than %d", what, mibs(by), mostGrowth/mib)
	}
}

func mibs(n int64) float64 { return float64(n) / mib }

// within gives a connection all the time that a transfer may take.
func within(t *testing.T, w *wire, limit time.Duration) {
	t.Helper()
	if err := w.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
}

func TestSoakUpload(t *testing.T) {
	c := start(t, web, "origin", newOrigin(t, "one").addr)
	g := watchGrowth(t, c)
	w := dial(t, c.at(8080))
	within(t, w, 2*time.Minute)
	begin := time.Now()
	w.send(fmt.Sprintf("POST /sink HTTP/1.1\r\nHost: weir.test\r\nContent-Length: %d\r\n\r\n", int64(10*gib)))
	for sent := 0; sent < 10*gib; sent += len(block) {
		if _, err := w.Write(block); err != nil {
			t.Fatalf("after %d bytes: %v", sent, err)
		}
	}
	if _, body := w.answer(); body != fmt.Sprint(int64(10*gib)) {
		t.Errorf("the endpoint got %s bytes", body)
	}
	report(t, "upload", begin)
	g.end(t, "10 GiB upload")
}

func TestSoakDownload(t *testing.T) {
	c := start(t, web, "origin", newOrigin(t, "one").addr)
	g := watchGrowth(t, c)
	w := dial(t, c.at(8080))
	within(t, w, 2*time.Minute)
	begin := time.Now()
	w.send(fmt.Sprintf("GET /big?n=%d HTTP/1.1\r\nHost: weir.test\r\n\r\n", int64(10*gib)))
	resp, err := http.ReadResponse(w.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := drain(resp.Body); n != 10*gib || err != nil {
		t.Errorf("the client got %d bytes: %v", n, err)
	}
	report(t, "download", begin)
	g.end(t, "10 GiB download")
}

func report(t *testing.T, what string, begin time.Time) {
	took := time.Since(begin)
	t.Logf("%s: %.1f s, %.0f MiB/s", what, took.Seconds(), 10*1024/took.Seconds())
}

// 200 clients ask for 100 MiB each and read a byte a second: what the endpoint has sent stays in
// the sockets, not in Weir.
func TestSoakSlowReaders(t *testing.T) {
	const clients, seconds = 200, 40
	o := newOrigin(t, "one")
	c := start(t, web, "origin", o.addr)
	g := watchGrowth(t, c)
	before := o.requests.Load()
	var readers sync.WaitGroup
	var alive atomic.Int64
	for range clients {
		w := dial(t, c.at(8080))
		within(t, w, 2*seconds*time.Second)
		w.send(fmt.Sprintf("GET /big?n=%d HTTP/1.1\r\nHost: weir.test\r\n\r\n", 100*mib))
		readers.Go(func() {
			if trickle(w, seconds) {
				alive.Add(1)
			}
		})
	}
	readers.Wait()
	if n := o.requests.Load() - before; n != clients {
		t.Errorf("the endpoint has seen %d requests of %d", n, clients)
	}
	if n := alive.Load(); n != clients {
		t.Errorf("%d of %d answers lived through", n, clients)
	}
	g.end(t, fmt.Sprintf("%d clients that read a byte a second for %d s", clients, seconds))
	if n := c.metrics().sum("weir_endpoint_in_flight"); n != clients {
		t.Errorf("%v leases are out, want %d", n, clients)
	}
}

// trickle reads the head of an answer and then a byte a second.
func trickle(w *wire, seconds int) bool {
	slow := bufio.NewReaderSize(w.Conn, 16)
	if _, err := http.ReadResponse(slow, nil); err != nil {
		return false
	}
	pace := time.NewTicker(time.Second)
	defer pace.Stop()
	for range seconds {
		if _, err := io.ReadFull(w.Conn, make([]byte, 1)); err != nil {
			return false
		}
		<-pace.C
	}
	return true
}
