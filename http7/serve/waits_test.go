package serve

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/lb"
)

// door is an endpoint that answers a request each time it is opened.
type door struct {
	*recorder
	open chan struct{}
}

func newDoor(t testing.TB) *door {
	d := &door{open: make(chan struct{}, 100)}
	d.recorder = newRecorder(t, func(string) string { <-d.open; return hello })
	return d
}

// narrow is a rig before one door that takes one request at a time, with a queue.
func narrow(t testing.TB, size int, timeout time.Duration, change func(*Plan)) (*placed, *door) {
	d := newDoor(t)
	return newPlaced(t, []string{d.addr}, func(c *lb.Config) {
		c.MaxInFlight = lb.AtMost(1)
		c.Queue = &lb.QueueConfig{Size: size, Timeout: conf.Dur(timeout)}
	}, func(p *Plan) {
		if change != nil {
			change(p)
		}
	}), d
}

// asked waits until the door has a request before it.
func (d *door) asked(p *placed, n int) {
	p.t.Helper()
	eventually(p.t, "the endpoint is asked", func() bool { whole, _ := d.seen(); return len(whole) >= n })
}

func (p *placed) queued(n uint64) {
	p.t.Helper()
	eventually(p.t, "the request stands in line", func() bool { return p.up.Gate().Stats().Queued >= n && p.up.Gate().Queued() })
}

func TestARequestWaitsForAnEndpointThatIsFull(t *testing.T) {
	t.Parallel()
	p, d := narrow(t, 10, 10*time.Second, nil)
	a, b := p.client(), p.client()
	a.send(getMore)
	d.asked(p, 1)
	b.send(getMore)
	p.queued(1)
	d.open <- struct{}{}
	a.want(200, "hello")
	d.open <- struct{}{}
	b.want(200, "hello")
	p.settled()
	if s := p.up.Gate().Stats(); s.Queued != 1 || s.ShedFull+s.ShedStanding+s.ShedTimeout != 0 {
		t.Errorf("%+v", s)
	}
}

func TestWhoFindsNoPlaceInLineIsToldToComeLater(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what    string
		size    int
		timeout time.Duration

		full, late uint64 // how many were shed at once, and for waiting too long
	}{
		{"no queue", 0, time.Second, 1, 0},
		{"a wait in vain", 10, 100 * time.Millisecond, 0, 1},
	} {
		p, d := narrow(t, c.size, c.timeout, nil)
		a, b := p.client(), p.client()
		a.send(getMore)
		d.asked(p, 1)
		b.send(getMore)
		status, h, body, err := b.answer("GET")
		if err != nil || status != 503 || h.Get("Retry-After") != "1" || !strings.Contains(body, "overloaded") {
			t.Errorf("%s: %d %v %q, %v", c.what, status, h, body, err)
		}
		d.open <- struct{}{}
		a.want(200, "hello")
		p.settled() // the place is given back behind the answer
		d.open <- struct{}{}
		b.send(getMore) // the connection goes on
		b.want(200, "hello")
		p.settled()
		if s := p.up.Gate().Stats(); s.ShedFull != c.full || s.ShedTimeout != c.late || s.ShedStanding+s.Gone != 0 {
			t.Errorf("%s: %+v", c.what, s)
		}
	}
}

func TestTheExchangesEndComesInTheQueueToo(t *testing.T) {
	t.Parallel()
	p, d := narrow(t, 10, 10*time.Second, nil)
	a := p.client()
	a.send(getMore)
	d.asked(p, 1)
	b := p.client()
	b.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\ngrpc-timeout: 100m\r\n\r\n")
	if status, h, _, err := b.answer("GET"); err != nil || status != 200 || h.Get("Grpc-Status") != "4" {
		t.Errorf("%d %v, %v; want DEADLINE_EXCEEDED", status, h, err)
	}
	d.open <- struct{}{}
	a.want(200, "hello")
	p.settled()
}

func TestAClientThatLeavesTheQueueMakesRoom(t *testing.T) {
	t.Parallel()
	p, d := narrow(t, 1, 10*time.Second, nil)
	a, b := p.client(), p.client()
	a.send(getMore)
	d.asked(p, 1)
	b.send(getMore)
	p.queued(1)
	pause(200 * time.Millisecond) // the watcher looks at clients that have waited
	_ = b.Close()
	eventually(t, "the line is empty", func() bool { return !p.up.Gate().Queued() })
	c := p.client()
	c.send(getMore)
	p.queued(2)
	d.open <- struct{}{}
	a.want(200, "hello")
	d.open <- struct{}{}
	c.want(200, "hello")
	p.settled()
	if whole, _ := d.seen(); len(whole) != 2 {
		t.Errorf("the endpoint was asked %d times", len(whole))
	}
}

func TestACutEndsTheWaitInLine(t *testing.T) {
	t.Parallel()
	p, d := narrow(t, 10, 10*time.Second, nil)
	a, b := p.client(), p.client()
	a.send(getMore)
	d.asked(p, 1)
	b.send(getMore)
	p.queued(1)
	p.engine.Cut()
	eventually(t, "the connections have gone", p.nobody)
	d.open <- struct{}{}
	p.settled()
}

func TestADetachedRequestStandsInLineToo(t *testing.T) {
	t.Parallel()
	p, d := narrow(t, 10, 10*time.Second, nil)
	a := p.client()
	a.send(getMore)
	d.asked(p, 1)
	got := make(chan string, 1)
	go func() { // the detached request; ends with its answer
		answer, f := p.sender().Send(detached("GET"))
		if f != nil {
			got <- f.Name
			return
		}
		got <- readAll(t, answer)
	}()
	p.queued(1)
	d.open <- struct{}{}
	a.want(200, "hello")
	d.open <- struct{}{}
	if s := <-got; s != "hello" {
		t.Errorf("got %q", s)
	}
	p.settled()
}

func TestADetachedRequestThatMayNotWaitIsOverloaded(t *testing.T) {
	t.Parallel()
	p, d := narrow(t, 0, time.Second, nil)
	a := p.client()
	a.send(getMore)
	d.asked(p, 1)
	if _, f := p.sender().Send(detached("GET")); f != http7.Overloaded {
		t.Errorf("got %v", f)
	}
	d.open <- struct{}{}
	a.want(200, "hello")
}

func TestAnOpenBreakerAnswersAtOnce(t *testing.T) {
	t.Parallel()
	o := answering(t, broken)
	p := newPlaced(t, []string{o.addr}, func(c *lb.Config) {
		b := lb.DefaultBreaker()
		b.MinRequests = 5
		c.Breaker = &b
	}, func(*Plan) {})
	for range 5 {
		cl := p.client()
		cl.send(getMore)
		cl.want(500, "broken")
	}
	p.settled()
	cl := p.client()
	cl.send(getMore)
	status, h, body, err := cl.answer("GET")
	if err != nil || status != 503 || h.Get("Retry-After") == "" || !strings.Contains(body, "breaker_open") {
		t.Errorf("%d %v %q, %v", status, h, body, err)
	}
	if whole, _ := o.seen(); len(whole) != 5 {
		t.Errorf("the endpoint was asked %d times", len(whole))
	}
}

// A backoff holds the answer that may yet be the client's.
func TestAnAnswerThatIsHeldDuringABackoffIsKeptIfThereIsNoBetter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what   string
		turns  []turn
		status int
		body   string
	}{
		{"a better one", []turn{says(busy), says(second)}, 200, "second"},
		{"as bad a one", []turn{says(busy), says(strings.Replace(busy, "busy", "done", 1))}, 503, "done"},
		{"a long one that waits", []turn{func(c net.Conn) bool {
			says("HTTP/1.1 503 No\r\nRetry-After: 60\r\nContent-Length: 8\r\n\r\nbusy")(c)
			return later(300*time.Millisecond, "busy")(c)
		}}, 503, "busybusy"},
	} {
		o := newInTurn(c.turns...)
		r := newRigWith(t, func(r *rig) {
			r.forward.Retry.Attempts = 1
			r.forward.Retry.Backoff = conf.Dur(50 * time.Millisecond)
		}, origin(t, o.serve))
		cl := r.client()
		cl.send(getMore)
		cl.want(c.status, c.body)
		cl.send(getMore)
		cl.want(200, "hello")
		r.settled()
	}
}

func TestAClientThatLeavesDuringABackoffIsNoticed(t *testing.T) {
	t.Parallel()
	repeatedly(t, func() error { // until nothing else holds it up for 2 s
		o := newInTurn(says(strings.Replace(busy, "Content", "Retry-After: 3\r\nContent", 1)))
		r := newRigWith(t, nil, origin(t, o.serve))
		cl := r.client()
		cl.send(getMore)
		eventually(t, "it was asked", func() bool { return len(o.seen()) == 1 })
		pause(200 * time.Millisecond)
		from := time.Now()
		_ = cl.Close()
		r.settled()
		if took := time.Since(from); took > 2*time.Second || len(o.seen()) != 1 {
			return fmt.Errorf("noticed after %v; %d attempts", took, len(o.seen()))
		}
		return nil
	})
}

func TestRetryAfterIsWaitedForBeforeTheSameEndpoint(t *testing.T) {
	t.Parallel()
	o := newInTurn(says(strings.Replace(busy, "Content", "Retry-After: 1\r\nContent", 1)), says(second))
	r := newRigWith(t, nil, origin(t, o.serve))
	from := time.Now()
	cl := r.client()
	cl.send(getMore)
	cl.want(200, "second")
	if took := time.Since(from); took < time.Second {
		t.Errorf("it was asked again after %v", took)
	}
	repeatedly(t, func() error { // until nothing else holds it up for 3 s
		o := newInTurn(says(strings.Replace(busy, "Content", "Retry-After: 3\r\nContent", 1)), says(second))
		r := newRigWith(t, nil, origin(t, o.serve), origin(t, o.serve))
		from := time.Now()
		cl := r.client()
		cl.send(getMore)
		cl.want(200, "second")
		if took := time.Since(from); took >= 3*time.Second {
			return fmt.Errorf("another was asked after %v", took)
		}
		return nil
	})
}
