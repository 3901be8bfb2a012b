package serve

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/internal/conf"
)

const get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

// within demands that f takes at least min and at most max, with room for a busy machine.
func within(t *testing.T, min, max time.Duration, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	if took := time.Since(begin); took < min || took > max+4*time.Second {
		t.Errorf("took %v, want %v to %v", took, min, max)
	}
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
	response := func(r *rig) { r.forward.Timeouts.Response = conf.Dur(200 * time.Millisecond) }
	between := func(r *rig) { r.forward.Timeouts.BetweenReads = conf.Dur(200 * time.Millisecond) }
	route := func(r *rig) { r.route.Timeout = 200 * time.Millisecond }
	for _, c := range []struct {
		name, first string
		change      func(*rig)
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
			r := newRigWith(t, c.change, mute(t, c.first))
			var got string
			within(t, 200*time.Millisecond, 450*time.Millisecond, func() { got = r.say(get) })
			if !strings.HasPrefix(got, c.want) || !strings.Contains(got, c.has) || strings.HasSuffix(got, "0\r\n\r\n") {
				t.Errorf("got %q, want %q and %q", got, c.want, c.has)
			}
			r.faulted(t, c.fault)
		})
	}
}

func TestTheResponseTimeoutBeginsBehindTheUpload(t *testing.T) {
	t.Parallel()
	o := answering(t, hello)
	r := newRigWith(t, func(r *rig) { r.forward.Timeouts.Response = conf.Dur(150 * time.Millisecond) }, o.addr)
	cl := r.client()
	cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
	for _, b := range "slow" {
		<-time.After(100 * time.Millisecond)
		cl.send(string(b))
	}
	cl.want(200, "hello")
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
	r := newRigWith(t, func(r *rig) { r.forward.Timeouts.Connect = conf.Dur(200 * time.Millisecond) }, full(t))
	within(t, 150*time.Millisecond, time.Second, func() {
		if got := r.say(get); !strings.HasPrefix(got, "HTTP/1.1 504 ") || !strings.Contains(got, "connect_timeout") {
			t.Errorf("got %q", got)
		}
	})
}

func TestASlowHeadIs408(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) { r.site.Limits.HeaderTimeout = 200 * time.Millisecond }, saying(t, hello))
	cl := r.client()
	cl.send("GET / HTTP/1.1\r\nHo")
	within(t, 150*time.Millisecond, 450*time.Millisecond, func() { cl.wantStatus("408") })
	cl.ends()
}

func TestADrippedHeadIs408(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) { r.site.Limits.HeaderTimeout = 200 * time.Millisecond }, saying(t, hello))
	cl := r.client()
	go func() { // drips; ends with the connection
		for _, b := range "GET / HTTP/1.1\r\nHost: a\r\nX: yyyyyyyyyyyyyyyyyyyyyyy" {
			cl.send(string(b))
			<-time.After(20 * time.Millisecond)
		}
	}()
	within(t, 150*time.Millisecond, 450*time.Millisecond, func() { cl.wantStatus("408") })
}

func TestASilentConnectionIsClosedWithoutAWord(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) {
		r.site.Limits.HeaderTimeout = 150 * time.Millisecond
		r.site.Limits.IdleTimeout = 300 * time.Millisecond
	}, saying(t, hello))
	fresh := r.client()
	within(t, 100*time.Millisecond, 400*time.Millisecond, fresh.ends)
	used := r.client()
	used.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	used.want(200, "hello")
	within(t, 250*time.Millisecond, 600*time.Millisecond, used.ends)
}

func TestAnIdleConnectionServesAgainAndAgain(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) { r.site.Limits.IdleTimeout = 150 * time.Millisecond }, saying(t, hello))
	cl := r.client()
	for range 4 {
		cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		cl.want(200, "hello")
		<-time.After(80 * time.Millisecond)
	}
}

func TestABodyBelowTheRateIs408(t *testing.T) {
	t.Parallel()
	// The grace is 5 s of waiting; the rig's clients give up after 5, so it is taken away here.
	r := newRigWith(t, func(r *rig) { r.route.Timeout = 300 * time.Millisecond }, answering(t, hello).addr)
	cl := r.client()
	cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	cl.wantStatus("504")
	cl.ends()
}

func TestMinBodyRateEndsASilentUpload(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) { r.site.Limits.BodyRate = 1000 }, answering(t, hello).addr)
	cl := r.client()
	_ = cl.SetDeadline(time.Now().Add(8 * time.Second))
	cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	within(t, 4900*time.Millisecond, 5500*time.Millisecond, func() { cl.wantStatus("408") })
	cl.ends()
}

func TestAClientThatTakesNothingIsCutAndOneThatTakesSlowlyIsNot(t *testing.T) {
	t.Parallel()
	endless := func(t *testing.T) (string, chan struct{}) {
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
	stall := func(r *rig) { r.site.Limits.WriteStall = 400 * time.Millisecond }
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		addr, ended := endless(t)
		r := newRigWith(t, stall, addr)
		cl := r.client()
		cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatal("still sending")
		}
	})
	t.Run("slowly", func(t *testing.T) {
		t.Parallel()
		addr, ended := endless(t)
		r := newRigWith(t, stall, addr)
		cl := r.client()
		_ = cl.Conn.(*net.TCPConn).SetReadBuffer(16 << 10)
		cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		_ = cl.SetDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, 64<<10)
		for range 20 {
			if _, err := io.ReadFull(cl.r, b); err != nil {
				t.Fatal(err)
			}
			<-time.After(75 * time.Millisecond)
		}
		select {
		case <-ended:
			t.Fatal("cut although the client reads")
		default:
		}
	})
	t.Run("nothing, behind an upload that the answer overtook", func(t *testing.T) {
		t.Parallel()
		addr, ended := endless(t)
		r := newRigWith(t, stall, addr)
		cl := r.client()
		cl.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
		<-time.After(100 * time.Millisecond)
		cl.send("0\r\n\r\n")
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatal("still sending")
		}
	})
}

func TestAPauseOfTheEndpointIsNoStallOfTheClient(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, func(r *rig) { r.site.Limits.WriteStall = 100 * time.Millisecond }, origin(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
		<-time.After(600 * time.Millisecond)
		_, _ = io.WriteString(c, "world")
	}))
	if got := r.say(get); !strings.HasSuffix(got, "helloworld") {
		t.Fatalf("got %q", got)
	}
}

// full is the address of a listener that takes no more connections: the kernel drops its SYNs.
func full(t *testing.T) string {
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
		c, err := net.DialTimeout("tcp", addr, 50*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = c.Close() })
	}
}
