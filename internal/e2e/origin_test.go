//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// origin is an HTTP endpoint. It answers
//
//	/healthz    what fit says
//	/slow?ms=n  after n ms
//	/drip?n=&ms=  n numbered lines, one each ms
//	/held       its name, once the test lets go
//	/halves?n=  n numbered lines, the second half of them once the test lets go
//	/big?n=     n bytes
//	/sink       how many bytes it was sent
//	any other   its name
type origin struct {
	name     string
	addr     string
	fit      atomic.Bool
	requests atomic.Int64 // probes aside
	server   *http.Server

	once sync.Once
	free chan struct{} // closed by letGo
}

// newOrigin starts an origin on a free port, or where address says. It ends with the test.
func newOrigin(t *testing.T, name string, address ...string) *origin {
	t.Helper()
	o := &origin{name: name, free: make(chan struct{})}
	o.fit.Store(true)
	ln := listen(t, address...)
	o.addr = endpointOf(ln)
	o.server = &http.Server{Handler: o}
	var serving sync.WaitGroup
	serving.Go(func() { _ = o.server.Serve(ln) }) // ends by stop
	t.Cleanup(func() { o.stop(); serving.Wait() })
	return o
}

// letGo answers what is held, now and later.
func (o *origin) letGo() { o.once.Do(func() { close(o.free) }) }

// await waits until the test lets go, or the request is given up.
func (o *origin) await(r *http.Request) {
	select {
	case <-o.free:
	case <-r.Context().Done():
	}
}

// stop closes the origin and its connections at once.
func (o *origin) stop() { _ = o.server.Close() } // what fails to close is closed already

func listen(t *testing.T, address ...string) net.Listener {
	t.Helper()
	at, network := "127.0.0.1:0", "tcp"
	if len(address) > 0 {
		at = address[0]
	}
	if path, ok := strings.CutPrefix(at, "unix:"); ok {
		at, network = path, "unix"
	}
	ln, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func endpointOf(ln net.Listener) string {
	if ln.Addr().Network() == "unix" {
		return "unix:" + ln.Addr().String()
	}
	return ln.Addr().String()
}

// ServeHTTP implements http.Handler.
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		if !o.fit.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return
	}
	o.requests.Add(1)
	switch r.URL.Path {
	case "/slow":
		pause(r, number(r, "ms"))
		fmt.Fprint(w, o.name)
	case "/drip":
		drip(w, r)
	case "/held":
		o.await(r)
		fmt.Fprint(w, o.name)
	case "/halves":
		n := number(r, "n")
		numberedLines(w, 0, n/2)
		o.await(r)
		numberedLines(w, n/2, n)
	case "/big":
		bulk(w, number(r, "n"))
	case "/sink":
		n, _ := drain(r.Body) // how far it came is the answer
		fmt.Fprint(w, n)
	default:
		fmt.Fprint(w, o.name)
	}
}

func number(r *http.Request, name string) int64 {
	n, _ := strconv.ParseInt(r.URL.Query().Get(name), 10, 64) // the tests write it
	return n
}

// pause waits ms, or until the request is given up.
func pause(r *http.Request, ms int64) {
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
	case <-r.Context().Done():
	}
}

func drip(w http.ResponseWriter, r *http.Request) {
	for i := range number(r, "n") {
		fmt.Fprintf(w, "%08d\n", i)
		_ = http.NewResponseController(w).Flush() // a client that left shows in the pause
		pause(r, number(r, "ms"))
	}
}

// numberedLines writes the lines from one number to before another.
func numberedLines(w http.ResponseWriter, from, to int64) {
	for i := from; i < to; i++ {
		fmt.Fprintf(w, "%08d\n", i)
	}
	_ = http.NewResponseController(w).Flush() // a client that left shows in what follows
}

// dripped is what /drip?n= and /halves?n= answer in all.
func dripped(n int) string {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, "%08d\n", i)
	}
	return string(b)
}

// drain reads r to its end in large steps.
func drain(r io.Reader) (n int64, err error) {
	into := make([]byte, 256<<10)
	for err == nil {
		var k int
		k, err = r.Read(into)
		n += int64(k)
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// block is what big answers are made of.
var block = make([]byte, 256<<10)

func bulk(w http.ResponseWriter, n int64) {
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	for n > 0 {
		k, err := w.Write(block[:min(n, int64(len(block)))])
		if err != nil {
			return
		}
		n -= int64(k)
	}
}

// newEcho starts a TCP endpoint that sends back what it gets, and half-closes when its client
// does. It returns its address; it ends with the test.
func newEcho(t *testing.T, address ...string) string {
	t.Helper()
	ln := listen(t, address...)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer nc.Close()
				_, _ = io.Copy(nc, nc) // however it ends, it has ended
			})
		}
	})
	t.Cleanup(func() { ln.Close() }) // the connections end with the child
	return endpointOf(ln)
}
