package serve

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// silent is an origin that reads a request, says so, and does not answer for a minute. ended tells when
// its connection is over.
func silent(t *testing.T) (addr string, asked, ended chan time.Time) {
	asked, ended = make(chan time.Time, 8), make(chan time.Time, 8)
	return origin(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		if _, err := readHead(r); err != nil {
			return
		}
		asked <- time.Now()
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		_, _ = io.Copy(io.Discard, r)
		ended <- time.Now()
	}), asked, ended
}

func TestAClientThatLeavesFreesTheEndpointsConnectionWithinASecond(t *testing.T) {
	t.Parallel()
	for _, request := range []struct{ name, raw string }{
		{"GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"POST that is sent whole", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"},
		{"POST that is not", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello"},
		{"POST in chunks that is not", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
		{"HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n"},
	} {
		for how, leave := range map[string]func(*net.TCPConn){
			"closes": func(c *net.TCPConn) { _ = c.Close() },
			"resets": func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
		} {
			t.Run(request.name+", "+how, func(t *testing.T) {
				t.Parallel()
				best(t, time.Second, func() time.Duration { return freedAfter(t, request.raw, leave) })
			})
		}
	}
}

// freedAfter returns how long an endpoint's connection outlives a client that leaves it 1 s into
// its wait.
func freedAfter(t *testing.T, request string, leave func(*net.TCPConn)) time.Duration {
	addr, asked, ended := silent(t)
	r := newRig(t, addr)
	cl := r.client()
	cl.send(request)
	<-asked
	pause(time.Second) // the wait that the promise is about
	left := time.Now()
	leave(cl.Conn.(*net.TCPConn))
	took := (<-ended).Sub(left)
	r.idle(t)
	return took
}

func TestAClientThatHalfClosesAtOnceGetsItsAnswer(t *testing.T) {
	t.Parallel()
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	} {
		for _, after := range []time.Duration{0, 20 * time.Millisecond} {
			r := newRig(t, origin(t, func(c net.Conn) {
				_, _ = readMessage(bufio.NewReader(c))
				<-time.After(300 * time.Millisecond)
				_, _ = io.WriteString(c, hello)
			}))
			cl := r.client()
			sent := time.Now()
			cl.send(request)
			<-time.After(after)
			_ = cl.Conn.(*net.TCPConn).CloseWrite()
			if time.Since(sent) > watchAfter { // a busy machine: that was no half-close at once
				continue
			}
			cl.want(200, "hello")
			cl.ends()
		}
	}
}

func TestAClientThatHalfClosesBehindALongUploadGetsItsAnswer(t *testing.T) {
	t.Parallel()
	o := newRecorder(t, func(string) string {
		<-time.After(300 * time.Millisecond)
		return hello
	})
	r := newRig(t, o.addr)
	repeatedly(t, func() error { // until the half-close comes at once
		cl := r.client()
		cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
		cl.send(string(make([]byte, 1000000)))
		_ = cl.Conn.(*net.TCPConn).CloseWrite()
		if err := cl.answers("", 200, "hello"); err != nil {
			return err
		}
		cl.ends()
		return nil
	})
}

func TestAClientThatLeavesADownloadEndsIt(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	r := newRig(t, origin(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
		b := make([]byte, 64<<10)
		for {
			if _, err := c.Write(b); err != nil {
				close(ended)
				return
			}
		}
	}))
	cl := r.client()
	cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	_, _ = io.CopyN(io.Discard, cl.r, 1<<20)
	_ = cl.Close()
	comes(t, "the end at the endpoint", ended)
}
