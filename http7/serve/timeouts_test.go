package serve

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/internal/conf"
)

const get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

// ample is how long what must come is waited for: much more than a busy machine takes, and less than each timeout that
// a rig has of itself, so that none of those is taken for the one under test.
const ample = 20 * time.Second

// takes demands that f, which begins what a timeout ends, lasts at least min, and less than any other timeout.
func takes(t *testing.T, min time.Duration, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	if took := time.Since(begin); took < min || took > ample {
		t.Errorf("took %v, want %v or a little more", took, min)
	}
}

// patiently demands that f succeeds with the time d or with a multiple of it. What must happen before d has passed does
// not while the whole machine stands still; what is wrong is wrong with the longest time too.
func patiently(t *testing.T, d time.Duration, f func(d time.Duration) error) {
	t.Helper()
	for {
		err := f(d)
		if err == nil {
			return
		}
		if d *= 4; d > ample {
			t.Fatal(err)
		}
		t.Logf("once more, with %v: %v", d, err)
	}
}

// repeatedly is patiently where the time under test is fixed: one of five tries must succeed.
func repeatedly(t *testing.T, f func() error) {
	t.Helper()
	for n := 1; ; n++ {
		err := f()
		if err == nil {
			return
		}
		if n == 5 {
			t.Fatal(err)
		}
		t.Logf("once more: %v", err)
	}
}

// comes waits for what another goroutine closes or sends.
func comes[T any](t testing.TB, what string, ch <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-ch:
	case <-time.After(ample):
		t.Fatalf("not within %v: %s", ample, what)
	}
	return got
}

// pause lets d pass, in ten parts: when a process that was held up goes on, all that was to happen meanwhile is due at
// once, and a single timer could be the first.
func pause(d time.Duration) {
	for range 10 {
		<-time.After(d / 10)
	}
}

// answers sends a request and tells how its answer differs from status and body.
func (c *client) answers(request string, status int, body string) error {
	c.send(request)
	if got, _, b, err := c.answer("GET"); err != nil || got != status || !strings.Contains(b, body) {
		return fmt.Errorf("answer %d %.200q, %w; want %d %q", got, b, err, status, body)
	}
	return nil
}

// mute is an origin that says first and then nothing.
func mute(t *testing.T, first string) string {
	return origin(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, first)
		_, _ = io.Copy(io.Discard, c)
	})
}

func TestTimeoutsOfTheEndpoint(t *testing.T) {
	t.Parallel()
	response := func(r *rig, d time.Duration) { r.forward.Timeouts.Response = conf.Dur(d) }
	between := func(r *rig, d time.Duration) { r.forward.Timeouts.BetweenReads = conf.Dur(d) }
	route := func(r *rig, d time.Duration) { r.route.Timeout = d }
	for _, c := range []struct {
		name, first string
		change      func(*rig, time.Duration)
		want        string // prefix of what the client gets
		has         string
		fault       string
	}{
		{"no head in time", "", response, "HTTP/1.1 504 ", "upstream_timeout", "upstream_timeout"},
		{"half a head in time", "HTTP/1.1 200 OK\r\n", response, "HTTP/1.1 504 ", "upstream_timeout", "upstream_timeout"},
		{"a 100 alone in time", "HTTP/1.1 100 Continue\r\n\r\n", response, "HTTP/1.1 504 ", "upstream_timeout", "upstream_timeout"},
		{"no head before the route's end", "", route, "HTTP/1.1 504 ", "route_timeout", "route_timeout"},
		{"no more of a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", between, "HTTP/1.1 200 ", "hello", "upstream_stalled"},
		{"no more of a chunked body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", between, "HTTP/1.1 200 ", "hello", "upstream_stalled"},
		{"a body beyond the route's end", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", route, "HTTP/1.1 200 ", "hello", "route_timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			patiently(t, 200*time.Millisecond, func(d time.Duration) error { // until the head has come in time
				r := newRigWith(t, func(r *rig) { c.change(r, d) }, mute(t, c.first))
				var got string
				takes(t, d, func() { got = r.say(get) })
				if !strings.HasPrefix(got, c.want) || !strings.Contains(got, c.has) || strings.HasSuffix(got, "0\r\n\r\n") {
					return fmt.Errorf("got %q, want %q and %q", got, c.want, c.has)
				}
				r.faulted(t, c.fault)
				return nil
			})
		})
	}
}

func TestTheResponseTimeoutBeginsBehindTheUpload(t *testing.T) {
	t.Parallel()
	patiently(t, 150*time.Millisecond, func(d time.Duration) error {
		o := answering(t, hello)
		r := newRigWith(t, func(r *rig) { r.forward.Timeouts.Response = conf.Dur(d) }, o.addr)
		cl := r.client()
		cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
		for _, b := range "slo" {
			<-time.After(d * 2 / 3)
			cl.send(string(b))
		}
		return cl.answers("w", 200, "hello")
	})
}

func TestAStreamMaySilentlyOutlastTheResponseTimeout(t *testing.T) {
	t.Parallel()
	// The end of the upload started the response timeout while the answer was already streaming.
	release := make(chan struct{})
	r := newRigWith(t, func(r *rig) { r.forward.Timeouts.Response = conf.Dur(100 * time.Millisecond) }, origin(t, func(c net.Conn) {
		b := make([]byte, 4096)
		_, _ = c.Read(b)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
		<-release
		_, _ = io.WriteString(c, "2\r\ncd\r\n0\r\n\r\n")
	}))
	cl := r.client()
	cl.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
	if _, err := readHead(cl.r); err != nil {
		t.Fatal(err)
	}
	cl.send("0\r\n\r\n")
	<-time.After(300 * time.Millisecond)
	close(release)
	want := "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(cl.r, got); err != nil || string(got) != want {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestAConnectTimeoutIs504(t *testing.T) {
	t.Parallel()
	const d = 200 * time.Millisecond
	r := newRigWith(t, func(r *rig) { r.forward.Timeouts.Connect = conf.Dur(d) }, full(t))
	takes(t, d, func() {
		if got := r.say(get); !strings.HasPrefix(got, "HTTP/1.1 504 ") || !strings.Contains(got, "connect_timeout") {
			t.Errorf("got %q", got)
		}
	})
}

func TestASlowHeadIs408(t *testing.T) {
	t.Parallel()
	const d = 200 * time.Millisecond
	r := newRigWith(t, func(r *rig) { r.site.Limits.HeaderTimeout = d }, saying(t, hello))
	takes(t, d, func() {
		cl := r.client()
		cl.send("GET / HTTP/1.1\r\nHo")
		cl.wantStatus("408")
		cl.ends()
	})
}

func TestADrippedHeadIs408(t *testing.T) {
	t.Parallel()
	const d = 200 * time.Millisecond
	r := newRigWith(t, func(r *rig) { r.site.Limits.HeaderTimeout = d }, saying(t, hello))
	takes(t, d, func() {
		cl := r.client()
		go func() { // drips; ends with the connection
			_ = trickle(cl, "GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("y", 1000), 1, 20*time.Millisecond)
		}()
		cl.wantStatus("408")
	})
}

// Each bound has a rig of its own, where the other is far away.
func TestASilentConnectionIsClosedWithoutAWord(t *testing.T) {
	t.Parallel()
	const d = 150 * time.Millisecond
	r := newRigWith(t, func(r *rig) { r.site.Limits.HeaderTimeout = d }, saying(t, hello))
	takes(t, d, func() { r.client().ends() })
	r = newRigWith(t, func(r *rig) { r.site.Limits.IdleTimeout = d }, saying(t, hello))
	takes(t, d, func() {
		used := r.client()
		used.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		used.want(200, "hello")
		used.ends()
	})
}

func TestAnIdleConnectionServesAgainAndAgain(t *testing.T) {
	t.Parallel()
	patiently(t, 150*time.Millisecond, func(d time.Duration) error {
		r := newRigWith(t, func(r *rig) { r.site.Limits.IdleTimeout = d }, saying(t, hello))
		cl := r.client()
		for range 4 { // the pauses are longer than the timeout together
			if err := cl.answers("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, "hello"); err != nil {
				return err
			}
			<-time.After(d / 2)
		}
		return nil
	})
}

func TestABodyThatStopsIsEndedByTheRoutesTimeout(t *testing.T) {
	t.Parallel()
	// The grace is 5 s of waiting; the route's end comes before it.
	r := newRigWith(t, func(r *rig) { r.route.Timeout = 300 * time.Millisecond }, answering(t, hello).addr)
	cl := r.client()
	cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	cl.wantStatus("504")
	cl.ends()
}

func TestMinBodyRateEndsASilentUpload(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) { r.site.Limits.BodyRate = 1000 }, answering(t, hello).addr)
	takes(t, rateGrace, func() {
		cl := r.client()
		cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
		cl.wantStatus("408")
		cl.ends()
	})
}

// endless is an origin whose answer has no end, and what is closed when it can send no more of it.
func endless(t *testing.T) (string, chan struct{}) {
	ended := make(chan struct{})
	return origin(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
		b := make([]byte, 64<<10)
		for {
			if _, err := c.Write(b); err != nil {
				close(ended)
				return
			}
		}
	}), ended
}

// narrowClient is a client whose kernel holds little that it has not read. A window that is narrow from the beginning
// opens with each read; one that narrows later is opened by the sender's probes, ever more rarely (RFC 9293 §3.8.6.1).
func (r *rig) narrowClient() *client {
	r.t.Helper()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		failed := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10) })
		return errors.Join(err, failed)
	}}
	c, err := d.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	r.t.Cleanup(func() { _ = c.Close() })
	return &client{Conn: c, t: r.t, r: bufio.NewReader(c)}
}

func TestAClientThatTakesNothingIsCutAndOneThatTakesSlowlyIsNot(t *testing.T) {
	t.Parallel()
	stall := func(d time.Duration) func(*rig) {
		return func(r *rig) { r.site.Limits.WriteStall = d }
	}
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		addr, ended := endless(t)
		r := newRigWith(t, stall(400*time.Millisecond), addr)
		cl := r.client()
		cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		comes(t, "the end of the answer", ended)
	})
	t.Run("slowly", func(t *testing.T) {
		t.Parallel()
		patiently(t, 400*time.Millisecond, func(d time.Duration) error {
			addr, ended := endless(t)
			r := newRigWith(t, stall(d), addr)
			cl := r.narrowClient()
			cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			b := make([]byte, 64<<10)
			for range 20 {
				if _, err := io.ReadFull(cl.r, b); err != nil {
					return err
				}
				<-time.After(d / 5)
			}
			select {
			case <-ended:
				return errors.New("cut although the client reads")
			default:
				return cl.Close() // the origin's connection ends, and does not outlast the test
			}
		})
	})
	t.Run("nothing, behind an upload that the answer overtook", func(t *testing.T) {
		t.Parallel()
		addr, ended := endless(t)
		r := newRigWith(t, stall(400*time.Millisecond), addr)
		cl := r.client()
		cl.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
		<-time.After(100 * time.Millisecond)
		cl.send("0\r\n\r\n")
		comes(t, "the end of the answer", ended)
	})
}

func TestAPauseOfTheEndpointIsNoStallOfTheClient(t *testing.T) {
	t.Parallel()
	patiently(t, 100*time.Millisecond, func(d time.Duration) error {
		r := newRigWith(t, func(r *rig) { r.site.Limits.WriteStall = d }, origin(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
			<-time.After(4 * d)
			_, _ = io.WriteString(c, "world")
		}))
		if got := r.say(get); !strings.HasSuffix(got, "helloworld") {
			return fmt.Errorf("got %q", got)
		}
		return nil
	})
}

// full is the address of a listener that takes no more connections: the kernel drops its SYNs.
func full(t testing.TB) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*unix.SockaddrInet4).Port))
	for {
		// Of a listener, tcpi_unacked is how many wait to be accepted, and tcpi_sacked is its backlog; one more may wait.
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Fatal(err)
		}
		if info.Unacked > info.Sacked {
			return addr
		}
		c, err := net.DialTimeout("tcp", addr, ample)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
}
