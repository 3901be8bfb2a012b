package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestConnectionsAreKeptAndShared(t *testing.T) {
	at := startEndpoint(t, fine)
	for _, c := range []struct{ connections, threads int }{{1, 1}, {5, 1}, {3, 2}, {64, 2}} {
		r := mustRun(t, Config{Target: "http://" + at, Connections: c.connections, Threads: c.threads, Requests: 5000})
		if r.OK != 5000 || r.Failed() != 0 || r.Opened != int64(c.connections) || r.Redials != 0 {
			t.Errorf("%+v: ok %d, failed %v, %d opened, %d redials; want 5000 on one connection each", c, r.OK, r.Failures, r.Opened, r.Redials)
		}
		if r.BytesIn != 5000*int64(len(fine)) || r.Statuses[200] != 5000 || r.LagHistogram.Count() != 0 {
			t.Errorf("%+v: %d bytes, statuses %v, %d lags", c, r.BytesIn, r.Statuses, r.LagHistogram.Count())
		}
	}
}

func TestALoopKeepsAConnectionAsLongAsItMay(t *testing.T) {
	const length0 = "Content-Length: 0\r\n\r\n"
	for _, c := range []struct {
		what    string
		texts   []string
		opened  int64 // connections for two requests
		redials int64
		want    Failures
	}{
		{"kept alive", []string{fine, fine}, 1, 0, Failures{}},
		{"Connection: close", []string{"HTTP/1.1 200 OK\r\nConnection: close\r\n" + length0 + "!", fine}, 2, 0, Failures{}},
		{"HTTP/1.0", []string{"HTTP/1.0 200 OK\r\n" + length0 + "!", fine}, 2, 0, Failures{}},
		{"HTTP/1.0 that keeps", []string{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + length0, fine}, 1, 0, Failures{}},
		{"until the close", []string{"HTTP/1.1 200 OK\r\n\r\nall there is!", fine}, 2, 0, Failures{}},
		{"a 404 is an answer", []string{"HTTP/1.1 404 No\r\n" + length0, fine}, 1, 0, Failures{Status: 1}},
		{"a 302 is no failure", []string{"HTTP/1.1 302 Found\r\n" + length0, fine}, 1, 0, Failures{}},
		{"a malformed answer", []string{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", fine}, 2, 0, Failures{Malformed: 1}},
		{"an unasked 101", []string{"HTTP/1.1 101 Up\r\n\r\n", fine}, 2, 0, Failures{Malformed: 1}},
		{"bytes behind the answer", []string{fine + "HTTP/1.1 200 OK\r\n", fine}, 2, 0, Failures{}},
		{"cut short", []string{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab!", fine}, 2, 0, Failures{ShortBody: 1}},
		{"closed without a word", []string{"!", fine}, 2, 0, Failures{Reset: 1}},
		{"closed behind the answer", []string{fine + "!", fine}, 2, 1, Failures{}},
		{"103 first", []string{"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + fine, fine}, 1, 0, Failures{}},
		{"a read filled to its last byte", []string{sized(block), fine}, 1, 0, Failures{}},
		{"bytes behind a filled read", []string{sized(block) + "x", fine}, 2, 0, Failures{}},
		{"a long answer", []string{sized(5 << 20), fine}, 1, 0, Failures{}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			best(t, func() string {
				at, conns := script(t, c.texts...)
				// 50 ms lie between the two, so that a close has arrived; where the process stands still that long, it may not.
				r := mustRun(t, Config{Target: "http://" + at, Requests: 2, Rate: 20})
				if r.Failures != c.want || r.OK != 2-c.want.Total() {
					return fmt.Sprintf("ok %d, failures %v; want %v", r.OK, r.Failures, c.want)
				}
				if n := conns.Load(); n != c.opened || r.Opened != n || r.Redials != c.redials {
					return fmt.Sprintf("%d connections, %d opened, %d redials; want %d and %d", n, r.Opened, r.Redials, c.opened, c.redials)
				}
				return ""
			})
		})
	}
}

// sized is an answer of n bytes in all.
func sized(n int) string {
	for body := n; ; body-- {
		if text := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", body); len(text)+body == n {
			return text + strings.Repeat("s", body)
		}
	}
}

func TestALateExtraAnswerIsNotTheNextRequests(t *testing.T) {
	// The endpoint sends a second answer nobody asked for, after the first was read. Taking it for the next
	// request's answer would count a request that was never served.
	at := listen(t, func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		for {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			io.WriteString(c, fine)
			<-time.After(10 * time.Millisecond) // behind the answer, well before the next request
			io.WriteString(c, "HTTP/1.1 500 Late\r\nContent-Length: 0\r\n\r\n")
		}
	})
	best(t, func() string {
		r := mustRun(t, Config{Target: "http://" + at, Requests: 5, Rate: 10})
		if r.OK != 5 || r.Redials != 4 || r.Statuses[500] != 0 {
			return fmt.Sprintf("ok %d, failures %v, %d redials; want 5 and 4", r.OK, r.Failures, r.Redials)
		}
		return ""
	})
}

func TestAFreshConnectionForEachRequestIsPartOfItsLatency(t *testing.T) {
	var held atomic.Int64
	at := listen(t, func(c *net.TCPConn) {
		held.Add(1)
		answering(fine)(c)
	})
	for _, rate := range []float64{0, 500} {
		held.Store(0)
		r := mustRun(t, Config{Target: "http://" + at, Connections: 3, Requests: 100, Rate: rate, Fresh: true})
		if r.OK != 100 || r.Opened != 100 || r.Redials != 0 || held.Load() != 100 {
			t.Errorf("rate %v: ok %d, %v, %d opened, %d redials, %d accepted; want 100 of each and no redials", rate, r.OK, r.Failures, r.Opened, r.Redials, held.Load())
		}
	}
}

func TestHEADHasNoBodyToWaitFor(t *testing.T) {
	at, conns := script(t, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	r := mustRun(t, Config{Target: "http://" + at, Method: "HEAD", Requests: 2})
	if r.OK != 2 || conns.Load() != 1 {
		t.Errorf("ok %d, %v, %d connections; want 2 on one", r.OK, r.Failures, conns.Load())
	}
}

func TestTargetsAreReachedByNameAndByBothFamilies(t *testing.T) {
	for _, c := range []struct{ listen, host string }{{"127.0.0.1:0", "127.0.0.1"}, {"[::1]:0", "[::1]"}, {"127.0.0.1:0", "localhost"}} {
		l, err := net.Listen("tcp", c.listen)
		if err != nil {
			t.Fatal(err)
		}
		go http.Serve(l, http.NotFoundHandler())
		r := mustRun(t, Config{Target: "http://" + c.host + ":" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port), Requests: 3})
		if r.Statuses[404] != 3 || r.Opened != 1 {
			t.Errorf("%s at %s: statuses %v, %v, %d opened; want three 404 on one connection", c.host, c.listen, r.Statuses, r.FirstFailures, r.Opened)
		}
		l.Close()
	}
}

// numbered is a source whose maker writes each request into the same memory: slot n has a body of its own letter.
type numbered struct{ size int }

type numberedMaker struct {
	body   []byte
	expect Expect
}

func (s numbered) Classes() []string { return []string{"even", "odd"} }
func (s numbered) Maker(Form, string, uint64) Maker {
	return &numberedMaker{body: make([]byte, s.size), expect: Expect{Body: func(b []byte) bool { return string(b) == "same" }}}
}

func (m *numberedMaker) Fill(n int64, r *Request) {
	m.body[0] = 'a' + byte(n%26)
	for done := 1; done < len(m.body); done *= 2 {
		copy(m.body[done:], m.body[:done])
	}
	*r = Request{Class: int(n % 2), Method: "PUT", Path: []byte("/"), Body: m.body, Expect: &m.expect}
}

func TestRequestsAreSentWholeThoughTheirMemoryIsUsedAgain(t *testing.T) {
	// More than the socket takes at once, on several connections: the rest of one request waits while the next
	// is made in the same memory.
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil && len(b) > 0 && bytes.Count(b, b[:1]) == len(b) && int64(len(b)) == r.ContentLength {
			io.WriteString(w, "same")
		} else {
			io.WriteString(w, "mixed")
		}
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	defer server.Close()
	for _, size := range []int{1, 1000, 3 << 20} {
		r := mustRun(t, Config{Target: "http://" + l.Addr().String(), Source: numbered{size}, Connections: 4, Threads: 1, Requests: 24})
		if r.OK != 24 || r.Failed() != 0 || r.BytesOut < 24*int64(size) || len(r.Classes) != 2 || r.Classes[1].OK != 12 {
			t.Errorf("%d bytes: ok %d, %v, %d out, classes %+v", size, r.OK, r.Failures, r.BytesOut, r.Classes)
		}
	}
}

func TestABodyThatIsNotExpectedIsAFailure(t *testing.T) {
	at := startEndpoint(t, fine)
	r := mustRun(t, Config{Target: "http://" + at, Source: numbered{1}, Requests: 4, Rate: 100})
	if r.Failures != (Failures{Body: 4}) || r.Statuses[200] != 4 {
		t.Errorf("%v, statuses %v; want 4 of body with status 200", r.Failures, r.Statuses)
	}
}

func TestAnAnswerBeforeTheRequestIsSentEndsTheConnection(t *testing.T) {
	at := listen(t, func(c *net.TCPConn) {
		io.WriteString(c, "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
		<-t.Context().Done() // reads nothing
	})
	r := mustRun(t, Config{Target: "http://" + at, Method: "PUT", Body: make([]byte, 16<<20), Requests: 2})
	if r.Statuses[413] != 2 || r.Opened != 2 || r.BytesOut >= 2*16<<20 {
		t.Errorf("statuses %v, %v, %d opened, %d out; want two 413 on two connections", r.Statuses, r.Failures, r.Opened, r.BytesOut)
	}
}

func TestALongAnswerLeavesTheOthersTheirTurn(t *testing.T) {
	// Longer than what a connection may read in one go, from a sender that never pauses: Set brings it back.
	body := strings.Repeat("x", 40<<20)
	at := listen(t, answering(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)))
	r := mustRun(t, Config{Target: "http://" + at, Connections: 2, Threads: 1, Requests: 4})
	if r.OK != 4 || r.BytesIn < 4*int64(len(body)) {
		t.Errorf("ok %d, %v, %d bytes", r.OK, r.Failures, r.BytesIn)
	}
}

func TestACancelledRunEndsAtOnce(t *testing.T) {
	hang := listen(t, func(c *net.TCPConn) { waitClosed(c) })
	for _, c := range []struct {
		what string
		cfg  Config
		most time.Duration
	}{
		{"waiting for a slot that is far ahead", Config{Target: "http://" + startEndpoint(t, fine), Rate: 0.01, Duration: time.Hour}, 700 * time.Millisecond},
		{"waiting for an answer", Config{Target: "http://" + hang, Duration: time.Hour}, abortGrace + 2*time.Second},
		{"a closed loop", Config{Target: "http://" + startEndpoint(t, fine), Duration: time.Hour, Connections: 8}, 700 * time.Millisecond},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			best(t, func() string {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(50*time.Millisecond, cancel)
				from := time.Now()
				r, err := Run(ctx, c.cfg)
				if err != nil || !r.CutShort || r.Failed() != 0 || time.Since(from) > c.most {
					return fmt.Sprintf("%v after %v: %+v", err, time.Since(from), r.Failures)
				}
				return ""
			})
		})
	}
}

func TestARunLeavesNoDescriptorBehind(t *testing.T) {
	at := listen(t, answering(fine))
	count := func() []int {
		var open []int
		for fd := range 200 {
			// Those of the endpoint come and go: only sockets that are connected to it count.
			peer, err := unix.Getpeername(fd)
			if four, ok := peer.(*unix.SockaddrInet4); err == nil && ok && strings.HasSuffix(at, ":"+strconv.Itoa(four.Port)) {
				open = append(open, fd)
			}
		}
		entries, _ := os.ReadDir("/proc/self/fd")
		for _, e := range entries {
			if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); strings.Contains(to, "eventfd") || strings.Contains(to, "timerfd") {
				open = append(open, -1)
			}
		}
		return open
	}
	before := count()
	mustRun(t, Config{Target: "http://" + at, Connections: 7, Threads: 2, Requests: 50})
	if after := count(); !slices.Equal(before, after) {
		t.Errorf("descriptors %v are left, before %v", after, before)
	}
}

func TestARunThatIsOverBeforeItBeginsSendsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, host := range []string{"127.0.0.1", "no..such"} {
		r, err := Run(ctx, Config{Target: "http://" + host + ":1", Duration: time.Hour})
		if err != nil || !r.CutShort || r.Requests != 0 {
			t.Errorf("%s: %v, %+v", host, err, r.Failures)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	// What a request costs generator and endpoint together, on threads of their own.
	at := startEndpoint(b, fine)
	b.ReportAllocs()
	r, err := Run(b.Context(), Config{Target: "http://" + at, Connections: 64, Threads: 1, Requests: int64(b.N)})
	if err != nil || r.OK != int64(b.N) {
		b.Fatal(err, r.OK)
	}
	b.ReportMetric(float64(r.CPU.Nanoseconds())/float64(b.N), "cpu-ns/op")
}
