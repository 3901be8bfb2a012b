package serve

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
)

// defended returns how often a rig has defended itself that way.
func (r *rig) defended(kind string) string {
	return r.sample(`weir_defences_total{listener="web",kind="` + kind + `"}`)
}

// sample returns the value of a series, "" if it is not exported.
func (r *rig) sample(series string) string {
	var b bytes.Buffer
	r.series.WritePrometheus(&b)
	for line := range strings.SplitSeq(b.String(), "\n") {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return value
		}
	}
	return ""
}

// becomes waits until got returns want.
func becomes(t testing.TB, what, want string, got func() string) {
	t.Helper()
	limit, tick := time.After(ample), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for got() != want {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s is %q, want %q", what, got(), want)
		}
	}
}

// reset takes a stream back, both ways.
func reset(str *quic.Stream) {
	str.CancelWrite(0x10c) // H3_REQUEST_CANCELLED
	str.CancelRead(0x10c)
}

func TestH3ResetsDoNotPileUpRequests(t *testing.T) {
	t.Parallel()
	const limit = 5
	var now, most atomic.Int64
	release := make(chan struct{})
	r := newRigWith(t, func(r *rig) { r.site.Limits.H2Streams = limit }, origin(t, func(c net.Conn) {
		if _, err := readHead(bufio.NewReader(c)); err != nil {
			return
		}
		n := now.Add(1)
		defer now.Add(-1)
		for {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		<-release
	}))
	conn := newH3Front(t, r).raw()
	for i := range 60 {
		ctx, cancel := context.WithTimeout(context.Background(), ample)
		str, err := conn.OpenStreamSync(ctx)
		cancel()
		if err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
		_, _ = str.Write(getHead("/"))
		reset(str)
	}
	close(release)
	if m := most.Load(); m > limit {
		t.Errorf("%d requests were at the endpoint at once, want at most %d", m, limit)
	}
}

func TestH3RapidResetEndsTheConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t, saying(t, hello))
	conn := newH3Front(t, r).raw()
	ctx, cancel := context.WithTimeout(context.Background(), ample)
	defer cancel()
	for range 5000 {
		str, err := conn.OpenStreamSync(ctx)
		if err != nil {
			break
		}
		_, _ = str.Write(getHead("/"))
		reset(str)
	}
	if got := conn.ended(); got != "0x107" { // H3_EXCESSIVE_LOAD
		t.Errorf("the connection ended with %s", got)
	}
	if got := r.defended("rapid_reset"); got != "1" {
		t.Errorf("%s were counted", got)
	}
}

// A reset costs an endpoint a connection. A client that has taken back twenty requests is served the next a moment
// later, and by then the attack's have been taken back.
func TestH3OfRequestsThatAreTakenBackFewReachTheEndpoint(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, okFor)
	f := newH3Front(t, newRig(t, o.addr))
	c := f.raw()
	first := c.open(getHead("/"))
	_ = first.Close()
	if got := c.outcome(first); got != "200" {
		t.Fatalf("the first request came to %s", got)
	}
	f.port.each(func(h *h3conn) {
		h.mu.Lock()
		h.patient.left, h.patient.at = waryBelow-10, time.Now()
		h.mu.Unlock()
	})
	for range 100 {
		str := c.open()
		_, _ = str.Write(getHead("/"))
		reset(str)
	}
	good := c.open(getHead("/good"))
	_ = good.Close()
	if got := c.outcome(good); got != "200" {
		t.Errorf("a request that is not taken back came to %s", got)
	}
	if whole, conns := o.seen(); len(whole) > 50 || conns > 50 {
		t.Errorf("the endpoint got %d requests on %d connections", len(whole), conns)
	}
}

func TestH3PatienceIsForThoseWhoCancelMuchAtOnce(t *testing.T) {
	for _, c := range []struct {
		name           string
		wasted, served int // every 100 ms
		seconds        int
		over           bool
	}{
		{"nobody cancels", 0, 100, 10, false},
		{"all of a page, now and then", 2, 0, 60, false},
		{"half", 50, 50, 10, false},
		{"most, fast", 50, 5, 10, true},
		{"2,000 a second", 200, 0, 1, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := patience{left: patienceBurst, at: time.Now()}
			over := false
			for range c.seconds * 10 {
				for range c.wasted {
					over = p.tried(true, time.Now()) || over
				}
				for range c.served {
					over = p.tried(false, time.Now()) || over
				}
				time.Sleep(100 * time.Millisecond)
			}
			if over != c.over {
				t.Errorf("%s: over is %v, want %v", c.name, over, c.over)
			}
		})
	}
}

func TestH3AHeadThatDripsIsReset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		sent []byte
	}{
		{"half a head", getHead("/", "x: "+strings.Repeat("a", 100))[:50]},
		{"a frame of no known type without an end", []byte{0x21, 0x44, 0x00, 1, 2, 3}},
		{"a GET that does not end", getHead("/")},
	} {
		patiently(t, 200*time.Millisecond, func(d time.Duration) error { // until the good one comes in time
			r := newRigWith(t, func(r *rig) { r.site.Limits.HeaderTimeout = d }, saying(t, hello))
			conn := newH3Front(t, r).raw()
			str := conn.open(c.sent)
			_, err := io.ReadAll(str)
			if code := codeOf(err); !strings.HasPrefix(code, "0x1") {
				t.Errorf("%s: it came to %v", c.name, err)
			}
			becomes(t, c.name+": weir_defences_total", "1", func() string { return r.defended("slow_header") })
			good := conn.open(getHead("/"))
			_ = good.Close()
			if got := conn.outcome(good); got != "200" {
				return fmt.Errorf("%s: a good request on the same connection came to %s", c.name, got)
			}
			return nil
		})
	}
}

func TestH3UnidirectionalStreamsWithoutEndEndTheConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t, saying(t, hello))
	conn := newH3Front(t, r).raw()
	ctx, cancel := context.WithTimeout(context.Background(), ample)
	defer cancel()
	for range 2 * maxUniStreams {
		str, err := conn.OpenUniStreamSync(ctx)
		if err != nil {
			break
		}
		_, _ = str.Write([]byte{0x21}) // a type that is reserved, and must be ignored
		_ = str.Close()
	}
	if got := conn.ended(); got != "0x107" {
		t.Errorf("the connection ended with %s", got)
	}
	if got := r.defended("control_flood"); got != "1" {
		t.Errorf("%s were counted", got)
	}
}

func TestH3AnIdleConnectionIsClosed(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) { r.site.Limits.IdleTimeout = 2 * time.Second }, saying(t, hello)) // for it asks in time
	f := newH3Front(t, r)
	if got := f.raw().ended(); got != "0x100" { // it never asked
		t.Errorf("the connection ended with %s", got)
	}
	conn := f.raw()
	str := conn.open(getHead("/"))
	_ = str.Close()
	if got := conn.outcome(str); got != "200" {
		t.Errorf("answered %s", got)
	}
	_, _ = io.ReadAll(str)
	if got := conn.ended(); got != "0x100" {
		t.Errorf("the connection ended with %s", got)
	}
}

func TestH3ABodyThatDripsIsTimedOut(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) { r.site.Limits.BodyRate = 1 << 20 }, origin(t, func(c net.Conn) {
		_, _ = io.Copy(io.Discard, c)
	}))
	conn := newH3Front(t, r).raw()
	str := conn.open(postHead("/"), data("some"))
	if got := conn.outcome(str); got != "408" {
		t.Errorf("it came to %s, want 408", got)
	}
}

// A client that takes nothing is cut, and so is its request at the endpoint.
func TestH3AClientThatStallsIsCut(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	r := newRigWith(t, func(r *rig) { r.site.Limits.WriteStall = 500 * time.Millisecond }, origin(t, func(c net.Conn) {
		if _, err := readHead(bufio.NewReader(c)); err != nil {
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 64<<20)
		block := make([]byte, 64<<10)
		for {
			if _, err := c.Write(block); err != nil {
				close(gone)
				return
			}
		}
	}))
	conn := newH3Front(t, r).raw()
	_ = conn.open(getHead("/")).Close() // nobody reads: its window fills
	select {
	case <-gone:
	case <-time.After(ample):
		t.Fatal("the endpoint goes on")
	}
}

// What an endpoint does not take, the client may not send: nothing piles up in between.
func TestH3AnUploadIsHeldBackByTheEndpoint(t *testing.T) {
	t.Parallel()
	arrived, end := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(end) })
	c := newH3Front(t, newRig(t, origin(t, func(c net.Conn) {
		_ = c.(*net.TCPConn).SetReadBuffer(64 << 10)
		if _, err := readHead(bufio.NewReader(c)); err == nil {
			close(arrived)
			<-end
		}
	}))).raw()
	str := c.open(postHead("/", "content-length: "+strconv.Itoa(64<<20)))
	<-arrived
	var sent atomic.Int64
	go func() { // ends with the connection
		block := data(strings.Repeat("x", 16<<10))
		for {
			n, err := str.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for last, still := int64(-1), 0; still < 10; {
		<-tick.C
		if n := sent.Load(); n == last {
			still++
		} else {
			last, still = n, 0
		}
	}
	if n := sent.Load(); n > 16<<20 {
		t.Errorf("the client has sent %d MiB that nobody takes", n>>20)
	} else {
		t.Logf("%d KiB lie between", n>>10)
	}
}
