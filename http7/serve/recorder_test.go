package serve

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder is an origin that keeps what it is sent, byte for byte, and answers each whole request
// with what answer says.
type recorder struct {
	addr   string
	answer func(request string) string

	mu     sync.Mutex
	whole  []string // complete requests, in order
	partly []string // what was there of a request when its connection ended
	conns  int
}

func newRecorder(t testing.TB, answer func(request string) string) *recorder {
	o := &recorder{answer: answer}
	o.addr = origin(t, o.serve)
	return o
}

// answering is a recorder that answers everything alike.
func answering(t testing.TB, answer string) *recorder {
	return newRecorder(t, func(string) string { return answer })
}

func (o *recorder) serve(c net.Conn) {
	o.mu.Lock()
	o.conns++
	o.mu.Unlock()
	r := bufio.NewReader(c)
	for {
		request, err := readMessage(r)
		if err != nil {
			if request != "" {
				o.mu.Lock()
				o.partly = append(o.partly, request)
				o.mu.Unlock()
			}
			return
		}
		o.mu.Lock()
		o.whole = append(o.whole, request)
		o.mu.Unlock()
		answer := o.answer(request)
		answer, hangUp := strings.CutSuffix(answer, "<close>")
		if _, err := io.WriteString(c, answer); err != nil || hangUp {
			return
		}
	}
}

func (o *recorder) seen() (whole []string, conns int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.whole...), o.conns
}

// readMessage reads one request as a plain reader of RFC 9112 does and returns its bytes.
func readMessage(r *bufio.Reader) (string, error) {
	head, err := readHead(r)
	if err != nil {
		return head, err
	}
	length, chunked := 0, false
	for line := range strings.SplitSeq(head, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		switch textproto.CanonicalMIMEHeaderKey(name) {
		case "Content-Length":
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		case "Transfer-Encoding":
			chunked = true
		}
	}
	if chunked {
		body, err := readChunked(r)
		return head + body, err
	}
	body := make([]byte, length)
	n, err := io.ReadFull(r, body)
	return head + string(body[:n]), err
}

func readChunked(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			return b.String(), err
		}
		size, err := strconv.ParseInt(strings.TrimSuffix(line, "\r\n"), 16, 64)
		if err != nil {
			return b.String(), fmt.Errorf("chunk size %q", line)
		}
		if size == 0 {
			trailer, err := readHead(r)
			b.WriteString(trailer)
			return b.String(), err
		}
		n, err := io.CopyN(&b, r, size+2)
		if err != nil {
			return b.String(), fmt.Errorf("chunk of %d: %d bytes: %w", size, n, err)
		}
	}
}

// client is a client of the rig that reads answers one by one.
type client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (r *rig) client() *client {
	r.t.Helper()
	c := r.dial()
	return &client{Conn: c, t: r.t, r: bufio.NewReader(c)}
}

// send writes raw bytes; a client that is cut off meanwhile sees it when it reads.
func (c *client) send(raw string) {
	_, _ = io.WriteString(c, raw)
}

// answer reads the next answer to a request with that method. The body is read whole.
func (c *client) answer(method string) (status int, h http.Header, body string, err error) {
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return 0, nil, "", err
	}
	defer res.Body.Close()
	if res.Close {
		res.Header.Set("Connection", "close") // net/http has taken it out
	}
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, string(b), err
}

// want reads the next answer and demands a status and a body.
func (c *client) want(status int, body string) {
	c.t.Helper()
	got, _, b, err := c.answer("GET")
	if err != nil || got != status || !strings.Contains(b, body) {
		c.t.Fatalf("answer %d %.200q, %v; want %d %q", got, b, err, status, body)
	}
}

// ends demands that the connection ends without another byte.
func (c *client) ends() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err == nil {
		rest, _ := c.r.Peek(c.r.Buffered())
		c.t.Fatalf("the connection goes on with %.200q", append([]byte{b}, rest...))
	} else if isTimeout(err) {
		c.t.Fatalf("the connection is still open")
	}
}

func isTimeout(err error) bool {
	t, ok := err.(net.Error)
	return ok && t.Timeout()
}

// isReset reports whether the connection ended with a reset.
func isReset(err error) bool { return err != nil && strings.Contains(err.Error(), "reset by peer") }

// eventually waits for a condition that another goroutine brings about.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(ample); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", ample, what)
		}
	}
}
