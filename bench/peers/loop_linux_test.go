package peers

import (
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ring is a loop with an endpoint in it, driven by the test.
type ring struct {
	t      *testing.T
	loop   *loop
	origin *origin
}

func newRing(t *testing.T, answer string) *ring {
	t.Helper()
	l, err := newLoop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	o, err := newOrigin(l)
	if err != nil {
		t.Fatal(err)
	}
	o.begin(&Scenario{})
	o.answer = []byte(answer)
	return &ring{t, l, o}
}

// until turns the loop until done says so.
func (r *ring) until(what string, done func() bool) {
	r.t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); {
		if time.Now().After(end) {
			r.t.Fatalf("not within thirty seconds: %s", what)
		}
		if err := r.loop.turn(5); err != nil {
			r.t.Fatal(err)
		}
	}
}

// idle turns the loop until nothing happens any more.
func (r *ring) idle() {
	r.t.Helper()
	for range 5 {
		if err := r.loop.turn(2); err != nil {
			r.t.Fatal(err)
		}
	}
}

// client is a plain connection to the endpoint.
func (r *ring) client() *net.TCPConn {
	r.t.Helper()
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.origin.ports[0])))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return c.(*net.TCPConn)
}

const small = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// read returns n bytes from c while the loop turns.
func (r *ring) read(c net.Conn, n int) string {
	r.t.Helper()
	got := make(chan string, 1)
	go func() { // reads beside the loop; ends with its bytes or the deadline
		b := make([]byte, n)
		at := 0
		for at < n {
			m, err := c.Read(b[at:])
			at += m
			if err != nil {
				break
			}
		}
		got <- string(b[:at])
	}()
	var text string
	have := false
	r.until("the answer", func() bool {
		select {
		case text = <-got:
			have = true
		default:
		}
		return have
	})
	return text
}

func TestTheEndpointAnswersHoweverRequestsComeInPieces(t *testing.T) {
	const request = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
	for what, c := range map[string]struct {
		pieces  []string
		answers int
	}{
		"one":                       {[]string{request}, 1},
		"byte by byte":              {strings.Split(request, ""), 1},
		"three at once":             {[]string{strings.Repeat(request, 3)}, 3},
		"cut within the blank line": {[]string{request[:len(request)-3], request[len(request)-3:] + request[:5], request[5:]}, 2},
		"one and a half":            {[]string{request + request[:9], request[9:]}, 2},
	} {
		r := newRing(t, small)
		client := r.client()
		for _, piece := range c.pieces {
			if _, err := client.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
			r.idle()
		}
		if got := r.read(client, c.answers*len(small)); got != strings.Repeat(small, c.answers) {
			t.Errorf("%s: got %q", what, got)
		}
		if used, answers := r.origin.tally(); used != 1 || answers != int64(c.answers) {
			t.Errorf("%s: %d answers on %d connections", what, answers, used)
		}
	}
}

func TestTheEndpointSendsLargeAnswersToASlowReaderInOrder(t *testing.T) {
	// More than the sockets hold, and pipelined: the rest waits for EPOLLOUT, the second answer behind the first.
	body := strings.Repeat("0123456789abcdef", 512<<10)
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	r := newRing(t, answer)
	client := r.client()
	if _, err := client.Write([]byte("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	r.idle() // the socket is full now
	if got := r.read(client, 2*len(answer)); got != answer+answer {
		t.Errorf("got %d bytes, want %d, or they differ", len(got), 2*len(answer))
	}
	// Reading again goes on behind the writing.
	if _, err := client.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if got := r.read(client, len(answer)); got != answer {
		t.Errorf("the third answer has %d bytes of %d, or differs", len(got), len(answer))
	}
}

func TestTheEndpointDropsWhoLeavesOrNeverEndsAHead(t *testing.T) {
	r := newRing(t, small)
	gone, endless, stays := r.client(), r.client(), r.client()
	r.until("three connections", func() bool { return len(r.origin.conns) == 3 })
	gone.SetLinger(0)
	gone.Close()
	r.until("the reset is seen", func() bool { return len(r.origin.conns) == 2 })
	if _, err := endless.Write([]byte(strings.Repeat("x", maxHead+1))); err != nil {
		t.Fatal(err)
	}
	r.until("the endless head is cut", func() bool { return len(r.origin.conns) == 1 })
	stays.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	if got := r.read(stays, len(small)); got != small {
		t.Errorf("the third is answered %q", got)
	}
}

func TestTallyCountsWhatCarriedAnAnswerSinceTheReset(t *testing.T) {
	r := newRing(t, small)
	a, b := r.client(), r.client()
	r.client() // never asks
	ask := func(c net.Conn, n int) {
		for range n {
			c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
			r.read(c, len(small))
		}
	}
	ask(a, 3)
	ask(b, 1)
	if used, answers := r.origin.tally(); used != 2 || answers != 4 {
		t.Errorf("%d answers on %d connections, want 4 on 2", answers, used)
	}
	r.origin.reset()
	if used, answers := r.origin.tally(); used != 0 || answers != 0 {
		t.Errorf("after the reset: %d on %d", answers, used)
	}
	ask(b, 2)
	if used, answers := r.origin.tally(); used != 1 || answers != 2 {
		t.Errorf("%d answers on %d connections, want 2 on 1", answers, used)
	}
}

func TestTheClosedLoopAsksAgainUntilItIsHalted(t *testing.T) {
	r := newRing(t, small)
	d := newLoad(r.loop, r.origin.ports[0], &Scenario{}, 0)
	if err := d.connect(3); err != nil {
		t.Fatal(err)
	}
	r.until("a hundred answers", func() bool { return d.answers >= 100 })
	if d.waiting != 3 || d.failed != 0 || d.latency.TotalCount() != d.answers {
		t.Errorf("%d waiting, %d failed, %d of %d latencies", d.waiting, d.failed, d.latency.TotalCount(), d.answers)
	}
	d.halted = true
	r.until("the last answers", func() bool { return d.waiting == 0 })
	was := d.answers
	r.idle()
	if d.answers != was {
		t.Errorf("%d answers after the halt", d.answers-was)
	}
	_, answers := r.origin.tally()
	if answers != d.answers {
		t.Errorf("the endpoint sent %d answers, the load counts %d", answers, d.answers)
	}
	d.reset()
	if d.answers != 0 || d.latency.TotalCount() != 0 {
		t.Error("the reset leaves something")
	}
	d.disconnect()
	r.until("the endpoint sees the ends", func() bool { return len(r.origin.conns) == 0 })
}

func TestABudgetIsSpentByEachConnection(t *testing.T) {
	r := newRing(t, small)
	d := newLoad(r.loop, r.origin.ports[0], &Scenario{}, 0)
	spent := map[*sock]int{}
	d.budget, d.spent = 5, func(s *sock) { spent[s]++ }
	if err := d.connect(4); err != nil {
		t.Fatal(err)
	}
	r.until("all have spent", func() bool { return len(spent) == 4 })
	r.idle()
	if d.answers != 20 || d.waiting != 0 {
		t.Errorf("%d answers, %d waiting; want 20 and none", d.answers, d.waiting)
	}
	for _, n := range spent {
		if n != 1 {
			t.Errorf("a connection spent its budget %d times", n)
		}
	}
}

func TestAnswersThatAreNotTheAgreedOnesAreFailures(t *testing.T) {
	for what, c := range map[string]struct {
		answer string
		ok     bool
	}{
		"as agreed":                 {small, true},
		"no body":                   {"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true},
		"another status":            {"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n", false},
		"chunked":                   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
		"more than was said":        {small + "x", false},
		"a bad length":              {"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok", false},
		"an endless head":           {strings.Repeat("x", 2*maxHead), false},
		"no HTTP":                   {"220 mail.example.com\r\n\r\n", false},
		"a status of 200, HTTP/1.0": {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false},
	} {
		r := newRing(t, c.answer)
		d := newLoad(r.loop, r.origin.ports[0], &Scenario{}, 0)
		if err := d.connect(1); err != nil {
			t.Fatal(err)
		}
		d.halted = true
		r.until(what, func() bool { return d.answers+d.failed > 0 })
		r.idle()
		if (d.failed == 0) != c.ok || d.waiting != 0 {
			t.Errorf("%s: %d answers, %d failed, %d waiting", what, d.answers, d.failed, d.waiting)
		}
		if !c.ok && len(d.socks) != 0 {
			t.Errorf("%s: the connection is kept", what)
		}
	}
}

func TestAnAnswerInPiecesIsOneAnswer(t *testing.T) {
	// A peer that the test plays itself, so that every cut of the answer can be tried.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := newRing(t, small)
	for cut := 1; cut < len(small); cut++ {
		d := newLoad(r.loop, l.Addr().(*net.TCPAddr).Port, &Scenario{}, 0)
		d.halted = true
		if err := d.connect(1); err != nil {
			t.Fatal(err)
		}
		peer, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		peer.Write([]byte(small[:cut]))
		if err := r.loop.turn(1000); err != nil {
			t.Fatal(err)
		}
		if d.answers+d.failed != 0 {
			t.Fatalf("cut at %d: %d answers, %d failed before the rest", cut, d.answers, d.failed)
		}
		peer.Write([]byte(small[cut:]))
		r.until("the rest", func() bool { return d.answers+d.failed > 0 })
		if d.failed != 0 {
			t.Errorf("cut at %d: failed", cut)
		}
		d.disconnect()
		peer.Close()
	}
}

func TestAConnectionThatEndsUnderARequestIsAFailure(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := newRing(t, small)
	for what, end := range map[string]func(*net.TCPConn){
		"closed before the answer": func(c *net.TCPConn) { c.Read(make([]byte, 99)); c.Close() },
		"reset":                    func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
		"closed within the body":   func(c *net.TCPConn) { c.Read(make([]byte, 99)); c.Write([]byte(small[:len(small)-1])); c.Close() },
	} {
		d := newLoad(r.loop, l.Addr().(*net.TCPAddr).Port, &Scenario{}, 0)
		if err := d.connect(1); err != nil {
			t.Fatal(err)
		}
		peer, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		end(peer.(*net.TCPConn))
		r.until(what, func() bool { return d.failed > 0 })
		if d.failed != 1 || d.answers != 0 || d.waiting != 0 || len(d.socks) != 0 {
			t.Errorf("%s: %d failed, %d answers, %d waiting, %d open", what, d.failed, d.answers, d.waiting, len(d.socks))
		}
	}
}

func TestNobodyToConnectToIsAnError(t *testing.T) {
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	r := newRing(t, small)
	d := newLoad(r.loop, port, &Scenario{}, 0)
	if err := d.connect(1); err == nil || len(d.socks) != 0 {
		t.Errorf("got %v with %d connections", err, len(d.socks))
	}
}

func TestAClosedLoopHoldsNoDescriptors(t *testing.T) {
	l, err := newLoop()
	if err != nil {
		t.Fatal(err)
	}
	o, err := newOrigin(l)
	if err != nil {
		t.Fatal(err)
	}
	o.begin(&Scenario{})
	o.answer = []byte(small)
	d := newLoad(l, o.ports[0], &Scenario{}, 0)
	if err := d.connect(5); err != nil {
		t.Fatal(err)
	}
	for d.answers < 5 {
		if err := l.turn(10); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.socks) != 11 { // the listener, five clients, their five other ends
		t.Errorf("%d descriptors, want 11", len(l.socks))
	}
	held := maps.Clone(l.socks)
	l.close()
	for s := range held {
		if _, err := unix.FcntlInt(uintptr(s.fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("descriptor %d is still open (%v)", s.fd, err)
		}
	}
	if err := l.turn(0); err == nil || len(l.socks) != 0 {
		t.Errorf("the loop still turns, with %d descriptors", len(l.socks))
	}
}
