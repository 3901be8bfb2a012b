//go:build linux && soak

package e2e

import (
	"bufio"
	"errors"
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

// dying is an origin whose connection dies in the middle of its page as long as ill says so.
type dying struct {
	page   []byte
	length bool          // say how long the page is
	reset  bool          // die by a reset, else by an orderly end
	met    chan struct{} // closed when all clients have read from the first half
	ill    atomic.Bool
	asked  atomic.Int64
}

// ServeHTTP implements http.Handler.
func (d *dying) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.asked.Add(1)
	w.Header().Set("Cache-Control", "max-age=3600")
	if d.length {
		w.Header().Set("Content-Length", strconv.Itoa(len(d.page)))
	}
	if !d.ill.Load() {
		_, _ = w.Write(d.page) // the client's side says what came
		return
	}
	_, _ = w.Write(d.page[:len(d.page)/2])
	_ = http.NewResponseController(w).Flush() // as above
	if !waitFor(r, d.met) {
		return
	}
	nc, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp := nc.(*net.TCPConn); d.reset {
		_ = tcp.SetLinger(0) // the close is a reset
	}
	_ = nc.Close()
}

// fetchH1 reads a whole page and says how much came, and how it ended. half is told when half of it is there.
func fetchH1(address string, long int, half func()) (n int, err error) {
	nc, err := connect(address)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(3 * patience)) // it has just been opened
	if _, err = io.WriteString(nc, "GET /page HTTP/1.1\r\nHost: weir.test\r\n\r\n"); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		return 0, err
	}
	return half2(resp, long, half)
}

// half2 reads the body of an answer.
func half2(resp *http.Response, long int, half func()) (n int, err error) {
	if resp.StatusCode != 200 {
		return 0, fmt.Errorf("status %d", resp.StatusCode)
	}
	k, err := io.ReadFull(resp.Body, make([]byte, long/2))
	if err != nil {
		return k, err
	}
	half()
	rest, err := io.Copy(io.Discard, resp.Body)
	return k + int(rest), err
}

// fetchH2 is fetchH1 by a client of HTTP/2.
func fetchH2(client *http.Client, address string, long int, half func()) (n int, err error) {
	req, err := http.NewRequest("GET", "http://"+address+"/page", nil)
	if err != nil {
		return 0, err
	}
	req.Host = "weir.test" // as over h1: the host is in the key
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return half2(resp, long, half)
}

// plainH2 speaks HTTP/2 without TLS, and without being told to.
func plainH2() *http.Client {
	only := &http.Protocols{}
	only.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: only}}
}

// The origin dies when a hundred clients have read half of its page, in four ways. Nobody may take the half for the
// page, neither those who read along nor those who come later.
func TestSoakCacheOriginDiesMidFill(t *testing.T) {
	const each, long = 50, 512 << 10
	for _, length := range []bool{true, false} {
		for _, reset := range []bool{true, false} {
			t.Run(fmt.Sprintf("length %v, reset %v", length, reset), func(t *testing.T) {
				d := &dying{page: leaves(long), length: length, reset: reset, met: make(chan struct{})}
				d.ill.Store(true)
				c := start(t, cached, "origin", serve(t, d))
				d.kill(t, c, each)
				if n := d.asked.Load(); n != 1 {
					t.Errorf("the origin was asked %d times", n)
				}
				d.ill.Store(false)
				for range 2 {
					if n, err := fetchH1(c.at(8080), long, func() {}); n != long || err != nil {
						t.Errorf("afterwards the page has %d bytes: %v", n, err)
					}
				}
				if n := d.asked.Load(); n != 2 {
					t.Errorf("the origin was asked %d times, want once more", n)
				}
			})
		}
	}
}

// kill has clients of two protocols read half, then ends the origin's connection.
func (d *dying) kill(t *testing.T, c *child, each int) {
	t.Helper()
	long, client := len(d.page), plainH2()
	defer client.CloseIdleConnections()
	var running sync.WaitGroup
	var short, whole atomic.Int64
	waiting := atomic.Int64{}
	waiting.Store(int64(2 * each))
	half := func() {
		if waiting.Add(-1) == 0 {
			close(d.met)
		}
	}
	judge := func(how string, n int, err error) {
		switch {
		case err == nil:
			whole.Add(1)
			t.Errorf("%s: %d of %d bytes came as a complete answer", how, n, long)
		case n < long/2 || errors.Is(err, io.EOF):
			t.Errorf("%s: after %d bytes: %v", how, n, err)
		default:
			short.Add(1)
		}
	}
	for range each {
		running.Go(func() { // a client; ends with its answer
			n, err := fetchH1(c.at(8080), long, half)
			judge("h1", n, err)
		})
		running.Go(func() { // likewise
			n, err := fetchH2(client, c.at(8080), long, half)
			judge("h2", n, err)
		})
	}
	running.Wait()
	t.Logf("%d clients saw that the page was cut, %d did not", short.Load(), whole.Load())
}
