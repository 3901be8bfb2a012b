package serve

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7/forward"
	"weir/internal/conf"
	"weir/lb"
)

// inTurn is a group of endpoints that answer requests in the order in which they come, whichever of
// them is asked; behind the last turn they say hello.
type inTurn struct {
	turns []turn
	next  atomic.Int64
	mu    sync.Mutex
	heads []string
}

// turn answers one request and reports whether the connection goes on.
type turn func(c net.Conn) bool

// says answers at once.
func says(answer string) turn {
	return func(c net.Conn) bool {
		_, err := io.WriteString(c, answer)
		return err == nil
	}
}

// later answers after a while.
func later(d time.Duration, answer string) turn {
	return func(c net.Conn) bool {
		<-time.After(d)
		return says(answer)(c)
	}
}

// ends hangs up after a while without a word.
func ends(d time.Duration) turn {
	return func(net.Conn) bool {
		<-time.After(d)
		return false
	}
}

// hangsUp answers with a part of something.
func hangsUp(part string) turn {
	return func(c net.Conn) bool {
		says(part)(c)
		return false
	}
}

// waits says nothing until its connection ends, which it tells.
func waits(ended chan<- struct{}) turn {
	return func(c net.Conn) bool {
		_, _ = io.Copy(io.Discard, c)
		ended <- struct{}{}
		return false
	}
}

func newInTurn(turns ...turn) *inTurn { return &inTurn{turns: turns} }

func (o *inTurn) serve(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		request, err := readMessage(r)
		if err != nil {
			return
		}
		o.mu.Lock()
		o.heads = append(o.heads, request)
		o.mu.Unlock()
		say := says(hello)
		if n := int(o.next.Add(1)) - 1; n < len(o.turns) {
			say = o.turns[n]
		}
		if !say(c) {
			return
		}
	}
}

func (o *inTurn) seen() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.heads...)
}

// hedging is a rig before two endpoints in turn, with hedges after a time.
func hedging(t testing.TB, after time.Duration, o *inTurn, change func(*rig)) *rig {
	return newRigWith(t, func(r *rig) {
		r.forward.Hedge = &forward.HedgeConfig{After: forward.AfterDuration(after), Budget: conf.Percent(100)}
		r.forward.Retry.Backoff = conf.Dur(0)
		if change != nil {
			change(r)
		}
	}, origin(t, o.serve), origin(t, o.serve))
}

// settled demands that nothing is left of the requests made: no lease, no rival.
func (r *rig) settled() {
	r.t.Helper()
	eventually(r.t, 5*time.Second, "every lease is done", func() bool {
		for _, m := range r.plan.Upstream.View().Members() {
			if m.Endpoint.InFlight() != 0 {
				return false
			}
		}
		return r.engine.rivals.Load() == 0
	})
}

const (
	busy    = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
	broken  = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\n\r\nbroken"
	second  = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"
	getMore = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
)

func TestTheFirstGoodAnswerOfTwoAttemptsIsKept(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 10)
	for _, c := range []struct {
		name      string
		turns     []turn
		attempts  int
		status    int
		body      string
		won, lost uint64
	}{
		{"the hedge's", []turn{waits(ended), says(second)}, 2, 200, "second", 1, 0},
		{"the first one's", []turn{later(500*time.Millisecond, hello), waits(ended)}, 2, 200, "hello", 0, 1},
		{"the first one's, since the hedge is 503", []turn{later(500*time.Millisecond, hello), says(busy)}, 2, 200, "hello", 0, 1},
		{"the first one's, since the hedge is reset", []turn{later(500*time.Millisecond, hello), hangsUp("HTTP/1.1 2")}, 2, 200, "hello", 0, 1},
		{"the hedge's, since the first one is 503", []turn{later(250*time.Millisecond, busy), later(500*time.Millisecond, second)}, 2, 200, "second", 1, 0},
		{"the hedge's, since the first one is 500", []turn{later(250*time.Millisecond, broken), later(500*time.Millisecond, second)}, 2, 200, "second", 1, 0},
		{"the hedge's, since the first one is reset", []turn{ends(250 * time.Millisecond), later(500*time.Millisecond, second)}, 2, 200, "second", 1, 0},
		{"the last one's of two that fail", []turn{later(250*time.Millisecond, broken), later(500*time.Millisecond, broken)}, 2, 500, "broken", 0, 1},
		{"a third one's behind two that fail", []turn{later(250*time.Millisecond, busy), later(500*time.Millisecond, busy), says(second)}, 3, 200, "second", 0, 1},
		{"one of a single attempt", []turn{says(hello)}, 1, 200, "hello", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newInTurn(c.turns...)
			r := hedging(t, 20*time.Millisecond, o, nil)
			cl := r.client()
			cl.send(getMore)
			cl.want(c.status, c.body)
			if n := len(o.seen()); n != c.attempts {
				t.Errorf("%d attempts, want %d", n, c.attempts)
			}
			cl.send(getMore) // nothing of the other answer is on the way
			cl.want(200, "hello")
			r.settled()
			if s := r.plan.Counters.Stats(); s.HedgesWon != c.won || s.HedgesLost != c.lost {
				t.Errorf("won %d, lost %d; want %d, %d", s.HedgesWon, s.HedgesLost, c.won, c.lost)
			}
		})
	}
}

// An attempt that hedges outran said nothing of its endpoint: one that hung passed for as fast as ever.
func TestTheLoserIsOutrunAndItsEndpointCountsAsSlow(t *testing.T) {
	t.Parallel()
	const after = 50 * time.Millisecond
	ended := make(chan struct{}, 2)
	for _, c := range []struct {
		what   string
		turns  []turn
		silent time.Duration // the loser, at least
	}{
		{"the first", []turn{waits(ended), says(second)}, after},
		{"the hedge", []turn{later(8*after, hello), waits(ended)}, after},
	} {
		r := hedging(t, after, newInTurn(c.turns...), nil)
		cl := r.client()
		cl.send(getMore)
		cl.want(200, "")
		r.settled()
		var outrun, ok int
		for _, m := range r.plan.Upstream.View().Members() {
			e := m.Endpoint
			ok += int(e.Ended(lb.OK))
			if e.Ended(lb.Outrun) == 1 {
				outrun++
				if e.Latency() < c.silent {
					t.Errorf("%s: an endpoint that was silent for %v counts for %v", c.what, c.silent, e.Latency())
				}
			}
			if e.Tally(0).Failed != 0 || e.Ended(lb.Cancelled) != 0 {
				t.Errorf("%s: %+v, %d cancelled", c.what, e.Tally(0), e.Ended(lb.Cancelled))
			}
		}
		if outrun != 1 || ok != 1 {
			t.Errorf("%s: %d outrun, %d ok", c.what, outrun, ok)
		}
	}
}

func TestTheLoserIsCut(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 1)
	for _, turns := range [][]turn{
		{waits(ended), says(second)},
		{later(200*time.Millisecond, hello), waits(ended)},
	} {
		r := hedging(t, 20*time.Millisecond, newInTurn(turns...), nil)
		cl := r.client()
		cl.send(getMore)
		cl.want(200, "")
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Error("the slower endpoint was not told")
		}
		r.settled()
	}
}

func TestABodyAtHandIsHedgedAndOthersAreNot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, request string
		attempts      int
	}{
		{"PUT with a body at hand", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 2},
		{"PUT in chunks at hand", "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n", 2},
		{"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 2},
		{"POST", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 1},
		{"a long PUT", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + strings.Repeat("x", 50000), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			answer := "HTTP/1.1 204 No Content\r\n\r\n"
			o := newInTurn(later(200*time.Millisecond, answer), says(answer))
			r := hedging(t, 20*time.Millisecond, o, nil)
			cl := r.client()
			cl.send(c.request)
			if status, _, _, err := cl.answer("HEAD"); err != nil || status != 204 {
				t.Fatalf("%d, %v", status, err)
			}
			seen := o.seen()
			if len(seen) != c.attempts {
				t.Errorf("%d attempts, want %d", len(seen), c.attempts)
			}
			if len(seen) == 2 && seen[0] != seen[1] {
				t.Errorf("the hedge is %q, not %q", seen[1], seen[0])
			}
			r.settled()
		})
	}
}

func TestWithoutAnotherEndpointThereIsNoHedge(t *testing.T) {
	t.Parallel()
	o := newInTurn(later(100*time.Millisecond, hello))
	r := newRigWith(t, func(r *rig) {
		r.forward.Hedge = &forward.HedgeConfig{After: forward.AfterDuration(time.Millisecond), Budget: conf.Percent(100)}
	}, origin(t, o.serve))
	cl := r.client()
	cl.send(getMore)
	cl.want(200, "hello")
	if s := r.plan.Counters.Stats(); s.HedgesRefused != 1 || len(o.seen()) != 1 {
		t.Errorf("%d refused, %d attempts", s.HedgesRefused, len(o.seen()))
	}
}

func TestAHedgeThatCannotConnectIsLost(t *testing.T) {
	t.Parallel()
	slow := newInTurn(later(150*time.Millisecond, hello), later(150*time.Millisecond, hello), later(150*time.Millisecond, hello), later(150*time.Millisecond, hello))
	r := newRigWith(t, func(r *rig) {
		r.forward.Hedge = &forward.HedgeConfig{After: forward.AfterDuration(time.Millisecond), Budget: conf.Percent(100)}
	}, origin(t, slow.serve), refusing(t))
	for range 3 {
		cl := r.client()
		cl.send(getMore)
		cl.want(200, "hello")
	}
	r.settled()
}

func TestA103PassesWhileOneAttemptIsAlive(t *testing.T) {
	t.Parallel()
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	for _, c := range []struct {
		name string
		at   time.Duration
		want string
	}{
		{"before the hedge", 0, "HTTP/1.1 103 "},
		{"beside the hedge", 120 * time.Millisecond, "HTTP/1.1 200 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newInTurn(func(conn net.Conn) bool {
				return later(c.at, hint)(conn) && later(200*time.Millisecond, hello)(conn)
			}, func(conn net.Conn) bool { return says(hint)(conn) && later(2*time.Second, second)(conn) })
			r := hedging(t, 50*time.Millisecond, o, nil)
			got := r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			if !strings.HasPrefix(got, c.want) || !strings.HasSuffix(got, "hello") || len(o.seen()) != 2 {
				t.Errorf("%d attempts, got %q", len(o.seen()), got)
			}
		})
	}
}

func TestAClientThatLeavesEndsBothAttempts(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"waits", "fails"} {
		ended := make(chan struct{}, 2)
		turns := []turn{waits(ended), waits(ended)}
		want := 2
		if first == "fails" {
			turns[0], want = later(100*time.Millisecond, broken), 1
		}
		o := newInTurn(turns...)
		r := hedging(t, 20*time.Millisecond, o, nil)
		cl := r.client()
		cl.send(getMore)
		eventually(t, 5*time.Second, "both were asked", func() bool { return len(o.seen()) == 2 })
		<-time.After(200 * time.Millisecond) // the watcher looks at clients that have waited
		_ = cl.Close()
		for range want {
			select {
			case <-ended:
			case <-time.After(5 * time.Second):
				t.Fatalf("the first %s: an endpoint was not told", first)
			}
		}
		r.settled()
		for _, m := range r.plan.Upstream.View().Members() {
			if n := m.Endpoint.Ended(lb.Outrun); n != 0 {
				t.Errorf("the first %s: nobody was faster, but %d are outrun", first, n)
			}
		}
	}
}

func TestACutEndsBothAttempts(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 2)
	o := newInTurn(waits(ended), waits(ended))
	r := hedging(t, 20*time.Millisecond, o, nil)
	cl := r.client()
	cl.send(getMore)
	eventually(t, 5*time.Second, "both were asked", func() bool { return len(o.seen()) == 2 })
	r.engine.Cut()
	<-ended
	<-ended
	r.settled()
	eventually(t, 2*time.Second, "the connection has gone", r.nobody)
}

func TestTheRoutesEndCutsBothAttempts(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 2)
	o := newInTurn(waits(ended), waits(ended))
	r := hedging(t, 20*time.Millisecond, o, func(r *rig) { r.route.Timeout = 200 * time.Millisecond })
	cl := r.client()
	cl.send(getMore)
	cl.want(504, "route_timeout")
	<-ended
	<-ended
	r.settled()
}

// Whatever the two attempts do, and whenever: the client gets one answer, whole, and the next request
// on its connection gets its own.
func TestTheClientGetsExactlyOneAnswer(t *testing.T) {
	t.Parallel()
	const rounds = 60
	var n atomic.Int64
	handle := func(c net.Conn) {
		rnd := rand.New(rand.NewPCG(uint64(n.Add(1)), 3))
		r := bufio.NewReader(c)
		for {
			request, err := readMessage(r)
			if err != nil {
				return
			}
			if !randomAnswer(c, rnd, request) {
				return
			}
		}
	}
	r := newRigWith(t, func(r *rig) {
		r.forward.Hedge = &forward.HedgeConfig{After: forward.AfterDuration(time.Millisecond), Budget: conf.Percent(100)}
		r.forward.Retry.Backoff = conf.Dur(0)
	}, origin(t, handle), origin(t, handle), origin(t, handle))
	var clients sync.WaitGroup
	for k := range 4 {
		clients.Go(func() {
			cl := r.client()
			_ = cl.SetDeadline(time.Now().Add(time.Minute))
			for i := range rounds {
				id := fmt.Sprintf("%d-%d", k, i)
				cl.send("GET /" + id + " HTTP/1.1\r\nHost: a\r\n\r\n")
				status, _, body, err := cl.answer("GET")
				if err != nil || status == 200 && body != strings.Repeat(id+";", 100) {
					t.Errorf("request %s got %d %.40q, %v", id, status, body, err)
					return
				}
			}
		})
	}
	clients.Wait()
	r.settled()
	if s := r.plan.Counters.Stats(); s.HedgesWon == 0 || s.HedgesLost == 0 {
		t.Errorf("won %d, lost %d", s.HedgesWon, s.HedgesLost)
	}
}

// randomAnswer answers about when hedges are made, in pieces, sometimes with a failure before the
// head is whole.
func randomAnswer(c net.Conn, rnd *rand.Rand, request string) bool {
	id, _, _ := strings.Cut(strings.TrimPrefix(request, "GET /"), " ")
	body := strings.Repeat(id+";", 100)
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	<-time.After(time.Duration(rnd.IntN(60)) * time.Millisecond)
	switch rnd.IntN(12) {
	case 0:
		return false
	case 1:
		return says(busy)(c)
	case 2:
		return hangsUp(answer[:rnd.IntN(30)])(c)
	case 3:
		at := rnd.IntN(len(answer))
		if !says(answer[:at])(c) {
			return false
		}
		return later(time.Duration(rnd.IntN(20))*time.Millisecond, answer[at:])(c)
	}
	return says(answer)(c)
}
