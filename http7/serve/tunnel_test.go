package serve

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/http7"
)

const (
	upgrade  = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo/1\r\n\r\n"
	switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo/1\r\n\r\n"
)

// switching is an origin that answers every request with 101 and gives the tunnel to handle.
func switching(t testing.TB, handle func(c net.Conn, r *bufio.Reader)) string {
	return origin(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		if _, err := readHead(r); err != nil {
			return
		}
		if _, err := io.WriteString(c, switched); err == nil {
			handle(c, r)
		}
	})
}

// echoing sends back what comes through the tunnel, and its end.
func echoing(c net.Conn, r *bufio.Reader) { _, _ = io.Copy(c, r) }

// tunnel is a client that has changed to the protocol "foo/1".
func (r *rig) tunnel() *client {
	r.t.Helper()
	cl := r.client()
	cl.send(upgrade)
	if head, err := readHead(cl.r); !strings.HasPrefix(head, "HTTP/1.1 101 ") || err != nil {
		r.t.Fatalf("%q, %v", head, err)
	}
	return cl
}

// says sends s and demands want.
func (c *client) says(s, want string) {
	c.t.Helper()
	c.send(s)
	c.hears(want)
}

func (c *client) hears(want string) {
	c.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c.r, got); string(got) != want {
		c.t.Fatalf("%q, %v; want %q", got[:n], err, want)
	}
}

// wasReset demands that the connection was reset.
func wasReset(t testing.TB, r io.Reader) {
	t.Helper()
	if b, err := io.ReadAll(r); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%q, %v; want a reset", b, err)
	}
}

func TestATunnelPassesBytesBothWaysAndEndsInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, switching(t, echoing))
	cl := r.tunnel()
	cl.says("hello", "hello")
	big := strings.Repeat("0123456789abcdef", 20_000) // more than a block, at once
	cl.says(big, big)
	cl.says("\x00\xff\r\n\r\nGET / HTTP/1.1\r\n\r\n", "\x00\xff\r\n\r\nGET / HTTP/1.1\r\n\r\n")
	_ = cl.Conn.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(cl.r); len(rest) > 0 || err != nil {
		t.Errorf("behind the end came %q, %v", rest, err)
	}
	r.idle(t)
}

func TestTheHeadsOfAnUpgrade(t *testing.T) {
	t.Parallel()
	heads := make(chan string, 1)
	r := newRig(t, origin(t, func(c net.Conn) {
		b := bufio.NewReader(c)
		head, _ := readHead(b)
		heads <- head
		_, _ = io.WriteString(c, "HTTP/1.1 101 Off we go\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nConnection: keep-alive, upgrade\r\nKeep-Alive: x\r\nUpgrade: WebSocket\r\nSet-Cookie: a\r\nContent-Length: 0\r\n\r\n")
	}))
	cl := r.client()
	cl.send("GET /chat?x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade, TE\r\nTE: trailers\r\nUpgrade: h2c, websocket, foo\r\nHTTP2-Settings: x\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	got, err := readHead(cl.r)
	want := "HTTP/1.1 101 Off we go\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSet-Cookie: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n"
	if got != want || err != nil {
		t.Errorf("the client got %q, %v", got, err)
	}
	head := <-heads
	for _, line := range []string{
		"GET /chat?x HTTP/1.1\r\n", "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "\r\nSec-WebSocket-Version: 13\r\n",
		"\r\nConnection: Upgrade\r\nUpgrade: websocket, foo\r\n",
	} {
		if !strings.Contains(head, line) {
			t.Errorf("no %q in %q", line, head)
		}
	}
	for _, line := range []string{"h2c", "HTTP2", "TE:", "keep-alive"} {
		if strings.Contains(head, line) {
			t.Errorf("%q in %q", line, head)
		}
	}
}

func TestWhatIsNoUpgradeGoesOnAsAPlainRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ what, request string }{
		{"h2c", "GET / HTTP/1.1|Host: a|Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: x||"},
		{"HTTP", "GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: HTTP/2.0||"},
		{"what Connection does not name", "GET / HTTP/1.1|Host: a|Upgrade: foo||"},
		{"HTTP/1.0", "GET / HTTP/1.0|Host: a|Connection: upgrade|Upgrade: foo||"},
		{"with a body", "POST / HTTP/1.1|Host: a|Connection: upgrade|Upgrade: foo|Content-Length: 5||hello"},
		{"with chunks", "POST / HTTP/1.1|Host: a|Connection: upgrade|Upgrade: foo|Transfer-Encoding: chunked||0||"},
		{"a WebSocket by POST", "POST / HTTP/1.1|Host: a|Connection: upgrade|Upgrade: websocket|Content-Length: 0||"},
	} {
		o := answering(t, hello)
		r := newRig(t, o.addr)
		if got, err := r.ask(crlf(c.request)); !strings.HasSuffix(got, "hello") {
			t.Errorf("%s: %q, %v", c.what, got, err)
		}
		for _, request := range first(o.seen()) {
			if strings.Contains(strings.ToLower(request), "upgrade") {
				t.Errorf("%s: the endpoint saw %q", c.what, request)
			}
		}
	}
}

func TestAnEndpointThatDoesNotSwitchAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ what, answer, want string }{
		{"it ignores the offer", hello, "HTTP/1.1 200 OK"},
		{"it refuses", "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 403 Forbidden"},
		{"it wants another protocol", "HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: bar\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 426 Upgrade Required"},
	} {
		o := answering(t, c.answer)
		r := newRig(t, o.addr)
		cl := r.client()
		// What a client takes for the tunnel's first bytes is its next request all the same.
		cl.send(upgrade + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
		for range 2 {
			head, err := readHead(cl.r)
			if !strings.HasPrefix(head, c.want) || err != nil {
				t.Fatalf("%s: %q, %v", c.what, head, err)
			}
			if asked := strings.Contains(head, "Connection: Upgrade\r\nUpgrade: bar\r\n"); asked != strings.Contains(c.want, "426") {
				t.Errorf("%s: %q", c.what, head)
			}
			cl.hears("hello")
		}
		if whole, conns := o.seen(); len(whole) != 2 || conns != 1 || !strings.HasPrefix(whole[1], "GET /next") {
			t.Errorf("%s: %d connections, %q", c.what, conns, whole)
		}
	}
}

func TestBytesThatComeTogetherWithTheHeadsBelongToTheTunnel(t *testing.T) {
	t.Parallel()
	r := newRig(t, origin(t, func(c net.Conn) {
		b := bufio.NewReader(c)
		if _, err := readHead(b); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"+switched+"welcome ")
			echoing(c, b)
		}
	}))
	cl := r.client()
	cl.send(upgrade + "early")
	for _, want := range []string{"103", "101"} {
		if head, err := readHead(cl.r); !strings.HasPrefix(head, "HTTP/1.1 "+want) || err != nil {
			t.Fatalf("%q, %v", head, err)
		}
	}
	cl.hears("welcome early")
	cl.says("late", "late")
}

func TestPoliciesSeeAndEditTheAnswerThatSwitches(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 1)
	r := newRigWith(t, func(r *rig) {
		r.route.Steps = []http7.Step{{Name: "edit", Stage: http7.Present, Response: responding(func(x *http7.Exchange) {
			seen <- string(x.Upgrade)
			name, _ := http7.NewName("X-Seen")
			x.Answer.Header.Add(name, []byte("yes"))
		})}}
	}, switching(t, echoing))
	cl := r.client()
	cl.send(upgrade)
	if head, err := readHead(cl.r); !strings.Contains(head, "\r\nX-Seen: yes\r\n") || err != nil {
		t.Errorf("%q, %v", head, err)
	}
	cl.says("a", "a")
	if got := <-seen; got != "foo/1" {
		t.Errorf("policies saw %q", got)
	}
}

// responding is a policy that looks at answers.
type responding func(*http7.Exchange)

func (f responding) Response(x *http7.Exchange) http7.Verdict { f(x); return http7.Continue }

func TestAnUpgradeIsRepeatedWhereNobodyCouldBeReached(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	_ = l.Close()
	r := newRig(t, gone, switching(t, echoing))
	for range 4 {
		r.tunnel().says("a", "a")
	}
}

func TestATunnelOverTLS(t *testing.T) {
	t.Parallel()
	f := newFront(t, newRig(t, switching(t, echoing)))
	c := f.dial(t)
	cl := &client{Conn: c, t: t, r: bufio.NewReader(c)}
	cl.send(upgrade)
	if head, err := readHead(cl.r); head != switched || err != nil {
		t.Fatalf("%q, %v", head, err)
	}
	big := strings.Repeat("0123456789abcdef", 5_000)
	cl.says("hello", "hello")
	cl.says(big, big)
	_ = c.CloseWrite()
	if rest, err := io.ReadAll(cl.r); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestAnUpgradeGetsNoHedge(t *testing.T) {
	t.Parallel()
	o := newInTurn(later(150*time.Millisecond, switched), later(0, switched))
	r := hedging(t, 20*time.Millisecond, o, nil)
	cl := r.tunnel()
	_ = cl.Close()
	r.settled()
	if s := r.plan.Counters.Stats(); s.HedgesWon+s.HedgesLost != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAClientStaysAtTheEndpointOfItsTunnel(t *testing.T) {
	t.Parallel()
	p := sticking(t, switching(t, echoing), switching(t, echoing))
	cl := p.rig.client()
	cl.send(upgrade)
	head, err := readHead(cl.r)
	_, cookie, _ := strings.Cut(head, "Set-Cookie: ")
	cookie, _, ok := strings.Cut(cookie, ";")
	if !ok || err != nil {
		t.Fatalf("%q, %v", head, err)
	}
	busy := func() (n int) {
		for i, m := range p.plan.Upstream.View().Members() {
			if m.Endpoint.InFlight() > 0 {
				n |= 1 << i
			}
		}
		return n
	}
	at := busy()
	for range 5 {
		again := p.rig.client()
		again.send(strings.TrimSuffix(upgrade, "\r\n") + "Cookie: " + cookie + "\r\n\r\n")
		again.wantStatus("101")
		if busy() != at {
			t.Fatalf("endpoints %b are in use, and were %b", busy(), at)
		}
	}
}
