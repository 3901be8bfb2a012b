package replay

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/bench"
)

// arrivals is an endpoint that notes when each request reached it. The paths are "/r/<number>".
type arrivals struct {
	listener net.Listener
	start    time.Time
	at       []time.Duration // by number; each is written by one connection
	serving  sync.WaitGroup
}

func serveArrivals(t *testing.T, requests int) *arrivals {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &arrivals{listener: listener, start: time.Now(), at: make([]time.Duration, requests)}
	a.serving.Go(func() { // accepts until the listener is closed
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			a.serving.Go(func() { a.serve(c) }) // ends with its connection
		}
	})
	return a
}

func (a *arrivals) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		now := time.Since(a.start)
		number, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("GET /r/")), []byte(" "))
		n, err := strconv.Atoi(string(number))
		if err != nil {
			return
		}
		a.at[n] = now
		for len(line) > 2 {
			if line, err = in.ReadSlice('\n'); err != nil {
				return
			}
		}
		if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")); err != nil {
			return
		}
	}
}

// close waits until all that was served has been noted.
func (a *arrivals) close() {
	a.listener.Close()
	a.serving.Wait()
}

// gapsOf returns a log of Weir's with random gaps whose rate goes up to fastest and down again.
func gapsOf(requests int, fastest float64) string {
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	at := 1_773_050_400_000_000.0
	for i := range requests {
		share := 1 - 0.8*float64(max(i, requests-i)-requests/2)/float64(requests/2)
		at += random.ExpFloat64() * 1e6 / (fastest * share)
		fmt.Fprintf(&b, `{"ts":%d,"client":"10.0.0.1","listener":"web","proto":"HTTP/1.1","method":"GET","host":"a","target":"/r/%d","route":"","upstream":"","endpoint":"","status":200,"fault":"","bytes_in":0,"bytes_out":0,"dur_us":200,"first_byte_us":150,"attempts":1,"consumer":"","verdicts":[],"cache":"","request_id":"","trace_id":"","match":[]}`+"\n", int64(at), i)
	}
	return b.String()
}

// gapErrors replays a log and returns by how much each gap between arrivals at the endpoint differs from the log's,
// in rising order.
func gapErrors(t *testing.T, requests int, fastest float64) []time.Duration {
	t.Helper()
	l := read(t, "access.log", gapsOf(requests, fastest), Options{})
	endpoint := serveArrivals(t, requests)
	times, err := l.Arrivals(1)
	if err != nil {
		t.Fatal(err)
	}
	s := source(t, l, SourceOptions{})
	report, err := bench.Run(context.Background(), bench.Config{
		Target: "http://" + endpoint.listener.Addr().String(), Source: s, Arrivals: times, Connections: 64, Threads: 1})
	endpoint.close()
	if err != nil || report.OK != int64(requests) {
		t.Fatalf("%v, %d of %d requests are fine: %s, %d unsent", err, report.OK, requests, report.Failures, report.Unsent)
	}
	errors := make([]time.Duration, requests-1)
	for i := range errors {
		gap := endpoint.at[i+1] - endpoint.at[i]
		errors[i] = (gap - (times.Times[i+1] - times.Times[i])).Abs()
	}
	slices.Sort(errors)
	t.Logf("%d requests in %v: gaps are off by p50 %v, p99 %v, p99.9 %v, max %v; lag p99 %v, %d late, valid: %v", requests, l.Span().Round(time.Millisecond),
		errors[requests/2], errors[requests*99/100], errors[requests*999/1000], errors[requests-2], report.Lag.P99, report.Late, report.Valid())
	return errors
}

// The bound holds on a machine that does other work too; the soak test has the promised one.
func TestAReplayKeepsTheGapsOfItsLog(t *testing.T) {
	const requests = 2000
	errors := gapErrors(t, requests, 2000)
	if typical := errors[requests/2]; typical > 2*time.Millisecond {
		t.Errorf("half of the gaps are off by more than %v", typical)
	}
}
