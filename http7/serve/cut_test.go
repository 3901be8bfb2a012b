package serve

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

// An answer, or a request, that is cut anywhere must never look whole to the other side.

func TestAnAnswerCutAtAnyByteIsNeverSeenAsComplete(t *testing.T) {
	t.Parallel()
	const asks = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	const asks10 = "GET / HTTP/1.0\r\nHost: a\r\n\r\n"
	for _, c := range []struct{ name, ask, answer string }{
		{"chunked", asks, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x\r\nabc\r\n0\r\nX: y\r\n\r\n"},
		{"fixed length", asks, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"},
		{"chunked to HTTP/1.0", asks10, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
		{"fixed length to HTTP/1.0", asks10, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"},
		{"behind a 103", asks, "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var at atomic.Int64
			o := origin(t, func(o net.Conn) {
				_, _ = o.Read(make([]byte, 4096))
				// In two parts, so that the answer has begun when its end comes.
				n := int(at.Load())
				head := min(n, strings.LastIndex(c.answer, "\r\n\r\n")/2)
				_, _ = io.WriteString(o, c.answer[:head])
				_, _ = io.WriteString(o, c.answer[head:n])
			})
			r := newRig(t, o)
			for n := range len(c.answer) {
				at.Store(int64(n))
				cl := r.client()
				cl.send(c.ask)
				for {
					status, _, body, err := cl.answer("GET")
					if status == 103 {
						continue
					}
					if err == nil && status == 200 {
						t.Errorf("cut at %d: a whole answer with body %q", n, body)
					}
					if err != nil && status == 200 && strings.Contains(c.ask, "1.0") && !isReset(err) && strings.Contains(c.name, "chunked") {
						t.Errorf("cut at %d: %v; want a reset", n, err)
					}
					break
				}
				_ = cl.Close()
			}
		})
	}
}

func TestACloseDelimitedAnswerThatIsCutIsReset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, answer string }{
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
		{"delimited by the end, which is a reset", "HTTP/1.1 200 OK\r\n\r\nhello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			r := newRig(t, origin(t, func(o net.Conn) {
				_, _ = o.Read(make([]byte, 4096))
				_, _ = io.WriteString(o, c.answer)
				<-gone
				_ = o.(*net.TCPConn).SetLinger(0)
			}))
			cl := r.client()
			cl.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
			if _, err := readHead(cl.r); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 5)
			if _, err := io.ReadFull(cl.r, got); err != nil || string(got) != "hello" {
				t.Fatalf("%q, %v", got, err)
			}
			close(gone)
			if _, err := cl.r.ReadByte(); !isReset(err) {
				t.Fatalf("the answer ends with %v; want a reset", err)
			}
		})
	}
}

func TestARequestCutAtAnyByteIsNeverSeenAsComplete(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, request string }{
		{"chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x\r\nabc\r\n0\r\nX: y\r\n\r\n"},
		{"fixed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"},
		{"no body", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"},
	} {
		for how, end := range map[string]func(*net.TCPConn){
			"half-closed": func(c *net.TCPConn) { _ = c.CloseWrite() },
			"reset":       func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
			"closed":      func(c *net.TCPConn) { _ = c.Close() },
		} {
			t.Run(c.name+", "+how, func(t *testing.T) {
				t.Parallel()
				o := newRecorder(t, okFor)
				r := newRig(t, o.addr)
				body := strings.Index(c.request, "\r\n\r\n") + 4
				for n := range len(c.request) {
					cl := r.client()
					if n > body { // the head travels ahead, so that the cut meets a body on its way
						cl.send(c.request[:body])
						cl.send(c.request[body:n])
					} else {
						cl.send(c.request[:n])
					}
					end(cl.Conn.(*net.TCPConn))
					_, _ = io.ReadAll(cl.r) // whatever it says to that
				}
				r.idle(t)
				if whole, _ := o.seen(); len(whole) > 0 {
					t.Fatalf("%d cut requests look whole: %q", len(whole), whole[0])
				}
			})
		}
	}
}

// idle waits until no connection of a client is left.
func (r *rig) idle(t testing.TB) {
	t.Helper()
	eventually(t, "all connections end", func() bool {
		r.engine.mu.Lock()
		defer r.engine.mu.Unlock()
		return len(r.engine.conns)+len(r.engine.carriers) == 0
	})
}
