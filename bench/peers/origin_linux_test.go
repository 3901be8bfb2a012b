package peers

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
)

// as makes the ring's endpoint do its part of s.
func (r *ring) as(s *Scenario) { r.origin.begin(s) }

// send writes b from a client while the loop turns: the socket may hold less.
func (r *ring) send(c net.Conn, b []byte) {
	r.t.Helper()
	done := make(chan error, 1)
	go func() { // writes beside the loop; ends with its bytes or the deadline
		_, err := c.Write(b)
		done <- err
	}()
	sent := false
	r.until("the client has written", func() bool {
		select {
		case err := <-done:
			if err != nil {
				r.t.Fatal(err)
			}
			sent = true
		default:
		}
		return sent
	})
}

func TestTheEndpointAnswersAnUploadWhenItsBodyHasCome(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n"
	const whole = head + "0123456789"
	for what, c := range map[string]struct {
		pieces  []string
		answers int
	}{
		"at once":                       {[]string{whole}, 1},
		"the head first":                {[]string{head, "0123456789"}, 1},
		"byte by byte":                  {strings.Split(whole, ""), 1},
		"two at once":                   {[]string{whole + whole}, 2},
		"cut within the body":           {[]string{whole + head + "01234", "56789"}, 2},
		"cut within the next head":      {[]string{whole + head[:9], head[9:] + "0123456789" + whole}, 3},
		"the body is not all there":     {[]string{whole + head + "012345678"}, 1},
		"a body that looks like an end": {[]string{head + "a\r\n\r\nbcde!"[:10], whole}, 2},
	} {
		r := newRing(t, small)
		r.as(&Scenario{BodyBytes: 10})
		r.origin.answer = []byte(small)
		client := r.client()
		for _, piece := range c.pieces {
			r.send(client, []byte(piece))
			r.idle()
		}
		if got := r.read(client, c.answers*len(small)); got != strings.Repeat(small, c.answers) {
			t.Errorf("%s: got %q", what, got)
		}
		if _, answers := r.origin.tally(); answers != int64(c.answers) {
			t.Errorf("%s: %d answers, want %d", what, answers, c.answers)
		}
	}
}

func TestTheEndOfARelaySendsBackWhatComes(t *testing.T) {
	r := newRing(t, small)
	r.as(&Scenario{Kind: Echo})
	a, b := r.client(), r.client()
	for _, text := range []string{"x", "hello", strings.Repeat("weir", 16), "\r\n\r\n"} {
		r.send(a, []byte(text))
		r.send(b, []byte(text+text))
		if got := r.read(a, len(text)); got != text {
			t.Errorf("%q came back as %q", text, got)
		}
		if got := r.read(b, 2*len(text)); got != text+text {
			t.Errorf("%q twice came back as %q", text, got)
		}
	}
}

func TestTheEndOfARelayKeepsWhatASlowReaderDoesNotTake(t *testing.T) {
	// Far more than the sockets hold: what doesn't go at once must survive the block's next use.
	r := newRing(t, small)
	r.as(&Scenario{Kind: Echo})
	slow, quick := r.client(), r.client()
	var text bytes.Buffer
	for i := 0; text.Len() < 16<<20; i++ {
		fmt.Fprintf(&text, "%09d\n", i)
	}
	written := make(chan error, 1)
	go func() { // writes beside the loop, for as long as the endpoint reads
		_, err := slow.Write(text.Bytes())
		written <- err
	}()
	r.idle()
	for range 20 {
		r.send(quick, []byte("something else"))
		if got := r.read(quick, 14); got != "something else" {
			t.Fatalf("the other client got %q", got)
		}
	}
	if got := r.read(slow, text.Len()); got != text.String() {
		t.Errorf("%d bytes of %d came back, or others", len(got), text.Len())
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestTheEndpointOfAStreamSendsWithoutEndUntilTheClientLeaves(t *testing.T) {
	r := newRing(t, small)
	r.as(&Scenario{Kind: Bulk})
	client := r.client()
	r.until("it is accepted", func() bool { return len(r.origin.conns) == 1 })
	r.idle()
	r.send(client, []byte("weir"))
	const much = 64 << 20
	if got := r.read(client, much); len(got) != much {
		t.Fatalf("%d bytes came of %d", len(got), much)
	}
	client.SetLinger(0)
	client.Close()
	r.until("the endpoint has noticed", func() bool { return len(r.origin.conns) == 0 })
}

func TestTheEndpointSaysNothingBeforeItIsAsked(t *testing.T) {
	for _, kind := range []Kind{HTTP, Echo, Bulk} {
		r := newRing(t, small)
		r.as(&Scenario{Kind: kind})
		r.client()
		r.until("it is accepted", func() bool { return len(r.origin.conns) == 1 })
		r.idle()
		if used, answers := r.origin.tally(); used != 0 || answers != 0 {
			t.Errorf("kind %d: %d answers on %d connections", kind, answers, used)
		}
		for s := range r.origin.conns {
			if len(s.out) > 0 {
				t.Errorf("kind %d: %d bytes wait", kind, len(s.out))
			}
		}
	}
}

func TestManyEndpointsAreAsManyPorts(t *testing.T) {
	r := newRing(t, small)
	if err := r.origin.grow(30); err != nil {
		t.Fatal(err)
	}
	was := append([]int{}, r.origin.ports...)
	if err := r.origin.grow(10); err != nil || len(r.origin.ports) != 30 {
		t.Errorf("asked for fewer: %d ports, %v", len(r.origin.ports), err)
	}
	seen := map[int]bool{}
	for i, port := range r.origin.ports {
		if seen[port] || port != was[i] {
			t.Errorf("port %d twice, or moved", port)
		}
		seen[port] = true
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		r.send(c, []byte("GET / HTTP/1.1\r\n\r\n"))
		if got := r.read(c, len(small)); got != small {
			t.Errorf("port %d answers %q", port, got)
		}
	}
	if used, answers := r.origin.tally(); used != 30 || answers != 30 || r.origin.accepted != 30 {
		t.Errorf("%d answers on %d connections, %d accepted; want 30 each", answers, used, r.origin.accepted)
	}
}

func TestConnectionsAreCountedSinceTheReset(t *testing.T) {
	r := newRing(t, small)
	for range 3 {
		r.client()
	}
	r.until("three", func() bool { return r.origin.accepted == 3 })
	r.origin.reset()
	r.client()
	r.until("one more", func() bool { return r.origin.accepted == 1 })
	if len(r.origin.conns) != 4 {
		t.Errorf("%d connections, want all four", len(r.origin.conns))
	}
}

func TestABurstOfConnectionsIsTakenInFewTurns(t *testing.T) {
	r := newRing(t, small)
	const many = 200
	for range many {
		r.client()
	}
	for range 3 {
		if err := r.loop.turn(100); err != nil {
			t.Fatal(err)
		}
		if len(r.origin.conns) == many {
			return
		}
	}
	t.Errorf("%d of %d connections are accepted after three turns", len(r.origin.conns), many)
}
