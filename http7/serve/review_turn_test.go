package serve

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/http7"
	"weir/lb"
)

// warm sends one request, so that the connection's next ones are served in one wait.
func (c *client) warm(request string) {
	c.t.Helper()
	c.send(request)
	c.want(200, "hello")
}

func TestAnAnswerThatIsCutOnALaterRequestResetsAnHTTP10Client(t *testing.T) {
	t.Parallel()
	// The reset closed the connection inside its own wait, which waited for itself: the client saw
	// no end, and the goroutine had none.
	var n atomic.Int64
	r := newRig(t, newRecorder(t, func(string) string {
		if n.Add(1) == 1 {
			return hello
		}
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n<close>"
	}).addr)
	cl := r.client()
	request := "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
	cl.warm(request)
	cl.send(request)
	b, err := io.ReadAll(cl.r)
	if !isReset(err) {
		t.Errorf("got %q, %v; want a reset", b, err)
	}
	eventually(t, "the connection has gone", r.nobody)
}

// nobody reports whether no client is connected.
func (r *rig) nobody() bool {
	r.engine.mu.Lock()
	defer r.engine.mu.Unlock()
	return len(r.engine.conns) == 0
}

// thrower is a filter that panics when bytes come again.
type thrower struct{ calls int }

func (f *thrower) Changes() bool { return false }
func (f *thrower) Write(_, chunk []byte, how http7.How) ([]byte, int, bool, *http7.Fault) {
	if f.calls++; f.calls > 1 && len(chunk) > 0 {
		panic("thrown")
	}
	return chunk, len(chunk), true, nil
}

func TestAPanicBehindTheFirstByteOnALaterRequestEndsTheConnection(t *testing.T) {
	t.Parallel()
	p := &scripted{answer: func(x *http7.Exchange) http7.Verdict {
		if x.Answer.Length > 5 {
			x.Answer.Filters = append(x.Answer.Filters, &thrower{})
		}
		return http7.Continue
	}}
	big := "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000)
	r := newRigWith(t, func(r *rig) { r.route.Steps = []http7.Step{p.step("a.b")} }, newRecorder(t, func(request string) string {
		if strings.HasPrefix(request, "GET /big") {
			return big
		}
		return hello
	}).addr)
	cl := r.client()
	cl.warm("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	cl.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
	if _, _, _, err := cl.answer("GET"); err == nil || isTimeout(err) {
		t.Errorf("the answer ended with %v", err)
	}
	eventually(t, "the connection has gone", r.nobody)
}

func TestPipelinedRequestsThatFillABlockExactlyAreAllAnswered(t *testing.T) {
	t.Parallel()
	// Bytes behind a full read had come with an edge of the poller that was used up.
	r := newRig(t, saying(t, hello))
	cl := r.client()
	cl.warm("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	one := "GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n"
	one = fmt.Sprintf(one, strings.Repeat("x", 1024-len(one)+2))
	cl.send(strings.Repeat(one, 16)) // four blocks of 4 KiB
	for range 16 {
		cl.want(200, "hello")
	}
}

func TestAHalfCloseThatComesWithALaterRequestEndsTheConnection(t *testing.T) {
	t.Parallel()
	// The end had come with the request's edge of the poller, and was found after the idle timeout.
	r := newRig(t, saying(t, hello))
	for range 10 {
		cl := r.client()
		cl.warm("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		raw, err := cl.Conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		_ = raw.Control(func(fd uintptr) { // corked: the FIN leaves in the request's segment
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, 1)
		})
		cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		_ = cl.Conn.(*net.TCPConn).CloseWrite()
		cl.want(200, "hello")
		cl.ends()
	}
}

func TestAnEndpointThatSpeaksBeforeItIsAskedIsHeard(t *testing.T) {
	t.Parallel()
	// The edge of an answer that was there before the request was sent got lost with the first wait.
	slow := func(r *rig) {
		r.engine.Reached = func(*lb.Endpoint) { <-time.After(20 * time.Millisecond) } // the answer is there
	}
	r := newRigWith(t, slow, origin(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull")
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, bufio.NewReader(c))
	}))
	for range 5 {
		cl := r.client()
		cl.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		cl.want(503, "full")
	}
}
