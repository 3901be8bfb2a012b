//go:build linux && soak

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// cached is web with a store in front of its upstream.
const cached = `
[cache]
size = "64MiB"
[defaults.listeners]
max_connections = 20000
[listeners.web]
address = "{ip}:8080"
[[routes]]
name = "all"
upstream = "api"
policies = ["stored"]
[policies.stored.cache]
ttl = "origin"
max_object = "4MiB"
wait = "30s"
[upstreams.api]
endpoints = "{origin}"
`

// leaves is a body of n bytes in which every piece says where it belongs.
func leaves(n int) []byte {
	b := make([]byte, 0, n+16)
	for len(b) < n {
		b = fmt.Appendf(b, "%015d\n", len(b))
	}
	return b[:n]
}

// slowly is an origin of one storable page. It sends the head and the first piece when opened is closed, and the
// rest, a piece each pace, when begun is.
type slowly struct {
	page   []byte
	piece  int
	pace   time.Duration
	opened chan struct{}
	begun  chan struct{}
	asked  atomic.Int64
	sent   atomic.Int64
}

// ServeHTTP implements http.Handler.
func (s *slowly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	if !waitFor(r, s.opened) {
		return
	}
	w.Header().Set("Cache-Control", "max-age=3600")
	w.Header().Set("Content-Length", strconv.Itoa(len(s.page)))
	pace := time.NewTicker(s.pace)
	defer pace.Stop()
	for at := 0; at < len(s.page); at += s.piece {
		if at == s.piece && !waitFor(r, s.begun) {
			return
		}
		n, err := w.Write(s.page[at:min(at+s.piece, len(s.page))])
		if err == nil {
			err = http.NewResponseController(w).Flush()
		}
		if err != nil {
			return
		}
		s.sent.Add(int64(n))
		<-pace.C
	}
}

// waitFor returns false if the request is given up first.
func waitFor(r *http.Request, event <-chan struct{}) bool {
	select {
	case <-event:
		return true
	case <-r.Context().Done():
		return false
	}
}

// serve starts handler as an origin and returns its address. It ends with the test.
func serve(t *testing.T, handler http.Handler) (address string) {
	t.Helper()
	ln := listen(t)
	server := &http.Server{Handler: handler, ErrorLog: silent}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(ln) }) // ends by Close
	t.Cleanup(func() { _ = server.Close(); serving.Wait() })
	return ln.Addr().String()
}

// pageReader is one client that compares what it reads with the page, as it comes.
type pageReader struct {
	net.Conn
	first time.Time // when the first bytes of the body came
	err   error
}

// read sends the request and reads the whole answer; began is told when the first of the body is there.
func (c *pageReader) read(want []byte, began func()) {
	if _, c.err = io.WriteString(c, "GET /page HTTP/1.1\r\nHost: weir.test\r\n\r\n"); c.err != nil {
		return
	}
	r := bufio.NewReaderSize(c.Conn, 8<<10)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != 200 || resp.ContentLength != int64(len(want)) {
		c.err = fmt.Errorf("answer %+v: %w", resp, err)
		return
	}
	block := make([]byte, 8<<10)
	for at := 0; at < len(want); {
		n, err := resp.Body.Read(block)
		if n > 0 && at == 0 {
			c.first = time.Now()
			began()
		}
		if !bytes.Equal(block[:n], want[at:min(at+n, len(want))]) {
			c.err = fmt.Errorf("other bytes at %d", at)
			return
		}
		if at += n; err != nil && at < len(want) {
			c.err = fmt.Errorf("after %d bytes: %w", at, err)
			return
		}
	}
}

// 10,000 clients ask at once for a page of 1 MiB that nobody has asked for before. The origin keeps back what
// follows the first piece until every one of them has read from that piece, and then takes three seconds.
func TestSoakCacheRush(t *testing.T) {
	const clients = 10000
	needFiles(t, clients+1000)
	s := &slowly{page: leaves(mib), piece: 16 << 10, pace: 50 * time.Millisecond, opened: make(chan struct{}), begun: make(chan struct{})}
	c := start(t, cached, "origin", serve(t, s))
	crowd := make([]*pageReader, clients)
	for i := range crowd {
		nc, err := connect(c.at(8080))
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(2 * time.Minute)) // it has just been opened
		crowd[i] = &pageReader{Conn: nc}
	}
	g := growth{before: c.rss()}
	g.follow(t, c)
	var running sync.WaitGroup
	var waiting atomic.Int64
	waiting.Store(clients)
	begin := time.Now()
	for _, r := range crowd {
		running.Go(func() { // a client; ends with its answer
			r.read(s.page, func() {
				if waiting.Add(-1) == 0 {
					close(s.begun)
				}
			})
		})
	}
	eventually(t, "the origin is asked", func() bool { return s.asked.Load() > 0 })
	opened := time.Now()
	close(s.opened)
	running.Wait()
	t.Logf("all had the first piece %v after it was sent, and the page %v after they asked", latest(crowd).Sub(opened).Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
	rushed(t, crowd)
	if n := s.asked.Load(); n != 1 {
		t.Errorf("the origin was asked %d times for %d clients", n, clients)
	}
	g.stop()
	<-g.done
	// What an idle client costs is held by TestSoakIdleClients; here each also has a stack and a piece on its way.
	const each, most = 48 << 10, 64 * mib
	t.Logf("RSS %.1f MiB at first, %.1f MiB at most, %.1f KiB a client", mibs(g.before), mibs(g.peak), float64(g.peak-g.before)/clients/1024)
	if by := g.peak - g.before; by > clients*each+most {
		t.Errorf("RSS grew by %.1f MiB", mibs(by))
	}
}

// rushed says what went wrong, five times at most.
func rushed(t *testing.T, crowd []*pageReader) {
	t.Helper()
	failed := 0
	for i, r := range crowd {
		if r.err == nil {
			continue
		}
		if failed++; failed <= 5 {
			t.Errorf("client %d: %v", i, r.err)
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d clients failed", failed, len(crowd))
	}
}

func latest(crowd []*pageReader) (last time.Time) {
	for _, r := range crowd {
		if r.first.After(last) {
			last = r.first
		}
	}
	return last
}
