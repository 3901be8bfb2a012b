package serve

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/http7/forward"
	"weir/internal/conf"
	"weir/lb"
)

// resets ends its connection with a reset behind a part of an answer.
func resets(part string) turn {
	return func(c net.Conn) bool {
		says(part)(c)
		<-time.After(time.Millisecond) // or the reset overtakes the part
		_ = c.(*net.TCPConn).SetLinger(0)
		return false
	}
}

// An endpoint that ends its connection behind any byte of its answer: before the head is whole another
// one is asked; behind it the client gets what came, and sees that it is cut. Never does it get parts
// of two answers.
func TestAnEndpointMayEndBehindAnyByte(t *testing.T) {
	t.Parallel()
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nHELLO"
	head := strings.Index(answer, "HELLO")
	for how, end := range map[string]func(string) turn{"close": hangsUp, "reset": resets} {
		for at := range len(answer) {
			o := newInTurn(end(answer[:at]))
			r := newRig(t, origin(t, o.serve), origin(t, o.serve))
			cl := r.client()
			cl.send(getMore)
			status, _, body, err := cl.answer("GET")
			switch {
			case at < head && (err != nil || status != 200 || body != "hello"):
				t.Errorf("%s behind %d bytes: %d %q, %v", how, at, status, body, err)
			case at >= head && (err == nil || !strings.HasPrefix("HELLO", body)):
				t.Errorf("%s behind %d bytes: %d %q, which looks whole", how, at, status, body)
			}
			if n := len(o.seen()); at < head && n != 2 || at >= head && n != 1 {
				t.Errorf("%s behind %d bytes: %d attempts", how, at, n)
			}
			r.settled()
		}
	}
}

// An endpoint that ends while it takes a body: the body is sent again, whole, if it fits what is kept;
// else the failure stands and nobody gets half of it as a whole.
func TestAnEndpointMayEndWithinABody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		length, taken int
		repeated      bool
	}{
		{10, 0, true}, {10, 5, true}, {40_000, 100, true}, {60_000, 59_999, true}, {200_000, 150_000, false},
	} {
		body := strings.Repeat("0123456789", c.length/10)
		good := answering(t, hello)
		bad := origin(t, func(conn net.Conn) {
			r := bufio.NewReader(conn)
			_, _ = readHead(r)
			_, _ = io.CopyN(io.Discard, r, int64(c.taken))
			_ = conn.(*net.TCPConn).SetLinger(0)
		})
		r := newRigWith(t, func(r *rig) { r.forward.Retry.Attempts = 5 }, bad, good.addr)
		for range 6 { // whichever is asked first
			cl := r.client()
			go cl.send(fmt.Sprintf("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", c.length, body))
			status, _, _, err := cl.answer("GET")
			if err != nil || status != 200 && (c.repeated || status != 502) {
				t.Errorf("%d bytes, ended behind %d: %d, %v", c.length, c.taken, status, err)
			}
		}
		whole, _ := good.seen()
		for _, request := range whole {
			if !strings.HasSuffix(request, "\r\n\r\n"+body) {
				t.Errorf("%d bytes, ended behind %d: a body arrived as %.100q", c.length, c.taken, request)
			}
		}
		r.settled()
	}
}

// chaos is a set of endpoints that fail at random, and the ids of requests that they have seen whole.
type chaos struct {
	mu   sync.Mutex
	rnd  *rand.Rand
	seen map[string]int
}

func (k *chaos) intn(n int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rnd.IntN(n)
}

// serve reads requests and does with each what chance says.
func (k *chaos) serve(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		if k.intn(50) == 0 { // in the middle of a request, or of idleness
			_, _ = r.ReadByte()
			return
		}
		request, err := readMessage(r)
		if err != nil {
			return
		}
		_, target, _ := strings.Cut(request, "/")
		id, _, _ := strings.Cut(target, " ")
		k.mu.Lock()
		k.seen[id]++
		k.mu.Unlock()
		if !k.answer(c, id) {
			return
		}
	}
}

func (k *chaos) answer(c net.Conn, id string) bool {
	body := strings.Repeat(id+";", 40)
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	switch k.intn(20) {
	case 0:
		return says(busy)(c)
	case 1:
		return resets(answer[:k.intn(len(answer))])(c)
	case 2:
		return hangsUp(answer[:k.intn(len(answer))])(c)
	case 3:
		return later(time.Duration(k.intn(100))*time.Millisecond, answer)(c)
	case 4: // frozen
		_, _ = io.Copy(io.Discard, c)
		return false
	}
	return says(answer)(c)
}

// torture makes requests for some time and demands what must hold whatever endpoints do: an answer is
// the request's own, or says that it is none, or is visibly cut; a POST reaches one endpoint at most;
// nothing is left behind.
func torture(t *testing.T, clients int, d time.Duration) {
	k := &chaos{rnd: rand.New(rand.NewPCG(1, 2)), seen: map[string]int{}}
	r := newRigWith(t, func(r *rig) {
		r.forward.Hedge = &forward.HedgeConfig{After: forward.AfterDuration(30 * time.Millisecond), Budget: conf.Percent(10)}
		r.forward.Timeouts.Response = conf.Dur(300 * time.Millisecond)
		r.route.Timeout = time.Second
	}, origin(t, k.serve), origin(t, k.serve), origin(t, k.serve))
	var all sync.WaitGroup
	begin := time.Now()
	little := func() bool {
		s := r.plan.Counters.Stats()
		return s.Retried["reset"] == 0 || s.Retried["503"] == 0 || s.HedgesWon == 0
	}
	goesOn := func() bool { // a busy machine gets longer
		past := time.Since(begin)
		return past < d || past < d+ample && little()
	}
	for n := range clients {
		all.Go(func() { tortured(t, r, k, n, goesOn) })
	}
	all.Wait()
	r.settled()
	s := r.plan.Counters.Stats()
	t.Logf("%d requests, %+v", len(k.seen), s)
	if little() {
		t.Errorf("too little has happened: %+v", s)
	}
}

func tortured(t *testing.T, r *rig, k *chaos, n int, goesOn func() bool) {
	cl := r.client()
	for i := 0; goesOn(); i++ {
		id := fmt.Sprintf("%d-%d", n, i)
		method := []string{"GET", "PUT", "POST"}[i%3]
		body := strings.Repeat("x", []int{0, 10, 5000}[i/3%3])
		_ = cl.SetDeadline(time.Now().Add(time.Minute))
		cl.send(fmt.Sprintf("%s /%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", method, id, len(body), body))
		status, h, got, err := cl.answer("GET")
		want := strings.Repeat(id+";", 40)
		switch {
		case isTimeout(err):
			t.Errorf("%s %s got no answer", method, id)
			return
		case err != nil && !strings.HasPrefix(want, got):
			t.Errorf("%s %s: cut behind %q", method, id, got)
		case err == nil && status == 200 && got != want:
			t.Errorf("%s %s got %.60q", method, id, got)
		case err == nil && status != 200 && status < 500:
			t.Errorf("%s %s got %d", method, id, status)
		}
		k.mu.Lock()
		if method == "POST" && k.seen[id] > 1 {
			t.Errorf("POST %s came %d times", id, k.seen[id])
		}
		k.mu.Unlock()
		if err != nil || h.Get("Connection") == "close" {
			_ = cl.Close()
			cl = r.client()
		}
	}
}

func TestEndpointsThatFailAtRandomBreakNoPromise(t *testing.T) {
	t.Parallel()
	torture(t, 8, 2*time.Second)
}

// Endpoints that die one after the other, as long as one is left: every GET is answered.
func TestNoGetIsLostWhileAnEndpointIsLeft(t *testing.T) {
	t.Parallel()
	o := answering(t, hello)
	r := newRig(t, refusing(t), o.addr, refusing(t))
	for range 20 {
		cl := r.client()
		cl.send(getMore)
		cl.want(200, "hello")
	}
	r.settled()
	if s := r.plan.Counters.Stats(); s.Retried["connect"] == 0 {
		t.Errorf("no retry: %+v", s)
	}
	for _, m := range r.plan.Upstream.View().Members() {
		if n := m.Endpoint.Ended(lb.Cancelled); n != 0 {
			t.Errorf("%d leases of %s were cancelled", n, m.Endpoint)
		}
	}
}
