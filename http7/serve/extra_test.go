package serve

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

// poisoner answers once, sends an answer more and says so, then waits for the connection's end. Its
// other connections are honest.
func poisoner(t *testing.T, answer string, later time.Duration) (addr string, poisoned <-chan struct{}) {
	done := make(chan struct{})
	var conns atomic.Int64
	return origin(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		if conns.Add(1) == 1 {
			_, _ = readHead(r)
			if later == 0 {
				_, _ = io.WriteString(c, answer+evil)
			} else {
				_, _ = io.WriteString(c, answer)
				<-time.After(later)
				_, _ = io.WriteString(c, evil)
			}
			close(done)
			_, _ = io.Copy(io.Discard, r)
			return
		}
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			_, _ = io.WriteString(c, hello)
		}
	}), done
}

func TestAnExtraAnswerNeverReachesAnotherRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, answer string
		later        time.Duration
	}{
		{"in the same segment", hello, 0},
		{"in the same segment, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 0},
		{"in the same segment as a 304", "HTTP/1.1 304 Not Modified\r\n\r\n", 0},
		{"50 ms later", hello, 50 * time.Millisecond},
		{"50 ms later, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 50 * time.Millisecond},
	} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(c.name+", "+method, func(t *testing.T) {
				t.Parallel()
				addr, poisoned := poisoner(t, c.answer, c.later)
				r := newRig(t, addr)
				cl := r.client()
				cl.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
				if _, _, _, err := cl.answer("GET"); err != nil {
					t.Fatal(err)
				}
				<-poisoned
				for range 3 {
					cl.send(method + " /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
					cl.want(200, "hello")
				}
			})
		}
	}
}

func TestAnAnswerBeforeTheRequestIsNotTaken(t *testing.T) {
	t.Parallel()
	// The connection is idle in the pool when the endpoint speaks, closes, or resets.
	for name, speak := range map[string]func(*net.TCPConn){
		"408": func(c *net.TCPConn) {
			_, _ = io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
		},
		"close": func(c *net.TCPConn) { _ = c.Close() },
		"reset": func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, idle, spoke := make(chan net.Conn, 1), make(chan struct{}), make(chan struct{})
			var conns atomic.Int64
			r := newRig(t, origin(t, func(c net.Conn) {
				n := conns.Add(1)
				r := bufio.NewReader(c)
				for {
					if _, err := readHead(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, hello)
					if n == 1 {
						first <- c
						<-idle
						speak(c.(*net.TCPConn))
						close(spoke)
						_, _ = io.Copy(io.Discard, r)
						return
					}
				}
			}))
			cl := r.client()
			cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			cl.want(200, "hello")
			<-first
			close(idle)
			<-spoke
			cl.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello") // can't be repeated
			status, _, body, err := cl.answer("POST")
			if err != nil || status != 200 || !strings.Contains(body, "hello") {
				t.Fatalf("%d %q, %v", status, body, err)
			}
		})
	}
}
