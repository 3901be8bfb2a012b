package bench

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

const tooLarge = "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n"

// secure serves TLS connections by f until the test ends and returns the address.
func secure(t *testing.T, f func(*tls.Conn)) string {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS() // for its certificate
	t.Cleanup(s.Close)
	return listen(t, func(c *net.TCPConn) {
		secured := tls.Server(c, &tls.Config{Certificates: s.TLS.Certificates})
		defer secured.CloseWrite()
		f(secured)
	})
}

var trusting = &tls.Config{InsecureSkipVerify: true}

func TestAnEarlyAnswerIsReadThoughTheRequestIsNot(t *testing.T) {
	// A line wrote a request to its end before it read: a target that answered at once and read no further was a
	// timeout, one that then closed was a reset, and its 413 was lost.
	const body = 16 << 20
	for what, f := range map[string]func(*tls.Conn){
		"and the target reads no more": func(c *tls.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				io.WriteString(c, tooLarge)
				<-t.Context().Done()
			}
		},
		"and the target closes": func(c *tls.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				io.WriteString(c, tooLarge)
				c.CloseWrite()
				io.CopyN(io.Discard, c, body/2)
				c.Close()
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := mustRun(t, Config{
				Target: "https://" + secure(t, f), TLS: trusting, Method: "PUT", Body: make([]byte, body), Requests: 2, Timeout: 20 * time.Second,
			})
			if r.Statuses[413] != 2 || r.Failures[Status] != 2 || r.Opened != 2 || r.BytesOut >= 2*body {
				t.Errorf("statuses %v, %v %v, %d opened, %d out; want two 413 on two connections, and not all sent",
					r.Statuses, r.Failures, r.FirstFailures, r.Opened, r.BytesOut)
			}
		})
	}
}

func TestALongEchoMayBeAnsweredWhileItIsSent(t *testing.T) {
	// An echo of more than the buffers between hold stalled both sides.
	message := make([]byte, 0, 64<<20)
	for kib := range cap(message) >> 10 {
		message = append(message, bytes.Repeat([]byte{byte(kib)}, 1<<10)...)
	}
	at := listen(t, func(c *net.TCPConn) {
		io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{c}, make([]byte, 32<<10))
	})
	r := mustRun(t, Config{Target: "tcp://" + at, Body: message, Requests: 2, Timeout: 20 * time.Second})
	if r.OK != 2 || r.Opened != 1 || r.BytesOut != 2*int64(len(message)) || r.BytesIn != r.BytesOut {
		t.Errorf("ok %d, %v %v, %d opened, %d out, %d in; want both, on one connection", r.OK, r.Failures, r.FirstFailures, r.Opened, r.BytesOut, r.BytesIn)
	}
}

func TestALongRequestIsSentOnOneConnection(t *testing.T) {
	// What is sent beside the reading must not spoil the connection for the request behind it.
	sizes := make(chan int64, 100)
	at := secure(t, func(c *tls.Conn) {
		in := bufio.NewReader(c)
		for {
			q, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			n, _ := io.Copy(io.Discard, q.Body)
			sizes <- n
			io.WriteString(c, fine)
		}
	})
	for _, size := range []int{ownWriter / 2, ownWriter, 1 << 20} {
		r := mustRun(t, Config{Target: "https://" + at, TLS: trusting, Method: "PUT", Body: make([]byte, size), Requests: 10})
		if r.OK != 10 || r.Opened != 1 || r.BytesOut < 10*int64(size) {
			t.Errorf("%d bytes: ok %d, %v, %d opened, %d out", size, r.OK, r.FirstFailures, r.Opened, r.BytesOut)
		}
		for range 10 {
			if n := <-sizes; n != int64(size) {
				t.Errorf("the target read %d bytes of %d", n, size)
			}
		}
	}
}

func TestARequestThatIsNeverReadTimesOut(t *testing.T) {
	t.Parallel()
	at := secure(t, func(c *tls.Conn) {
		if c.Handshake() == nil {
			<-t.Context().Done()
		}
	})
	r := mustRun(t, Config{Target: "https://" + at, TLS: trusting, Method: "PUT", Body: make([]byte, 16<<20), Requests: 2, Timeout: time.Second})
	if r.Failures[Timeout] != 2 || r.Elapsed > 20*time.Second || r.Opened != 2 {
		t.Errorf("%v %v within %v, %d opened", r.Failures, r.FirstFailures, r.Elapsed, r.Opened)
	}
}
