package serve

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/lb"
)

// A client in a hurry says nothing about the endpoint.
func TestAClientsOwnDeadlineIsNotTheEndpointsFault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what string
		turn turn
	}{
		{"before the head", later(300*time.Millisecond, hello)},
		{"in the body", func(c net.Conn) bool {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
			pause(300 * time.Millisecond)
			return false
		}},
	} {
		o := newInTurn(c.turn, c.turn, c.turn)
		r := newRigWith(t, once, origin(t, o.serve))
		e := r.plan.Upstream.View().Members()[0].Endpoint
		for range 3 {
			cl := r.client()
			cl.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web\r\ngrpc-timeout: 60m\r\n\r\n")
			_, _, _, _ = cl.answer("GET") // a 504, or cut
		}
		r.settled()
		for slot := range lb.TallySlots {
			if tally := e.Tally(slot); tally.Failed != 0 {
				t.Errorf("%s: the endpoint is blamed %d times, %d in a row; timeouts %d", c.what, tally.Failed, tally.InRow, e.Ended(lb.Timeout))
			}
		}
	}
}

// What a policy answers in place of the endpoint's answer says nothing about the endpoint.
func TestAnAnswerThatAPolicyReplacesCountsAsTheEndpointGaveIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer string
		by     int
		want   lb.Result
	}{{hello, 503, lb.OK}, {broken, 200, lb.Status5xx}} {
		p := &scripted{answer: func(x *http7.Exchange) http7.Verdict { x.LocalAnswer(c.by); return http7.Continue }}
		r := newRigWith(t, func(r *rig) { once(r); withSteps(p.step("a.b"))(r) }, saying(t, c.answer))
		cl := r.client()
		cl.send(getMore)
		cl.want(c.by, "")
		r.settled()
		e := r.plan.Upstream.View().Members()[0].Endpoint
		if e.Ended(c.want) != 1 {
			t.Errorf("ok %d, 5xx %d; want %v", e.Ended(lb.OK), e.Ended(lb.Status5xx), c.want)
		}
	}
}

// Clients that leave while their exchange waits for another attempt; the race detector watches.
func TestClientsThatLeaveDuringABackoff(t *testing.T) {
	t.Parallel()
	slow := func(c net.Conn) {
		b := make([]byte, 1000)
		for {
			if _, err := c.Read(b); err != nil {
				return
			}
			<-time.After(70*time.Millisecond + time.Duration(rand.IntN(20))*time.Millisecond)
			if _, err := io.WriteString(c, busy); err != nil {
				return
			}
		}
	}
	r := newRigWith(t, func(r *rig) { r.forward.Retry.Backoff = conf.Dur(300 * time.Millisecond) }, origin(t, slow))
	var clients sync.WaitGroup
	for range 40 {
		clients.Go(func() {
			for range 3 {
				c := r.client()
				c.send(getMore)
				<-time.After(70*time.Millisecond + time.Duration(rand.IntN(25000))*time.Microsecond)
				_ = c.Close()
			}
		})
	}
	clients.Wait()
	r.settled()
}
